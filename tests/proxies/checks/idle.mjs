// Silence: heartbeats keep connections open for longer than any proxy's patience, which is real.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../../clients/check.mjs";
import { Backend } from "../lib/backend.mjs";
import { Http1, Http2 } from "../lib/http.mjs";
import { Caddy, HAProxy, Nginx } from "../lib/proxies.mjs";
import { ALL, HTTP, open, WEBSOCKETS } from "../lib/sessions.mjs";

/** Longer than the 60 s after which both proxies, as configured, let go of a silent connection. */
const SILENCE = 65_000;

/** Nothing is replaced by shorter times here: this takes as long as it takes. */
export async function idle() {
  const backend = await Backend.start();
  const ports = [backend.port];
  const [minimal, nginx, haproxy, caddy] = [
    await Nginx.start("minimal", { ports }),
    await Nginx.start("one-server", { ports }),
    await HAProxy.start("one-server", { ports }),
    await Caddy.start("one-server", { ports }),
  ];
  const withHeartbeats = ALL.filter((transport) => transport !== "raw websocket");
  const cases = [
    ["nginx as it is", new Http1(minimal.url), HTTP],
    ["nginx", new Http1(nginx.url), withHeartbeats],
    ["nginx, HTTP/2", new Http2(nginx.tlsUrl, { ca: nginx.ca }), HTTP],
    // Its tunnels may be silent for longer.
    ["haproxy", new Http1(haproxy.url), ALL],
    ["haproxy, HTTP/2", new Http2(haproxy.tlsUrl, { ca: haproxy.ca }), ALL],
    ["caddy", new Http1(caddy.url), ALL],
    ["caddy, HTTP/2", new Http2(caddy.tlsUrl, { ca: caddy.ca }), HTTP],
  ];
  const seconds = SILENCE / 1000;
  await Promise.all(
    cases.map(([title, client, transports]) =>
      check(`${title}: ${seconds} s of silence`, () => survives(client, transports)),
    ),
  );
  for (const [, client] of cases) client.close();
  for (const each of [minimal, nginx, haproxy, caddy, backend]) await each.stop();
}

async function survives(client, transports) {
  const sessions = await Promise.all(transports.map((transport) => open(client, transport)));
  const before = await Promise.all(sessions.map((session) => session.about()));
  await sleep(SILENCE);
  for (const [i, session] of sessions.entries()) {
    const { id } = await session.about();
    assert.equal(id, before[i].id);
    const heartbeats = session.transport === "raw websocket" ? 0 : 2;
    assert.equal(session.heartbeats, heartbeats, `heartbeats over ${session.transport}`);
    session.leave();
  }
}

/** Without heartbeats the same connections are cut, and the server hears of it. */
export async function idleWithoutHeartbeats() {
  const backend = await Backend.start({ HEARTBEAT: 0 });
  const replace = [["60s", "2s"]];
  const nginx = await Nginx.start("one-server", { ports: [backend.port], replace });
  const haproxy = await HAProxy.start("one-server", { ports: [backend.port], replace });

  await check("nginx: silence without heartbeats is cut", () => isCut(nginx, backend, ALL));
  await check("haproxy: silence without heartbeats is cut", () => isCut(haproxy, backend, HTTP));
  await check("haproxy: WebSockets may be silent for longer", async () => {
    const client = new Http1(haproxy.url);
    const sessions = WEBSOCKETS.map((transport) => open(client, transport));
    await sleep(5000);
    for (const session of await Promise.all(sessions)) {
      await session.about();
      session.leave();
    }
  });
  for (const each of [nginx, haproxy, backend]) await each.stop();
}

async function isCut(proxy, backend, transports) {
  const client = new Http1(proxy.url);
  const sessions = await Promise.all(transports.map((transport) => open(client, transport)));
  for (const session of sessions) {
    const { id } = await session.about();
    session.id = id;
  }
  for (const session of sessions) {
    const { broken } = await session.ended();
    assert.ok(broken, `${session.transport} breaks`);
    assert.equal((await backend.ending(session.id)).cause, "receiver_lost", session.transport);
  }
  client.close();
}
