// A proxy that reads its configuration anew: connections go on in the old process until they end, or
// are cut when that may stay no longer.

import assert from "node:assert/strict";
import { check } from "../../clients/check.mjs";
import { Backend } from "../lib/backend.mjs";
import { Http1, Http2 } from "../lib/http.mjs";
import { Caddy, HAProxy, Nginx } from "../lib/proxies.mjs";
import { ALL, HTTP, open, WEBSOCKETS } from "../lib/sessions.mjs";

export async function reload() {
  const backend = await Backend.start({ RESPONSE_LIMIT: 4096 });
  const ports = [backend.port];

  for (const Proxy of [Nginx, HAProxy]) {
    const { title } = Proxy;
    const proxy = await Proxy.start("one-server", { ports });
    await check(`${title}: sessions survive a reload`, () => survives(proxy, ALL));
    await proxy.stop();
  }

  const caddy = await Caddy.start("one-server", { ports });
  await check("caddy: sessions survive a reload, except for WebSockets", () => survives(caddy, HTTP));
  // Some versions of Caddy end them towards the server by a frame that RFC 6455 forbids.
  const causes = ["receiver_lost", "protocol_error", "closed_by_client"];
  await check("caddy: a reload ends WebSockets", () => areCut(caddy, backend, WEBSOCKETS, causes));
  await caddy.stop();

  const impatient = [
    await Nginx.start("one-server", { ports, shutdownTimeout: "1s" }),
    await HAProxy.start("one-server", { ports, replace: [["hard-stop-after 1h", "hard-stop-after 1s"]] }),
  ];
  for (const proxy of impatient) {
    const { title } = proxy.constructor;
    await check(`${title}: sessions end when a reload cuts them`, () => areCut(proxy, backend, ALL));
    await proxy.stop();
  }
  await backend.stop();
}

async function survives(proxy, transports) {
  const clients = [
    [new Http1(proxy.url), transports],
    [new Http2(proxy.tlsUrl, { ca: proxy.ca }), HTTP],
  ];
  const sessions = await openAll(clients);
  await proxy.reload();
  for (const session of sessions) {
    for (let i = 0; i < 3; i++) {
      assert.equal((await session.about()).id, session.id, session.transport);
    }
    session.leave();
  }
  for (const session of await openAll(clients)) session.leave();
  for (const [client] of clients) client.close();
}

async function areCut(proxy, backend, transports, causes = ["receiver_lost"]) {
  const client = new Http1(proxy.url);
  const sessions = await openAll([[client, transports]]);
  await proxy.reload();
  for (const session of sessions) {
    // A poll that was cut on a kept connection is sent again, and told that the session is over, or
    // that it is the second, if the server has not heard of the first one's end.
    const { broken, code } = await session.ended();
    assert.ok(broken || [1001, 1002, 2010].includes(code), `${session.transport} ended with ${code}`);
    const { cause } = await backend.ending(session.id);
    assert.ok(causes.includes(cause), `${session.transport} ended because of ${cause}`);
  }
  for (const session of await openAll([[client, transports]])) session.leave();
  client.close();
}

async function openAll(clients) {
  const sessions = clients.flatMap(([client, transports]) =>
    transports.map(async (transport) => {
      const session = await open(client, transport);
      session.id = (await session.about()).id;
      return session;
    }),
  );
  return Promise.all(sessions);
}
