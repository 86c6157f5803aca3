//! One message to the sessions that have joined a topic.

use std::{collections::HashSet, sync::Arc};

use axum::Router;
use futures_util::{FutureExt as _, pin_mut};
use sockjs_axum::{
    BroadcastOutcome, Cause, JoinError, Session, SessionState, SlowPolicy, SockJsLayer, Transport,
};
use support::{Client, Server, Sessions, ending, received, until, within};
use tokio::sync::mpsc;

use super::Bench;

fn counts(outcome: BroadcastOutcome) -> (usize, usize, usize) {
    (outcome.sent, outcome.skipped, outcome.closed)
}

/// Makes sure that nothing came to a client but this.
async fn expect_only(client: &mut Client, session: &Session, messages: &[&str]) {
    session.try_send("end").expect("there is room");
    let expected: Vec<_> = messages.iter().copied().chain(["end"]).collect();
    assert_eq!(client.messages(expected.len()).await, expected);
}

#[tokio::test]
async fn a_message_to_a_topic_reaches_its_members_of_every_transport_and_nobody_else() {
    let mut bench = Bench::start(|layer| layer).await;
    let (mut members, mut others) = (Vec::new(), Vec::new());
    for &transport in Transport::ALL {
        let member = bench.open(transport).await;
        assert_eq!(member.1.join("tea"), Ok(()));
        members.push(member);
        let other = bench.open(transport).await;
        assert_eq!(other.1.join("coffee"), Ok(()));
        others.push(other);
    }
    let tea = bench.handle.topic("tea");
    assert_eq!((tea.name(), tea.len(), tea.is_empty()), ("tea", 7, false));

    for slow in [SlowPolicy::Wait, SlowPolicy::Skip, SlowPolicy::Close] {
        let text = format!("to the tea drinkers \u{2028} {slow:?}");
        let sent = tea.send(&*text, slow).await;

        assert_eq!(counts(sent), (7, 0, 0));
        for (client, _) in &mut members {
            assert_eq!(client.messages(1).await, [&*text]);
        }
    }
    for (client, session) in &mut others {
        expect_only(client, session, &[]).await;
    }
}

#[tokio::test]
async fn a_message_of_a_member_reaches_the_others() {
    let mut bench = Bench::start(|layer| layer).await;
    let mut members = Vec::new();
    for &transport in Transport::ALL {
        let member = bench.open(transport).await;
        member.1.join("tea").unwrap();
        members.push(member);
    }
    let (mut stranger, outside) = bench.open(Transport::Xhr).await;

    let (_, speaker) = &members[2];
    let tea = speaker.topic("tea");
    let sent = tea.send_except(speaker.id(), "milk?", SlowPolicy::Skip);
    assert_eq!(counts(sent.await), (6, 0, 0));
    // A session need not be a member to send.
    let tea = outside.session_ref().topic("tea");
    let sent = tea.send_except(outside.id(), "sugar?", SlowPolicy::Skip);
    assert_eq!(counts(sent.await), (7, 0, 0));

    for (n, (client, session)) in members.iter_mut().enumerate() {
        let both = ["milk?", "sugar?"];
        let heard = if n == 2 { &both[1..] } else { &both };
        expect_only(client, session, heard).await;
    }
    expect_only(&mut stranger, &outside, &[]).await;
}

