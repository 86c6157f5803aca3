// One address cannot take everything.

import assert from "node:assert/strict";
import { check } from "../../clients/check.mjs";
import { Backend } from "../lib/backend.mjs";
import { Http1 } from "../lib/http.mjs";
import { HAProxy, Nginx } from "../lib/proxies.mjs";

const MALLORY = "127.0.0.7";
const ALICE = "127.0.0.8";

/** How many requests an address may have at a time, and in a row. */
const CONNECTIONS = 3;
const REQUESTS = 20;

const REPLACE = new Map([
  [
    Nginx,
    [
      ["limit_conn sockjs_conn 100;", `limit_conn sockjs_conn ${CONNECTIONS};`],
      ["rate=50r/s", "rate=1r/m"],
      ["burst=200", `burst=${REQUESTS - 1}`],
    ],
  ],
  [
    HAProxy,
    [
      ["sc0_conn_cur gt 100", `sc0_conn_cur gt ${CONNECTIONS}`],
      ["sc0_http_req_rate gt 500", `sc0_http_req_rate gt ${REQUESTS}`],
    ],
  ],
]);

export async function limits() {
  const backend = await Backend.start();
  for (const [Proxy, replace] of REPLACE) {
    const proxy = await Proxy.start("limits", { ports: [backend.port], replace });
    const mallory = new Http1(proxy.url, { localAddress: MALLORY });
    const alice = new Http1(proxy.url, { localAddress: ALICE });
    let sessions = 0;
    const stream = (client) => client.request("POST", `/echo/0/${Proxy.title}${sessions++}/xhr_streaming`);

    await check(`${Proxy.title}: one address has no more streams than the limit`, async () => {
      const streams = [];
      for (let n = 0; n < CONNECTIONS; n++) streams.push(stream(mallory));
      for (const { response } of streams) assert.equal((await response).status, 200);
      assert.equal((await stream(mallory).response).status, 429);
      const other = stream(alice);
      assert.equal((await other.response).status, 200);
      other.abort();
      for (const { abort } of streams) abort();
    });
    await check(`${Proxy.title}: one address has no more requests than the limit`, async () => {
      const statuses = [];
      for (let n = 0; n <= REQUESTS; n++) {
        const { status, body } = await mallory.request("GET", "/echo/info").response;
        for await (const _ of body);
        statuses.push(status);
      }
      assert.equal(statuses[0], 200);
      assert.equal(statuses.at(-1), 429, `${statuses}`);
      assert.equal((await alice.request("GET", "/echo/info").response).status, 200);
    });
    mallory.close();
    alice.close();
    await proxy.stop();
  }
  await backend.stop();
}
