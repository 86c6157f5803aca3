// The pages of the examples: what people see, and pictures of it for the README.

import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { CHROMIUM } from "./browsers.mjs";
import { MULTIPLEX_CLIENT, ROOT, SOCKJS_CLIENT, STOMP_CLIENT } from "./paths.mjs";
import { Server } from "./servers.mjs";

export const EXAMPLES = { echo, chat, multiplex, stomp };

const CLIENTS = { SOCKJS_CLIENT, STOMP_CLIENT, MULTIPLEX_CLIENT };

const IMAGES = `${ROOT}docs/images`;
const VIEW = {
  viewport: { width: 800, height: 600 },
  deviceScaleFactor: 1.5,
  colorScheme: "light",
  locale: "en-GB",
};
const NARROW = { width: 320, height: 640 };

/** Takes a picture of each page in use. `bin` has the programs. */
export async function screenshots(bin) {
  mkdirSync(IMAGES, { recursive: true });
  for (const name of Object.keys(EXAMPLES)) {
    await withExample(bin, name, async ({ page }) => {
      await page.screenshot({ path: `${IMAGES}/${name}.png`, fullPage: true });
      console.log(`docs/images/${name}.png`);
    });
  }
}

/** Returns what is wrong with a page, a line each. */
export async function checkExample(bin, name) {
  const problems = [];
  await withExample(bin, name, async ({ page, server, state }) => {
    await page.setViewportSize(NARROW);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > NARROW.width) problems.push(`it is ${width} pixels wide on a narrow screen`);

    await server.stop();
    await showsState(page, "waiting to reconnect");
    // It has to try more than once.
    await page.getByRole("alert").filter({ hasText: "Cannot connect" }).waitFor();
    const again = await Server.start(`${bin}/${name}`, { ...CLIENTS, PORT: `${server.port}` });
    try {
      await showsState(page, state);
    } finally {
      await again.stop();
    }
  });
  return problems;
}

async function withExample(bin, name, use) {
  const server = await Server.start(`${bin}/${name}`, CLIENTS);
  const browser = await chromium.launch(CHROMIUM);
  try {
    const { page, state } = await EXAMPLES[name](browser, `http://localhost:${server.port}/`);
    await use({ page, server, state });
  } finally {
    await browser.close();
    await server.stop();
  }
}

async function open(browser, url) {
  const context = await browser.newContext(VIEW);
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

function showsState(page, text) {
  return page.getByRole("status").locator("#state", { hasText: text }).waitFor();
}

async function echo(browser, url) {
  const state = "open";
  const page = await open(browser, `${url}?transport=xhr-streaming`);
  await showsState(page, state);
  for (const text of ["Hello!", "Grüße, привет 😀", "Text with <b>markup</b> is only text"]) {
    await page.getByLabel("Text to send").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("log").locator(".received", { hasText: text }).waitFor();
  }
  return { page, state };
}

async function chat(browser, url) {
  const state = "joined";
  const join = async (nickname) => {
    const page = await open(browser, `${url}?room=tea`);
    await page.getByLabel("Nickname").fill(nickname);
    await page.getByRole("button", { name: "Join" }).click();
    await showsState(page, state);
    return page;
  };
  const hears = (page, text) => page.getByRole("log").locator("li", { hasText: text }).waitFor();
  const ada = await join("Ada");
  const grace = await join("Grace");
  const talk = [
    [ada, "Is the kettle on?"],
    [grace, "Two minutes. Earl Grey or Darjeeling?"],
    [ada, "Whatever falls back gracefully."],
  ];
  for (const [page, text] of talk) {
    await page.getByRole("textbox", { name: "Message" }).fill(text);
    await page.getByRole("button", { name: "Send" }).click();
    await hears(ada, text);
    await hears(grace, text);
  }
  return { page: ada, state };
}

async function multiplex(browser, url) {
  const state = "open";
  const page = await open(browser, `${url}?transport=xhr-streaming`);
  await showsState(page, state);
  const log = page.getByRole("log");
  const hears = (who, text) =>
    log.locator("li", { has: page.locator(".who", { hasText: who }) }).filter({ hasText: text }).waitFor();
  const say = async (channel, text) => {
    await page.getByLabel("Channel", { exact: true }).selectOption(channel);
    await page.getByLabel("Text to send").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
  };
  await page.getByRole("button", { name: "Open chat" }).click();
  await page.getByRole("button", { name: "Open clock" }).click();
  await hears("clock", /\d:\d\d:\d\d/);
  await say("clock", "stop");
  await log.locator(".note", { hasText: "The channel clock is closed." }).waitFor();
  await page.getByRole("button", { name: "Open missing" }).click();
  await log.locator(".note", { hasText: "The channel missing is closed." }).waitFor();
  await say("echo", "Grüße, привет 😀");
  await hears("echo", "Grüße, привет 😀");
  await say("chat", "Is anybody here?");
  await hears("chat", "Is anybody here?");
  return { page, state };
}

async function stomp(browser, url) {
  const state = "connected";
  const connect = async (login) => {
    const page = await open(browser, `${url}?login=${login}`);
    await showsState(page, state);
    await page.getByLabel("Destination to subscribe to").fill("/user/queue/messages");
    await page.getByRole("button", { name: "Subscribe", exact: true }).click();
    return page;
  };
  const hears = (page, text) => page.getByRole("log").locator("li", { hasText: text }).waitFor();
  const send = async (page, destination, text) => {
    await page.getByLabel("Destination", { exact: true }).fill(destination);
    await page.getByLabel("Text to send").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
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
  return { page: ada, state };
}
