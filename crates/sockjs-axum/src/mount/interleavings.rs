//! The registry under many orders in which threads may run. Only `.ci/interleavings` runs these.

use std::sync::Arc;

use http::Request;
use shuttle::future::block_on;
use shuttle::thread;
use sockjs_core::{Cause, CloseReason, SessionConfig, Transport};

use super::registry::{Known, Phase, Registry};
use crate::meter::Meter;
use crate::session::{Attachment, Connection, Key, Opening, Prefix, Shared};

const SCHEDULES: usize = 1000;

fn key(registry: &Registry) -> Key {
    registry.digest().of("abc")
}

fn session(registry: &Registry) -> (Arc<Shared>, Attachment) {
    let (parts, ()) = Request::new(()).into_parts();
    let opening = Opening::new(
        &parts,
        Prefix::Mount("/echo".into()),
        Some(key(registry)),
        None,
    );
    let connection = Connection {
        transport: Transport::Xhr,
        remote_addr: None,
    };
    let meter = Meter::new("/echo".into(), connection.transport);
    Attachment::open(opening, connection, meter, SessionConfig::default().into())
}

#[test]
fn no_session_is_missed_by_a_shutdown() {
    let test = || {
        let registry = Arc::new(Registry::new());
        let opener = {
            let registry = registry.clone();
            thread::spawn(move || {
                let place = registry.reserve(1, None).ok()?;
                let (shared, attachment) = session(&registry);
                Some((place.register(shared), attachment))
            })
        };
        registry.enter(Phase::Stopping);
        for session in registry.all() {
            session.close(CloseReason::GOING_AWAY, Cause::ShuttingDown);
        }
        if let Some((registration, attachment)) = opener.join().expect("it does not panic") {
            assert_eq!(registry.places(), 1);
            // A session that is closing ends with the cause of its close.
            drop(attachment);
            let ending = registration.shared().ending().expect("its client is lost");
            assert_eq!(ending.cause(), Cause::ShuttingDown);
        }
        block_on(registry.vacant());
        assert_eq!((registry.places(), registry.len()), (0, 0));
    };
    shuttle::check_random(test, SCHEDULES);
}

#[test]
fn a_key_belongs_to_one_session_until_that_is_remembered_as_ended() {
    let test = || {
        let registry = Arc::new(Registry::new());
        let openers: Vec<_> = (0..3)
            .map(|_| {
                let registry = registry.clone();
                thread::spawn(move || {
                    let (shared, _attachment) = session(&registry);
                    match registry.insert(&shared) {
                        Ok(()) => {
                            let place = registry.reserve(1, None).expect("no other has one");
                            drop(place.register(shared));
                            true
                        }
                        Err(Known::Live(_) | Known::Ended(_)) => false,
                    }
                })
            })
            .collect();
        let opened = openers
            .into_iter()
            .map(|it| it.join().expect("it does not panic"));
        assert_eq!(opened.filter(|it| *it).count(), 1);
        assert!(matches!(
            registry.find(&key(&registry)),
            Some(Known::Ended(_))
        ));
        assert_eq!((registry.places(), registry.len()), (0, 0));
    };
    shuttle::check_random(test, SCHEDULES);
}
