// What a page can be told to do. The driver calls the methods of `e2e`; a page calls those of the
// pages it embeds, see `Frame`.

"use strict";

const PATIENCE = 20_000;

/** Fails after `PATIENCE`, naming what did not happen. */
function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what()} within ${PATIENCE / 1000} s`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const shown = (text) => JSON.stringify(text)?.slice(0, 120);
const closing = ({ code, reason, wasClean }) => ({ code, reason, wasClean });

/** A SockJS connection whose messages and end can be awaited. */
class Connection {
  constructor({ url, transports, timeout = OPEN_TIMEOUT }) {
    this.wanted = transports?.at(-1);
    this.received = [];
    this.heartbeats = 0;
    this.arrived = () => {};
    this.sock = new SockJS(url, null, { transports, timeout });
    this.opened = new Promise((resolve, reject) => {
      this.sock.onopen = () => {
        this.transport = this.sock.transport;
        // The padding that a stream starts with looks like heartbeats, but comes before this.
        this.sock.onheartbeat = () => this.heartbeats += 1;
        resolve(this);
      };
      this.refused = reject;
    });
    this.closed = new Promise((resolve) => {
      this.sock.onclose = (event) => {
        this.ending = closing(event);
        const problem = new Error(`closed with ${event.code} ${event.reason}`);
        this.refused(problem);
        this.failed?.(problem);
        resolve(this.ending);
      };
    });
    this.sock.onmessage = ({ data }) => {
      this.received.push(data);
      this.arrived();
    };
    this.opened.catch(() => {});
  }

  static async open(target) {
    const connection = new Connection(target);
    await within(() => "did not open", connection.opened);
    const { transport, wanted } = connection;
    if (wanted && transport !== wanted) throw new Error(`opened over ${transport}, not ${wanted}`);
    return connection;
  }

  /** Resolves once `count` messages have come in all. */
  receive(count) {
    const enough = new Promise((resolve, reject) => {
      this.failed = (problem) => {
        reject(new Error(`${problem.message} after ${this.received.length} messages`));
      };
      this.arrived = () => {
        if (this.received.length >= count) resolve();
      };
      this.arrived();
    });
    return within(() => `${this.received.length} of ${count} messages came`, enough);
  }

  /** Sends all of `list` and checks that the same comes back. */
  async echo(list) {
    const start = this.received.length;
    for (const message of list) this.sock.send(message);
    await this.receive(start + list.length);
    list.forEach((message, i) => {
      const expected = message.toWellFormed();
      const actual = this.received[start + i];
      if (actual !== expected) {
        throw new Error(`message ${start + i} is ${shown(actual)} instead of ${shown(expected)}`);
      }
    });
  }

  end() {
    return within(() => "did not close", this.closed);
  }

  close() {
    this.sock.close();
    return this.end();
  }
}

/** A page of another host inside this one. */
class Frame {
  static pending = new Map();
  static calls = 0;

  static open(url) {
    const element = document.createElement("iframe");
    element.src = url;
    const frame = new Frame();
    const loaded = new Promise((resolve) => {
      element.onload = () => resolve(frame);
    });
    document.body.append(element);
    frame.window = element.contentWindow;
    return within(() => `${url} did not load`, loaded);
  }

  call(name, argument) {
    const id = ++Frame.calls;
    const answered = new Promise((resolve, reject) => Frame.pending.set(id, { resolve, reject }));
    this.window.postMessage({ e2e: "call", id, name, argument }, "*");
    return answered;
  }
}

addEventListener("message", async ({ data, source }) => {
  if (data.e2e === "call") {
    const answer = { e2e: "answer", id: data.id };
    try {
      answer.result = await e2e[data.name](data.argument);
    } catch (error) {
      answer.problem = error.message;
    }
    source.postMessage(answer, "*");
  } else if (data.e2e === "answer") {
    const { resolve, reject } = Frame.pending.get(data.id);
    Frame.pending.delete(data.id);
    if (data.problem === undefined) resolve(data.result);
    else reject(new Error(data.problem));
  }
});

// How long the client waits for a transport, at least. By itself it waits a few hundred
// milliseconds, which a busy machine may need; and Chromium holds a page's WebSockets back for
// seconds when there are more than a dozen to open.
const OPEN_TIMEOUT = 10_000;

// The connections and frames that stay from one call of the driver to the next.
let connection;
let connections = [];
let frames = [];

globalThis.e2e = {
  version: () => SockJS.version,

  /** Opens one connection and returns its transport. */
  async open(target) {
    connection = await Connection.open(target);
    return connection.transport;
  },

  /** Sends as many messages in bursts, and returns how many came back in all. */
  async echo(count) {
    for (const burst of bursts(messages(count))) await connection.echo(burst);
    return connection.received.length;
  },

  async hello() {
    await connection.echo(["hello", "\u2028 wörld"]);
  },

  async say(message) {
    connection.sock.send(message);
  },

  async close() {
    return connection.close();
  },

  /** Waits for the end of the connection. */
  async end() {
    return connection.end();
  },

  /** Opens a connection and waits for the server to close it. */
  async closedByServer(target) {
    const { closed, opened } = new Connection(target);
    await within(() => "did not open", opened);
    return within(() => "did not close", closed);
  },

  /** Tells the server to close, and returns what came before and how it ended. */
  async askToClose({ code, reason }) {
    const messages = ["first", "last", `close ${code} ${reason}`];
    for (const message of messages) connection.sock.send(message);
    const ending = await connection.end();
    return { ...ending, received: connection.received };
  },

  /** Returns how many heartbeats came while nothing else did. */
  async listen(milliseconds) {
    const before = connection.heartbeats;
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return connection.heartbeats - before;
  },

  /** Reconnects until it works, waiting longer each time, and echoes. Returns the transport. */
  async reconnect(target) {
    for (let delay = 100; ; delay *= 2) {
      try {
        connection = await Connection.open(target);
        break;
      } catch (error) {
        if (delay > 3000) throw error;
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
    await e2e.hello();
    return connection.transport;
  },

  /** Opens many connections at once, and returns when all are open. */
  async openMany(targets) {
    connections = await Promise.all(targets.map((target) => Connection.open(target)));
  },

  /** Sends `count` messages over each of them at once, and checks that each gets its own. */
  async echoMany({ count, name }) {
    await Promise.all(connections.map((connection, i) => {
      const list = Array.from({ length: count }, (_, j) => `${name}, connection ${i}, message ${j}`);
      return connection.echo(list);
    }));
  },

  async closeMany() {
    await Promise.all(connections.map((connection) => connection.close()));
  },

  /** Opens a connection for each target, and returns `works` or what went wrong for each. */
  async attempt(targets) {
    return Promise.all(targets.map(async (target) => {
      try {
        const connection = await Connection.open(target);
        await connection.echo(["hello"]);
        await connection.close();
        return "works";
      } catch (problem) {
        return problem.message;
      }
    }));
  },

  /** Embeds a page of each of the hosts. */
  async embed(urls) {
    frames = await Promise.all(urls.map((url) => Frame.open(url)));
  },

  /** Calls the same of all embedded pages, with an argument each. */
  async inFrames({ name, args }) {
    await Promise.all(frames.map((frame, i) => frame.call(name, args[i])));
  },

  /** Has the server send so many bytes, and returns how many came in how many responses. */
  async flood(bytes) {
    responses.clear();
    let received = 0;
    await new Promise((resolve, reject) => {
      connection.failed = reject;
      connection.sock.onmessage = ({ data }) => {
        if (data === "flooded") resolve();
        else received += data.length;
      };
      connection.sock.send(`flood ${bytes}`);
    });
    return { received, responses: responses.size, largest: Math.max(...responses.values()) };
  },
};

// How many bytes each response to an XMLHttpRequest had.
const responses = new Map();
const { send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.send = function (...body) {
  this.addEventListener("progress", ({ loaded }) => responses.set(this.responseURL, loaded));
  send.apply(this, body);
};

// A page that nobody drives, since a driver makes the browser keep what a page received. It shows
// in its title how a flood went.
if (location.hash) {
  const { target, bytes } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  e2e.open(target).then(() => e2e.flood(bytes)).then(
    (result) => document.title = JSON.stringify(result),
    (problem) => document.title = JSON.stringify({ problem: problem.message }),
  );
}
