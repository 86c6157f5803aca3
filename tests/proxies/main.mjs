// Puts servers behind proxies and looks at what gets through. Run by ./run.
//
//     node main.mjs [part …]

import { check, finish } from "../clients/check.mjs";
import { documentation } from "./checks/documentation.mjs";
import { earlyAnswers } from "./checks/early-answers.mjs";
import { forwarded } from "./checks/forwarded.mjs";
import { idle, idleWithoutHeartbeats } from "./checks/idle.mjs";
import { javascriptClient } from "./checks/javascript-client.mjs";
import { limits } from "./checks/limits.mjs";
import { oneServer } from "./checks/one-server.mjs";
import { reload } from "./checks/reload.mjs";
import { sockjsClient } from "./checks/sockjs-client.mjs";
import { twoServers } from "./checks/two-servers.mjs";

const parts = {
  documentation,
  "one-server": oneServer,
  "javascript-client": javascriptClient,
  "sockjs-client": sockjsClient,
  forwarded,
  limits,
  "two-servers": twoServers,
  "early-answers": earlyAnswers,
  reload,
  "idle-without-heartbeats": idleWithoutHeartbeats,
};

const names = process.argv.slice(2);
const wanted = (name) => names.length === 0 || names.includes(name);

/** Runs a part, and counts it as a check that failed if it cannot even start what it looks at. */
const run = (name, part) => part().catch((error) => check(name, () => Promise.reject(error)));

// Mostly waits, so the others need not wait for it.
const silence = wanted("idle") ? run("idle", idle) : undefined;
for (const [name, part] of Object.entries(parts)) {
  if (wanted(name)) await run(name, part);
}
await silence;
finish();
