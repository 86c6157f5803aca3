// The code of docs/client.md, as it stands there, in a browser.
//
// A block of code below a line that names a file is that file.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { CHROMIUM } from "./browsers.mjs";
import { MODULES, ROOT, SOCKJS_CLIENT } from "./paths.mjs";
import { untilOpen } from "./servers.mjs";

const BLOCK = /^`([\w.]+)`:\n\n```\w+\n(.*?)^```$/gms;
const PATIENCE = 10_000;

/** Where the script tag of the page points to. */
const CDN = /^https:\/\/cdn\.jsdelivr\.net\/npm\/sockjs-client@([\d.]+)\/dist\/sockjs\.min\.js$/;

const CHECKS = {
  "the script tag": scriptTag,
  "the built file in a bundle": (code, site) => code.bundleWorks(site, BUILT),
  "the sources in a bundle": sources,
  "the types": types,
  "page.js": logs,
  "a connection that is lost": lost,
  "delays that grow": delays,
  "codes that are final": finalCodes,
  "a network that is silent": silent,
  "React": react,
  "bytes": bytes,
};

const BUILT = "sockjs-client/dist/sockjs.min.js";
const SOURCES = "sockjs-client";
const AS_BROWSER = { define: { global: "globalThis" } };

/** Returns what is wrong, a line each. `site` has the ports of the server and of a line to it. */
export async function checkDocumentation(site) {
  const problems = [];
  const code = new Code();
  const browser = await chromium.launch(CHROMIUM);
  try {
    for (const [name, check] of Object.entries(CHECKS)) {
      const context = await browser.newContext();
      context.setDefaultTimeout(PATIENCE);
      const page = () => context.newPage();
      await check(code, { ...site, page }).catch(({ message }) => problems.push(`${name}: ${message}`));
      await context.close();
    }
  } finally {
    await browser.close();
    code.forget();
  }
  return problems;
}

/** The files that the documentation shows, in a folder where packages are found. */
class Code {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "sockjs-client-md-"));
    symlinkSync(MODULES, join(this.folder, "node_modules"));
    const text = readFileSync(`${ROOT}docs/client.md`, "utf8");
    this.files = Object.fromEntries([...text.matchAll(BLOCK)].map(([, name, block]) => [name, block]));
    for (const [name, block] of Object.entries(this.files)) this.write(name, block);
  }

  write(name, text) {
    writeFileSync(join(this.folder, name), text);
  }

  /** Returns a script that runs `text`, which may import the files. */
  async script(text, options = {}) {
    const { outputFiles } = await build({
      stdin: { contents: text, resolveDir: this.folder, loader: "jsx" },
      bundle: true,
      write: false,
      jsx: "automatic",
      logLevel: "silent",
      ...options,
    });
    return outputFiles[0].text;
  }

  /** Opens a page with `text`, on the host of the line. */
  async open({ page, line }, text, options) {
    const opened = await page();
    const html = `<!doctype html><meta charset="utf-8"><title>Code</title>` +
      `<body><div id="root"></div><script src="/code.js"></script>`;
    const files = {
      "/code": { contentType: "text/html", body: html },
      "/code.js": { contentType: "text/javascript", body: await this.script(text, options) },
    };
    for (const [path, file] of Object.entries(files)) {
      await opened.route((url) => url.pathname === path, (route) => route.fulfill(file));
    }
    opened.errors = [];
    opened.on("pageerror", ({ message }) => opened.errors.push(message));
    await opened.goto(`http://localhost:${line.port}/code`);
    return opened;
  }

  async bundleWorks(site, specifier, options) {
    const page = await this.open(site, echoOnce(specifier), options);
    await title(page, "Hello!");
  }

  forget() {
    rmSync(this.folder, { recursive: true });
  }
}

const echoOnce = (specifier) => `
  import SockJS from "${specifier}";
  const sock = new SockJS("/echo");
  sock.onopen = () => sock.send("Hello!");
  sock.onmessage = ({ data }) => { document.title = data; };
`;

