// Echoes messages through `sockjs-cat` over every transport, against servers of several makers.
//
//     node cat.mjs PROGRAM NAME=URL…

import { spawn } from "node:child_process";
import { once } from "node:events";
import { check, finish, within } from "./check.mjs";
import { messages } from "./messages.mjs";

const COUNT = 1000;
const TRANSPORT_TIMEOUT = 120;

const TRANSPORTS = {
  websocket: ["--transport", "websocket"],
  "xhr-streaming": ["--transport", "xhr-streaming"],
  eventsource: ["--transport", "eventsource"],
  "xhr-polling": ["--transport", "xhr-polling"],
  "websocket-raw": ["--raw"],
};

// What the server does not deliver, as other clients of it see as well.
const PYTHON = {
  // It escapes no percent signs, which clients decode.
  eventsource: (text) => !text.includes("%"),
  // It ignores empty messages.
  "websocket-raw": (text) => text !== "",
};

const [program, ...servers] = process.argv.slice(2);

/** Runs the program, and returns what it printed. */
async function cat(url, options, input) {
  const child = spawn(program, [url, ...options]);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => (output[name] += text));
  }
  // It may end before it has read everything.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  try {
    const [code] = await within(TRANSPORT_TIMEOUT, "end", once(child, "close"));
    return { ...output, code };
  } finally {
    child.kill("SIGKILL");
  }
}

/** Sends all messages at once, and checks what comes back. */
async function echo(name, url, transport, options) {
  const isDelivered = (name === "sockjs for aiohttp" && PYTHON[transport]) || (() => true);
  const sent = messages(2 * COUNT).filter(isDelivered).slice(0, COUNT);
  const input = sent.map((text) => JSON.stringify(text) + "\n").join("");
  const all = [...options, "--json", "--count", COUNT];
  const { stdout, stderr, code } = await cat(url, all, input);
  const received = stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  for (const [i, text] of received.entries()) {
    if (text === sent[i]) continue;
    const [is, should] = [text, sent[i]].map((it) => JSON.stringify(it)?.slice(0, 200));
    throw new Error(`message ${i} is ${is} instead of ${should}`);
  }
  if (code !== 0 || received.length !== COUNT) {
    throw new Error(`${received.length} messages, then ${code}: ${stderr}`);
  }
  if (!stderr.startsWith(`open: ${transport}\n`)) throw new Error(stderr);
}

for (const server of servers) {
  const [, name, url] = server.match(/^([^=]*)=(.*)$/);
  for (const [transport, options] of Object.entries(TRANSPORTS)) {
    await check(
      `sockjs-cat and ${name}: ${transport}`,
      () => echo(name, url, transport, options),
      `${COUNT} messages echoed`,
    );
  }
}
finish();
