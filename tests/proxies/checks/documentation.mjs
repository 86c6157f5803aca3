// docs/deployment.md shows the very files that the proxies here run with.
//
// A block of code below a line that names one of the files is to be that file.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { check } from "../../clients/check.mjs";

const root = new URL("../../../", import.meta.url);
const BLOCK = /^`(tests\/proxies\/[^`]+)`:?\n\n```\w*\n(.*?)^```$/gms;

export async function documentation() {
  await check("docs/deployment.md shows the files that are tested", () => {
    const text = readFileSync(new URL("docs/deployment.md", root), "utf8");
    const shown = new Map([...text.matchAll(BLOCK)].map(([, path, code]) => [path, code]));
    for (const directory of ["nginx", "haproxy", "caddy"]) {
      for (const name of readdirSync(new URL(`tests/proxies/${directory}/`, root))) {
        const path = `tests/proxies/${directory}/${name}`;
        assert.equal(shown.get(path), readFileSync(new URL(path, root), "utf8"), path);
      }
    }
  });
}
