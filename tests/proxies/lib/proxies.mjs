// nginx, HAProxy and Caddy as ordinary processes, with the files that docs/deployment.md shows.
//
// Those name real ports, paths and times; each is replaced by what the test needs instead, and has to
// be there.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort, Process, run, scratch } from "./processes.mjs";

const here = dirname(dirname(fileURLToPath(import.meta.url)));

/** After how long without a new process a reload is asked for once more. */
const RELOAD_TIMEOUT = 5000;

/** How long the old process may take to let go of connections that are not in use. */
const SETTLE = 1000;

let proxies = 0;
let certificate;

class Proxy {
  /**
   * Starts a proxy.
   *
   * `site` is the file that says where requests go, `ports` are those of the servers, and `replace`
   * is a list of pairs: what else in the files is to be replaced, and by what.
   */
  static async start(site, { ports, replace = [], ...options }) {
    const proxy = new this();
    proxy.directory = join(scratch, `${proxies++}`);
    mkdirSync(proxy.directory);
    // nginx opens some files as another user.
    for (const directory of [scratch, proxy.directory]) chmodSync(directory, 0o755);

    ({ certificate: proxy.ca, path: proxy.caFile } = await makeCertificate());
    proxy.plain = await freePort();
    proxy.tls = await freePort();
    proxy.replacements = replace.map(([from, to]) => ({ from, to, done: false }));
    proxy.ports = ports;
    proxy.process = new Process(...(await proxy.configure(site, options)));
    await proxy.process.until(() => accepts(proxy.plain));
    for (const { from, done } of proxy.replacements) assert.ok(done, `no ${from} in the files`);
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.plain}`;
  }

  get tlsUrl() {
    return `https://127.0.0.1:${this.tls}`;
  }

  stop = () => this.process.stop();

  /** Has it read its configuration again, and waits until a process is there that was not before. */
  async reload() {
    const { pid } = this.process.child;
    const workers = () => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    const before = workers();
    let signalled = -Infinity;
    await this.process.until(() => {
      if (workers().some((worker) => !before.includes(worker))) return true;
      // HAProxy loses a signal that comes while it still starts.
      if (performance.now() - signalled < RELOAD_TIMEOUT) return false;
      signalled = performance.now();
      this.process.signal(this.constructor.reloadSignal);
      return false;
    });
    await sleep(SETTLE);
  }

  /** Returns the text of a file, fit for the test. */
  fit(path) {
    let text = readFileSync(join(here, path), "utf8");
    const listen = [this.plain, this.tls].map((port) => `127.0.0.1:${port}`);
    text = text
      .replace(/127\.0\.0\.1:300([12])\b/g, (_, server) => `127.0.0.1:${this.ports[server - 1]}`)
      .replace(/^( *listen )80;/m, `$1${listen[0]};`)
      .replace(/^( *listen )443 /m, `$1${listen[1]} `)
      .replace(/^( *bind ):80$/m, `$1${listen[0]}`)
      .replace(/^( *bind ):443 /m, `$1${listen[1]} `)
      .replace(/^:80 /m, `http://${listen[0]} `)
      .replace(/^:443 /m, `https://${listen[1]} `)
      .replaceAll("/etc/ssl/example", join(scratch, "certificate"));
    for (const replacement of this.replacements) {
      if (text.includes(replacement.from)) replacement.done = true;
      text = text.replaceAll(replacement.from, replacement.to);
    }
    return text;
  }

  write(name, text) {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }
}

export class Nginx extends Proxy {
  static title = "nginx";
  static reloadSignal = "SIGHUP";

  /** Makes a directory such as Debian's /etc/nginx. */
  configure(site, { shutdownTimeout = "1h" }) {
    this.write("snippets/sockjs.conf", this.fit("nginx/sockjs.conf"));
    this.write("conf.d/site.conf", this.fit(`nginx/${site}.conf`));
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${this.directory}/${name};`)
      .join("\n  ");
    // What Debian has there, and compression of everything, which must not hold streams back.
    const main = this.write(
      "nginx.conf",
      `daemon off;
pid ${this.directory}/pid;
error_log stderr warn;
worker_processes 2;
worker_shutdown_timeout ${shutdownTimeout};
events { worker_connections 768; }
http {
  ${temporary}
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
  gzip on;
  gzip_types *;
  gzip_proxied any;
  gzip_min_length 0;
  include conf.d/*.conf;
}
`,
    );
    return ["nginx", ["-e", "stderr", "-p", this.directory, "-c", main]];
  }
}

export class HAProxy extends Proxy {
  static title = "haproxy";
  static reloadSignal = "SIGUSR2";

  configure(site) {
    const main = this.write("haproxy.cfg", this.fit("haproxy/haproxy.cfg"));
    const backend = this.write("backend.cfg", this.fit(`haproxy/${site}.cfg`));
    return ["haproxy", ["-W", "-db", "-f", main, "-f", backend]];
  }
}

export class Caddy extends Proxy {
  static title = "caddy";

  configure(site) {
    this.admin = `unix/${this.directory}/admin`;
    const options = `{
	admin ${this.admin}
	auto_https off
	default_bind 127.0.0.1
	servers {
		protocols h1 h2
	}
}

`;
    this.main = this.write("Caddyfile", options + this.fit(`caddy/${site}.caddyfile`));
    // Where it would keep its last configuration.
    const environment = { XDG_CONFIG_HOME: this.directory, XDG_DATA_HOME: this.directory };
    return ["caddy", ["run", ...this.#arguments], environment];
  }

  async reload() {
    await run("caddy", ["reload", "--force", "--address", this.admin, ...this.#arguments]);
    await sleep(SETTLE);
  }

  get #arguments() {
    return ["--config", this.main, "--adapter", "caddyfile"];
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true) || socket.destroy());
    socket.on("error", () => resolve(false));
  });
}

/** Makes a certificate for the loopback address, once. */
function makeCertificate() {
  certificate ??= (async () => {
    const [key, chain] = ["key", "crt"].map((end) => join(scratch, `certificate.${end}`));
    await run("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "2", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
      // rustls takes no certificate of an authority for that of a server.
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-keyout", key, "-out", chain],
    ]);
    // HAProxy wants both in one file, nginx does not mind, and Caddy wants two.
    const pem = readFileSync(chain, "utf8") + readFileSync(key, "utf8");
    writeFileSync(join(scratch, "certificate.pem"), pem);
    return { certificate: readFileSync(chain, "utf8"), path: chain };
  })();
  return certificate;
}
