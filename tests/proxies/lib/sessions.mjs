// SockJS sessions, one transport each, written against the bytes: unlike the JavaScript client these
// run every transport here, over HTTP/2 too, and tell exactly what went wrong.

import { randomUUID } from "node:crypto";
import { within } from "../../clients/check.mjs";

const PATIENCE = 30;

/** Opens a session and waits until it is open. */
export async function open(client, transport, options = {}) {
  const session = new TRANSPORTS[transport](client, transport, options);
  await session.opened();
  return session;
}

class Session {
  heartbeats = 0;
  over = false;
  #messages = [];
  #wake = () => {};
  #open;
  #opened;
  #end;
  #ended;

  /**
   * `headers` go with each request; `server` and `session` are the ids in the URL, the first of which
   * may be a function that is called for each request.
   */
  constructor(client, transport, { headers = {}, server = "000", session = randomUUID() }) {
    this.client = client;
    this.transport = transport;
    this.headers = { ...headers };
    this.serverId = typeof server === "function" ? server : () => server;
    this.sessionId = session;
    this.#opened = new Promise((resolve) => (this.#open = resolve));
    this.#ended = new Promise((resolve) => (this.#end = resolve));
  }

  url(action) {
    return `/echo/${this.serverId()}/${this.sessionId}/${action}`;
  }

