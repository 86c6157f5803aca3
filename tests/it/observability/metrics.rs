//! The numbers of the feature `metrics`, through the lives of sessions and whatever becomes of
//! them.

use std::{collections::BTreeMap, time::Duration};

use axum::Router;
use metrics::set_default_local_recorder;
use sockjs_axum::{Session, SockJsLayer, Transport};
use support::{Client, Frozen, Server, Wire, ending, received, until};
use tokio::time::timeout;

use super::{Bench, recorder::Recorder, refusals};

/// Returns the name of an instrument with the labels of a session.
fn of(name: &str, transport: Transport) -> String {
    let transport = transport.as_str();
    format!("{name}{{mount=/echo,transport={transport}}}")
}

fn closed(transport: Transport, cause: &str) -> String {
    let transport = transport.as_str();
    format!("sockjs_sessions_closed_total{{cause={cause},mount=/echo,transport={transport}}}")
}

const SESSIONS: &str = "sockjs_sessions";
const OPENED: &str = "sockjs_sessions_opened_total";
const CLOSED: &str = "sockjs_sessions_closed_total";
const DURATION: &str = "sockjs_session_duration_seconds";
const MESSAGES_RECEIVED: &str = "sockjs_messages_received_total";
const BYTES_RECEIVED: &str = "sockjs_received_bytes_total";
const MESSAGES_SENT: &str = "sockjs_messages_sent_total";
const BYTES_SENT: &str = "sockjs_sent_bytes_total";
const UNDELIVERED: &str = "sockjs_messages_undelivered_total";
const SEND_BUFFER: &str = "sockjs_send_buffer_bytes";
const REFUSED: &str = "sockjs_requests_refused_total";

#[tokio::test]
async fn each_transport_counts_what_goes_through_it() {
    for &transport in Transport::ALL {
        let recorder = Recorder::default();
        let _guard = set_default_local_recorder(&recorder);
        let mut bench = Frozen::start().await;
        let (mut client, mut session) = bench.open(transport).await;
        let of = |name| of(name, transport);

        assert_eq!(recorder.counters(), BTreeMap::from([(of(OPENED), 1)]));
        assert_eq!(recorder.gauges(), BTreeMap::from([(of(SESSIONS), 1.0)]));
        assert_eq!(recorder.histograms(), BTreeMap::new());

        for message in ["1", "22", "héllo"] {
            client.send(message).await;
            assert_eq!(received(&mut session).await, message);
        }
        let mut counters = BTreeMap::from([
            (of(OPENED), 1),
            (of(MESSAGES_RECEIVED), 3),
            (of(BYTES_RECEIVED), 9),
        ]);
        assert_eq!(recorder.counters(), counters);

        for message in ["4444", "55555"] {
            session.try_send(message).unwrap();
            assert_eq!(client.messages(1).await, [message]);
        }
        counters.extend([(of(MESSAGES_SENT), 2), (of(BYTES_SENT), 9)]);
        assert_eq!(recorder.counters(), counters);
        let mut histograms = BTreeMap::from([(of(SEND_BUFFER), vec![4.0 + 64.0, 5.0 + 64.0])]);
        assert_eq!(recorder.histograms(), histograms);

        bench.clock.advance(Duration::from_millis(1500)).await;
        client.attach().await;
        session.close(3000, "Go away!");
        client.expect_close(3000, "Go away!").await;
        until("the end", || bench.handle.is_empty()).await;
        counters.insert(closed(transport, "closed_by_app"), 1);
        // A second receiver counts neither as a session nor as a refusal.
        assert_eq!(recorder.counters(), counters);
        assert_eq!(recorder.gauges(), BTreeMap::new());
        histograms.insert(of(DURATION), vec![1.5]);
        assert_eq!(recorder.histograms(), histograms);
    }
}