/** A script that connects, and keeps what it hears in `states` and `texts`. */
const recording = (url, options = {}) => `
  import { connect } from "./connection.js";
  globalThis.states = [];
  globalThis.texts = [];
  globalThis.connection = connect("${url}", {
    onopen: (send) => send("hello"),
    onmessage: (text) => texts.push(text),
    onstate: (state, details) => states.push({ state, ...details }),
  }, ${JSON.stringify(options)});
`;

function title(page, text) {
  return page.waitForFunction((text) => document.title === text, text)
    .catch(async () => {
      throw new Error(`"${await page.title()}" instead of "${text}": ${page.errors}`);
    });
}

/** Waits until the connection was in so many states of a kind, and returns them all. */
async function untilStates(page, state, count) {
  const enough = ([state, count]) => states.filter((each) => each.state === state).length >= count;
  await page.waitForFunction(enough, [state, count]).catch(async () => {
    const states = await page.evaluate(() => JSON.stringify(globalThis.states));
    throw new Error(`not ${count} times ${state}: ${states}`);
  });
  return page.evaluate(() => states);
}

async function untilTexts(page, count) {
  await page.waitForFunction((count) => texts.length >= count, count);
  return page.evaluate(() => texts);
}

function equal(actual, expected, what) {
  const [is, should] = [actual, expected].map((value) => JSON.stringify(value));
  if (is !== should) throw new Error(`${what}: ${is} instead of ${should}`);
}

async function scriptTag(code, { page, line }) {
  const opened = await page();
  const { version } = JSON.parse(readFileSync(`${MODULES}/sockjs-client/package.json`));
  await opened.route((url) => url.pathname === "/code", (route) =>
    route.fulfill({ contentType: "text/html", body: code.files["index.html"] }));
  await opened.route(CDN, (route) => {
    const [, named] = CDN.exec(route.request().url());
    return named === version ? route.fulfill({ path: SOCKJS_CLIENT }) : route.abort();
  });
  await opened.goto(`http://localhost:${line.port}/code`);
  await opened.getByText("Hello!").waitFor();
}

/** They need a variable of Node.js, and work with it. */
async function sources(code, site) {
  const page = await code.open(site, echoOnce(SOURCES));
  equal(page.errors, ["global is not defined"], "without a definition");
  await code.bundleWorks(site, SOURCES, AS_BROWSER);
}

async function types(code) {
  const compile = async (...files) => {
    const options = "--noEmit --strict --skipLibCheck --types sockjs-client --target es2022 " +
      "--module esnext --moduleResolution bundler";
    const tsc = `${MODULES}/typescript/bin/tsc`;
    const run = promisify(execFile)(process.execPath, [tsc, ...options.split(" "), ...files], {
      cwd: code.folder,
    });
    return run.then(() => "", ({ stdout }) => stdout);
  };
  equal(await compile("sockjs.d.ts", "page.ts"), "", "with sockjs.d.ts");

  code.write("without.ts", code.files["page.ts"]);
  code.write("plain.ts", code.files["page.ts"].replace(BUILT, SOURCES));
  const errors = await compile("without.ts", "plain.ts");
  for (const expected of [
    /^without\.ts.* TS7016: /m,
    /^plain\.ts.* Property 'transport' does not exist on type 'WebSocket'/m,
    /^plain\.ts.* Property 'onheartbeat' does not exist on type 'WebSocket'/m,
  ]) {
    if (!expected.test(errors)) throw new Error(`not ${expected}: ${errors}`);
  }
}

async function logs(code, site) {
  const page = await code.open(site, `
    const { log } = console;
    console.log = (...words) => { log(...words); if (words[0] === "who I am") document.title = words[0]; };
    ${code.files["page.js"]}
  `);
  await title(page, "who I am");
}

async function lost(code, site) {
  const page = await code.open(site, recording("/echo", { firstDelay: 50 }));
  await untilTexts(page, 1);
  site.line.cut();
  const states = await untilStates(page, "open", 2);
  const kinds = states.map(({ state }) => state);
  equal(kinds, ["connecting", "open", "waiting", "connecting", "open"], "states");
  equal(await untilTexts(page, 2), ["hello", "hello"], "each connection says who it is");

  await page.evaluate(() => connection.close());
  await untilStates(page, "closed", 1);
  await untilOpen(0, site.control, "/echo", PATIENCE);
  equal(await page.evaluate(() => connection.send("late")), false, "send after the end");
}

