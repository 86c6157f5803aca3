// Where things are.

import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const ROOT = path("../../../");
export const PAGES = path("../page");
export const SOCKJS_CLIENT = path("../node_modules/sockjs-client/dist/sockjs.min.js");
export const AXE = path("../node_modules/axe-core/axe.min.js");
