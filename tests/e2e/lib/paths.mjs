// Where things are.

import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const ROOT = path("../../../");
export const PAGES = path("../page");
export const MODULES = path("../node_modules");
export const SOCKJS_CLIENT = `${MODULES}/sockjs-client/dist/sockjs.min.js`;
export const STOMP_CLIENT = `${MODULES}/@stomp/stompjs/bundles/stomp.umd.min.js`;
export const MULTIPLEX_CLIENT = `${MODULES}/websocket-multiplex/multiplex_client.js`;
export const AXE = `${MODULES}/axe-core/axe.min.js`;
