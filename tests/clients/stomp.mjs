// STOMP over SockJS, as Spring front ends speak it, against examples/stomp: stompjs 7, and stompjs 2.
//
//     node stomp.mjs http://127.0.0.1:3002

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, Versions } from "@stomp/stompjs";
import SockJS from "sockjs-client";
import Stomp2 from "stompjs";
import { WebSocket } from "ws";
import { check, finish, within } from "./check.mjs";

const PATIENCE = 30;
const HEART_BEAT = 1000;
const BURST = 200;

const server = (process.argv[2] ?? "http://127.0.0.1:3002").replace(/\/$/, "");

// Browsers have it, and Node.js since version 22.
globalThis.WebSocket = WebSocket;

const brokerURL = `${server.replace(/^http/, "ws")}/stomp/websocket`;
const sockjs = (transport) => () => new SockJS(`${server}/stomp`, null, { transports: [transport] });
const sockets = {
  websocket: sockjs("websocket"),
  "xhr-streaming": sockjs("xhr-streaming"),
  eventsource: sockjs("eventsource"),
  "xhr-polling": sockjs("xhr-polling"),
  "raw websocket": () => new WebSocket(brokerURL),
};

/** A promise, and the functions that settle it. */
function promised() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  promise.catch(() => {});
  return { promise, ...settle };
}

/** A STOMP client that counts heart-beats and turns callbacks into promises. */
class Stomp {
  heard = 0;
  beaten = 0;
  #connected = promised();
  #closed = promised();
  #error = promised();
  #receipts = 0;

  constructor(webSocketFactory, options = {}) {
    this.client = new Client({
      webSocketFactory,
      reconnectDelay: 0,
      heartbeatIncoming: HEART_BEAT,
      heartbeatOutgoing: HEART_BEAT,
      debug: (line) => {
        if (line === ">>> PING") this.beaten += 1;
      },
      onHeartbeatReceived: () => (this.heard += 1),
      onConnect: (frame) => this.#connected.resolve(frame),
      onStompError: (frame) => this.#error.resolve(frame),
      onWebSocketClose: (event) => {
        this.#closed.resolve(event);
        this.#connected.reject(new Error(`closed with ${event.code} ${event.reason}`));
      },
      ...options,
    });
    this.client.activate();
  }

