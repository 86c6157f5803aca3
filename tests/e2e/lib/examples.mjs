// The pages of the examples: what people see, and pictures of it for the README.

import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { inaccessible } from "./accessibility.mjs";
import { CHROMIUM } from "./browsers.mjs";
import { Line } from "./line.mjs";
import { MULTIPLEX_CLIENT, ROOT, SOCKJS_CLIENT, STOMP_CLIENT } from "./paths.mjs";
import { Server } from "./servers.mjs";

const SCHEMES = ["light", "dark"];
const IMAGES = `${ROOT}docs/images`;
const VIEW = {
  viewport: { width: 800, height: 600 },
  deviceScaleFactor: 1.5,
  locale: "en-GB",
};
const NARROW = { width: 320, height: 640 };

/**
 * What differs from page to page:
 *
 * - `use` opens pages in a browser context, and returns the one to look at, with text in its log;
 * - `state` is what that page says of its connection;
 * - `connect` presses what connects, if the page does not connect by itself;
 * - `unreachable` is what the page says if no server is there;
 * - `returned` waits until the page is in use again after the server was started anew;
 * - `more` are more checks.
 */
const DEFAULTS = {
  connect: () => {},
  unreachable: "Cannot connect",
  returned: (page, { state }) => showsState(page, state),
  more: async () => [],
};

export const EXAMPLES = {
  echo: { ...DEFAULTS, use: useEcho, state: "open" },
  chat: {
    ...DEFAULTS,
    use: useChat,
    state: "joined",
    connect: (page) => joinChat(page, "Ada"),
  },
  cluster: {
    ...DEFAULTS,
    use: useCluster,
    state: "joined",
    connect: (page) => joinCluster(page, "Ada"),
  },
  production: {
    ...DEFAULTS,
    use: useProduction,
    state: "open",
    connect: logIn,
    unreachable: "Failed to fetch",
    returned: logsInAgain,
    more: keepsItsUser,
  },
  multiplex: { ...DEFAULTS, use: useMultiplex, state: "open" },
  stomp: {
    ...DEFAULTS,
    use: useStomp,
    state: "connected",
    connect: (page) => page.getByRole("button", { name: "Connect", exact: true }).click(),
  },
};

/** The pages in the README. */
const SHOWN = ["echo", "chat", "multiplex", "stomp", "cluster"];

/** Takes a picture of each page in use. `bin` has the programs. */
export async function screenshots(bin, { names = SHOWN, into = IMAGES, schemes = ["light"] } = {}) {
  mkdirSync(into, { recursive: true });
  for (const name of names) {
    for (const scheme of schemes) {
      await withExample(bin, name, async ({ open }) => {
        const page = await open(scheme);
        const file = `${name}${scheme === "light" ? "" : `-${scheme}`}.png`;
        await page.screenshot({ path: `${into}/${file}`, fullPage: true });
        console.log(`${into}/${file}`);
      });
    }
  }
}

/** Returns what is wrong with a page, a line each. */
export async function checkExample(bin, name) {
  const example = EXAMPLES[name];
  const problems = [];
  const look = async (page, when) => {
    problems.push(...(await inaccessible(page)).map((problem) => `${when}: ${problem}`));
  };

  // A server each, because the nicknames of the chat are in use until the pages have left.
  for (const scheme of SCHEMES) {
    await withExample(bin, name, async ({ open, visit }) => {
      await look(await visit(scheme), `${scheme}, at first`);
      await look(await open(scheme), `${scheme}, in use`);
    });
  }
  await withExample(bin, name, async ({ server, open }) => {
    const page = await open(SCHEMES[0]);
    await page.setViewportSize(NARROW);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > NARROW.width) problems.push(`it is ${width} pixels wide on a narrow screen`);

    await server.stop();
    await showsState(page, "waiting to reconnect");
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      await look(page, `${colorScheme}, lost`);
    }
    // It has to try more than once.
    await alerts(page, example.unreachable);
    const again = await Server.start(`${bin}/${name}`, { ...ENV, PORT: `${server.port}` });
    try {
      await example.returned(page, example);
    } finally {
      await again.stop();
    }
  });
  await withExample(bin, name, async ({ visit }) => {
    const page = await visit(SCHEMES[0]);
    await example.connect(page);
    await alerts(page, "could not be loaded");
    await look(page, "without the client");
  }, { SOCKJS_CLIENT: "/dev/null" });
  return [...problems, ...await example.more(bin)];
}

