//! A small STOMP broker over SockJS, which is what Spring front ends speak.
//!
//! A message to a destination goes to all clients that subscribed to it, unless the application says
//! otherwise. Destinations under `/app` and `/user` are the application's, as in Spring:
//!
//! ```
//! use axum::Router;
//! use sockjs_axum::{Session, SockJsLayer};
//! use stomp::{Application, Audience, Broker, Client, Connect, Content, Delivery, PROTOCOLS, Refusal, Stomp};
//!
//! struct Desk {
//!     broker: Broker,
//! }
//!
//! impl Application for Desk {
//!     /// The name of the user.
//!     type User = String;
//!
//!     async fn connect(&self, connect: &Connect<'_>) -> Result<String, Refusal> {
//!         match (connect.login(), connect.passcode()) {
//!             (Some(name), Some("secret")) => Ok(name.to_owned()),
//!             _ => Err(Refusal::new("wrong login or passcode")),
//!         }
//!     }
//!
//!     async fn subscribe(&self, user: &Client<String>, destination: &str) -> Result<Audience, Refusal> {
//!         match destination {
//!             "/topic/news" => Ok(Audience::Everybody),
//!             "/user/queue/replies" => Ok(Audience::Only(user.user().clone())),
//!             _ => Err(Refusal::new("there is no such destination")),
//!         }
//!     }
//!
//!     async fn send(
//!         &self,
//!         user: &Client<String>,
//!         destination: &str,
//!         content: &Content,
//!     ) -> Result<Delivery, Refusal> {
//!         match destination {
//!             "/topic/news" if user.user() == "editor" => Ok(Delivery::Publish),
//!             "/app/ask" => {
//!                 let reply = format!("Who knows? {}", content.body());
//!                 self.broker.publish_to(user.user(), "/user/queue/replies", reply);
//!                 Ok(Delivery::Handled)
//!             }
//!             _ => Err(Refusal::new("you may not send that")),
//!         }
//!     }
//! }
//!
//! let layer = SockJsLayer::new("/stomp").protocols(PROTOCOLS);
//! let broker = Broker::new(layer.handle());
//! let stomp = Stomp::new(Desk { broker: broker.clone() }, broker);
//! let layer = layer.on_session(move |session: Session| stomp.clone().serve(session));
//! let app: Router = Router::new().layer(layer);
//! ```
//!
//! In the page, over SockJS, or with `brokerURL: "wss://…/stomp/websocket"` in place of the first line:
//!
//! ```js
//! import { Client } from "@stomp/stompjs";
//! import SockJS from "sockjs-client";
//!
//! const client = new Client({
//!   webSocketFactory: () => new SockJS("/stomp"),
//!   connectHeaders: { login: "ann", passcode: "secret" },
//! });
//! client.onConnect = () => {
//!   client.subscribe("/user/queue/replies", (message) => console.log(message.body));
//!   client.publish({ destination: "/app/ask", body: "When?" });
//! };
//! client.activate();
//! ```
//!
//! # What it speaks
//!
//! STOMP 1.0, 1.1 and 1.2: the highest version that the client accepts, with its escapes and heart-beats.
//! Clients may cut a frame into several SockJS messages, and put several frames into one. There is one
//! exception: `splitLargeFrames` of stompjs, and stompjs 2, may cut between the two halves of a character
//! above U+FFFF. Such a frame is refused.
//!
//! Transactions hold back the messages of a client until COMMIT. Acknowledgements are refused, because the
//! broker keeps no messages: a SUBSCRIBE with another mode than `ack:auto` gets an ERROR, and so do ACK and
//! NACK.
//!
//! Everything that a client can make the server hold is bounded by [`Limits`].

mod application;
mod broker;
mod content;
mod limits;
mod stomp;
mod version;

mod connection;
mod decoder;
mod frame;
mod header;
mod heartbeat;
mod subscriptions;
mod topics;
mod transactions;
mod wire;

#[cfg(test)]
mod tests;

pub use self::application::{Application, Audience, Client, Connect, Delivery, Refusal};
pub use self::broker::Broker;
pub use self::content::Content;
pub use self::header::Headers;
pub use self::limits::Limits;
pub use self::stomp::Stomp;
pub use self::version::{PROTOCOLS, Version};
