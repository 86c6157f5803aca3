// What came out, as it comes and as a table.

import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { TRANSPORTS, ORIGINS } from "./cells.mjs";
import { ROOT } from "./paths.mjs";

const DOCUMENT = `${ROOT}docs/compatibility.md`;
const BEGIN = "<!-- Written by tests/e2e/run --write. -->";
const END = "<!-- The end of what is written. -->";

const { version: sockjsClient } = createRequire(import.meta.url)("sockjs-client/package.json");
const { version: sockjsNode } = createRequire(import.meta.url)("sockjs/package.json");

export class Report {
  browsers = [];
  cells = new Map();
  details = [];
  passed = 0;
  failed = 0;

  begin({ name, version }) {
    this.browsers.push({ name, version });
    console.log(`${name} ${version}, sockjs-client ${sockjsClient}`);
  }

  /** Runs a cell. With a `reason`, it passes if it is indeed impossible. */
  async cell({ browser, transport, origin, reason }, run) {
    const start = performance.now();
    const problems = await run().catch((error) => [error.message]);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);

    const outcome = problems.length > 0 ? { text: "FAILS" } : { text: "works", reason };
    this.cells.set(key(browser, transport, origin), outcome);
    this.#count(problems);

    const what = `${browser.name}: ${transport}, ${origin} origin`.padEnd(43);
    const how = outcome.reason === undefined ? outcome.text : `impossible: ${reason}`;
    console.log(`${what} ${how} (${seconds} s)`);
    for (const problem of problems) console.log(`    ${problem}`);
  }

  async check(name, run) {
    const say = (detail) => {
      console.log(`${name}, ${detail}`);
      this.details.push(`${name}, ${detail}`);
    };
    const problems = await run(say).catch((error) => [error.message]);
    this.#count(problems);
    console.log(`${name} ${problems.length === 0 ? "works" : "FAILS"}`);
    for (const problem of problems) console.log(`    ${problem}`);
  }

  finish() {
    console.log(`\n${this.#table()}\n`);
    console.log(`${this.passed} passed, ${this.failed} failed`);
  }

  /** Replaces what an earlier run wrote. */
  write() {
    const document = readFileSync(DOCUMENT, "utf8");
    const [before, rest] = document.split(BEGIN);
    const after = rest.split(END)[1];
    const versions = this.browsers.map(({ name, version }) => `${name} ${version}`).join(", ");
    const written = [
      `${versions}; sockjs-client ${sockjsClient}; for comparison, sockjs-node ${sockjsNode}.`,
      this.#table(),
      this.details.map((detail) => `- ${detail}.`).join("\n"),
    ].join("\n\n");
    writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n${written}\n\n${END}${after}`);
  }

  #table() {
    const columns = this.browsers.flatMap((browser) => ORIGINS.map((origin) => ({ browser, origin })));
    const head = ["Transport", ...columns.map(({ browser, origin }) => `${browser.name}, ${origin} origin`)];
    const ran = (transport) => [...this.cells.keys()].some((cell) => cell.includes(` ${transport} `));
    const reasons = [];
    const shown = ({ text, reason }) => {
      if (reason === undefined) return text;
      if (!reasons.includes(reason)) reasons.push(reason);
      return `– ${mark(reasons.indexOf(reason))}`;
    };
    const cell = ({ browser, origin }, transport) =>
      shown(this.cells.get(key(browser, transport, origin)) ?? { text: "" });
    const rows = TRANSPORTS.filter(ran).map((transport) => [
      `\`${transport}\``,
      ...columns.map((column) => cell(column, transport)),
    ]);
    const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
    const notes = reasons.map((reason, i) => `${mark(i)} ${reason}.`);
    return [lines.join("\n"), ...notes].join("\n\n");
  }

  #count(problems) {
    if (problems.length === 0) this.passed += 1;
    else this.failed += 1;
  }
}

const key = (browser, transport, origin) => `${browser.name} ${transport} ${origin}`;
const mark = (index) => "¹²³⁴⁵"[index];
