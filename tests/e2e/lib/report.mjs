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
  notes = [];
  details = [];
  passed = 0;
  failed = 0;

  begin({ name, version }) {
    this.browsers.push({ name, version });
    console.log(`\n${name} ${version}, sockjs-client ${sockjsClient}\n`);
  }

  /** Runs a cell. With a `reason`, it passes if it is indeed impossible. */
  async cell({ browser, transport, origin, reason }, run) {
    const start = performance.now();
    const problems = await run().catch((error) => [error.message]);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);

    let outcome = "works";
    if (problems.length > 0) outcome = "FAILS";
    else if (reason !== undefined) outcome = `– ${this.#note(reason)}`;
    this.cells.set(key(browser, transport, origin), outcome);
    this.#count(problems);

    const what = `${transport}, ${origin} origin`.padEnd(34);
    const how = reason === undefined || problems.length > 0 ? outcome : `impossible: ${reason}`;
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
    const rows = TRANSPORTS.filter(ran).map((transport) => [
      `\`${transport}\``,
      ...columns.map(({ browser, origin }) => this.cells.get(key(browser, transport, origin)) ?? ""),
    ]);
    const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
    const notes = this.notes.map((reason, i) => `${mark(i)} ${reason}.`);
    return [lines.join("\n"), ...notes].join("\n\n");
  }

  #note(reason) {
    if (!this.notes.includes(reason)) this.notes.push(reason);
    return mark(this.notes.indexOf(reason));
  }

  #count(problems) {
    if (problems.length === 0) this.passed += 1;
    else this.failed += 1;
  }
}

const key = (browser, transport, origin) => `${browser.name} ${transport} ${origin}`;
const mark = (index) => "¹²³⁴⁵"[index];