  async opened() {
    const broken = this.#ended.then((end) => {
      throw new Error(`${this.transport}: ${JSON.stringify(end)} instead of open`);
    });
    await within(PATIENCE, "open frame", Promise.race([this.#opened, broken]));
  }

  /** Returns how it ended: `{ code, reason }` if the server said so, else `{ broken }`. */
  ended(seconds = PATIENCE) {
    return within(seconds, "end", this.#ended);
  }

  /** Returns the next message. */
  async receive() {
    if (this.#messages.length === 0) {
      const wake = new Promise((resolve) => (this.#wake = resolve));
      await within(PATIENCE, `message over ${this.transport}`, Promise.race([wake, this.#ended]));
    }
    if (this.#messages.length > 0) return this.#messages.shift();
    throw new Error(`${this.transport}: ${JSON.stringify(await this.#ended)}`);
  }

  /** Sends a message and returns the next one that comes. */
  async ask(message) {
    await this.send(message);
    return this.receive();
  }

  /** Returns what the server knows of the session. */
  async about() {
    return JSON.parse(await this.ask("about"));
  }

  takeFrame(frame) {
    if (this.over) return;
    const body = () => JSON.parse(frame.slice(1));
    switch (frame[0]) {
      case "o":
        // What the JavaScript client calls "Server lost session".
        if (this.isOpen) return this.end({ broken: "opened twice" });
        return this.open();
      case "h":
        this.heartbeats += 1;
        return;
      case "a":
        return body().forEach((message) => this.takeMessage(message));
      case "c": {
        const [code, reason] = body();
        return this.end({ code, reason });
      }
      default:
        this.end({ broken: `strange frame ${frame}` });
    }
  }

  takeMessage(message) {
    this.#messages.push(message);
    this.#wake();
  }

  open() {
    this.isOpen = true;
    this.#open();
  }

  end(how) {
    this.over = true;
    this.#end(how);
  }
}

/** Receives through one response after the other. */
class HttpSession extends Session {
  #abort = () => {};

  constructor(...args) {
    super(...args);
    Object.assign(this, RECEIVERS[this.transport]);
    this.#run();
  }

  async #run() {
    try {
      while (!this.over) await this.#receive();
    } catch (error) {
      this.end({ broken: error.message });
    }
  }

  async #receive() {
    const { response: answer, abort } = this.#request(this.method, this.receivePath);
    this.#abort = abort;
    const response = await answer;
    if (response.status !== 200) {
      response.body.resume();
      return this.end({ broken: `status ${response.status}` });
    }
    let text = "";
    for await (const chunk of response.body) {
      text += chunk;
      for (let end; (end = text.indexOf(this.delimiter)) >= 0; ) {
        const frame = this.unwrap(text.slice(0, end));
        text = text.slice(end + this.delimiter.length);
        if (frame) this.takeFrame(frame);
      }
    }
  }

  async send(...messages) {
    const array = JSON.stringify(messages);
    const isForm = this.sendPath === "jsonp_send";
    const body = isForm ? `d=${encodeURIComponent(array)}` : array;
    const type = isForm ? "application/x-www-form-urlencoded" : "text/plain";
    const headers = { "content-type": type };
    const response = await this.#request("POST", this.sendPath, headers, body).response;
    for await (const _ of response.body);
    if (response.status !== (isForm ? 200 : 204)) {
      throw new Error(`${this.transport}: status ${response.status} to ${this.sendPath}`);
    }
  }

  #request(method, action, headers = {}, body) {
    const options = { headers: { ...this.headers, ...headers }, body };
    const { response, abort } = this.client.request(method, this.url(action), options);
    const kept = response.then((response) => {
      // The one cookie there is.
      const [cookie] = response.headers["set-cookie"] ?? [];
      if (cookie) this.headers.cookie = cookie.split(";")[0];
      return response;
    });
    return { response: kept, abort };
  }

  /** Goes away without a word. */
  leave() {
    this.over = true;
    this.#abort();
  }
}

/** How a transport receives and sends, what ends a frame, and what is around it. */
const RECEIVERS = {
  xhr_streaming: {
    receivePath: "xhr_streaming",
    method: "POST",
    sendPath: "xhr_send",
    delimiter: "\n",
    unwrap: (text) => (text.length === PADDING ? null : text),
  },
  eventsource: {
    receivePath: "eventsource",
    method: "GET",
    sendPath: "xhr_send",
    delimiter: "\r\n\r\n",
    unwrap: (text) => decodeURIComponent(text.slice(text.indexOf("data: ") + 6)),
  },
  htmlfile: {
    receivePath: "htmlfile?c=cb",
    method: "GET",
    sendPath: "xhr_send",
    delimiter: ");\n</script>\r\n",
    // Before the first there is the page.
    unwrap: (text) => JSON.parse(text.slice(text.indexOf("<script>\np(") + 11)),
  },
  xhr: {
    receivePath: "xhr",
    method: "POST",
    sendPath: "xhr_send",
    delimiter: "\n",
    unwrap: (text) => text,
  },
  jsonp: {
    receivePath: "jsonp?c=cb",
    method: "GET",
    sendPath: "jsonp_send",
    delimiter: ");\r\n",
    unwrap: (text) => JSON.parse(text.replace("/**/cb(", "")),
  },
};

/** The first line over xhr-streaming has so many bytes and says nothing. */
const PADDING = 2048;

class WebSocketSession extends Session {
  constructor(...args) {
    super(...args);
    this.#run();
  }

  path() {
    return this.url("websocket");
  }

  async #run() {
    try {
      const options = { headers: this.headers };
      this.socket = await this.client.websocket(this.path(), options);
    } catch (error) {
      return this.end({ broken: error.message });
    }
    this.socket.on("open", () => this.connected());
    this.socket.on("message", (data) => this.take(data.toString()));
    this.socket.on("error", (error) => this.end({ broken: error.message }));
    this.socket.on("close", (code, reason) => this.closed(code, reason.toString()));
  }

  connected() {}

  take(text) {
    this.takeFrame(text);
  }

  closed(code) {
    this.end({ broken: `closed with ${code}` });
  }

  async send(...messages) {
    this.socket.send(JSON.stringify(messages));
  }

  leave() {
    this.over = true;
    this.socket.terminate();
  }
}

class RawWebSocketSession extends WebSocketSession {
  path() {
    return "/echo/websocket";
  }

  connected() {
    this.open();
  }

  take(text) {
    this.takeMessage(text);
  }

  closed(code, reason) {
    this.end(code === 1006 ? { broken: "closed with 1006" } : { code, reason });
  }

  async send(...messages) {
    for (const message of messages) this.socket.send(message);
  }
}

const TRANSPORTS = {
  websocket: WebSocketSession,
  "raw websocket": RawWebSocketSession,
  xhr_streaming: HttpSession,
  eventsource: HttpSession,
  htmlfile: HttpSession,
  xhr: HttpSession,
  jsonp: HttpSession,
};

export const WEBSOCKETS = ["websocket", "raw websocket"];
export const STREAMING = ["xhr_streaming", "eventsource", "htmlfile"];
export const POLLING = ["xhr", "jsonp"];
export const HTTP = [...STREAMING, ...POLLING];
export const ALL = [...WEBSOCKETS, ...HTTP];
