// How much memory processes hold that this one started.

import { readFileSync, readdirSync } from "node:fs";

/** Returns how many bytes of their own all descendants hold whose arguments `matches` accepts. */
export function heldMemory(matches) {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap(read);
  const parents = new Map(processes.map(({ pid, parent }) => [pid, parent]));
  const isOurs = (pid) => {
    for (let at = pid; at !== undefined; at = parents.get(at)) {
      if (at === process.pid) return true;
    }
    return false;
  };
  return processes
    .filter(({ pid, args }) => matches(args) && isOurs(pid))
    .reduce((sum, { held }) => sum + held, 0);
}

function read(name) {
  try {
    const status = readFileSync(`/proc/${name}/status`, "utf8");
    const field = (key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    // Chromium writes its arguments anew, with blanks between them.
    const args = readFileSync(`/proc/${name}/cmdline`, "utf8").split(/[\0 ]/).filter(Boolean);
    return [{ pid: Number(name), parent: field("PPid"), held: field("RssAnon") * 1024, args }];
  } catch {
    // It ended meanwhile.
    return [];
  }
}
