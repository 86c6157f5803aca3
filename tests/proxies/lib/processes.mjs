// Starts processes, and stops those that were started here, by their ids.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const STOP_TIMEOUT = 5000;

const running = new Set();

/** A directory that is there until the end. */
export const scratch = mkdtempSync(join(tmpdir(), "sockjs-proxies-"));

process.on("exit", () => {
  for (const { child } of running) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

export class Process {
  output = "";

  constructor(command, args, environment = {}) {
    this.name = command;
    this.child = spawn(command, args, {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.output += text));
    }
    this.exited = once(this.child, "exit").finally(() => running.delete(this));
    running.add(this);
  }

  get alive() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  signal(signal) {
    this.child.kill(signal);
  }

  /** Waits until `condition` returns something, for as long as the process lives. */
  async until(condition, seconds = 30) {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const result = await condition();
      if (result) return result;
      if (!this.alive) throw new Error(`${this.name} ended: ${this.output}`);
      if (Date.now() > deadline) throw new Error(`${this.name} is not ready: ${this.output}`);
      await sleep(50);
    }
  }

  async stop(signal = "SIGTERM") {
    if (!this.alive) return;
    this.signal(signal);
    const late = setTimeout(() => this.signal("SIGKILL"), STOP_TIMEOUT);
    await this.exited;
    clearTimeout(late);
  }
}

/** Runs a command to its end. */
export async function run(command, args, environment) {
  const process = new Process(command, args, environment);
  const [code] = await process.exited;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${process.output}`);
}

/** Returns a port of the loopback interface that is free now. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