#[tokio::test]
async fn what_happens_to_slow_members_is_what_happens_in_a_broadcast() {
    for slow in [SlowPolicy::Wait, SlowPolicy::Skip, SlowPolicy::Close] {
        let mut bench = Bench::start(|layer| layer.send_buffer(100)).await;
        let (mut fast, one) = bench.open(Transport::WebSocket).await;
        let (mut client, two) = bench.open(Transport::Xhr).await;
        for session in [&one, &two] {
            session.join("tea").unwrap();
        }
        two.try_send("its own").unwrap();
        let tea = bench.handle.topic("tea");
        let long = "a message that does not fit into the buffer beside another one";

        let send = tea.send(long, slow);
        pin_mut!(send);
        let done = send.as_mut().now_or_never();
        assert_eq!(fast.messages(1).await, [long]);
        match slow {
            SlowPolicy::Skip => {
                assert_eq!(done.map(counts), Some((1, 1, 0)));
                assert_eq!(client.messages(1).await, ["its own"]);
            }
            SlowPolicy::Close => {
                assert_eq!(done.map(counts), Some((1, 0, 1)));
                assert_eq!(ending(&two).await.cause(), Cause::SlowClient);
                until("one member", || tea.len() == 1).await;
            }
            _ => {
                assert_eq!(done, None);
                // Nothing is locked meanwhile.
                assert!(one.leave("tea") && one.join("tea").is_ok());
                assert_eq!(tea.len(), 2);
                let (sent, messages) = tokio::join!(within("room", send), client.messages(2));
                assert_eq!(counts(sent), (2, 0, 0));
                assert_eq!(messages, ["its own", long]);
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_has_left_gets_nothing_more() {
    let mut bench = Bench::start(|layer| layer).await;
    let (mut client, session) = bench.open(Transport::WebSocket).await;
    let tea = session.topic("tea");
    session.join("tea").unwrap();
    // Twice is the same as once.
    session.join("tea").unwrap();
    session.join("coffee").unwrap();
    let names: HashSet<_> = session.topics().into_iter().collect();
    assert_eq!(names, HashSet::from(["tea", "coffee"].map(Arc::from)));
    assert_eq!(counts(tea.send("1", SlowPolicy::Skip).await), (1, 0, 0));

    assert!(session.leave("tea"));
    assert!(!session.leave("tea"));

    assert_eq!(counts(tea.send("2", SlowPolicy::Skip).await), (0, 0, 0));
    assert!(tea.is_empty());
    assert_eq!(session.topics(), [Arc::<str>::from("coffee")]);
    expect_only(&mut client, &session, &["1"]).await;
}

#[tokio::test]
async fn a_session_leaves_its_topics_when_it_ends_however_that_is() {
    for &transport in Transport::ALL {
        let mut bench = Bench::start(|layer| layer).await;
        for end in ["by client", "by application", "by handle", "dropped"] {
            let (mut client, session) = bench.open(transport).await;
            client.attach().await;
            let (one, two) = (session.topic("one"), session.topic("two"));
            session.join("one").unwrap();
            session.join("two").unwrap();
            let outside = session.session_ref().clone();

            match end {
                "by client" => client.reset(),
                "by application" => {
                    session.close(3000, "Go away!");
                    assert_eq!(session.join("three"), Err(JoinError::Closed));
                    client.expect_close(3000, "Go away!").await;
                }
                "by handle" => {
                    assert_eq!(one.close(3000, "Go away!"), 1);
                    client.expect_close(3000, "Go away!").await;
                }
                _ => {
                    drop(session);
                    client.expect_close(1000, "Normal closure").await;
                }
            }

            within("the end", outside.closed()).await;
            assert!(one.is_empty() && two.is_empty(), "{transport} {end}");
            assert!(outside.topics().is_empty());
            assert_eq!(outside.join("one"), Err(JoinError::Closed), "{end}");
            assert!(!outside.leave("one"));
            assert!(one.is_empty());
        }
    }
}

/// The handler runs in the task of its session, which goes on after the handler has heard of the end.
#[tokio::test]
async fn a_handler_that_hears_of_the_end_finds_its_session_in_no_topic() {
    for &transport in Transport::ALL {
        for receives in [true, false] {
            let (sender, mut found) = mpsc::unbounded_channel();
            let handler = move |mut session: Session| {
                let sender = sender.clone();
                async move {
                    session.join("tea").expect("it is open");
                    let tea = session.topic("tea");
                    if receives {
                        while session.recv().await.is_some() {}
                    } else {
                        session.closed().await;
                    }
                    let found = (session.topics().len(), tea.len());
                    sender.send(found).expect("the test listens");
                }
            };
            let layer = SockJsLayer::new("/echo").on_session(handler);
            let server = Server::start(Router::new().layer(layer)).await;
            let mut client = Client::open(server.addr(), "/echo", transport).await;
            client.attach().await;

            client.reset();

            let found = within("the end", found.recv()).await;
            assert_eq!(found, Some((0, 0)), "{transport} {receives}");
        }
    }
}

#[tokio::test]
async fn a_session_that_is_closing_is_a_member_but_is_not_closed_again() {
    let mut bench = Bench::start(|layer| layer).await;
    // Nobody polls, so that the client is not told.
    let (_client, session) = bench.open(Transport::Xhr).await;
    session.join("tea").unwrap();
    let tea = session.topic("tea");

    assert_eq!(tea.close(3000, "Go away!"), 1);
    assert_eq!(tea.close(3000, "Go away!"), 0);
    assert_eq!(bench.handle.close_all(3000, "Go away!"), 0);

    assert_eq!((tea.len(), bench.handle.len()), (1, 1));
}

#[tokio::test]
async fn to_close_a_topic_closes_its_members() {
    let mut bench = Bench::start(|layer| layer).await;
    let mut members = Vec::new();
    for &transport in Transport::ALL {
        let (mut client, session) = bench.open(transport).await;
        client.attach().await;
        session.join("tea").unwrap();
        members.push((client, session));
    }
    let (mut client, other) = bench.open(Transport::WebSocket).await;

    let tea = bench.handle.topic("tea");
    let ids: HashSet<_> = tea.sessions().map(|it| it.id()).collect();
    assert_eq!(ids, members.iter().map(|(_, it)| it.id()).collect());
    tea.send("last", SlowPolicy::Skip).await;
    assert_eq!(tea.close(3000, "Go away!"), 7);

    for (client, session) in &mut members {
        assert_eq!(client.messages(1).await, ["last"]);
        client.expect_close(3000, "Go away!").await;
        assert_eq!(ending(session).await.reason().code(), 3000);
    }
    until("nobody", || tea.is_empty()).await;
    expect_only(&mut client, &other, &[]).await;
}

#[tokio::test]
async fn a_topic_belongs_to_its_mount() {
    let (one, mut ones) = Sessions::capture(SockJsLayer::new("/one"));
    let (two, mut twos) = Sessions::capture(SockJsLayer::new("/two"));
    let (at_one, at_two) = (one.handle(), two.clone().handle());
    let server = Server::start(Router::new().layer(one).layer(two)).await;
    let _one = Client::open(server.addr(), "/one", Transport::WebSocket).await;
    let _two = Client::open(server.addr(), "/two", Transport::WebSocket).await;
    let (one, two) = (ones.next().await, twos.next().await);

    one.join("tea").unwrap();

    assert_eq!(
        (at_one.topic("tea").len(), at_two.topic("tea").len()),
        (1, 0)
    );
    assert_eq!((one.topic("tea").len(), two.topic("tea").len()), (1, 0));
}

/// The halves of a session, and references to it, know what the session knows.
#[tokio::test]
async fn both_halves_reach_everything_that_the_session_has() {
    let mut bench = Bench::start(|layer| layer).await;
    let (mut client, session) = bench.open(Transport::Xhr).await;
    session.join("by the session").unwrap();
    session.insert("by the session");
    let (id, addr) = (session.id(), session.remote_addr());
    let uri = session.uri().clone();
    let (sender, mut receiver) = session.split();

    for half in [sender.session_ref(), receiver.session_ref()] {
        assert_eq!((half.id(), half.remote_addr()), (id, addr));
        assert_eq!((half.uri(), half.path()), (&uri, uri.path()));
        assert_eq!((half.prefix(), half.transport()), ("/echo", Transport::Xhr));
        assert!(half.headers().contains_key("host"));
        assert_eq!(half.state(), SessionState::Open);
    }
    sender.join("by the sender").unwrap();
    assert!(receiver.leave("by the session"));
    assert_eq!(receiver.topics(), [Arc::<str>::from("by the sender")]);
    receiver.join("by the receiver").unwrap();
    assert!(sender.leave("by the sender"));
    assert_eq!(sender.topics(), [Arc::<str>::from("by the receiver")]);
    assert_eq!(sender.insert("by the sender"), Some("by the session"));
    assert_eq!(receiver.get(), Some("by the sender"));
    assert_eq!(receiver.insert("by the receiver"), Some("by the sender"));
    assert_eq!(sender.remove(), Some("by the receiver"));
    assert_eq!(receiver.remove::<&str>(), None);
    let topic = receiver.topic(sender.topic("by the receiver").name());
    assert_eq!(counts(topic.send("x", SlowPolicy::Wait).await), (1, 0, 0));
    assert_eq!(client.messages(1).await, ["x"]);
    client.send("y").await;
    let message = within("a message", receiver.recv()).await;
    assert_eq!(message.as_deref(), Some("y"));
}

/// Limit: max_topics
#[tokio::test]
async fn a_session_is_in_as_many_topics_as_it_may_be() {
    let mut bench = Bench::start(|layer| layer.max_topics(3)).await;
    let (_one, one) = bench.open(Transport::WebSocket).await;
    let (_two, two) = bench.open(Transport::Xhr).await;
    for session in [&one, &two] {
        for topic in ["a", "b", "c"] {
            assert_eq!(session.join(topic), Ok(()));
        }
        assert_eq!(session.join("d"), Err(JoinError::TooManyTopics));
        // It is in this one.
        assert_eq!(session.join("a"), Ok(()));
        assert_eq!(session.topic("d").len(), 0);

        assert!(session.leave("b"));
        assert_eq!(session.join("d"), Ok(()));
        assert_eq!(session.join("b"), Err(JoinError::TooManyTopics));
        session.leave("d");
    }

    let mut bench = Bench::start(|layer| layer).await;
    let (_client, session) = bench.open(Transport::WebSocket).await;
    let joined = (0..).take_while(|n: &usize| session.join(&n.to_string()).is_ok());
    assert_eq!(joined.count(), 128);
}

/// Limit: name of a topic
#[tokio::test]
async fn the_name_of_a_topic_has_a_limit() {
    let mut bench = Bench::start(|layer| layer).await;
    let (_client, session) = bench.open(Transport::WebSocket).await;
    let longest = "ä".repeat(128);
    assert_eq!(session.join(&longest), Ok(()));
    assert_eq!(bench.handle.topic(&longest).len(), 1);
    let too_long = format!("{longest}x");
    assert_eq!(session.join(&too_long), Err(JoinError::NameTooLong));
    assert!(bench.handle.topic(&too_long).is_empty());
    assert!(!session.leave(&too_long));
    assert_eq!(session.join(""), Ok(()));
}

/// Sessions that end while they join.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_joins_while_it_ends_is_not_left_behind() {
    let bench = Arc::new(tokio::sync::Mutex::new(Bench::start(|layer| layer).await));
    let handle = bench.lock().await.handle.clone();
    for n in 0..100 {
        let (client, session) = bench.lock().await.open(Transport::WebSocket).await;
        let outside = session.session_ref().clone();
        let joining = tokio::task::spawn_blocking(move || {
            let mut joined = 0;
            while outside.join("tea").is_ok() && outside.join("coffee").is_ok() {
                outside.leave("tea");
                joined += 1;
            }
            (outside, joined)
        });
        match n % 3 {
            0 => client.reset(),
            1 => drop(session),
            _ => session.close(3000, "Go away!"),
        }
        let (outside, _) = within("a refusal", joining).await.unwrap();
        until("nobody", || handle.topic("tea").is_empty()).await;
        until("nobody", || handle.topic("coffee").is_empty()).await;
        assert_eq!(outside.join("tea"), Err(JoinError::Closed));
    }
}

#[tokio::test]
async fn a_topic_does_not_keep_its_members_open() {
    let mut bench = Bench::start(|layer| layer).await;
    let (mut client, mut session) = bench.open(Transport::WebSocket).await;
    session.join("tea").unwrap();
    let tea = bench.handle.topic("tea");
    let members: Vec<_> = tea.sessions().collect();
    client.send("x").await;
    assert_eq!(received(&mut session).await, "x");

    drop(session);

    client.expect_close(1000, "Normal closure").await;
    until("nobody", || tea.is_empty()).await;
    assert_eq!(members[0].closed().await.cause(), Cause::ClosedByApp);
}