#[tokio::test]
async fn messages_that_share_a_frame_count_each() {
    let recorder = Recorder::default();
    let _guard = set_default_local_recorder(&recorder);
    let mut bench = Frozen::start().await;
    let (mut client, mut session) = bench.open(Transport::Xhr).await;

    for message in ["1", "22", "333"] {
        session.try_send(message).unwrap();
    }
    assert_eq!(client.messages(3).await, ["1", "22", "333"]);
    client.http().0.send(r#"["1","22","333"]"#).await;
    client.http().0.send("[]").await;
    for message in ["1", "22", "333"] {
        assert_eq!(received(&mut session).await, message);
    }

    assert_eq!(recorder.sum(MESSAGES_SENT), 3);
    assert_eq!(recorder.sum(BYTES_SENT), 6);
    assert_eq!(recorder.sum(MESSAGES_RECEIVED), 3);
    assert_eq!(recorder.sum(BYTES_RECEIVED), 6);
    let buffer = recorder.histograms();
    assert_eq!(buffer[&of(SEND_BUFFER, Transport::Xhr)], [6.0 + 3.0 * 64.0]);
}

#[tokio::test]
async fn bytes_in_both_directions_are_those_of_the_text() {
    let recorder = Recorder::default();
    let _guard = set_default_local_recorder(&recorder);
    let mut bench = Frozen::start().await;
    let (mut client, mut session) = bench.open(Transport::Xhr).await;

    let text = "é".repeat(100);
    let escaped = format!("[\"{}\"]", "\\u00e9".repeat(100));
    assert_eq!((escaped.len(), text.len()), (604, 200));
    client.http().0.send(&escaped).await;
    assert_eq!(received(&mut session).await, text);
    session.try_send(text.as_str()).unwrap();
    assert_eq!(client.messages(1).await, [text]);

    assert_eq!(recorder.sum(BYTES_RECEIVED), 200);
    assert_eq!(recorder.sum(BYTES_SENT), 200);
}

#[tokio::test]
async fn a_session_counts_for_its_current_transport() {
    let recorder = Recorder::default();
    let _guard = set_default_local_recorder(&recorder);
    let server = Server::echo(|layer| layer.response_limit(1)).await;
    let peer = server.peer();
    peer.open().await;

    for wire in Wire::ALL {
        // The message arrives while the session still has the previous transport.
        peer.send(r#"["x"]"#).await;
        assert_eq!(peer.answer(wire).await, wire.frame(r#"a["x"]"#));
        let gauges = BTreeMap::from([(of(SESSIONS, wire.transport()), 1.0)]);
        assert_eq!(recorder.gauges(), gauges);
        assert_eq!(recorder.counters()[&of(MESSAGES_SENT, wire.transport())], 1);
    }

    // It was opened once, with its first transport.
    assert_eq!(recorder.sum(OPENED), 1);
    assert_eq!(recorder.counters()[&of(OPENED, Transport::Xhr)], 1);
    let received: Vec<_> = recorder.counters().into_iter().collect();
    let received = received
        .iter()
        .filter(|(key, _)| key.starts_with(MESSAGES_RECEIVED));
    let received: Vec<_> = received.map(|(key, count)| (&**key, *count)).collect();
    let expected = [
        (&*of(MESSAGES_RECEIVED, Transport::EventSource), 1),
        (&*of(MESSAGES_RECEIVED, Transport::HtmlFile), 1),
        (&*of(MESSAGES_RECEIVED, Transport::Xhr), 2),
        (&*of(MESSAGES_RECEIVED, Transport::XhrStreaming), 1),
    ];
    assert_eq!(received, expected);
}

#[tokio::test]
async fn a_lost_session_counts_as_closed_with_its_undelivered_messages() {
    for &transport in Transport::ALL {
        let recorder = Recorder::default();
        let _guard = set_default_local_recorder(&recorder);
        let mut bench = Frozen::start().await;
        let (mut client, session) = bench.open(transport).await;

        let polls = matches!(transport, Transport::Xhr | Transport::Jsonp);
        let (cause, undelivered) = if polls {
            session.try_send("1").unwrap();
            session.try_send("2").unwrap();
            bench.clock.advance(Duration::from_secs(6)).await;
            ("disconnect_timeout", 2)
        } else {
            client.attach().await;
            client.reset();
            ("receiver_lost", 0)
        };

        let ending = ending(&session).await;
        assert_eq!(ending.undelivered(), undelivered);
        until("the end", || bench.handle.is_empty()).await;
        assert_eq!(recorder.gauges(), BTreeMap::new());
        assert_eq!(recorder.counters()[&closed(transport, cause)], 1);
        assert_eq!(recorder.sum(CLOSED), 1);
        assert_eq!(recorder.sum(UNDELIVERED), undelivered as u64);
        assert_eq!(recorder.histograms()[&of(DURATION, transport)].len(), 1);
    }
}

#[tokio::test]
async fn every_opened_session_is_closed_once() {
    let recorder = Recorder::default();
    let _guard = set_default_local_recorder(&recorder);
    let handler = |mut session: Session| async move {
        match session.recv().await.as_deref() {
            Some("panic") => panic!("a test's panic"),
            Some("close") => session.close(3000, "Go away!"),
            _ => {}
        }
    };
    let layer = SockJsLayer::new("/echo").on_session(handler);
    let layer = layer.disconnect_delay(Duration::from_secs(1));
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;

    let mut all = 0;
    for n in 0..20 {
        for &transport in Transport::ALL {
            let mut client = Client::open(server.addr(), "/echo", transport).await;
            all += 1;
            match n % 5 {
                0 => client.send("panic").await,
                1 => client.send("close").await,
                2 => client.send("return").await,
                3 => {
                    client.attach().await;
                    client.reset();
                }
                _ => drop(client),
            }
        }
    }
    until("all sessions", || recorder.sum(OPENED) == all).await;
    until("the end of all", || handle.is_empty()).await;

    assert_eq!(recorder.gauges(), BTreeMap::new());
    assert_eq!((recorder.sum(OPENED), recorder.sum(CLOSED)), (all, all));
    let durations = recorder.histograms();
    let durations = durations
        .iter()
        .filter(|(key, _)| key.starts_with(DURATION));
    let durations: usize = durations.map(|(_, samples)| samples.len()).sum();
    assert_eq!(durations as u64, all);
}

#[tokio::test]
async fn waiting_and_refused_payloads_do_not_count_as_received() {
    let recorder = Recorder::default();
    let _guard = set_default_local_recorder(&recorder);
    let bench = Bench::start().await;
    let peer = bench.server.peer();
    peer.open().await;
    for broken in ["[5]", "", "[\"x\"", &format!("[\"{}\"]", "x".repeat(101))] {
        assert_ne!(peer.send_status(broken).await, 204);
    }
    assert_eq!(recorder.sum(MESSAGES_RECEIVED), 0);

    // A waiting payload counts once there is room for it.
    let (server, mut sessions) = Server::capture(|layer| layer.receive_buffer(1)).await;
    let peer = server.peer();
    peer.open().await;
    let mut full = sessions.next().await;
    peer.send(r#"["1"]"#).await;
    let mut waiting = peer.post("xhr_send").body(r#"["2"]"#).start().await;
    let moment = Duration::from_millis(100);
    assert!(timeout(moment, waiting.answered()).await.is_err());
    assert_eq!(recorder.sum(MESSAGES_RECEIVED), 1);
    assert_eq!(received(&mut full).await, "1");
    assert_eq!(waiting.response().await.status, 204);
    assert_eq!(recorder.sum(MESSAGES_RECEIVED), 2);
    assert_eq!(recorder.sum(BYTES_RECEIVED), 2);
}

#[tokio::test]
async fn refused_requests_count_by_reason() {
    let recorder = Recorder::default();
    let _guard = set_default_local_recorder(&recorder);
    let bench = Bench::start().await;
    let (refusals, _servers) = refusals(&bench).await;
    let mut expected = BTreeMap::new();

    for refused in refusals {
        let line = refused.request.line();
        assert_eq!(
            refused.request.send().await.status,
            refused.status,
            "{line}"
        );
        let key = format!("{REFUSED}{{mount=/echo,reason={}}}", refused.reason);
        *expected.entry(key).or_insert(0) += 1;
        assert_eq!(recorder.counters(), expected, "{line}");
    }

    // Answered requests, and requests to other routes, do not count as refused.
    bench.server.get("/echo/info").send().await;
    bench.server.get("/elsewhere").send().await;
    assert_eq!(recorder.counters(), expected);
    assert_eq!(recorder.gauges(), BTreeMap::new());
    assert_eq!(recorder.histograms(), BTreeMap::new());
}
