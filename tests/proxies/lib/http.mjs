// Requests over HTTP/1.1 and HTTP/2, to the same effect.
//
// `request` returns a function that breaks off, and what resolves once the response's head is there:
// its status, headers, and body as a stream of text.

import { EventEmitter, once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { Receiver, Sender, WebSocket } from "../../clients/packages.mjs";

export class Http1 {
  /** `options` are those of sockets: `ca`, `localAddress`. */
  constructor(origin, options = {}) {
    this.origin = origin;
    this.options = options;
    this.module = origin.startsWith("https:") ? https : http;
    // Browsers keep connections, too.
    this.agent = new this.module.Agent({ keepAlive: true, ...options });
  }

  request(method, path, { headers = {}, body = "" } = {}) {
    const options = {
      method,
      agent: this.agent,
      headers: { "content-length": Buffer.byteLength(body), ...headers },
      ...this.options,
    };
    let request;
    let aborted = false;
    const attempt = async () => {
      request = this.module.request(this.origin + path, options);
      request.end(body);
      // What breaks off later is seen by whoever reads the body.
      request.on("error", () => {});
      const [response] = await once(request, "response");
      response.setEncoding("utf8");
      return { status: response.statusCode, headers: response.headers, body: response };
    };
    const response = attempt().catch((error) => {
      // The other side closed a kept connection at this very moment. Browsers try again as well.
      if (request.reusedSocket && error.code === "ECONNRESET" && !aborted) return attempt();
      throw error;
    });
    response.catch(() => {});
    const abort = () => {
      aborted = true;
      request.destroy();
    };
    return { response, abort };
  }

  /** Returns a WebSocket that is yet to open. */
  async websocket(path, { headers = {} } = {}) {
    const url = this.origin.replace(/^http/, "ws") + path;
    return new WebSocket(url, { headers, ...this.options });
  }

  close() {
    this.agent.destroy();
  }
}

export class Http2 {
  constructor(origin, options = {}) {
    this.origin = origin;
    this.options = options;
  }

  async #connect() {
    if (!this.session || this.session.closed || this.session.destroyed) {
      this.session = http2.connect(this.origin, this.options);
      this.session.on("error", () => {});
      this.session.on("goaway", () => this.session.close());
      const session = this.session;
      if (!session.remoteSettings?.initialWindowSize) await once(session, "remoteSettings");
    }
    return this.session;
  }

  request(method, path, { headers = {}, body } = {}) {
    const stream = this.#connect().then((session) => {
      const stream = session.request({ ":method": method, ":path": path, ...headers });
      stream.end(body);
      stream.on("error", () => {});
      return stream;
    });
    const response = stream.then(async (stream) => {
      const [headers] = await once(stream, "response");
      stream.setEncoding("utf8");
      return { status: headers[":status"], headers, body: stream };
    });
    response.catch(() => {});
    const abort = async () => (await stream).close(http2.constants.NGHTTP2_CANCEL);
    return { response, abort };
  }

  /** Whether the other side takes WebSockets over HTTP/2, as RFC 8441 has them. */
  async takesWebSockets() {
    return (await this.#connect()).remoteSettings.enableConnectProtocol === true;
  }

  async websocket(path, { headers = {} } = {}) {
    const session = await this.#connect();
    const stream = session.request({
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":path": path,
      "sec-websocket-version": "13",
      ...headers,
    });
    return new Http2WebSocket(stream);
  }

  close() {
    this.session?.destroy();
  }
}

/** A WebSocket on a stream of an HTTP/2 connection, with the events of npm's ws. */
class Http2WebSocket extends EventEmitter {
  #stream;
  #sender;
  #close = [1006, Buffer.alloc(0)];

  constructor(stream) {
    super();
    this.#stream = stream;
    this.#sender = new Sender(stream);
    stream.on("response", (headers) => {
      if (headers[":status"] === 200) this.emit("open");
      else this.emit("error", new Error(`Unexpected server response: ${headers[":status"]}`));
    });
    stream.on("error", () => {});
    stream.on("close", () => this.emit("close", ...this.#close));

    const receiver = new Receiver();
    receiver.on("message", (data, isBinary) => this.emit("message", data, isBinary));
    receiver.on("ping", (data) => this.#sender.pong(data, true));
    receiver.on("conclude", (code, reason) => {
      this.#close = [code, reason];
      this.close(code);
    });
    stream.pipe(receiver);
  }

  send(text) {
    this.#sender.send(text, { mask: true, fin: true });
  }

  close(code) {
    if (this.#stream.writable) this.#sender.close(code, undefined, true, () => this.#stream.end());
  }

  terminate() {
    this.#stream.close(http2.constants.NGHTTP2_CANCEL);
  }
}
