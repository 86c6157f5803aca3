// Where things are.

import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const ROOT = path("../../../");
export const PAGES = path("../page");
export const SOCKJS_CLIENT = path("../node_modules/sockjs-client/dist/sockjs.min.js");
export const STOMP_CLIENT = path("../node_modules/@stomp/stompjs/bundles/stomp.umd.min.js");
export const MULTIPLEX_CLIENT = path("../node_modules/websocket-multiplex/multiplex_client.js");
