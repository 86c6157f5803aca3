// The JavaScript client through each proxy.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { check, within } from "../../clients/check.mjs";
import { SockJS } from "../../clients/packages.mjs";
import { Backend } from "../lib/backend.mjs";
import { run } from "../lib/processes.mjs";
import { Caddy, HAProxy, Nginx } from "../lib/proxies.mjs";

const ECHO = fileURLToPath(new URL("../../clients/echo.mjs", import.meta.url));

export async function javascriptClient() {
  const backend = await Backend.start({ RESPONSE_LIMIT: 4096 });
  const ports = [backend.port];
  for (const Proxy of [Nginx, HAProxy, Caddy]) {
    const proxy = await Proxy.start("one-server", { ports });
    await check(`${Proxy.title}: 1000 messages of the JavaScript client over each transport`, () =>
      run(process.execPath, [ECHO, proxy.url]),
    );
    await proxy.stop();
  }

  const minimal = await Nginx.start("minimal", { ports });
  await check("nginx as it is: the JavaScript client falls back by itself", async () => {
    const socket = new SockJS(`${minimal.url}/echo`);
    await within(30, "open", new Promise((resolve) => (socket.onopen = resolve)));
    assert.equal(socket.transport, "xhr-streaming");
    socket.close();
  });
  await minimal.stop();
  await backend.stop();
}
