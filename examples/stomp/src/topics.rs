//! The names of topics: what sessions join in place of a destination.

use crate::application::Audience;

/// Returns the topic of a destination. No destination that a client names is the topic of somebody else's
/// private messages.
pub(crate) fn name(audience: &Audience, destination: &str) -> String {
    match audience {
        Audience::Everybody => format!("all:{destination}"),
        Audience::Only(name) => format!("only:{}:{name}:{destination}", name.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_audiences_share_a_topic() {
        let only = |to: &str, destination: &str| name(&Audience::Only(to.to_owned()), destination);
        assert_ne!(only("a", "b:c"), only("a:b", "c"));
        assert_ne!(only("a", "/b"), name(&Audience::Everybody, "only:1:a:/b"));
    }
}
