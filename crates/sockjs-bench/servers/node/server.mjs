// sockjs-node with the mounts that sockjs-bench measures.
//
//     node server.mjs PORT

import { createServer } from "node:http";
import sockjs from "sockjs";

// Between two polls, sessions are to live for as long as somebody looks at them.
const options = { disconnect_delay: 600_000, log: () => {} };

const echo = sockjs.createServer(options);
echo.on("connection", (session) => {
  session?.on("data", (message) => session.write(message));
});

const room = new Set();
const broadcast = sockjs.createServer(options);
broadcast.on("connection", (session) => {
  if (!session) return;
  room.add(session);
  session.on("close", () => room.delete(session));
  session.on("data", (message) => {
    for (const other of room) other.write(message);
  });
});

// A session is in the topic once it has sent "join". Everything else that is sent goes to the topic.
const topic = new Set();
const topics = sockjs.createServer(options);
topics.on("connection", (session) => {
  if (!session) return;
  session.on("close", () => topic.delete(session));
  session.on("data", (message) => {
    if (message === "join") {
      topic.add(session);
      session.write("joined");
    } else {
      for (const member of topic) member.write(message);
    }
  });
});

const server = createServer();
echo.installHandlers(server, { prefix: "/echo" });
broadcast.installHandlers(server, { prefix: "/broadcast" });
topics.installHandlers(server, { prefix: "/topics" });
server.listen(Number(process.argv[2]), "127.0.0.1", () => {
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
