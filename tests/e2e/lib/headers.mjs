// Whether security headers break transports as "Other headers on the iframe page" in
// docs/deployment.md says.

import { isUnavailable } from "./cells.mjs";
import { PAGES, SOCKJS_CLIENT } from "./paths.mjs";
import { Proxy } from "./proxy.mjs";
import { Server } from "./servers.mjs";

// How many cases run at a time: most of them wait for the client to give up.
const LANES = 4;
// A browser opens six connections to a host, and a transport needs two at a time.
const AT_ONCE = 3;
// Less than the page's patience.
const ATTEMPT_TIMEOUT = 18_000;

const DIRECT = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"];
// Those that need nothing but the iframe page, and the one that has a frame of its own in there.
const IFRAME = ["iframe-eventsource", "iframe-xhr-polling"];
const HTMLFILE = ["iframe-htmlfile"];
const IFRAMES = [...IFRAME, ...HTMLFILE];
const JSONP = ["jsonp-polling"];
const ALL = [...DIRECT, ...IFRAMES, ...JSONP];
// From a page of the server's own origin.
const OWN = [...IFRAME, "htmlfile"];

const header = (name) => (value) => [[name, value]];
const policy = header("Content-Security-Policy");
const frameOptions = header("X-Frame-Options");
const opener = header("Cross-Origin-Opener-Policy");
const embedder = header("Cross-Origin-Embedder-Policy");
const resource = header("Cross-Origin-Resource-Policy");
const referrer = header("Referrer-Policy");

// Without `Strict-Transport-Security`, which browsers ignore where there is no TLS.
const HARMLESS = [
  ["X-Content-Type-Options", "nosniff"],
  ["Permissions-Policy", "camera=(), document-domain=(), sync-xhr=(), unload=()"],
  ["Origin-Agent-Cluster", "?1"],
  ["X-XSS-Protection", "0"],
  ...opener("same-origin"),
  ...referrer("no-referrer"),
];

/**
 * Returns the cases. `mount` has the headers that are added to all answers of the mount, `iframe`
 * those of its iframe page only, `page` those of the page that embeds the iframe page, and `client`
 * those of the JavaScript client, which the iframe page loads from the origin of `page`. The mount
 * is `/echo` or `/listed`; the latter has `allowed_origins`. With `own` the page is one of the
 * server's own origin.
 */
function cases({ page, script }) {
  const sources = `'unsafe-inline' ${page}`;
  const hash = `'sha256-${script}' ${page}`;
  const nothing = `default-src 'none'; script-src ${sources}`;
  const available = resource("cross-origin");
  return [
    { works: ALL },
    { at: "/listed", works: ALL },

    { mount: frameOptions("DENY"), breaks: IFRAMES, works: JSONP },
    { mount: frameOptions("SAMEORIGIN"), breaks: IFRAMES, works: JSONP },
    { mount: frameOptions("DENY"), own: true, breaks: OWN },
    { mount: frameOptions("SAMEORIGIN"), own: true, works: OWN },
    { at: "/listed", mount: frameOptions("DENY"), works: IFRAME, breaks: HTMLFILE },
    { at: "/listed", iframe: frameOptions("DENY"), works: IFRAMES },

    { at: "/listed", mount: policy("frame-ancestors 'self'"), breaks: IFRAMES },
    { at: "/listed", mount: policy(`frame-ancestors ${page}`), works: IFRAME, breaks: HTMLFILE },
    { at: "/listed", mount: policy(`frame-ancestors ${page} 'self'`), works: IFRAMES },

    { mount: policy("script-src 'self'"), breaks: IFRAMES, works: JSONP },
    { mount: policy("default-src 'self'"), breaks: IFRAMES },
    { mount: policy("default-src 'self'"), own: true, breaks: OWN },
    { mount: policy("script-src 'unsafe-inline'"), breaks: IFRAMES },
    { mount: policy(`script-src ${page}`), breaks: IFRAMES },
    { mount: policy(`script-src ${sources}`), works: IFRAMES },
    { mount: policy(`script-src ${hash}`), works: IFRAME, breaks: HTMLFILE },
    { iframe: policy(`script-src ${hash}`), works: IFRAMES },
    { mount: policy(`default-src 'self' ${sources}`), works: IFRAMES },
    { mount: policy(nothing), breaks: IFRAMES },
    { mount: policy(`${nothing}; connect-src 'self'`), works: IFRAME, breaks: HTMLFILE },
    { mount: policy(`${nothing}; connect-src 'self'; frame-src 'self'`), works: IFRAMES },

    { mount: policy("sandbox allow-scripts"), breaks: IFRAMES },
    { mount: policy("sandbox allow-scripts allow-same-origin"), breaks: IFRAMES },

    { mount: embedder("require-corp"), breaks: IFRAMES, works: JSONP },
    { mount: embedder("require-corp"), client: available, works: IFRAMES },
    { iframe: embedder("require-corp"), client: available, works: IFRAME, breaks: HTMLFILE },

    { mount: resource("same-origin"), works: IFRAMES, breaks: JSONP },
    { mount: resource("same-site"), works: IFRAMES, breaks: JSONP },
    { mount: resource("same-origin"), own: true, works: [...OWN, ...JSONP] },

    { page: embedder("require-corp"), works: DIRECT, breaks: [...IFRAMES, ...JSONP] },
    {
      page: embedder("require-corp"),
      mount: embedder("require-corp"),
      client: available,
      breaks: [...IFRAMES, ...JSONP],
    },
    {
      page: embedder("require-corp"),
      mount: available,
      client: available,
      works: JSONP,
      breaks: IFRAMES,
    },
    {
      page: embedder("require-corp"),
      mount: [...embedder("require-corp"), ...available],
      client: available,
      works: [...DIRECT, ...IFRAMES, ...JSONP],
    },

    { mount: HARMLESS, page: HARMLESS, client: HARMLESS, works: ALL },
    { at: "/listed", mount: HARMLESS, works: ALL },
    { at: "/listed", page: referrer("no-referrer"), works: [...DIRECT, ...IFRAMES], breaks: JSONP },
    { at: "/listed", page: referrer("same-origin"), works: IFRAMES, breaks: JSONP },
    {
      mount: [
        ...frameOptions("DENY"),
        ...policy("default-src 'none'; sandbox"),
        ...embedder("require-corp"),
        ...resource("same-origin"),
      ],
      works: DIRECT,
      breaks: [...IFRAMES, ...JSONP],
    },
  ];
}

