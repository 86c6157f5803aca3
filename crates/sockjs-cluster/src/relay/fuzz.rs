use std::net::SocketAddr;

use http::request::Parts;

use super::head::{Call, VERSION};
use crate::secret::Secrets;
use crate::store::Entry;

/// Reads a head as a server does before it checks the MAC, writes it again, and compares: for the fuzz
/// target `relay_head`.
#[doc(hidden)]
pub fn fuzz_relay_head(request: &Parts) {
    let Some(read) = Call::read(request) else {
        return;
    };
    let call = read.call().clone();
    let secrets = secrets();
    let key = &secrets.relay()[0];
    let owner = Entry {
        version: VERSION,
        node: call.to,
        addr: SocketAddr::from(([127, 0, 0, 1], 1)),
    };
    let (request, _) = call
        .write(&owner, key)
        .expect("what was read can be written");
    let again = Call::read(&request.into_parts().0).expect("what was written can be read");
    let (again, _, _) = again.verify(secrets.relay()).expect("it is signed");
    assert_eq!(again, call);
    let is_signed = read.verify(secrets.relay()).is_some();
    assert!(!is_signed, "the fuzzer does not have the key");
}

fn secrets() -> Secrets {
    Secrets::new("", &[b"a fuzzer's secret".to_vec()], b"another")
}

#[cfg(test)]
mod tests {
    use sockjs_axum::peers::{RelayHead, SessionKey};
    use sockjs_core::Endpoint;

    use super::*;
    use crate::store::NodeId;

    #[test]
    #[should_panic(expected = "the fuzzer does not have the key")]
    fn head_that_passes_is_noticed() {
        let owner = Entry {
            version: VERSION,
            node: NodeId([2; 16]),
            addr: SocketAddr::from(([127, 0, 0, 1], 1)),
        };
        let call = Call {
            mount: "chat".to_owned(),
            head: RelayHead::new(Endpoint::Xhr, SessionKey([3; 16])),
            from: NodeId([1; 16]),
            to: owner.node,
            sent_at: 1,
            number: 1,
        };
        let (request, _) = call.write(&owner, &secrets().relay()[0]).unwrap();
        fuzz_relay_head(&request.into_parts().0);
    }
}
