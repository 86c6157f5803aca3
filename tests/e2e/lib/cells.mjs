// The cells of the table, and what has to work in each.

import { setTimeout as sleep } from "node:timers/promises";
import { openSessions, untilOpen } from "./servers.mjs";

export const TRANSPORTS = [
  "websocket", "xhr-streaming", "xdr-streaming", "eventsource", "iframe-eventsource", "htmlfile",
  "iframe-htmlfile", "xhr-polling", "xdr-polling", "iframe-xhr-polling", "jsonp-polling",
];

export const ORIGINS = ["same", "cross"];

const NO_XDR = "needs XDomainRequest, which only Internet Explorer 8 and 9 had";
const OWN_ORIGIN = "the JavaScript client offers it to pages of the server's own origin only";

/** Returns why no browser of today can run the cell, or undefined. */
export function impossible(transport, origin) {
  if (transport.startsWith("xdr-")) return NO_XDR;
  if (transport === "htmlfile" && origin === "cross") return OWN_ORIGIN;
  return undefined;
}

const MESSAGES = 500;
const MANY = 20;
const MANY_JSONP = 8;
const SESSIONS_A_HOST = 2;
const MESSAGES_OF_MANY = 20;
// How long the client waits for each of several transports.
const FALLBACK_TIMEOUT = 3_000;
const HEARTBEAT_TIME = 2_000;
// Enough for a receive request to be there again, without which there is nothing to lose.
const SETTLING_TIME = 500;
// Less than the disconnect delay: the server hears it, it does not conclude it.
const CLOSE_TIMEOUT = 4_000;
const SLOW_CLOSE_TIMEOUT = 10_000;

// Neither Chromium nor Firefox tells anyone that a page in a frame broke off half-way.
const HEARS_NOTHING = ["htmlfile", "iframe-htmlfile"];

// What a close frame has to escape, within the 123 bytes of a WebSocket's.
const CODE = 4321;
const REASON = 'Grüße "</script>" \\ \u2028 😀 100%25';

/** One browser, one transport, one origin. */
export class Cell {
  /** `site` has the ports: of the pages, the test server, the control server, the line to that. */
  constructor(browser, transport, origin, site) {
    Object.assign(this, { browser, transport, origin, site });
  }

  static STEPS = {
    "messages": (cell) => cell.messages(),
    "client closes": (cell) => cell.clientCloses(),
    "server closes": (cell) => cell.serverCloses(),
    "heartbeat": (cell) => cell.heartbeat(),
    "fallback": (cell) => cell.fallback(),
    "many": (cell) => cell.many(),
    "lost connection": (cell) => cell.lostConnection(),
  };

  /** Returns what went wrong, a line each. */
  async run() {
    const problems = [];
    for (const [name, step] of Object.entries(Cell.STEPS)) {
      try {
        if (!this.page) await this.#load(this.site.pages);
        await step(this);
      } catch (error) {
        problems.push(`${name}: ${error.message}`);
        await this.#unload();
        // Where nothing opens, the rest would fail for the same reason.
        if (name === "messages") break;
      }
    }
    await this.#unload();
    return problems;
  }

