// The pages and an echo by sockjs-node: what a browser cannot do with that either, it cannot do.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import sockjs from "sockjs";
import { PAGES, SOCKJS_CLIENT } from "./paths.mjs";

const CLIENT_URL = "/e2e/sockjs.js";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8" };

export class Reference {
  static async start() {
    const reference = new Reference();
    await new Promise((resolve, reject) => {
      reference.http.once("error", reject);
      reference.http.listen(0, "127.0.0.1", resolve);
    });
    return reference;
  }

  constructor() {
    this.http = createServer((req, res) => {
      const [, name] = /^\/e2e\/([a-z]+\.(?:html|js))(?:\?|$)/.exec(req.url) ?? [];
      if (name !== undefined) sendFile(res, name);
    });
    const echo = sockjs.createServer({ sockjs_url: CLIENT_URL, log() {} });
    echo.on("connection", (connection) => {
      connection.on("data", (message) => connection.write(message));
    });
    echo.installHandlers(this.http, { prefix: "/echo" });
  }

  get port() {
    return this.http.address().port;
  }

  async stop() {
    this.http.close();
    this.http.closeAllConnections();
  }
}

async function sendFile(res, name) {
  const content = await readFile(name === "sockjs.js" ? SOCKJS_CLIENT : `${PAGES}/${name}`);
  res.writeHead(200, { "Content-Type": TYPES[extname(name)] }).end(content);
}
