// A request that is refused while its body is under way. A server that answers without reading the
// body resets the connection. nginx then answers 502, and after some of them it takes the server for
// down, and answers 502 to everybody.

import assert from "node:assert/strict";
import { check } from "../../clients/check.mjs";
import { Backend } from "../lib/backend.mjs";
import { Http1 } from "../lib/http.mjs";
import { HAProxy, Nginx } from "../lib/proxies.mjs";
import { open } from "../lib/sessions.mjs";

const BODY = "x".repeat(1_500_000);

const REQUESTS = [
  ["POST", "nothing", 404],
  ["POST", "xhr_send", 404],
  ["POST", "jsonp_send", 404],
  ["PUT", "xhr_send", 405],
  ["POST", "eventsource", 405],
  ["GET", "jsonp", 500],
];

export async function earlyAnswers() {
  for (const Proxy of [Nginx, HAProxy]) await run(Proxy);
}

async function run(Proxy) {
  const a = await Backend.start({ NODE: "a" });
  const b = await Backend.start({ NODE: "b" });
  const proxy = await Proxy.start("by-server", { ports: [a.port, b.port] });
  const client = new Http1(proxy.url);

  for (const [method, endpoint, status] of REQUESTS) {
    await check(`${Proxy.title}: ${method} ${endpoint} with a long body is ${status}`, async () => {
      const statuses = [];
      for (let n = 0; n < 10; n++) {
        const path = `/echo/a/early${n}/${endpoint}`;
        const response = await client.request(method, path, { body: BODY }).response;
        response.body.resume();
        statuses.push(response.status);
      }
      assert.deepEqual(statuses, Array(10).fill(status));
    });
  }
  await check(`${Proxy.title}: nobody else notices`, async () => {
    for (const server of ["a", "b", "c", "000"]) {
      const session = await open(client, "xhr", { server });
      await session.about();
      session.leave();
    }
  });

  client.close();
  for (const each of [proxy, a, b]) await each.stop();
}
