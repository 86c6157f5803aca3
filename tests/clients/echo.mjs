// Echoes messages through every transport that a client offers under Node, and compares.
//
//     node echo.mjs http://127.0.0.1:8081

import { setTimeout as sleep } from "node:timers/promises";
import SockJS from "sockjs-client";
import { WebSocket } from "ws";
import { check, finish } from "./check.mjs";
import { messages, waves } from "./messages.mjs";

const COUNT = 1000;
const TRANSPORT_TIMEOUT = 120_000;
const CLOSE_TIMEOUT = 10_000;

const server = (process.argv[2] ?? "http://127.0.0.1:8081").replace(/\/$/, "");

const sockjs = (transport) => () => new SockJS(`${server}/echo`, null, { transports: [transport] });
const clients = {
  websocket: sockjs("websocket"),
  "xhr-streaming": sockjs("xhr-streaming"),
  eventsource: sockjs("eventsource"),
  "xhr-polling": sockjs("xhr-polling"),
  "raw websocket": () => new WebSocket(`${server.replace(/^http/, "ws")}/echo/websocket`),
};

/** Sends all messages wave by wave, the next one once the last is back, and checks what comes. */
function echo(name, connect) {
  return new Promise((resolve, reject) => {
    const sent = messages(COUNT);
    const toSend = waves(sent);
    let received = 0;
    let expected = 0;

    const socket = connect();
    const timer = setTimeout(() => end(`nothing more after ${received} messages`), TRANSPORT_TIMEOUT);

    function end(problem) {
      clearTimeout(timer);
      socket.onmessage = null;
      socket.onclose = () => (problem ? reject(new Error(problem)) : resolve());
      if (socket.readyState === 3) socket.onclose();
      else socket.close();
    }

    function sendWave() {
      const wave = toSend.next();
      if (wave.done) return end();
      expected += wave.value.length;
      for (const message of wave.value) socket.send(message);
    }

    socket.onopen = () => {
      // A plain WebSocket has no such property.
      if (socket.transport && socket.transport !== name) end(`connected over ${socket.transport}`);
      else sendWave();
    };
    socket.onmessage = ({ data }) => {
      if (data !== sent[received]) {
        const [is, should] = [data, sent[received]].map((text) => JSON.stringify(text)?.slice(0, 200));
        return end(`message ${received} is ${is} instead of ${should}`);
      }
      received += 1;
      if (received === expected) sendWave();
    };
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => {
      clearTimeout(timer);
      reject(new Error(`closed with ${code} ${reason} after ${received} messages`));
    };
  });
}

/** Waits until the server's handlers have heard that all clients left, where it tells. */
async function everySessionClosed() {
  const deadline = Date.now() + CLOSE_TIMEOUT;
  for (;;) {
    const response = await fetch(`${server}/_stats`);
    if (!response.ok) return;
    const { open } = await response.json();
    if (open["/echo"] === 0) return;
    if (Date.now() > deadline) throw new Error(`${open["/echo"]} sessions are still open`);
    await sleep(100);
  }
}

for (const [name, connect] of Object.entries(clients)) {
  await check(name, () => echo(name, connect), `${COUNT} messages echoed`);
}
await check("sessions", everySessionClosed, "all closed");
finish();
