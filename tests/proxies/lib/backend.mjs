// The server behind the proxies: tests/proxies/backend.

import { Process } from "./processes.mjs";

const PROGRAM = process.env.PROXY_BACKEND;

export class Backend {
  /** Starts a server. Options are its environment variables. */
  static async start(options = {}) {
    const backend = new Backend();
    backend.options = options;
    await backend.#start();
    return backend;
  }

  async #start() {
    this.process = new Process(PROGRAM, [], this.options);
    this.url = await this.process.until(
      () => this.process.output.match(/^Listening on (\S+)/m)?.[1],
    );
    this.port = Number(new URL(this.url).port);
  }

  /** Starts it once more, where it was. */
  async restart() {
    this.options = { ...this.options, PORT: this.port };
    await this.#start();
  }

  /** Waits for the end of the session with that id, and returns what the handler heard of it. */
  ending(id, seconds = 30) {
    return this.process.until(async () => {
      const response = await fetch(`${this.url}/sessions`);
      return (await response.json()).ended[id];
    }, seconds);
  }

  /** Ends it as systemd does. */
  async terminate() {
    this.process.signal("SIGTERM");
    await this.process.exited;
  }

  async kill() {
    await this.process.stop("SIGKILL");
  }

  stop = () => this.process.stop("SIGKILL");
}