const ENV = { SOCKJS_CLIENT, STOMP_CLIENT, MULTIPLEX_CLIENT, METRICS_PORT: "0", RUST_LOG: "warn" };

async function withExample(bin, name, use, env = {}) {
  const server = await Server.start(`${bin}/${name}`, { ...ENV, ...env });
  const url = `http://localhost:${server.port}/`;
  try {
    await withBrowser(async (context) => {
      const visit = async (scheme) => {
        const page = await (await context(scheme)).newPage();
        await page.goto(url);
        return page;
      };
      const open = async (scheme) => EXAMPLES[name].use(await context(scheme), url);
      await use({ server, open, visit });
    });
  } finally {
    await server.stop();
  }
}

/** Runs `use` with a function that makes browser contexts, by the colour scheme. */
async function withBrowser(use) {
  const browser = await chromium.launch(CHROMIUM);
  try {
    await use((colorScheme) => browser.newContext({ ...VIEW, colorScheme }));
  } finally {
    await browser.close();
  }
}

function showsState(page, text) {
  return page.getByRole("status").locator("#state").getByText(text, { exact: true }).waitFor();
}

function alerts(page, text) {
  return page.getByRole("alert").filter({ hasText: text }).waitFor();
}

function hears(page, text) {
  return page.getByRole("log").getByRole("listitem").filter({ hasText: text }).last().waitFor();
}

