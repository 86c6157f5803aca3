// A plain WebSocket, npm's ws, on the raw endpoint: what a client without SockJS may do and see.
//
//     node raw.mjs http://127.0.0.1:8081

import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket } from "ws";
import { check, finish, within } from "./check.mjs";

const PATIENCE = 20;

const server = (process.argv[2] ?? "http://127.0.0.1:8081").replace(/\/$/, "");

function connect(path, options) {
  return new WebSocket(server.replace(/^http/, "ws") + path, options);
}

const message = async (socket) => {
  const [data, isBinary] = await within(PATIENCE, "message", once(socket, "message"));
  assert.equal(isBinary, false, "a message is text");
  return data.toString();
};

const close = async (socket) => {
  const [code, reason] = await within(PATIENCE, "close", once(socket, "close"));
  return `${code} ${reason}`;
};

const open = async (path, options) => {
  const socket = connect(path, options);
  await within(PATIENCE, "open", once(socket, "open"));
  return socket;
};

await check("raw websocket: nothing comes before the first message", async () => {
  const socket = await open("/echo/websocket");
  const first = message(socket);
  socket.send("mine");
  assert.equal(await first, "mine");
  socket.close(3001, "bye");
  assert.equal(await close(socket), "3001 bye");
});

await check("raw websocket: fragments make one message", async () => {
  const socket = await open("/echo/websocket");
  const whole = message(socket);
  for (const part of ["Grü", "ße", ""]) socket.send(part, { fin: false });
  socket.ping("between");
  const pong = within(PATIENCE, "pong", once(socket, "pong"));
  socket.send("!", { fin: true });
  assert.equal((await pong)[0].toString(), "between");
  assert.equal(await whole, "Grüße!");
  socket.terminate();
});

await check("raw websocket: compression is declined, subprotocols too", async () => {
  const socket = await open("/echo/websocket", { perMessageDeflate: true });
  assert.equal(socket.extensions, "");
  socket.terminate();

  // A client that insists on a subprotocol hears that the server speaks none.
  const strict = new WebSocket(`${server.replace(/^http/, "ws")}/echo/websocket`, ["v12.stomp"]);
  const [error] = await within(PATIENCE, "error", once(strict, "error"));
  assert.match(error.message, /subprotocol/);
});

await check("raw websocket: the server's close has code and reason", async () => {
  assert.equal(await close(connect("/close/websocket")), "3000 Go away!");
});

await check("raw websocket: too long a message is refused with 1009", async () => {
  const socket = await open("/echo/websocket");
  const closed = close(socket);
  socket.send("x".repeat(1024 * 1024 + 1));
  assert.match(await closed, /^1009 /);
});

finish();
