// Who the client is, says the proxy: in a header, for those who ask.

import assert from "node:assert/strict";
import { check } from "../../clients/check.mjs";
import { Backend } from "../lib/backend.mjs";
import { Http1, Http2 } from "../lib/http.mjs";
import { Caddy, HAProxy, Nginx } from "../lib/proxies.mjs";
import { ALL, HTTP, open } from "../lib/sessions.mjs";

const CLIENT = "127.0.0.7";
const FORGED = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "gopher" };

export async function forwarded() {
  const backend = await Backend.start();
  const ports = [backend.port];
  for (const Proxy of [Nginx, HAProxy, Caddy]) {
    const proxy = await Proxy.start("one-server", { ports });
    const options = { ca: proxy.ca, localAddress: CLIENT };
    for (const [title, client, transports, proto] of [
      [Proxy.title, new Http1(proxy.url, options), ALL, "http"],
      [`${Proxy.title}, TLS`, new Http1(proxy.tlsUrl, options), ALL, "https"],
      [`${Proxy.title}, HTTP/2`, new Http2(proxy.tlsUrl, options), HTTP, "https"],
    ]) {
      await check(`${title}: X-Forwarded-For is the client's address`, async () => {
        for (const transport of transports) {
          const about = await aboutForged(client, transport);
          assert.equal(about["x-forwarded-for"], CLIENT, transport);
          assert.equal(about["x-forwarded-proto"], proto, transport);
          assert.match(about.remote, /^127\.0\.0\.1:\d+$/, "the connection is the proxy's");
        }
      });
      client.close();
    }
    await proxy.stop();
  }

  // What nobody replaces is what the client wrote, and nothing believes it.
  const minimal = await Nginx.start("minimal", { ports });
  await check("nginx as it is: a forged X-Forwarded-For is believed by nobody", async () => {
    const client = new Http1(minimal.url, { localAddress: CLIENT });
    for (const transport of HTTP) {
      const about = await aboutForged(client, transport);
      assert.equal(about["x-forwarded-for"], FORGED["x-forwarded-for"]);
      assert.match(about.remote, /^127\.0\.0\.1:\d+$/);
    }
    client.close();
  });
  await minimal.stop();
  await backend.stop();
}

async function aboutForged(client, transport) {
  const session = await open(client, transport, { headers: FORGED });
  const about = await session.about();
  session.leave();
  return about;
}
