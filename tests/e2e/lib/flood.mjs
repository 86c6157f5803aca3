// Whether a page stays small that receives much over one long stream.

import { setTimeout as sleep } from "node:timers/promises";

const MEGABYTE = 1e6;
// A server that is not optimized takes most of it.
const TIMEOUT = 480_000;

// Far more than what a page may grow by, so that garbage which is not yet collected is no excuse.
const LIMITED = { mount: "/control", bytes: 500 * MEGABYTE };
const UNLIMITED = { mount: "/unlimited", bytes: 50 * MEGABYTE };
const GROWTH_LIMIT = 350 * MEGABYTE;

// The response limit of 128 KiB, and one frame that begins below it: as much as the server holds
// for a client.
const RESPONSE_LIMIT = 1.5 * MEGABYTE;

/** Returns the results, and what is wrong with them, a line each. */
export async function floods(browser, port) {
  const limited = await flood(browser, port, LIMITED);
  // To see that the measurement sees what it should.
  const unlimited = await flood(browser, port, UNLIMITED);

  const problems = [];
  if (!(limited.largest < RESPONSE_LIMIT)) problems.push(`a response had ${limited.largest} bytes`);
  if (limited.growth > GROWTH_LIMIT) problems.push(`a page grew by ${limited.growth} bytes`);
  if (unlimited.responses !== 1) problems.push("the response without a limit ended");
  for (const { received, bytes } of [limited, unlimited]) {
    if (received < bytes) problems.push(`${received} of ${bytes} bytes came`);
  }
  return { results: { limited, unlimited }, problems };
}

async function flood(browser, port, { mount, bytes }) {
  const url = `http://localhost:${port}`;
  const target = { url: url + mount, transports: ["xhr-streaming"] };
  const task = encodeURIComponent(JSON.stringify({ target, bytes }));
  const page = await browser.undrivenPage(`${url}/e2e/page.html#${task}`);

  let least = Infinity;
  let most = 0;
  const deadline = Date.now() + TIMEOUT;
  for (;;) {
    const memory = browser.memory();
    // Before there is a process for the page, there is nothing to compare with.
    if (memory > 0) least = Math.min(least, memory);
    most = Math.max(most, memory);

    const title = await page.title();
    if (title.startsWith("{")) {
      await page.close();
      const { problem, ...result } = JSON.parse(title);
      if (problem !== undefined) throw new Error(problem);
      return { bytes, ...result, growth: most - least };
    }
    if (Date.now() > deadline) throw new Error(`${mount}: no end after ${TIMEOUT / 1000} s`);
    await sleep(50);
  }
}

/** Says what a flood did, in a few words. */
export function described({ received, responses, largest, growth }) {
  const megabytes = (bytes, digits = 0) => `${(bytes / MEGABYTE).toFixed(digits)} MB`;
  return `${megabytes(received)} in ${responses} ${responses === 1 ? "response" : "responses"}, ` +
    `the largest ${megabytes(largest, 1)}; the page grew by ${megabytes(growth)}`;
}
