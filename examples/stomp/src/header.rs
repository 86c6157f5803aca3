//! The headers of a frame, and how STOMP 1.2 escapes them.

/// Names and values, in the order they were written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(crate) fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Returns the value of `name`. Of several the first counts, says STOMP.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Whether a frame's headers are escaped: those of CONNECT and CONNECTED are not, so that older
/// versions understand them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Escaping {
    None,
    Stomp12,
}

impl Escaping {
    /// Appends a name or value to `out`.
    pub(crate) fn write(self, text: &str, out: &mut String) {
        if self == Self::None {
            out.push_str(text);
            return;
        }
        for c in text.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                ':' => out.push_str("\\c"),
                c => out.push(c),
            }
        }
    }

    /// Returns what a name or value on the wire stands for, or `None` if it has an escape that
    /// STOMP does not know.
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
            out.push(match chars.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                'c' => ':',
                _ => return None,
            });
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_headers_counts() {
        let mut headers = Headers::default();
        headers.push("foo", "World");
        headers.push("foo", "Hello");
        assert_eq!(headers.get("foo"), Some("World"));
        assert_eq!(headers.get("bar"), None);
    }

    #[test]
    fn every_special_character_is_escaped_and_read_back() {
        let text = "a:b\\c\nd\re\\n ü";
        let mut wire = String::new();
        Escaping::Stomp12.write(text, &mut wire);
        assert_eq!(wire, r"a\cb\\c\nd\re\\n ü");
        assert_eq!(Escaping::Stomp12.read(&wire).as_deref(), Some(text));
    }

    #[test]
    fn connecting_frames_escape_nothing() {
        let mut wire = String::new();
        Escaping::None.write(r"a\c:b", &mut wire);
        assert_eq!(wire, r"a\c:b");
        assert_eq!(Escaping::None.read(&wire).as_deref(), Some(r"a\c:b"));
    }

    #[test]
    fn unknown_escapes_are_refused() {
        for wire in [r"\t", r"a\", r"\N", r"\\\x"] {
            assert_eq!(Escaping::Stomp12.read(wire), None, "{wire}");
        }
    }
}
