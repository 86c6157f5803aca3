use std::fmt;

/// The name of a JavaScript function that an `htmlfile` or `jsonp` response calls.
///
/// The name comes from the request and becomes part of a script, so it must not be able to hold
/// code. It has 1 to 32 characters, which are ASCII letters, digits, `-`, `_` or `.`.
///
/// ```
/// use sockjs_core::{Callback, CallbackError};
///
/// let callback = Callback::from_query(Some("c=_jp.abc"))?;
/// assert_eq!(callback.as_str(), "_jp.abc");
/// assert_eq!(Callback::from_query(Some("c=alert(1)")), Err(CallbackError::Invalid));
/// # Ok::<(), CallbackError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Callback(String);

impl Callback {
    /// Validates the name of a callback.
    ///
    /// # Errors
    ///
    /// - [`CallbackError::Missing`] if the name is empty.
    /// - [`CallbackError::Invalid`] if it has more than 32 characters or one that is not allowed.
    pub fn parse(name: &str) -> Result<Self, CallbackError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() {
            Err(CallbackError::Missing)
        } else if name.len() <= MAX_LEN && name.bytes().all(is_allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(CallbackError::Invalid)
        }
    }

    /// Finds the name of the callback in the query string of a request, and validates it.
    ///
    /// The name is the value of the first field `c`. If there is no field `c`, it is the value of
    /// the first field `callback`.
    ///
    /// # Errors
    ///
    /// - [`CallbackError::Missing`] if there is neither field, or the name is empty.
    /// - [`CallbackError::Invalid`] if the name has more than 32 characters or one that is not
    ///   allowed.
    pub fn from_query(query: Option<&str>) -> Result<Self, CallbackError> {
        let fields = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let find = |wanted| fields.clone().find(|(name, _)| name == wanted);
        let (_, value) = find("c")
            .or_else(|| find("callback"))
            .ok_or(CallbackError::Missing)?;
        Self::parse(&value)
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a request has no valid callback.
///
/// The error messages are the bodies that sockjs-node answers with. They never contain text from
/// the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The request has no callback, or an empty one.
    #[error("\"callback\" parameter required")]
    Missing,
    /// The name is too long or has a character that is not allowed.
    #[error("invalid \"callback\" parameter")]
    Invalid,
}

// Names that clients generate are shorter. Rosetta Flash, an attack with a Flash film that consists
// of letters and digits, needs more.
const MAX_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::CallbackError::{Invalid, Missing};
    use super::*;

    #[test]
    fn names_are_checked() {
        let longest = "a".repeat(32);
        for name in ["x", "_jp.a0-B_9", "...", "-", &longest] {
            assert_eq!(
                Callback::parse(name).map(|callback| callback.0),
                Ok(name.to_owned())
            );
        }
        let too_long = "a".repeat(33);
        for name in [
            " ", "a b", "a;b", "a(b", "<a", "é", "a\n", "a\0", "a%20", "a/b", &too_long,
        ] {
            assert_eq!(Callback::parse(name), Err(Invalid), "{name:?}");
        }
        assert_eq!(Callback::parse(""), Err(Missing));
    }

    #[test]
    fn the_query_is_searched() {
        let cases = [
            (None, Err(Missing)),
            (Some(""), Err(Missing)),
            (Some("a=1"), Err(Missing)),
            (Some("c"), Err(Missing)),
            (Some("c="), Err(Missing)),
            (Some("C=x"), Err(Missing)),
            (Some("c=x"), Ok("x")),
            (Some("callback=x"), Ok("x")),
            (Some("callback=x&c=y"), Ok("y")),
            (Some("a=1&c=x&c=y"), Ok("x")),
            (Some("callback=x&callback=y"), Ok("x")),
            (Some("c=&callback=x"), Err(Missing)),
            (Some("c=%5fjp%2Ex"), Ok("_jp.x")),
            (Some("%63=x"), Ok("x")),
            (Some("c=a+b"), Err(Invalid)),
            (Some("c=%3Cscript%3E"), Err(Invalid)),
            (Some("c=%ff"), Err(Invalid)),
            (Some("c=%2"), Err(Invalid)),
            (Some("c=x;y"), Err(Invalid)),
        ];
        for (query, name) in cases {
            let callback = Callback::from_query(query).map(|callback| callback.0);
            assert_eq!(callback, name.map(str::to_owned), "{query:?}");
        }
    }

    #[test]
    fn errors_are_those_of_the_protocol() {
        assert_eq!(Missing.to_string(), "\"callback\" parameter required");
        assert_eq!(Invalid.to_string(), "invalid \"callback\" parameter");
    }

    proptest! {
        #[test]
        fn accepted_names_have_only_allowed_characters(
            query in any::<String>(), name in any::<String>(),
        ) {
            let callbacks = [Callback::parse(&name), Callback::from_query(Some(&query))];
            for Callback(name) in callbacks.into_iter().flatten() {
                let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                prop_assert!((1..=32).contains(&name.len()) && name.chars().all(is_allowed));
            }
        }
    }
}
