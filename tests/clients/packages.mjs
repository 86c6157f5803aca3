// What npm installed here, for tests elsewhere.

export { Receiver, Sender, WebSocket } from "ws";
