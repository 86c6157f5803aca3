// Runs the JavaScript client in real browsers against the server, and prints a table of what works.
//
//     node main.mjs --bin target/debug --write
//     node main.mjs --bin target/debug [--browser NAME]… [--transport NAME]…
//     node main.mjs --bin target/debug --headers
//     node main.mjs --bin target/debug --screenshots
//     node main.mjs --cluster PORT --node PORT… [--browser NAME]… [--transport NAME]…
//
// `./run` builds what this needs. With `--cluster`, the servers run already, behind a load balancer at the
// first port, and nothing but the table is tested. tests/cluster starts them.

import { parseArgs } from "node:util";
import { BROWSERS } from "./lib/browsers.mjs";
import { Cell, ORIGINS, TRANSPORTS, impossible, isUnavailable } from "./lib/cells.mjs";
import { checkDocumentation } from "./lib/documentation.mjs";
import { EXAMPLES, checkExample, screenshots } from "./lib/examples.mjs";
import { described, floods } from "./lib/flood.mjs";
import { checkHeaders } from "./lib/headers.mjs";
import { Line } from "./lib/line.mjs";
import { PAGES, SOCKJS_CLIENT } from "./lib/paths.mjs";
import { Reference } from "./lib/reference.mjs";
import { Report } from "./lib/report.mjs";
import { Server, placeBehind } from "./lib/servers.mjs";

const { values: options } = parseArgs({
  options: {
    bin: { type: "string" },
    browser: { type: "string", multiple: true, default: Object.keys(BROWSERS) },
    transport: { type: "string", multiple: true, default: TRANSPORTS },
    write: { type: "boolean", default: false },
    headers: { type: "boolean", default: false },
    screenshots: { type: "boolean", default: false },
    cluster: { type: "string" },
    node: { type: "string", multiple: true, default: [] },
  },
});

const partial = options.browser.length < Object.keys(BROWSERS).length ||
  options.transport.length < TRANSPORTS.length || options.headers || options.cluster !== undefined;
if (options.write && partial) throw new Error("--write needs a whole run");

// So that what is to be done at the end of this process is done.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

const toStop = [];
const stopping = (stoppable) => {
  toStop.push(() => stoppable.stop());
  return stoppable;
};

/** Returns for each origin the ports that its cells use. */
async function start() {
  const env = { PAGES, SOCKJS_CLIENT };
  const here = stopping(await Server.start(`${options.bin}/e2e-server`, env));
  const there = stopping(await Server.start(`${options.bin}/e2e-server`, env));
  const sockjsUrl = `http://localhost:${here.port}/e2e/sockjs.js`;
  const standard = { SOCKJS_URL: sockjsUrl };
  const echo = stopping(await Server.start(`${options.bin}/test-server`, standard));
  const [lineHere, lineThere] = [await Line.to(here.port), await Line.to(there.port)].map(stopping);
  return {
    same: { pages: here.port, echo: here.port, control: here.port, line: lineHere },
    cross: { pages: here.port, echo: echo.port, control: there.port, line: lineThere },
  };
}

/** The same for a cluster. Every node has all mounts, and the host of a URL makes its origin. */
async function startCluster(port) {
  placeBehind(port, options.node.map(Number));
  const line = stopping(await Line.to(port));
  const site = { pages: port, echo: port, control: port, line };
  return { same: site, cross: site };
}

/** The same for sockjs-node, as far as an attempt to connect goes. */
async function startReference() {
  const here = stopping(await Reference.start());
  const there = stopping(await Reference.start());
  return {
    same: { pages: here.port, echo: here.port },
    cross: { pages: here.port, echo: there.port },
  };
}

/** Checks that nobody can open a connection where none is expected. */
async function checkImpossible(cells) {
  const problems = [];
  for (const [server, cell] of Object.entries(cells)) {
    const outcome = await cell.attempt();
    if (!isUnavailable(outcome)) problems.push(`against ${server}: ${outcome}`);
  }
  return problems;
}

/** Against a cluster one for each transport, the other one if that is possible. */
function origins(transport) {
  if (options.cluster === undefined) return ORIGINS;
  const possible = ORIGINS.filter((origin) => impossible(transport, origin) === undefined);
  return possible.slice(-1);
}

async function runBrowser(browser, sites, reference, report) {
  for (const transport of options.transport) {
    for (const origin of origins(transport)) {
      const cell = (site) => new Cell(browser, transport, origin, site);
      const reason = impossible(transport, origin);
      await report.cell({ browser, transport, origin, reason }, () => reason === undefined
        ? cell(sites[origin]).run()
        : checkImpossible({
          ours: cell(sites[origin]),
          ...reference && { reference: cell(reference[origin]) },
        }));
    }
  }
  if (browser.undrivenPage && options.cluster === undefined) {
    await report.check(`Memory of ${browser.name}`, async (say) => {
      const { results, problems } = await floods(browser, sites.same.pages);
      say(`with the default response limit: ${described(results.limited)}`);
      say(`without a response limit: ${described(results.unlimited)}`);
      return problems;
    });
  }
}

/** In Chromium only, to keep the run short. */
async function runHeaders(report) {
  const browser = await BROWSERS.chromium.launch();
  try {
    await report.check("Security headers as documented", () => checkHeaders(browser, options.bin));
  } finally {
    await browser.close();
  }
}

if (options.screenshots) {
  await screenshots(options.bin);
  process.exit();
}

const report = new Report();
if (options.headers) {
  await runHeaders(report);
  process.exit(report.failed === 0 ? 0 : 1);
}
try {
  const isCluster = options.cluster !== undefined;
  const reference = isCluster ? undefined : await startReference();
  const browsers = [];
  for (const name of options.browser) {
    const browser = await BROWSERS[name].launch();
    browsers.push(browser);
    report.begin(browser);
  }
  // Side by side, because they wait most of the time. Each has servers of its own, whose connections its tests
  // break.
  const [sites] = await Promise.all(browsers.map(async (browser) => {
    const sites = isCluster ? await startCluster(Number(options.cluster)) : await start();
    try {
      await runBrowser(browser, sites, reference, report);
    } finally {
      await browser.close();
    }
    return sites;
  }));
  if (!partial) await runHeaders(report);
  if (!isCluster) {
    await report.check("the code of docs/client.md", () => checkDocumentation(sites.same));
    for (const name of Object.keys(EXAMPLES)) {
      await report.check(`the page of ${name}`, () => checkExample(options.bin, name));
    }
  }
} finally {
  for (const stop of toStop.reverse()) await stop();
}
report.finish();
if (options.write && report.failed === 0) report.write();
process.exit(report.failed === 0 ? 0 : 1);