  /** Returns how the attempt to open a connection ended: for cells that are impossible. */
  async attempt() {
    try {
      await this.#load(this.site.pages);
      return await this.page.call("open", this.#echo()).catch((error) => error.message);
    } finally {
      await this.#unload();
    }
  }

  async messages() {
    await this.page.call("open", this.#echo());
    const count = await this.page.call("echo", MESSAGES);
    if (count !== MESSAGES) throw new Error(`${count} messages instead of ${MESSAGES}`);
    await this.page.call("close");
    await this.#everyoneLeaves(this.site.echo, "/echo");
  }

  async clientCloses() {
    // A script cannot be aborted: a jsonp client has left once its request is answered, at the
    // latest with a heartbeat, and none follows for the disconnect delay.
    const [port, mount, timeout] = this.transport === "jsonp-polling"
      ? [this.site.control, "/heartbeat", SLOW_CLOSE_TIMEOUT]
      : [this.site.echo, "/echo", CLOSE_TIMEOUT];
    await this.page.call("open", this.#target(port, mount));
    await this.page.call("hello");
    const open = await openSessions(port, mount);
    if (open !== 1) throw new Error(`the server holds ${open} sessions instead of 1`);

    await sleep(SETTLING_TIME);
    expectEnding(await this.page.call("close"), { code: 1000, reason: "Normal closure" });
    await untilOpen(0, port, mount, timeout);
  }

  /** Also reconnects each time, on the same page. */
  async serverCloses() {
    const ending = await this.page.call("closedByServer", this.#target(this.site.echo, "/close"));
    expectEnding(ending, { code: 3000, reason: "Go away!", wasClean: true });

    const control = this.#target(this.site.control, "/control");
    for (let attempt = 0; attempt < 2; attempt++) {
      await this.page.call("open", control);
      const asked = { code: CODE, reason: REASON };
      const { received, ...ending } = await this.page.call("askToClose", asked);
      if (received.join() !== "first,last") throw new Error(`received only ${received}`);
      expectEnding(ending, { ...asked, wasClean: true });
    }
    await this.page.call("reconnect", control);
    await this.page.call("close");
    await this.#everyoneLeaves(this.site.control, "/control");
  }

  async heartbeat() {
    await this.page.call("open", this.#target(this.site.control, "/heartbeat"));
    const count = await this.page.call("listen", HEARTBEAT_TIME);
    if (count < 2 || count > 5) throw new Error(`${count} heartbeats in ${HEARTBEAT_TIME} ms`);
    await this.page.call("hello");
    await this.page.call("close");
    await this.#everyoneLeaves(this.site.control, "/heartbeat");
  }

  /** A mount without WebSockets is not even asked for one. */
  async fallback() {
    const { echo, line } = this.site;
    const next = this.transport === "websocket" ? "xhr-streaming" : this.transport;
    const mounts = [{ port: echo, mount: "/disabled_websocket_echo" }];
    if (this.transport === "websocket") {
      // Where something between does not let them pass, the client has to find out.
      mounts.push({ port: line.port, mount: "/control", webSockets: "refuse" });
      mounts.push({ port: line.port, mount: "/control", webSockets: "swallow" });
    }
    for (const { port, mount, webSockets = "pass" } of mounts) {
      line.webSockets = webSockets;
      const target = {
        ...this.#target(port, mount),
        transports: ["websocket", next],
        timeout: FALLBACK_TIMEOUT,
      };
      try {
        await this.page.call("open", target);
        await this.page.call("hello");
        await this.page.call("close");
      } finally {
        line.webSockets = "pass";
      }
    }
    await this.#everyoneLeaves(this.site.control, "/control");
  }

  async many() {
    const count = this.transport === "jsonp-polling" ? MANY_JSONP : MANY;
    const hosts = Array.from({ length: count / SESSIONS_A_HOST }, (_, i) => `s${i}.localhost`);
    const targets = (hosts) => hosts.flatMap((host) =>
      Array(SESSIONS_A_HOST).fill(this.#target(this.site.echo, "/echo", host)));
    const work = { count: MESSAGES_OF_MANY };

    // Few connections to one host are all that a browser opens, except for WebSockets. So pages of
    // other hosts have other hosts' sessions; to be of the same origin, they are in frames.
    let each;
    if (this.origin === "cross") {
      each = (name, arg) => this.page.call(name, arg(hosts, "the page"));
    } else if (this.transport === "websocket") {
      const own = hosts.map(() => "localhost");
      each = (name, arg) => this.page.call(name, arg(own, "the page"));
    } else {
      const pages = hosts.map((host) => this.#page(host, this.site.pages));
      await this.page.call("embed", pages);
      each = (name, arg) => {
        return this.page.call("inFrames", { name, args: hosts.map((host) => arg([host], host)) });
      };
    }

    await each("openMany", targets);
    const open = await openSessions(this.site.echo, "/echo");
    if (open !== count) throw new Error(`the server holds ${open} sessions instead of ${count}`);
    await each("echoMany", (_, name) => ({ ...work, name }));
    await each("closeMany", () => null);
    await this.#everyoneLeaves(this.site.echo, "/echo");
  }

  async lostConnection() {
    const { control, line } = this.site;
    // A page of the server's own origin has to come over the line too.
    if (this.origin === "same") await this.#load(line.port);
    const target = this.#target(line.port, "/control");
    await this.page.call("open", target);
    await this.page.call("hello");
    await sleep(SETTLING_TIME);

    line.cut();
    if (HEARS_NOTHING.includes(this.transport)) {
      // A message that comes sooner is taken, and nobody hears anything.
      await untilOpen(0, control, "/control", CLOSE_TIMEOUT);
      await this.page.call("say", "hello?");
    }
    const ending = await this.page.call("end");
    // 2010 if the browser repeats its request before the server hears that the first one is lost.
    if (![1002, 1006, 2010].includes(ending.code)) {
      throw new Error(`closed with ${JSON.stringify(ending)} instead of 1002, 1006 or 2010`);
    }
    await untilOpen(0, control, "/control", CLOSE_TIMEOUT);
    await this.page.call("reconnect", target);
    await this.page.call("close");
    await this.#everyoneLeaves(control, "/control");
  }

  /**
   * Waits until the sessions are closed that the page has closed. It goes away, for the requests
   * that outlive a close: jsonp, and one that the client was about to send, which it forgets.
   */
  async #everyoneLeaves(port, mount) {
    await this.#unload();
    await untilOpen(0, port, mount, SLOW_CLOSE_TIMEOUT);
  }

  async #load(port) {
    await this.#unload();
    this.page = await this.browser.page();
    await this.page.goto(this.#page("localhost", port));
  }

  async #unload() {
    await this.page?.close();
    this.page = undefined;
  }

  #page(host, port) {
    const query = this.transport === "htmlfile" ? "?domain" : "";
    return `http://${host}:${port}/e2e/page.html${query}`;
  }

  #echo() {
    return this.#target(this.site.echo, "/echo");
  }

  #target(port, mount, host = this.origin === "same" ? "localhost" : "127.0.0.1") {
    return { url: `http://${host}:${port}${mount}`, transports: [this.transport] };
  }
}

/** Whether an attempt ended as in a browser that does not have the transport. */
export function isUnavailable(outcome) {
  return outcome === "closed with 2000 All transports failed";
}

function expectEnding(actual, expected) {
  for (const [field, value] of Object.entries(expected)) {
    if (actual[field] !== value) {
      const [is, should] = [actual, expected].map((ending) => JSON.stringify(ending));
      throw new Error(`closed with ${is} instead of ${should}`);
    }
  }
}
