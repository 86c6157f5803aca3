// Where things are.

import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const ROOT = path("../../../");
export const PAGES = path("../page");
export const MODULES = path("../node_modules");
export const SOCKJS_CLIENT = `${MODULES}/sockjs-client/dist/sockjs.min.js`;
export const AXE = `${MODULES}/axe-core/axe.min.js`;
