// A proxy that adds headers to answers, as applications and proxies do.

import { createServer, request } from "node:http";
import { connect } from "node:net";

/** Passes requests on to a port of this machine. */
export class Proxy {
  static async start() {
    const proxy = new Proxy();
    await new Promise((resolve, reject) => {
      proxy.listener.once("error", reject);
      proxy.listener.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  constructor() {
    /** The port to which requests are passed on. */
    this.target = undefined;
    /** Returns the headers to add to the answer to a request for a path, as pairs. */
    this.headersFor = () => [];
    this.listener = createServer((near, answer) => this.#passOn(near, answer));
    this.listener.on("upgrade", (...upgrade) => this.#upgrade(...upgrade));
  }

  get port() {
    return this.listener.address().port;
  }

  #passOn(near, answer) {
    const { method, url: path, headers } = near;
    const far = request({ host: "127.0.0.1", port: this.target, method, path, headers });
    far.on("response", (response) => {
      // Pairs, because a header that is added does not replace one of the same name.
      const added = this.headersFor(path).flat();
      answer.writeHead(response.statusCode, [...response.rawHeaders, ...added]);
      answer.flushHeaders();
      response.on("error", () => answer.destroy());
      response.pipe(answer);
    });
    far.on("error", () => answer.destroy());
    answer.on("close", () => far.destroy());
    near.pipe(far);
  }

  #upgrade({ method, url, rawHeaders }, near, rest) {
    const far = connect({ port: this.target, host: "127.0.0.1", noDelay: true });
    const lines = [`${method} ${url} HTTP/1.1`];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
    }
    far.write(`${lines.join("\r\n")}\r\n\r\n`);
    far.write(rest);
    near.pipe(far).pipe(near);
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  }

  stop() {
    const closed = new Promise((resolve) => this.listener.close(resolve));
    this.listener.closeAllConnections();
    return closed;
  }
}