async function say(page, label, text) {
  await page.getByRole("textbox", { name: label }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

async function useEcho(context, url) {
  const page = await context.newPage();
  await page.goto(`${url}?transport=xhr-streaming`);
  await showsState(page, EXAMPLES.echo.state);
  for (const text of ["Hello!", "Grüße, привет 😀", "Text with <b>markup</b> is only text"]) {
    await say(page, "Text to send", text);
    await page.getByRole("log").locator(".received", { hasText: text }).waitFor();
  }
  return page;
}

async function joinChat(page, nickname) {
  await page.getByLabel("Nickname").fill(nickname);
  await page.getByRole("button", { name: "Join" }).click();
}

async function useChat(context, url) {
  const join = async (nickname) => {
    const page = await context.newPage();
    await page.goto(`${url}?room=tea`);
    await joinChat(page, nickname);
    await showsState(page, EXAMPLES.chat.state);
    return page;
  };
  const ada = await join("Ada");
  const grace = await join("Grace");
  const talk = [
    [ada, "Is the kettle on?"],
    [grace, "Two minutes. Earl Grey or Darjeeling?"],
    [ada, "Whatever falls back gracefully."],
  ];
  for (const [page, text] of talk) {
    await say(page, "Message", text);
    await hears(ada, text);
    await hears(grace, text);
  }
  return ada;
}

async function joinCluster(page, nickname) {
  await page.getByLabel("Nickname").fill(nickname);
  await page.getByRole("button", { name: "Join" }).click();
}

async function useCluster(context, url) {
  const join = async (nickname, transport) => {
    const page = await context.newPage();
    await page.goto(`${url}?transport=${transport}`);
    await joinCluster(page, nickname);
    await showsState(page, EXAMPLES.cluster.state);
    return page;
  };
  const ada = await join("Ada", "xhr-polling");
  const grace = await join("Grace", "websocket");
  const talk = [
    [ada, "Where are you?"],
    [grace, "On some node. And you?"],
    [ada, "On one of them, and all of them answer me."],
  ];
  for (const [page, text] of talk) {
    await say(page, "Message", text);
    await hears(ada, text);
    await hears(grace, text);
  }
  // Without redis-server there is one node.
  const nodes = await ada.getByRole("table").locator("tbody tr").count();
  if (nodes !== 3 && nodes !== 1) throw new Error(`${nodes} nodes have answered`);
  return ada;
}

async function logIn(page) {
  await page.getByLabel("Name").fill("Ada");
  await page.getByRole("button", { name: "Log in" }).click();
}

async function useProduction(context, url) {
  const page = await context.newPage();
  await page.goto(`${url}?transport=eventsource`);
  await logIn(page);
  await showsState(page, EXAMPLES.production.state);
  await hears(page, "Hello Ada over eventsource!");
  await say(page, "Text to send", "Is the kettle on?");
  await hears(page, "Is the kettle on?");
  return page;
}

async function useMultiplex(context, url) {
  const page = await context.newPage();
  await page.goto(`${url}?transport=xhr-streaming`);
  await showsState(page, EXAMPLES.multiplex.state);
  const log = page.getByRole("log");
  const hearsFrom = (who, text) =>
    log.locator("li", { has: page.locator(".who", { hasText: who }) }).filter({ hasText: text }).waitFor();
  const sayTo = async (channel, text) => {
    await page.getByLabel("Channel", { exact: true }).selectOption(channel);
    await say(page, "Text to send", text);
  };
  await page.getByRole("button", { name: "Open chat" }).click();
  await page.getByRole("button", { name: "Open clock" }).click();
  await hearsFrom("clock", /\d:\d\d:\d\d/);
  await sayTo("clock", "stop");
  await hears(page, "The channel clock is closed.");
  await page.getByRole("button", { name: "Open missing" }).click();
  await hears(page, "The channel missing is closed.");
  await sayTo("echo", "Grüße, привет 😀");
  await hearsFrom("echo", "Grüße, привет 😀");
  await sayTo("chat", "Is anybody here?");
  await hearsFrom("chat", "Is anybody here?");
  return page;
}

async function useStomp(context, url) {
  const connect = async (login) => {
    const page = await context.newPage();
    await page.goto(`${url}?login=${login}`);
    await showsState(page, EXAMPLES.stomp.state);
    await page.getByLabel("Destination to subscribe to").fill("/user/queue/messages");
    await page.getByRole("button", { name: "Subscribe", exact: true }).click();
    return page;
  };
  const send = async (page, destination, text) => {
    await page.getByLabel("Destination", { exact: true }).fill(destination);
    await say(page, "Text to send", text);
  };
  const ada = await connect("ada");
  const grace = await connect("grace");
  await send(grace, "/topic/chat", "Good morning!");
  await hears(ada, "Good morning!");
  await hears(grace, "Good morning!");
  await send(ada, "/app/hello", "Ada");
  await hears(ada, "Hello, Ada!");
  await send(grace, "/user/ada/queue/messages", "Only for you");
  await hears(ada, "/user/queue/messages from grace");
  await send(ada, "/user/eve/queue/messages", "Are you there?");
  await hears(ada, "eve does not listen.");
  return ada;
}

/** A server that was restarted knows no user of before. */
async function logsInAgain(page, { state }) {
  await alerts(page, "Log in again");
  await page.getByRole("button", { name: "Log in" }).click();
  await showsState(page, state);
}

/** A connection that is lost comes back by itself, with the cookie, if the server lives on. */
async function keepsItsUser(bin) {
  const line = await Line.to(undefined);
  const origin = `http://localhost:${line.port}`;
  const server = await Server.start(`${bin}/production`, { ...ENV, ORIGIN: origin });
  line.target = server.port;
  try {
    await withBrowser(async (context) => {
      const page = await useProduction(await context(SCHEMES[0]), `${origin}/`);
      await page.getByRole("log").evaluate((log) => log.firstElementChild.replaceChildren());
      line.cut();
      await hears(page, "Closed with");
      await hears(page, "Hello Ada over eventsource!");
      await showsState(page, EXAMPLES.production.state);
    });
  } finally {
    await server.stop();
    await line.stop();
  }
  return [];
}
