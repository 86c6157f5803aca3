//! The headers of a frame, and how each version of STOMP escapes them.

use crate::frame::Command;
use crate::version::Version;

/// The headers of a frame: names and values, in the order in which they were written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    pub(crate) fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Returns the value of `name`. If there are several, the first one counts.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// Returns all names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Removes the spaces around all names and values.
    pub(crate) fn trim(&mut self) {
        for (name, value) in &mut self.0 {
            for text in [name, value] {
                *text = text.trim_matches(' ').to_owned();
            }
        }
    }
}

/// How the headers of a frame are escaped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Escaping {
    None,
    Stomp11,
    Stomp12,
}

impl Escaping {
    /// CONNECT and CONNECTED are not escaped, because version 1.0 does not know escapes.
    pub(crate) fn new(version: Version, command: Command) -> Self {
        match (command, version) {
            (Command::Connect | Command::Connected, _) | (_, Version::V1_0) => Self::None,
            (_, Version::V1_1) => Self::Stomp11,
            (_, Version::V1_2) => Self::Stomp12,
        }
    }

    /// Appends a header and the end of its line to `out`.
    ///
    /// Without escapes, a line end in a value becomes a space, and a header is left out if its name has a
    /// line end or a colon. Otherwise a sender could write headers for receivers of version 1.0.
    pub(crate) fn write_header(self, name: &str, value: &str, out: &mut String) {
        if self == Self::None && name.contains(['\n', ':']) {
            return;
        }
        self.write(name, out);
        out.push(':');
        self.write(value, out);
        out.push('\n');
    }

    fn write(self, text: &str, out: &mut String) {
        for c in text.chars() {
            match (self, c) {
                (Self::None, '\n') => out.push(' '),
                (Self::None, c) => out.push(c),
                (_, '\\') => out.push_str("\\\\"),
                (_, '\n') => out.push_str("\\n"),
                (_, ':') => out.push_str("\\c"),
                (Self::Stomp12, '\r') => out.push_str("\\r"),
                (_, c) => out.push(c),
            }
        }
    }

    /// Returns the name or value that `text` stands for, or `None` if it has an escape that the version
    /// does not know.
    pub(crate) fn read(self, text: &str) -> Option<String> {
        if self == Self::None {
            return Some(text.to_owned());
        }
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.push(c);
                continue;
            }
            out.push(match (self, chars.next()?) {
                (_, '\\') => '\\',
                (_, 'n') => '\n',
                (_, 'c') => ':',
                (Self::Stomp12, 'r') => '\r',
                _ => return None,
            });
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(escaping: Escaping, name: &str, value: &str) -> String {
        let mut wire = String::new();
        escaping.write_header(name, value, &mut wire);
        wire
    }

    #[test]
    fn the_first_of_several_headers_counts() {
        let mut headers = Headers::default();
        headers.push("foo", "World");
        headers.push("foo", "Hello");
        assert_eq!(headers.get("foo"), Some("World"));
        assert_eq!(headers.get("bar"), None);
    }

    #[test]
    fn special_characters_are_escaped_and_read_back() {
        let text = "a:b\\c\nd\re\\n ü";
        for (escaping, wire) in [
            (Escaping::Stomp12, r"a\cb\\c\nd\re\\n ü"),
            (Escaping::Stomp11, "a\\cb\\\\c\\nd\re\\\\n ü"),
        ] {
            assert_eq!(written(escaping, text, text), format!("{wire}:{wire}\n"));
            assert_eq!(escaping.read(wire).as_deref(), Some(text));
        }
    }

    #[test]
    fn frames_without_escapes_cannot_smuggle_headers() {
        let none = Escaping::None;
        assert_eq!(written(none, "a", r"a\c:b"), "a:a\\c:b\n");
        assert_eq!(none.read(r"a\c:b").as_deref(), Some(r"a\c:b"));
        assert_eq!(written(none, "a", "b\nc:d"), "a:b c:d\n");
        assert_eq!(written(none, "a:b", "c"), "");
        assert_eq!(written(none, "a\nb", "c"), "");
    }

    #[test]
    fn unknown_escapes_are_refused() {
        for wire in [r"\t", r"a\", r"\N", r"\\\x"] {
            for escaping in [Escaping::Stomp11, Escaping::Stomp12] {
                assert_eq!(escaping.read(wire), None, "{wire}");
            }
        }
        assert_eq!(Escaping::Stomp11.read(r"\r"), None);
        assert_eq!(Escaping::Stomp12.read(r"\r").as_deref(), Some("\r"));
    }

    #[test]
    fn connecting_frames_are_never_escaped() {
        for version in [Version::V1_0, Version::V1_1, Version::V1_2] {
            for command in [Command::Connect, Command::Connected] {
                assert_eq!(Escaping::new(version, command), Escaping::None);
            }
        }
        assert_eq!(Escaping::new(Version::V1_0, Command::Send), Escaping::None);
        assert_eq!(
            Escaping::new(Version::V1_1, Command::Send),
            Escaping::Stomp11
        );
    }
}
