// sockjs-client, by its program sockjs-cat, through each proxy.

import { fileURLToPath } from "node:url";
import { check } from "../../clients/check.mjs";
import { Backend } from "../lib/backend.mjs";
import { run } from "../lib/processes.mjs";
import { HAProxy, Nginx } from "../lib/proxies.mjs";

const PROGRAM = process.env.SOCKJS_CAT;
const CAT = fileURLToPath(new URL("../../clients/cat.mjs", import.meta.url));

/** Echoes 1000 messages over each transport. */
const cat = (url, environment) =>
  run(process.execPath, [CAT, PROGRAM, `proxy=${url}/echo`], environment);

export async function sockjsClient() {
  const backend = await Backend.start({ RESPONSE_LIMIT: 4096 });
  for (const Proxy of [Nginx, HAProxy]) {
    const proxy = await Proxy.start("one-server", { ports: [backend.port] });
    await check(`${Proxy.title}: 1000 messages of sockjs-client over each transport`, () =>
      cat(proxy.url),
    );
    await check(`${Proxy.title}: the same over TLS`, () =>
      cat(proxy.tlsUrl, { SSL_CERT_FILE: proxy.caFile }),
    );
    await proxy.stop();
  }
  await backend.stop();

  // Without the cookie, every other request would come to a server that has no such session.
  for (const [Proxy, JSESSIONID] of [[Nginx, "node"], [HAProxy, "dummy"]]) {
    const options = { RESPONSE_LIMIT: 4096, JSESSIONID };
    const a = await Backend.start({ ...options, NODE: "a" });
    const b = await Backend.start({ ...options, NODE: "b" });
    const proxy = await Proxy.start("by-cookie", { ports: [a.port, b.port] });
    await check(`${Proxy.title}: sockjs-client sends the cookie that names its server`, () =>
      cat(proxy.url),
    );
    for (const each of [proxy, a, b]) await each.stop();
  }
}