  connected = () => within(PATIENCE, "CONNECTED", this.#connected.promise);
  closed = () => within(PATIENCE, "close", this.#closed.promise);
  error = () => within(PATIENCE, "ERROR", this.#error.promise);

  /** Runs `command` with the headers that ask for a receipt, and waits for that. */
  receipted(command) {
    const receipt = `receipt-${(this.#receipts += 1)}`;
    const { promise, resolve } = promised();
    this.client.watchForReceipt(receipt, resolve);
    command({ receipt });
    return within(PATIENCE, "RECEIPT", promise);
  }

  /** Subscribes, and returns once the server knows. */
  async subscribe(destination) {
    const inbox = new Inbox();
    await this.receipted((headers) => {
      const subscription = this.client.subscribe(destination, inbox.push, headers);
      inbox.unsubscribe = () => this.receipted((headers) => subscription.unsubscribe(headers));
    });
    return inbox;
  }
}

/** The messages of a subscription. */
class Inbox {
  messages = [];
  #wanted = 0;
  #enough = promised();

  push = (message) => {
    this.messages.push(message);
    if (this.messages.length >= this.#wanted) this.#enough.resolve();
  };

  async take(count) {
    this.#wanted = count;
    this.#enough = promised();
    if (this.messages.length < count) await within(PATIENCE, "MESSAGE", this.#enough.promise);
    return this.messages.splice(0, count);
  }
}

async function conversation(name, connect) {
  const stomp = new Stomp(connect);
  const connected = await stomp.connected();
  assert.equal(connected.headers.version, "1.2", "the highest version is chosen");
  assert.equal(connected.headers["heart-beat"], "1000,1000");

  const topic = `/topic/${name}:with colon`;
  const inbox = await stomp.subscribe(topic);
  const other = await stomp.subscribe("/topic/other");

  const headers = { "x: y": "a:b\\c\nd\re", "content-type": "text/plain" };
  stomp.client.publish({ destination: topic, headers, body: "Grüße \u0000 😀\n" });
  const [message] = await inbox.take(1);
  assert.equal(message.command, "MESSAGE");
  assert.equal(message.body, "Grüße \u0000 😀\n");
  assert.equal(message.headers.destination, topic);
  assert.equal(message.headers["content-type"], "text/plain");
  // The client escapes values, and leaves names as they are.
  if ("x: y" in message.headers) assert.equal(message.headers["x: y"], headers["x: y"]);

  const bodies = Array.from({ length: BURST }, (_, i) => `${i} ${"ü".repeat(i)}`);
  for (const body of bodies) stomp.client.publish({ destination: topic, body });
  assert.deepEqual((await inbox.take(BURST)).map(({ body }) => body), bodies);

  await inbox.unsubscribe();
  await stomp.receipted((headers) => stomp.client.publish({ destination: topic, headers }));
  stomp.client.publish({ destination: "/topic/other", body: "last" });
  assert.equal((await other.take(1))[0].body, "last");
  assert.equal(inbox.messages.length, 0, "nothing comes after UNSUBSCRIBE");

  await stomp.client.deactivate();
  const { code } = await stomp.closed();
  assert.equal(code, 1000);
}

/** Spring's clients cut frames that are longer than the server's messages may be. */
async function largeFrames(connect) {
  const stomp = new Stomp(connect, { splitLargeFrames: true, maxWebSocketChunkSize: 8 * 1024 });
  await stomp.connected();
  const inbox = await stomp.subscribe("/topic/large");
  const body = "0123456789ü\n\u0000".repeat(10_000);
  stomp.client.publish({ destination: "/topic/large", body });
  assert.equal((await inbox.take(1))[0].body, body);
  await stomp.client.deactivate();
}

async function heartBeats(connect) {
  const stomp = new Stomp(connect);
  await stomp.connected();
  const deadline = Date.now() + PATIENCE * 1000;
  // Longer than the server waits for a client that says nothing.
  while (stomp.heard < 5 || stomp.beaten < 5) {
    assert.ok(stomp.client.connected, "the connection holds");
    assert.ok(Date.now() < deadline, `${stomp.heard} heart-beats heard, ${stomp.beaten} sent`);
    await sleep(100);
  }
  await stomp.client.deactivate();
}

async function everyoneHears() {
  const stomps = Object.values(sockets).map((connect) => new Stomp(connect));
  await Promise.all(stomps.map((stomp) => stomp.connected()));
  const inboxes = await Promise.all(stomps.map((stomp) => stomp.subscribe("/topic/all")));
  for (const { client } of stomps) client.publish({ destination: "/topic/all", body: "hello" });
  const heard = await Promise.all(inboxes.map((inbox) => inbox.take(stomps.length)));
  const order = ([...messages]) => messages.map(({ headers }) => headers["message-id"]).sort();
  for (const messages of heard) assert.deepEqual(order(messages), order(heard[0]));
  await Promise.all(stomps.map(({ client }) => client.deactivate()));
}

/** What a frame that may not be is answered with. */
async function refused(connect) {
  const stomp = new Stomp(connect);
  await stomp.connected();
  stomp.client.subscribe("/topic/x", () => {}, { id: "mine" });
  stomp.client.subscribe("/topic/y", () => {}, { id: "mine", receipt: "r:1" });
  const { headers } = await stomp.error();
  assert.equal(headers.message, "subscription id is in use");
  assert.equal(headers["receipt-id"], "r:1");
  assert.equal((await stomp.closed()).code, 4000);
}

/** What is said in one version of STOMP, with what it can escape. */
async function oneVersion(version, text) {
  const stompVersions = new Versions([version]);
  const stomp = new Stomp(sockets.websocket, { stompVersions });
  const connected = await stomp.connected();
  assert.equal(connected.headers.version, version);
  const inbox = await stomp.subscribe(`/topic/${version}`);
  stomp.client.publish({ destination: `/topic/${version}`, headers: { text }, body: "ü" });
  const [message] = await inbox.take(1);
  assert.equal(message.headers.text, text);
  assert.equal(message.body, "ü");
  await inbox.unsubscribe();
  await stomp.client.deactivate();
  assert.equal((await stomp.closed()).code, 1000);
}

/** Without SockJS: the client opens the WebSocket itself, and the server has to choose a subprotocol. */
async function brokerUrl() {
  const stomp = new Stomp(undefined, { brokerURL });
  const connected = await stomp.connected();
  assert.equal(connected.headers.version, "1.2");
  assert.equal(stomp.client.webSocket.protocol, "v12.stomp");
  const inbox = await stomp.subscribe("/topic/direct");
  stomp.client.publish({ destination: "/topic/direct", body: "hello" });
  assert.equal((await inbox.take(1))[0].body, "hello");
  await stomp.client.deactivate();
  assert.equal((await stomp.closed()).code, 1000);
}

async function transactions() {
  const stomp = new Stomp(sockets.websocket);
  await stomp.connected();
  const inbox = await stomp.subscribe("/topic/transactions");
  const [kept, given] = [stomp.client.begin(), stomp.client.begin()];
  for (const [{ id }, body] of [[kept, "1"], [given, "2"], [kept, "3"]]) {
    const headers = { transaction: id };
    stomp.client.publish({ destination: "/topic/transactions", headers, body });
  }
  given.abort();
  const publish = (headers) => stomp.client.publish({ destination: "/topic/void", headers });
  await stomp.receipted(publish);
  assert.equal(inbox.messages.length, 0, "nothing comes before COMMIT");
  kept.commit();
  assert.deepEqual((await inbox.take(2)).map(({ body }) => body), ["1", "3"]);
  await stomp.client.deactivate();
}

/** Destinations of the application: its answers, messages to a user, and what it refuses. */
async function application() {
  const connect = async (login) => {
    const stomp = new Stomp(sockets.websocket, { connectHeaders: { login, passcode: "secret" } });
    await stomp.connected();
    stomp.inbox = await stomp.subscribe("/user/queue/messages");
    return stomp;
  };
  const [ann, bob] = [await connect("ann"), await connect("bob")];
  const greetings = await ann.subscribe("/topic/greetings");
  bob.client.publish({ destination: "/app/hello", body: "Bob" });
  assert.equal((await greetings.take(1))[0].body, "Hello, Bob!");

  const forged = { from: "the king", "content-type": "text/plain" };
  bob.client.publish({ destination: "/user/ann/queue/messages", headers: forged, body: "psst" });
  const [message] = await ann.inbox.take(1);
  assert.equal(message.body, "psst");
  assert.equal(message.headers.from, "bob");
  assert.equal(message.headers["content-type"], "text/plain");
  assert.equal(message.headers.destination, "/user/queue/messages");
  assert.equal(bob.inbox.messages.length, 0);

  bob.client.publish({ destination: "/app/unknown" });
  assert.equal((await bob.error()).headers.message, "nobody handles this destination");
  ann.client.publish({ destination: "/user/bob/queue/messages" });
  assert.equal((await ann.error()).headers.message, "the user does not listen");

  const stranger = new Stomp(sockets.websocket, { connectHeaders: { passcode: "guess" } });
  assert.equal((await stranger.error()).headers.message, "wrong login or passcode");
  assert.equal((await stranger.closed()).code, 4000);
}

/** A client of stompjs 2, which offers versions 1.1 and 1.0, and which react-stomp wraps. */
async function stompjs2(name, client) {
  client.debug = null;
  client.heartbeat = { outgoing: HEART_BEAT, incoming: HEART_BEAT };
  const refused = promised();
  const connected = await within(PATIENCE, "CONNECTED", new Promise((resolve, reject) => {
    client.connect({ login: "ann", passcode: "secret" }, resolve, (error) => {
      refused.resolve(error);
      reject(new Error(error));
    });
  }));
  assert.equal(connected.headers.version, "1.1");

  const receipts = new Map();
  client.onreceipt = ({ headers }) => receipts.get(headers["receipt-id"])?.resolve();
  const receipted = (receipt) => {
    receipts.set(receipt, promised());
    return within(PATIENCE, "RECEIPT", receipts.get(receipt).promise);
  };
  const topic = `/topic/two/${name}`;
  const inbox = new Inbox();
  const subscribed = receipted("sub");
  const subscription = client.subscribe(topic, inbox.push, { receipt: "sub" });
  await subscribed;

  // Longer than its frames are, which it cuts.
  const long = "0123456789ü\n".repeat(5000);
  const bodies = ["", "Grüße 😀", long];
  for (const body of bodies) client.send(topic, { "x-kind": "text" }, body);
  const messages = await inbox.take(bodies.length);
  assert.deepEqual(messages.map(({ body }) => body), bodies);
  assert.equal(messages[0].headers["x-kind"], "text");

  const transaction = client.begin("tx");
  client.send(topic, { transaction: "tx" }, "in a transaction");
  transaction.commit();
  assert.equal((await inbox.take(1))[0].body, "in a transaction");

  // Longer than either side waits for one that says nothing.
  await sleep(4 * HEART_BEAT);
  assert.ok(client.connected, "the connection holds");

  subscription.unsubscribe();
  const sent = receipted("last");
  client.send(topic, { receipt: "last" }, "nobody hears this");
  await sent;
  assert.equal(inbox.messages.length, 0);

  client.subscribe("/topic/acks", () => {}, { ack: "client" });
  const { headers } = await within(PATIENCE, "ERROR", refused.promise);
  // It does not undo escapes.
  assert.equal(headers.message, "only ack\\cauto is supported");
}

/** Sends text as it is, and collects what comes until the server closes. */
function speak(...texts) {
  const { promise, resolve } = promised();
  const socket = sockets.websocket();
  let heard = "";
  socket.onopen = () => texts.forEach((text) => socket.send(text));
  socket.onmessage = ({ data }) => (heard += data);
  socket.onclose = ({ code }) => resolve({ heard, code });
  return within(PATIENCE, "close", promise);
}

async function anyCut() {
  const script =
    "STOMP\r\naccept-version:1.1,1.2\n\n\0\n\nSUBSCRIBE\nid:0\ndestination:/cut\n\n\0" +
    "SEND\ndestination:/cut\nfoo:one\nfoo:two\n\nbody\0DISCONNECT\nreceipt:bye\n\n\0";
  for (const texts of [[script], [...script], script.split(/(?=\n)/)]) {
    const { heard, code } = await speak(...texts);
    assert.equal(code, 1000);
    assert.match(
      heard,
      /^CONNECTED\nversion:1\.2\n[^\0]*\n\n\0MESSAGE\nsubscription:0\n[^\0]*\nfoo:one\nfoo:two\n[^\0]*\n\nbody\0RECEIPT\nreceipt-id:bye\n\n\0$/,
    );
  }
}

async function errors() {
  const connect = "CONNECT\naccept-version:1.2\n\n\0";
  for (const [text, message] of [
    ["SEND\ndestination:/a\n\n\0", "CONNECT is expected first"],
    ["CONNECT\naccept-version:2.0\n\n\0", "no common version\nversion:1.0,1.1,1.2"],
    ["CONNECT\naccept-version:1.2\nheart-beat:often\n\n\0", "malformed heart-beat"],
    [`${connect}${connect}`, "connected already"],
    [`${connect}SEND\n\nbody\0`, "header destination is missing"],
    [`${connect}SEND\ndestination:\\t\n\n\0`, "malformed header"],
    [`${connect}UNSUBSCRIBE\nid:9\n\n\0`, "no such subscription"],
    [`${connect}SUBSCRIBE\nid:9\ndestination:/a\nack:client\n\n\0`, "only ack\\cauto is supported"],
    [`${connect}ACK\nid:1\n\n\0`, "acknowledgements are not supported"],
    [`${connect}COMMIT\ntransaction:1\n\n\0`, "no such transaction"],
    [`${connect}SUBSCRIBE\nid:9\ndestination:/app/a\n\n\0`, "there is no such destination"],
    [`${connect}hello`.padEnd(20_000), "headers too large"],
  ]) {
    const { heard, code } = await speak(text);
    assert.ok(heard.includes(`ERROR\nmessage:${message}\n\n\0`), `${message}: ${heard}`);
    assert.equal(code, 4000);
  }
}

/** A client that promised heart-beats and sends none. */
async function silence() {
  const { heard, code } = await speak("CONNECT\naccept-version:1.2\nheart-beat:1000,0\n\n\0");
  assert.match(heard, /\0ERROR\nmessage:no heart-beat from you\n\n\0$/);
  assert.equal(code, 4000);
}

for (const [name, connect] of Object.entries(sockets)) {
  await check(`stomp over ${name}: conversation`, () => conversation(name, connect));
  await check(`stomp over ${name}: large frames`, () => largeFrames(connect));
}
await Promise.all(
  Object.entries(sockets).map(([name, connect]) =>
    check(`stomp over ${name}: heart-beats both ways`, () => heartBeats(connect)),
  ),
);
// The client escapes nothing in version 1.1, and confuses a backslash before some letters in 1.2.
for (const [version, text] of [["1.0", "a:b\\c"], ["1.1", "a b"], ["1.2", "a:b\\ c\nd\re"]]) {
  await check(`stomp ${version}: headers`, () => oneVersion(version, text));
}
await Promise.all(
  Object.entries(sockets).map(([name, connect]) =>
    check(`stompjs 2 over ${name}: conversation`, () => stompjs2(name, Stomp2.over(connect()))),
  ),
);
// It opens the WebSocket itself, and offers subprotocols.
await check("stompjs 2 by URL: conversation", () => stompjs2("url", Stomp2.client(brokerURL)));
await check("stomp: everyone hears everyone", everyoneHears);
await check("stomp: brokerURL", brokerUrl);
await check("stomp: transactions", transactions);
await check("stomp: destinations of the application", application);
await check("stomp: ERROR names the frame", () => refused(sockets.websocket));
await check("stomp: frames cut anywhere", anyCut);
await check("stomp: what is refused", errors);
await check("stomp: a silent client is let go", silence);
finish();
