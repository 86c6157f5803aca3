// Bun with the echo that sockjs-bench measures.
//
//     bun server.mjs PORT

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    if (new URL(request.url).pathname === "/echo/websocket" && server.upgrade(request)) return;
    return new Response("not found", { status: 404 });
  },
  websocket: {
    message(socket, message) {
      socket.send(message);
    },
  },
});
console.log(`listening on ${server.hostname}:${server.port}`);
