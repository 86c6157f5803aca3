// Two servers behind each proxy: every request of a session has to come to the same one, by the
// path's server part, its session part, or the cookie.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../../clients/check.mjs";
import { Backend } from "../lib/backend.mjs";
import { Http1 } from "../lib/http.mjs";
import { Caddy, HAProxy, Nginx } from "../lib/proxies.mjs";
import { open } from "../lib/sessions.mjs";

const TRANSPORTS = ["xhr", "jsonp", "xhr_streaming"];
const SESSIONS = 30;
const ROUNDS = 5;

const digits = () => String(Math.floor(Math.random() * 1000)).padStart(3, "0");

/** One server part for all of a session, as the JavaScript client has it. */
const sameServer = () => ({ server: digits() });

/** Another one for each request, to be sure that it does not matter. */
const anyServer = () => ({ server: digits });

/**
 * `ids` makes the ids in the URLs; `jsessionid` is the servers' cookie. With `keeps`, sessions stay
 * where they are while servers come and go; with `drains`, a server that says it leaves gets no new
 * ones.
 */
const CASES = [
  { Proxy: Nginx, site: "by-server", ids: sameServer, jsessionid: "off" },
  { Proxy: Nginx, site: "by-session", ids: anyServer, jsessionid: "off" },
  { Proxy: Nginx, site: "by-cookie", ids: anyServer, jsessionid: "node", keeps: true },
  { Proxy: HAProxy, site: "by-server", ids: sameServer, jsessionid: "off" },
  { Proxy: HAProxy, site: "by-session", ids: anyServer, jsessionid: "off", keeps: true, drains: true },
  { Proxy: HAProxy, site: "by-cookie", ids: anyServer, jsessionid: "dummy", keeps: true, drains: true },
  { Proxy: Caddy, site: "by-server", ids: sameServer, jsessionid: "off" },
];

export async function twoServers() {
  for (const each of CASES) await new Pair(each).run();
}

class Pair {
  constructor({ Proxy, site, ...options }) {
    Object.assign(this, options);
    this.title = `${Proxy.title} ${site}`;
    this.startProxy = (ports) => Proxy.start(site, { ports });
  }

  async run() {
    const options = {
      JSESSIONID: this.jsessionid,
      DRAIN: this.drains ? 4000 : 0,
      // Streams that end often, too.
      RESPONSE_LIMIT: 256,
    };
    this.a = await Backend.start({ ...options, NODE: "a" });
    this.b = await Backend.start({ ...options, NODE: "b" });
    this.proxy = await this.startProxy([this.a.port, this.b.port]);
    this.client = new Http1(this.proxy.url);

    await check(`${this.title}: sessions stay with their server`, () => this.stay());
    await check(`${this.title}: sessions stay with it over a reload`, () => this.reload());
    await check(`${this.title}: a server that leaves says so`, () => this.leave());
    await check(`${this.title}: a server comes back`, () => this.comeBack());
    await check(`${this.title}: a server that dies takes its own sessions only`, () => this.die());

    this.client.close();
    for (const each of [this.proxy, this.a, this.b]) await each.stop();
  }

  async stay() {
    const sessions = await this.openSessions(SESSIONS);
    assert.deepEqual(nodes(sessions), ["a", "b"], "both have some");
    for (let i = 0; i < ROUNDS; i++) {
      await this.haveStayed(sessions);
      await sleep(Math.random() * 100);
    }
    if (this.ids === sameServer) await this.share();
    for (const session of sessions) session.leave();
  }

  async reload() {
    const sessions = await this.openSessions(SESSIONS);
    await this.proxy.reload();
    for (let i = 0; i < ROUNDS; i++) await this.haveStayed(sessions);
    for (const session of sessions) session.leave();
  }

  /** Sessions with the same server part have the same server. */
  async share() {
    for (const server of ["000", "999", "x"]) {
      const ids = () => ({ server });
      const sessions = await this.openSessions(4, ids);
      assert.equal(nodes(sessions).length, 1, `one server for ${server}`);
      for (const session of sessions) session.leave();
    }
  }

  async leave() {
    const sessions = await this.openSessions(SESSIONS);
    const terminated = this.a.terminate();
    if (this.drains) {
      // Until the proxy has asked whether it is ready.
      await sleep(2000);
      const more = await this.openSessions(6);
      assert.deepEqual(nodes(more), ["b"], "new sessions go elsewhere");
      await this.haveStayed(sessions);
      for (const session of more) session.leave();
    }
    for (const session of of("a", sessions)) {
      assert.deepEqual(await session.ended(), { code: 1001, reason: "Going away" });
    }
    await terminated;
    await this.onlyB(sessions);
  }

  async comeBack() {
    const sessions = await this.openSessions(10);
    await this.a.restart();
    const deadline = Date.now() + 30_000;
    for (;;) {
      // Unless sessions stay where they are, one that is opened right now may be torn in two.
      const [session] = await this.openSessions(1).catch(() => []);
      session?.leave();
      if (session?.node === "a") break;
      assert.ok(Date.now() < deadline, "the server gets sessions again");
      await sleep(200);
    }
    if (this.keeps) await this.haveStayed(sessions);
    for (const session of sessions) session.leave();
  }

  async die() {
    const sessions = await this.openSessions(SESSIONS);
    await this.a.kill();
    for (const session of of("a", sessions)) {
      const { broken } = await session.ended();
      assert.ok(broken, "the client hears of it");
    }
    await this.onlyB(sessions);
  }

  /** Everything goes to b, and its sessions did not notice. */
  async onlyB(sessions) {
    const kept = of("b", sessions);
    await this.haveStayed(kept);
    const more = await this.openSessions(10);
    assert.deepEqual(nodes(more), ["b"]);
    await this.haveStayed([...kept, ...more]);
    for (const session of [...kept, ...more]) session.leave();
  }

  async openSessions(count, ids = this.ids) {
    const sessions = Array.from({ length: count }, async (_, i) => {
      const session = await open(this.client, TRANSPORTS[i % TRANSPORTS.length], ids());
      const { id, node } = await session.about();
      return Object.assign(session, { id, node });
    });
    return Promise.all(sessions);
  }

  /** Nothing of a session has ever come to another server. */
  async haveStayed(sessions) {
    await Promise.all(
      sessions.map(async (session) => {
        const { id, node } = await session.about();
        assert.deepEqual({ id, node }, { id: session.id, node: session.node });
      }),
    );
  }
}

const nodes = (sessions) => [...new Set(sessions.map(({ node }) => node))].sort();
const of = (node, sessions) => sessions.filter((session) => session.node === node);
