// What npm installed here, for tests elsewhere.

export { default as SockJS } from "sockjs-client";
export { Receiver, Sender, WebSocket } from "ws";
