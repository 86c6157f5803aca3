// The npm package websocket-multiplex over SockJS, against examples/multiplex.
//
//     node multiplex.mjs http://127.0.0.1:3004

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import SockJS from "sockjs-client";
import { check, finish, within } from "./check.mjs";

const PATIENCE = 30;
const BURST = 200;

const server = (process.argv[2] ?? "http://127.0.0.1:3004").replace(/\/$/, "");

// The client of the package is a script for pages, which declares one name.
const file = createRequire(import.meta.url).resolve("websocket-multiplex/multiplex_client.js");
const WebSocketMultiplex = new Function(`${readFileSync(file)}; return WebSocketMultiplex;`)();

/** What a source of events has told, and a way to wait for more. */
class Inbox {
  #texts = [];
  #wake = () => {};

  push = (text) => {
    this.#texts.push(text);
    this.#wake();
  };

  async take(count) {
    const enough = async () => {
      while (this.#texts.length < count) await new Promise((resolve) => (this.#wake = resolve));
    };
    await within(PATIENCE, `${count} messages`, enough());
    return this.#texts.splice(0, count);
  }

  get length() {
    return this.#texts.length;
  }
}

/** Opens a session over `transport`. */
async function connect(transport) {
  const sock = new SockJS(`${server}/multiplex`, null, { transports: [transport] });
  const multiplexer = new WebSocketMultiplex(sock);
  const closed = new Promise((resolve) => (sock.onclose = resolve));
  await within(PATIENCE, "open", new Promise((resolve, reject) => {
    sock.onopen = resolve;
    closed.then(({ code, reason }) => reject(new Error(`closed with ${code} ${reason}`)));
  }));
  return {
    sock,
    closed: () => within(PATIENCE, "close", closed),
    channel(name) {
      const channel = multiplexer.channel(name);
      const inbox = new Inbox();
      channel.onmessage = ({ data }) => inbox.push(data);
      const opened = new Promise((resolve) => (channel.onopen = resolve));
      const closed = new Promise((resolve) => (channel.onclose = resolve));
      return Object.assign(channel, {
        inbox,
        opened: () => within(PATIENCE, "open", opened),
        closed: () => within(PATIENCE, "close", closed),
      });
    },
  };
}

async function conversation(transport) {
  const { sock, channel, closed } = await connect(transport);
  const [echo, clock] = [channel("echo"), channel("clock")];
  await Promise.all([echo.opened(), clock.opened()]);

  const texts = ["", ",", "a,b", "Grüße, 😀\n\u0000", "msg,clock,stop"];
  for (const text of texts) echo.send(text);
  assert.deepEqual(await echo.inbox.take(texts.length), texts);
  const burst = Array.from({ length: BURST }, (_, i) => `${i},${"ü".repeat(i)}`);
  for (const text of burst) echo.send(text);
  assert.deepEqual(await echo.inbox.take(BURST), burst);

  const [time] = await clock.inbox.take(1);
  assert.ok(Math.abs(Number(time) - Date.now()) < 60_000, time);

  // The server closes this one.
  clock.send("stop");
  await clock.closed();
  // The client closes that one, and opens it again.
  echo.close();
  await echo.closed();
  const again = channel("echo");
  await again.opened();
  again.send("again");
  assert.deepEqual(await again.inbox.take(1), ["again"]);
  assert.equal(echo.inbox.length, 0);

  const missing = channel("größe, which the server does not have");
  await missing.closed();

  sock.close();
  assert.equal((await closed()).code, 1000);
}

/** Sessions meet in a channel, whatever transport they use. */
async function chat(transports) {
  const sessions = await Promise.all(transports.map(connect));
  const channels = sessions.map(({ channel }) => channel("chat"));
  await Promise.all(channels.map((channel) => channel.opened()));
  // The server has no answer to the opening of a channel, but messages of a session keep their order.
  const echoes = sessions.map(({ channel }) => channel("echo"));
  await Promise.all(echoes.map((echo) => echo.opened()));
  for (const echo of echoes) echo.send("there");
  await Promise.all(echoes.map((echo) => echo.inbox.take(1)));

  for (const [i, channel] of channels.entries()) channel.send(`from ${transports[i]}`);
  const sent = transports.map((transport) => `from ${transport}`).sort();
  for (const channel of channels) {
    assert.deepEqual((await channel.inbox.take(transports.length)).sort(), sent);
  }
  for (const { sock } of sessions) sock.close();
}

async function notUnderstood() {
  const { sock, closed } = await connect("websocket");
  sock.send("hello");
  const { code, reason } = await closed();
  assert.deepEqual([code, reason], [4400, "Not understood"]);
}

const transports = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"];
for (const transport of transports) {
  await check(`multiplex over ${transport}: conversation`, () => conversation(transport));
}
await check("multiplex: sessions meet in a channel", () => chat(transports));
await check("multiplex: other messages close the session", notUnderstood);
finish();
