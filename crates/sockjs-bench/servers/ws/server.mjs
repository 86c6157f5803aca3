// ws with the echo that sockjs-bench measures.
//
//     node server.mjs PORT

import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), path: "/echo/websocket" });
server.on("connection", (socket) => {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
  // A client that drops its connection is no reason to end.
  socket.on("error", () => {});
});
server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
