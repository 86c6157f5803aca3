use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// A nickname: one line of 1 to 32 characters.
///
/// The text comes from strangers. Code that puts it into a page must escape it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = text.trim();
        if name.is_empty() || name.chars().count() > MAX_LEN || name.chars().any(char::is_control) {
            return Err("a name is one line of 1 to 32 characters");
        }
        Ok(Self(name.to_owned()))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

const MAX_LEN: usize = 32;