async function delays(code, site) {
  const options = { firstDelay: 40, longestDelay: 200 };
  // Nothing is mounted there.
  const page = await code.open(site, recording("/nothing", options));
  const states = await untilStates(page, "waiting", 5);
  const waits = states.filter(({ state }) => state === "waiting").slice(0, 5);
  equal(waits.map(({ code, reason }) => `${code} ${reason}`),
    Array(5).fill("1002 Cannot connect to server"), "endings");
  [40, 80, 160, 200, 200].forEach((longest, i) => {
    const { wait } = waits[i];
    if (wait < longest / 2 || wait > longest) throw new Error(`attempt ${i} waits ${wait} ms`);
  });

  // There is nothing to wait for once the network is back.
  const patient = await code.open(site, recording("/nothing", { firstDelay: 600_000 }));
  await untilStates(patient, "waiting", 1);
  await patient.evaluate(() => dispatchEvent(new Event("online")));
  await untilStates(patient, "waiting", 2);
}

async function finalCodes(code, site) {
  for (const [ending, state] of [[4000, "closed"], [1000, "closed"], [3000, "waiting"], [3999, "waiting"]]) {
    const page = await code.open(site, recording("/control", { firstDelay: 600_000 }));
    await untilStates(page, "open", 1);
    await page.evaluate((ending) => connection.send(`close ${ending} because`), ending);
    const last = (await untilStates(page, state, 1)).at(-1);
    equal([last.code, last.reason], [ending, "because"], `after ${ending}`);
    await page.close();
  }
}

async function silent(code, site) {
  // The heartbeats of this mount come every 400 ms.
  const kept = await code.open(site, recording("/heartbeat", { silence: 3_000 }));
  await untilStates(kept, "open", 1);
  await kept.waitForTimeout(4_000);
  equal((await untilStates(kept, "open", 1)).length, 2, "states with heartbeats");

  // Those of this one come too late.
  const page = await code.open(site, recording("/control", { silence: 300, firstDelay: 600_000 }));
  const last = (await untilStates(page, "waiting", 1)).at(-1);
  equal([last.code, last.reason], [1006, "No heartbeat"], "without heartbeats");
}

async function react(code, site) {
  const page = await code.open(site, `
    import { StrictMode } from "react";
    import { createRoot } from "react-dom/client";
    import { Echo } from "./Echo.jsx";
    const root = createRoot(document.getElementById("root"));
    root.render(<StrictMode><Echo /></StrictMode>);
    globalThis.unmount = () => root.unmount();
  `, { define: { "process.env.NODE_ENV": '"development"' } });
  await page.getByRole("status").filter({ hasText: "open" }).waitFor();
  // StrictMode mounts it twice, and one connection stays.
  await untilOpen(1, site.control, "/echo", PATIENCE);
  for (const _ of "ab") await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("listitem").nth(1).waitFor();
  equal(await page.getByRole("listitem").allTextContents(), ["Hello!", "Hello!"], "messages");
  await untilOpen(1, site.control, "/echo", PATIENCE);
  await page.evaluate(() => unmount());
  await untilOpen(0, site.control, "/echo", PATIENCE);
  equal(page.errors, [], "errors");
}

async function bytes(code, site) {
  const page = await code.open(site, `
    import SockJS from "${BUILT}";
    import { fromBase64, toBase64 } from "./bytes.js";
    const sent = Uint8Array.from({ length: 100_000 }, (_, i) => i * i % 256);
    const sock = new SockJS("/echo");
    sock.onopen = () => sock.send(toBase64(sent));
    sock.onmessage = ({ data }) => {
      const received = fromBase64(data);
      const same = received.length === sent.length && received.every((byte, i) => byte === sent[i]);
      document.title = same ? "same" : "different";
    };
  `);
  await title(page, "same");
}
