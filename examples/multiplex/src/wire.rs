//! The messages of websocket-multiplex: a type, the name of a channel, and for `msg` a text.

/// A message from the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Incoming<'a> {
    /// `sub,name`: the client opens the channel.
    Subscribe { name: &'a str },
    /// `msg,name,text`. The text may have commas, the name has none.
    Message { name: &'a str, text: &'a str },
    /// `uns,name`: the client closes the channel, and expects no answer.
    Unsubscribe { name: &'a str },
}

impl<'a> Incoming<'a> {
    /// Parses a message of the session. Returns `None` if it has no known type, or no name.
    pub(crate) fn parse(message: &'a str) -> Option<Self> {
        let (kind, rest) = message.split_once(',')?;
        let (name, text) = rest.split_once(',').unwrap_or((rest, ""));
        match kind {
            "sub" => Some(Self::Subscribe { name }),
            "msg" => Some(Self::Message { name, text }),
            "uns" => Some(Self::Unsubscribe { name }),
            _ => None,
        }
    }
}

/// Returns the message that carries `text` to the client. `name` is escaped already.
pub(crate) fn message(name: &str, text: &str) -> String {
    format!("msg,{name},{text}")
}

/// Returns the message that tells the client that the channel is closed.
pub(crate) fn closed(name: &str) -> String {
    format!("uns,{name}")
}

/// Escapes the name of a channel as the client does, by JavaScript's `escape`.
pub(crate) fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for unit in name.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"@*_+-./".contains(&byte) => {
                out.push(char::from(byte));
            }
            Ok(byte) => out.push_str(&format!("%{byte:02X}")),
            Err(_) => out.push_str(&format!("%u{unit:04X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_two_commas_separate() {
        for (message, parsed) in [
            ("sub,ann", Some(Incoming::Subscribe { name: "ann" })),
            ("uns,ann", Some(Incoming::Unsubscribe { name: "ann" })),
            (
                "msg,ann,a,b,,c\n",
                Some(Incoming::Message {
                    name: "ann",
                    text: "a,b,,c\n",
                }),
            ),
            (
                "msg,ann",
                Some(Incoming::Message {
                    name: "ann",
                    text: "",
                }),
            ),
            ("", None),
            ("sub", None),
            ("SUB,ann", None),
            ("hello, world", None),
        ] {
            assert_eq!(Incoming::parse(message), parsed, "{message:?}");
        }
    }

    /// What `escape` returns in Node.js.
    #[test]
    fn names_are_escaped_as_javascript_does() {
        for (name, escaped) in [
            ("ann", "ann"),
            ("a,b c", "a%2Cb%20c"),
            ("AZaz09@*_+-./", "AZaz09@*_+-./"),
            ("%\u{0}~", "%25%00%7E"),
            ("größe", "gr%F6%DFe"),
            ("日😀", "%u65E5%uD83D%uDE00"),
        ] {
            assert_eq!(escape(name), escaped);
        }
    }
}
