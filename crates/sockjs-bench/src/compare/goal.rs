//! What ours is to reach.

use crate::report::bytes;

#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// So much of what the stack alone does.
    OfStack(f64),
    /// No more bytes a session.
    Bytes(f64),
    /// No more of a core.
    Share(f64),
    /// Nobody has said.
    None,
}

impl Goal {
    pub(super) fn show(self) -> String {
        match self {
            Self::OfStack(share) => format!("≥ {share:.2}"),
            Self::Bytes(limit) => format!("≤ {}", bytes(limit)),
            Self::Share(share) => format!("≤ {:.0} %", share * 100.0),
            Self::None => "–".to_owned(),
        }
    }

    /// Returns whether `ours` is enough, if that can be said. `ratio` is what ours does of what the stack
    /// alone does.
    pub(super) fn is_met(self, ours: f64, ratio: Option<f64>) -> Option<bool> {
        match self {
            Self::OfStack(share) => Some(ratio? >= share),
            Self::Bytes(limit) | Self::Share(limit) => Some(ours <= limit),
            Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_at_their_limit() {
        assert_eq!(Goal::OfStack(0.9).is_met(90.0, Some(0.9)), Some(true));
        assert_eq!(Goal::OfStack(0.9).is_met(89.0, Some(0.89)), Some(false));
        assert_eq!(Goal::OfStack(0.9).is_met(90.0, None), None);
        assert_eq!(Goal::Bytes(8e3).is_met(8e3, None), Some(true));
        assert_eq!(Goal::Share(0.01).is_met(0.02, None), Some(false));
        assert_eq!(Goal::None.is_met(1.0, Some(1.0)), None);
    }
}
