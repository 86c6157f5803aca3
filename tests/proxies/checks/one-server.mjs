// One server behind each proxy: every transport, over HTTP/1.1 and HTTP/2, with TLS and without.

import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../../clients/check.mjs";
import { Backend } from "../lib/backend.mjs";
import { Http1, Http2 } from "../lib/http.mjs";
import { scratch } from "../lib/processes.mjs";
import { Caddy, HAProxy, Nginx } from "../lib/proxies.mjs";
import { ALL, HTTP, open, WEBSOCKETS } from "../lib/sessions.mjs";

/** Half of the messages have to be back within so many milliseconds. A buffer never gives them back. */
const QUICK = 150;
const ROUNDS = 20;

/** How long the next request may take to arrive, in milliseconds. */
const SETTLE = 300;

const TEXTS = [
  "plain",
  "",
  "100%25 %41 %80 </script><!-- \r\n\n\0",
  "Grüße 日本語 😀 \u2028\u202e\uffff",
  "x".repeat(50_000),
];

/** How each proxy writes the address of a Unix socket: as docs/deployment.md says. */
const UNIX_SOCKETS = [
  [Nginx, (path) => `unix:${path}`],
  [HAProxy, (path) => `unix@${path}`],
  [Caddy, (path) => `unix/${path}`],
];

export async function oneServer() {
  const socket = join(scratch, "sockjs.sock");
  // Streams that end often.
  const backend = await Backend.start({ RESPONSE_LIMIT: 4096, SOCKET: socket });
  const minimal = await Nginx.start("minimal", { ports: [backend.port] });
  const nginx = await Nginx.start("one-server", { ports: [backend.port] });
  const haproxy = await HAProxy.start("one-server", { ports: [backend.port] });
  const caddy = await Caddy.start("one-server", { ports: [backend.port] });

  const client = new Http1(minimal.url);
  await everyTransport("nginx as it is", client, backend, HTTP, { version: "HTTP/1.0" });
  await check("nginx as it is: WebSockets are refused at once", () => noWebSockets(client));
  await check("nginx as it is: bodies above 1 MiB are refused", async () => {
    assert.equal(await postLarge(client), 413);
  });

  for (const proxy of [nginx, haproxy, caddy]) {
    const { title } = proxy.constructor;
    const { ca } = proxy;
    const plain = new Http1(proxy.url);
    const tls = new Http1(proxy.tlsUrl, { ca });
    const h2 = new Http2(proxy.tlsUrl, { ca });
    const expected = { version: "HTTP/1.1" };
    await everyTransport(title, plain, backend, ALL, expected);
    await everyTransport(`${title}, TLS`, tls, backend, ALL, expected);
    const overHttp2 = (await h2.takesWebSockets()) ? ALL : HTTP;
    await everyTransport(`${title}, HTTP/2`, h2, backend, overHttp2, expected);
    await check(`${title}: bodies up to 2 MiB`, async () => {
      assert.equal(await postLarge(plain), 404, "which no session is there for");
    });
    for (const each of [plain, tls, h2]) each.close();
  }

  // Nginx opens it as another user.
  chmodSync(socket, 0o777);
  for (const [Proxy, address] of UNIX_SOCKETS) {
    const replace = [["127.0.0.1:0", address(socket)]];
    const proxy = await Proxy.start("one-server", { ports: [0], replace });
    const client = new Http1(proxy.url);
    await everyTransport(`${Proxy.title}, Unix socket`, client, backend, ALL, { version: "HTTP/1.1" });
    client.close();
    await proxy.stop();
  }

  client.close();
  for (const each of [minimal, nginx, haproxy, caddy, backend]) await each.stop();
}

async function everyTransport(title, client, backend, transports, expected) {
  for (const transport of transports) {
    await check(`${title}: ${transport}`, () => transportWorks(client, transport, backend, expected));
  }
}

async function transportWorks(client, transport, backend, { version }) {
  const session = await open(client, transport);
  const about = await session.about();
  assert.equal(about.version, version);

  await session.send(...TEXTS);
  for (const text of TEXTS) assert.equal(await session.receive(), text);

  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    const start = performance.now();
    assert.equal(await session.ask(`${i}`), `${i}`);
    times.push(performance.now() - start);
  }
  const median = times.sort((a, b) => a - b)[ROUNDS / 2];
  assert.ok(median < QUICK, `half of the messages took more than ${median.toFixed(0)} ms`);

  // Between two polls nobody would notice.
  await sleep(SETTLE);
  session.leave();
  const { cause, undelivered } = await backend.ending(about.id);
  assert.equal(cause, "receiver_lost");
  assert.equal(undelivered, 0);
}

async function noWebSockets(client) {
  for (const transport of WEBSOCKETS) {
    await assert.rejects(open(client, transport), /Unexpected server response: 400/);
  }
}

/** Posts a batch of 1.5 MiB, and returns the status of the answer. */
async function postLarge(client) {
  const body = JSON.stringify(["x".repeat(750_000), "y".repeat(750_000)]);
  const response = await client.request("POST", "/echo/000/nobody/xhr_send", { body }).response;
  response.body.resume();
  return response.status;
}
