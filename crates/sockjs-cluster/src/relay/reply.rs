use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::head::{from_hex, secret_value};
use crate::secret::{Code, Key, Tag};

/// What became of a call at the node that was asked. It is signed, so that whoever else listens at that
/// address cannot answer for the node. These numbers are on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The session's node has answered.
    Answered = 0,
    /// The node that was meant is gone. Another one listens at its address.
    Gone = 1,
    /// The node does not have the mount.
    NoMount = 2,
    /// The clocks of the two nodes differ too much.
    Untimely = 3,
    /// The call has arrived before, or is too late.
    Repeated = 4,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Gone => "gone",
            Self::NoMount => "no_mount",
            Self::Untimely => "clock",
            Self::Repeated => "repeated",
        }
    }

    /// Signs a response to the call with the tag `call`.
    pub(crate) fn sign(
        self,
        call: &Tag,
        status: StatusCode,
        key: &Key,
    ) -> (HeaderName, HeaderValue) {
        let mut packed = vec![self as u8];
        packed.extend_from_slice(&code(key, call, status, self as u8).tag());
        (ANSWER, secret_value(&packed))
    }

    /// Reads the signature of a response.
    pub(crate) fn verify(
        call: &Tag,
        status: StatusCode,
        headers: &HeaderMap,
        key: &Key,
    ) -> Option<Self> {
        let packed = from_hex(headers.get(ANSWER)?.as_bytes())?;
        let (&number, tag) = packed.split_first()?;
        let tag: Tag = tag.try_into().ok()?;
        let outcome = *OUTCOMES.iter().find(|it| **it as u8 == number)?;
        code(key, call, status, number)
            .verify(&tag)
            .then_some(outcome)
    }
}

/// Removes all headers but those of an answer that are passed on. The memory of the others is kept for
/// more.
pub(super) fn keep_relayed(headers: &mut HeaderMap) {
    let kept = [CONTENT_TYPE, CONTENT_LENGTH, RETRY_AFTER].map(|it| {
        let value = headers.remove(&it);
        (it, value)
    });
    headers.clear();
    for (name, value) in kept {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

fn code(key: &Key, call: &Tag, status: StatusCode, outcome: u8) -> Code {
    key.mac("answer")
        .field(call)
        .field(&status.as_u16().to_be_bytes())
        .field(&[outcome])
}

const ANSWER: HeaderName = HeaderName::from_static("sockjs-answer");

const OUTCOMES: [Outcome; 5] = [
    Outcome::Answered,
    Outcome::Gone,
    Outcome::NoMount,
    Outcome::Untimely,
    Outcome::Repeated,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secrets;

    #[test]
    fn only_what_is_passed_on_is_kept() {
        let kept = [CONTENT_TYPE, CONTENT_LENGTH, RETRY_AFTER];
        let value = HeaderValue::from_static("1");
        let mut headers: HeaderMap = kept.iter().map(|it| (it.clone(), value.clone())).collect();
        let expected = headers.clone();
        headers.append(CONTENT_TYPE, HeaderValue::from_static("2"));
        headers.insert(ANSWER, value.clone());
        headers.insert(http::header::SET_COOKIE, value);
        keep_relayed(&mut headers);
        assert_eq!(headers, expected);
    }

    #[test]
    fn only_the_node_that_was_asked_can_answer() {
        let secrets = Secrets::new("app", &[b"one".to_vec()], b"one");
        let key = &secrets.relay()[0];
        for outcome in OUTCOMES {
            let (name, value) = outcome.sign(&[1; 16], StatusCode::OK, key);
            let headers = HeaderMap::from_iter([(name, value)]);
            let verify = |call, status| Outcome::verify(call, status, &headers, key);
            assert_eq!(verify(&[1; 16], StatusCode::OK), Some(outcome));
            assert_eq!(verify(&[2; 16], StatusCode::OK), None);
            assert_eq!(verify(&[1; 16], StatusCode::NO_CONTENT), None);
        }
        let none = HeaderMap::new();
        assert_eq!(Outcome::verify(&[1; 16], StatusCode::OK, &none, key), None);
    }

    /// Another order of declaration must not change them.
    #[test]
    fn numbers_on_the_wire_stay() {
        let secrets = Secrets::new("app", &[b"one".to_vec()], b"one");
        for (outcome, number) in OUTCOMES.iter().zip(["00", "01", "02", "03", "04"]) {
            let (_, value) = outcome.sign(&[1; 16], StatusCode::OK, &secrets.relay()[0]);
            assert!(value.to_str().unwrap().starts_with(number), "{outcome:?}");
        }
    }
}
