mod iframe;
mod info;

pub use self::iframe::IframePage;
pub use self::info::Info;

/// The body of the answer to a request for the prefix itself, which shows people that a SockJS server
/// is there.
///
/// ```
/// assert_eq!(sockjs_core::GREETING, "Welcome to SockJS!\n");
/// ```
pub const GREETING: &str = "Welcome to SockJS!\n";
