//! The registry under many orders in which threads may run. Only `.ci/interleavings` runs these.

use std::sync::Arc;

use http::Request;
use shuttle::future::block_on;
use shuttle::thread;
use sockjs_core::{Cause, CloseReason, SessionConfig, Transport};

use super::registry::{Known, Phase, Registry};
use crate::meter::Meter;
use crate::session::{
    Attachment, Connection, Key, Opening, Prefix, Session, SessionRef, Shared, TopicsOfMount,
};

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
    let topics = Arc::new(TopicsOfMount {
        topics: registry.topics().clone(),
        max_topics: 2,
    });
    let config = SessionConfig::default().into();
    Attachment::open(opening, connection, meter, config, topics)
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

/// Two tasks join topics and leave them while the session ends.
#[test]
fn no_session_is_in_a_topic_after_its_end() {
    let test = || {
        let registry = Arc::new(Registry::new());
        let (shared, _attachment) = session(&registry);
        let place = registry.reserve(1, None).expect("no other has one");
        let registration = place.register(shared.clone());
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let session = SessionRef::new(shared.clone());
                thread::spawn(move || {
                    let joined = session.join("a").is_ok();
                    session.leave("a");
                    joined | session.join("a").is_ok() | session.join("b").is_ok()
                })
            })
            .collect();
        let end = thread::spawn(move || drop(registration));
        for task in tasks {
            task.join().expect("it does not panic");
        }
        end.join().expect("it does not panic");
        for topic in ["a", "b"] {
            assert_eq!(registry.topics().len(topic), 0);
        }
        assert!(SessionRef::new(shared.clone()).topics().is_empty());
    };
    shuttle::check_random(test, SCHEDULES);
}

#[test]
fn a_session_is_in_a_topic_once_whoever_joins_and_leaves() {
    let test = || {
        let registry = Arc::new(Registry::new());
        let (shared, _attachment) = session(&registry);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let session = SessionRef::new(shared.clone());
                thread::spawn(move || {
                    session.join("a").expect("it is open");
                    session.leave("a");
                    session.join("a").expect("it is open");
                })
            })
            .collect();
        assert!(registry.topics().members("a").iter().count() <= 1);
        for task in tasks {
            task.join().expect("it does not panic");
        }
        assert_eq!(registry.topics().members("a").iter().count(), 1);
        assert!(SessionRef::new(shared).leave("a"));
        assert_eq!(registry.topics().len("a"), 0);
    };
    shuttle::check_random(test, SCHEDULES);
}

#[test]
fn values_are_dropped_once_nobody_serves_the_session() {
    let test = || {
        let registry = Arc::new(Registry::new());
        let (shared, attachment) = session(&registry);
        let place = registry.reserve(1, None).expect("no other has one");
        let registration = place.register(shared.clone());
        let receiver = Session::new(shared.clone());
        let value = Arc::new(());
        let keeper = {
            let (session, value) = (SessionRef::new(shared.clone()), value.clone());
            thread::spawn(move || drop(session.insert(value)))
        };
        let end = thread::spawn(move || drop((registration, attachment)));
        drop(receiver);
        keeper.join().expect("it does not panic");
        end.join().expect("it does not panic");
        assert_eq!(Arc::strong_count(&value), 1);
        drop(shared);
    };
    shuttle::check_random(test, SCHEDULES);
}
