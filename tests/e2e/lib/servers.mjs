// The programs under test: started with free ports, and stopped by their process ids.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const START_TIMEOUT = 10_000;
const STOP_TIMEOUT = 5_000;

const running = new Set();

// However this process ends, its children end with it.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A server that says `Listening on URL` or `Open URL`. */
export class Server {
  static async start(program, env) {
    const child = spawn(program, {
      env: { ...process.env, PORT: "0", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    running.add(child);
    child.once("exit", () => running.delete(child));
    child.once("error", () => running.delete(child));

    const url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${program} is silent`)), START_TIMEOUT);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)));
      createInterface({ input: child.stdout }).on("line", (line) => {
        const [, found] = /^(?:Listening on|Open) (http:\S+)/.exec(line) ?? [];
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      });
    });
    return new Server(child, Number(new URL(url).port));
  }

  constructor(child, port) {
    this.child = child;
    this.port = port;
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill();
    await Promise.race([once(this.child, "exit"), sleep(STOP_TIMEOUT, null, { ref: false })]);
  }
}

/** The ports of the servers behind a load balancer, by its port. */
const nodes = new Map();

/** Has the sessions of a load balancer's port be those of the servers behind it. */
export function placeBehind(port, servers) {
  nodes.set(port, servers);
}

/** Returns how many sessions the server on `port`, or the servers behind it, have open at the mount. */
export async function openSessions(port, mount) {
  const servers = nodes.get(port) ?? [port];
  const counts = await Promise.all(servers.map((server) => openAt(server, mount)));
  return counts.reduce((sum, count) => sum + count);
}

async function openAt(port, mount) {
  for (const path of ["/_stats", "/e2e/stats"]) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    if (!response.ok) continue;
    const { open } = await response.json();
    if (mount in open) return open[mount];
  }
  throw new Error(`nobody counts the sessions of ${mount}`);
}

/** Waits until the server counts as many sessions as expected. */
export async function untilOpen(expected, port, mount, timeout) {
  const deadline = Date.now() + timeout;
  for (;;) {
    const open = await openSessions(port, mount);
    if (open === expected) return;
    if (Date.now() > deadline) {
      const held = `the server holds ${open} sessions of ${mount} instead of ${expected}`;
      throw new Error(`${held} after ${timeout / 1000} s`);
    }
    await sleep(50);
  }
}