/** A server with a proxy for pages in front of it and another one for mounts. */
class Lane {
  static async start(bin) {
    const [pages, mounts] = [await Proxy.start(), await Proxy.start()];
    const page = `http://localhost:${pages.port}`;
    const own = `http://127.0.0.1:${mounts.port}`;
    const server = await Server.start(`${bin}/e2e-server`, {
      PAGES,
      SOCKJS_CLIENT,
      SOCKJS_URL: `${page}/e2e/sockjs.js`,
      ALLOWED_ORIGINS: `${page},${own}`,
    });
    pages.target = mounts.target = server.port;
    const script = await inlineScriptHash(`${own}/echo/iframe.html`);
    return Object.assign(new Lane(), { pages, mounts, server, site: { page, script }, own });
  }

  /** Returns what is not as it should be, a line each. */
  async run(browser, { at = "/echo", own, works = [], breaks = [], ...headers }) {
    const { page = [], client = [], mount = [], iframe = [] } = headers;
    this.pages.headersFor = (path) =>
      ({ "/e2e/page.html": page, "/e2e/sockjs.js": client })[path] ?? [];
    this.mounts.headersFor = (path) => {
      if (path.startsWith("/e2e/")) return [];
      return path.startsWith(`${at}/iframe`) ? [...mount, ...iframe] : mount;
    };

    const name = `${own ? "own page, " : ""}${at} ${JSON.stringify(headers)}`;
    const problems = [];
    const tab = await browser.page();
    try {
      await tab.goto(`${own ? this.own : this.site.page}/e2e/page.html`);
      const transports = [...works, ...breaks];
      while (transports.length > 0) {
        const some = transports.splice(0, AT_ONCE);
        const targets = some.map((transport) => this.#target(at, transport));
        const outcomes = await tab.call("attempt", targets);
        some.forEach((transport, i) => {
          const outcome = outcomes[i];
          const expected = works.includes(transport) ? outcome === "works" : isUnavailable(outcome);
          if (!expected) problems.push(`${transport}, ${name}: ${outcome}`);
        });
      }
      return problems;
    } finally {
      await tab.close();
    }
  }

  #target(mount, transport) {
    return { url: this.own + mount, transports: [transport], timeout: ATTEMPT_TIMEOUT };
  }

  async stop() {
    for (const part of [this.pages, this.mounts, this.server]) await part.stop();
  }
}

async function inlineScriptHash(url) {
  const page = await (await fetch(url)).text();
  const [, script] = /<script>([^]*?)<\/script>/.exec(page);
  const hash = await crypto.subtle.digest("SHA-256", Buffer.from(script));
  return Buffer.from(hash).toString("base64");
}

/** Returns what is not as it should be, a line each. */
export async function checkHeaders(browser, bin) {
  const lanes = [];
  try {
    while (lanes.length < LANES) lanes.push(await Lane.start(bin));
    let next = 0;
    const problems = await Promise.all(lanes.map(async (lane) => {
      const all = cases(lane.site);
      const problems = [];
      while (next < all.length) problems.push(...await lane.run(browser, all[next++]));
      return problems;
    }));
    return problems.flat();
  } finally {
    for (const lane of lanes) await lane.stop();
  }
}
