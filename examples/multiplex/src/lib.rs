//! Several channels over one SockJS session, for the npm package
//! [`websocket-multiplex`](https://www.npmjs.com/package/websocket-multiplex), as it is.
//!
//! ```
//! use axum::Router;
//! use multiplex::{Channel, ChannelClosed, Multiplex};
//! use sockjs_axum::{Session, SockJsLayer};
//!
//! async fn ann(mut channel: Channel) -> Result<(), ChannelClosed> {
//!     while let Some(text) = channel.recv().await {
//!         channel.send(format!("Ann nods: {text}")).await?;
//!     }
//!     Ok(())
//! }
//!
//! let multiplex = Multiplex::new().channel("ann", ann);
//! let layer = SockJsLayer::new("/multiplex")
//!     .on_session(move |session: Session| multiplex.clone().serve(session));
//! let app: Router = Router::new().layer(layer);
//! ```
//!
//! In the page:
//!
//! ```js
//! const multiplexer = new WebSocketMultiplex(new SockJS("/multiplex"));
//! const ann = multiplexer.channel("ann");
//! ann.onmessage = ({ data }) => console.log(data);
//! ann.onopen = () => ann.send("Hello!");
//! ann.onclose = () => console.log("closed");
//! ```
//!
//! `onopen` means that the client has asked for the channel, because the protocol has no answer to that. If
//! the server has no such channel, `onclose` follows. The client does not report the end of the session to
//! its channels: the page has to listen to `onclose` of the SockJS object too.
//!
//! A channel has no number in the protocol. If the client closes a channel and opens it again while the server
//! closes it, the client takes that close for one of the new channel.

mod channel;
mod multiplex;
mod wire;

#[cfg(test)]
mod tests;

pub use self::channel::{Channel, ChannelClosed, ChannelSender, TrySendChannelError};
pub use self::multiplex::{HandlerOutput, Multiplex};
