// Two browsers, driven differently, behind one face.

import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import { heldMemory } from "./memory.mjs";

const CALL_TIMEOUT = 60_000;
// Firefox takes long to start on a busy machine.
const LAUNCH_TIMEOUT = 90_000;

export const CHROMIUM = {
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
  ],
  timeout: LAUNCH_TIMEOUT,
};

const FIREFOX = {
  browser: "firefox",
  executablePath: "/usr/bin/firefox-esr",
  headless: true,
  timeout: LAUNCH_TIMEOUT,
};

/** What both drivers' pages have in common, and all that the tests need. */
class Page {
  constructor(page) {
    this.page = page;
  }

  async goto(url) {
    await this.page.goto(url, { timeout: CALL_TIMEOUT });
  }

  /** Calls a method of the page's harness. */
  async call(name, argument) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${name} hangs`)), CALL_TIMEOUT);
    });
    const call = ([name, argument]) => globalThis.e2e[name](argument);
    try {
      return await Promise.race([this.page.evaluate(call, [name, argument]), late]);
    } catch (error) {
      // The drivers put stacks and their own names around what the page said.
      const [line] = error.message.split("\n");
      throw new Error(line.replace(/^(?:page\.evaluate: )?(?:Error: )*/, ""));
    } finally {
      clearTimeout(timer);
    }
  }

  close() {
    return this.page.close();
  }
}

class Chromium {
  name = "Chromium";

  static async launch() {
    const browser = await chromium.launch(CHROMIUM);
    return new Chromium(browser, browser.version());
  }

  constructor(browser, version) {
    this.browser = browser;
    this.version = version;
  }

  async page() {
    return new Page(await this.browser.newPage());
  }

  /** Opens a page that playwright knows nothing of. */
  async undrivenPage(url) {
    const session = await this.browser.newBrowserCDPSession();
    const { targetId } = await session.send("Target.createTarget", { url });
    return {
      async title() {
        const { targetInfos } = await session.send("Target.getTargets");
        return targetInfos.find((target) => target.targetId === targetId).title;
      },
      async close() {
        await session.send("Target.closeTarget", { targetId });
        await session.detach();
      },
    };
  }

  /** Returns how many bytes the processes hold that run pages. */
  memory() {
    return heldMemory((args) => args.includes("--type=renderer"));
  }

  close() {
    return this.browser.close();
  }
}

class Firefox {
  name = "Firefox ESR";

  static async launch() {
    const browser = await puppeteer.launch(FIREFOX);
    return new Firefox(browser, (await browser.version()).replace(/^firefox\//i, ""));
  }

  constructor(browser, version) {
    this.browser = browser;
    this.version = version;
  }

  async page() {
    return new Page(await this.browser.newPage());
  }

  close() {
    return this.browser.close();
  }
}

export const BROWSERS = { chromium: Chromium, firefox: Firefox };
