// A line between browser and server that can fail, as networks do.

import { createServer, connect } from "node:net";

const WEBSOCKET_REQUEST = /^GET \/\S*\/websocket(\?\S*)? /;

/** Passes bytes on to a port of this machine. */
export class Line {
  static async to(port) {
    const line = new Line(port);
    await new Promise((resolve, reject) => {
      line.listener.once("error", reject);
      line.listener.listen(0, "127.0.0.1", resolve);
    });
    return line;
  }

  constructor(target) {
    this.target = target;
    this.ends = new Set();
    /** What happens to WebSocket handshakes: `pass`, `refuse` or `swallow`. */
    this.webSockets = "pass";
    this.listener = createServer((near) => {
      this.#keep(near);
      // A browser opens a connection of its own for each WebSocket, so its first bytes tell.
      near.once("data", (bytes) => this.#begin(near, bytes));
    });
  }

  get port() {
    return this.listener.address().port;
  }

  #begin(near, bytes) {
    if (this.webSockets !== "pass" && WEBSOCKET_REQUEST.test(bytes.toString("latin1"))) {
      if (this.webSockets === "refuse") near.destroy();
      else near.resume();
      return;
    }
    const far = connect({ port: this.target, host: "127.0.0.1", noDelay: true });
    this.#keep(far);
    near.setNoDelay(true);
    far.write(bytes);
    near.pipe(far).pipe(near);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  }

  #keep(socket) {
    this.ends.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.ends.delete(socket));
  }

  /** Breaks every connection there is; new ones are fine. */
  cut() {
    for (const socket of this.ends) socket.destroy();
  }

  stop() {
    this.cut();
    return new Promise((resolve) => this.listener.close(resolve));
  }
}
