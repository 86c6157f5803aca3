use std::time::Duration;

use bytes::Bytes;
use sockjs_cluster::Unavailable;
use tokio::time::{Instant, timeout};

use crate::bench::{Bench, LIMIT, receive, until_subscribed};

crate::contract! {
    channels_of_other_namespaces_are_other_channels,
    message_of_a_mebibyte_arrives,
    message_reaches_all_subscribers,
    messages_of_a_node_arrive_in_their_order,
    publishing_fails_while_the_store_is_away,
    slow_receiver_loses_messages_and_hears_of_it,
    subscriptions_outlive_a_restart,
    unsubscribed_channel_falls_silent,
}

async fn message_reaches_all_subscribers(bench: Bench) {
    let (one, two, three) = (
        bench.topics().await,
        bench.topics().await,
        bench.topics().await,
    );
    // Names and messages are bytes.
    let channel = b"news\r\n\0\xff";
    one.subscribe(channel);
    two.subscribe(channel);
    three.subscribe(b"other");
    until_subscribed(&*one, &*one, channel).await;
    until_subscribed(&*one, &*two, channel).await;
    until_subscribed(&*one, &*three, b"other").await;
    let message = Bytes::from_static(b"\0\xff hello\r\n");
    assert_eq!(one.publish(channel, message.clone()).await, Ok(()));
    assert_eq!(one.publish(b"other", Bytes::new()).await, Ok(()));
    let expected = Ok((Bytes::from_static(channel), message));
    assert_eq!(receive(&*one).await, expected);
    assert_eq!(receive(&*two).await, expected);
    let expected = Ok((Bytes::from_static(b"other"), Bytes::new()));
    assert_eq!(receive(&*three).await, expected);
}

async fn messages_of_a_node_arrive_in_their_order(bench: Bench) {
    let (from, to) = (bench.topics().await, bench.topics().await);
    to.subscribe(b"a");
    to.subscribe(b"b");
    until_subscribed(&*from, &*to, b"a").await;
    until_subscribed(&*from, &*to, b"b").await;
    let message = |number: usize| {
        let channel = if number.is_multiple_of(3) { b"a" } else { b"b" };
        (channel, Bytes::from(number.to_string()))
    };
    let mut outcomes = Vec::new();
    for number in 0..5000 {
        let (channel, message) = message(number);
        let outcome = from.publish(channel, message);
        // It is sent although nobody waits for the outcome.
        if number.is_multiple_of(2) {
            outcomes.push(outcome);
        }
    }
    for outcome in outcomes.into_iter().rev() {
        assert_eq!(outcome.await, Ok(()));
    }
    for number in 0..5000 {
        let (channel, message) = message(number);
        let expected = Ok((Bytes::from_static(channel), message));
        assert_eq!(receive(&*to).await, expected);
    }
}

async fn message_of_a_mebibyte_arrives(bench: Bench) {
    let (from, to) = (bench.topics().await, bench.topics().await);
    to.subscribe(b"large");
    until_subscribed(&*from, &*to, b"large").await;
    for size in [1 << 20, 20 << 20] {
        let message: Bytes = (0..size).map(|number| (number % 251) as u8).collect();
        assert_eq!(from.publish(b"large", message.clone()).await, Ok(()));
        let (_, arrived) = receive(&*to).await.unwrap();
        assert!(arrived == message);
    }
}

async fn unsubscribed_channel_falls_silent(bench: Bench) {
    let topics = bench.topics().await;
    topics.subscribe(b"a");
    topics.subscribe(b"b");
    until_subscribed(&*topics, &*topics, b"a").await;
    until_subscribed(&*topics, &*topics, b"b").await;
    topics.unsubscribe(b"a");
    topics.unsubscribe(b"never subscribed");
    let start = Instant::now();
    let mut silent_rounds = 0;
    for round in 0_u32.. {
        assert!(start.elapsed() < LIMIT, "messages still arrive");
        let message = Bytes::from(round.to_string());
        topics.publish(b"a", message.clone()).await.unwrap();
        topics.publish(b"b", message.clone()).await.unwrap();
        let (channel, _) = receive(&*topics).await.unwrap();
        if channel == "a" {
            assert_eq!(silent_rounds, 0);
            receive(&*topics).await.unwrap();
        } else {
            silent_rounds += 1;
        }
        if silent_rounds > 3 {
            break;
        }
    }
    topics.subscribe(b"a");
    until_subscribed(&*topics, &*topics, b"a").await;
}

async fn channels_of_other_namespaces_are_other_channels(bench: Bench) {
    let (_, from) = bench.join_as("chat");
    let (_, to) = bench.join_as("chat");
    let (_, other) = bench.join_as("chat:2");
    for topics in [&to, &other] {
        topics.subscribe(b"a");
        // With a colon between the two only, the other namespace's channel had the same name.
        topics.subscribe(b"2:a");
    }
    until_subscribed(&*other, &*other, b"a").await;
    until_subscribed(&*from, &*to, b"a").await;
    for (publisher, text) in [(&other, "y"), (&from, "x")] {
        publisher.publish(b"a", text.into()).await.unwrap();
        publisher.publish(b"2:a", text.into()).await.unwrap();
    }
    // Nothing of the other one comes before.
    for (topics, text) in [(&to, "x"), (&other, "y")] {
        for channel in ["a", "2:a"] {
            assert_eq!(receive(&**topics).await, Ok((channel.into(), text.into())));
        }
    }
}

async fn subscriptions_outlive_a_restart(mut bench: Bench) {
    let (from, to) = (bench.topics().await, bench.topics().await);
    let channels: Vec<_> = (0..2000)
        .map(|number| format!("channel {number}"))
        .collect();
    for channel in &channels {
        to.subscribe(channel.as_bytes());
    }
    until_subscribed(&*from, &*to, channels[0].as_bytes()).await;
    bench.kill();
    assert_eq!(receive(&*to).await, Err(Unavailable));
    // What changes meanwhile is not lost.
    to.subscribe(b"late");
    to.unsubscribe(channels[7].as_bytes());
    bench.restart();
    until_subscribed(&*from, &*to, b"late").await;
    for channel in channels.iter().skip(8).step_by(97) {
        until_subscribed(&*from, &*to, channel.as_bytes()).await;
    }
    let message = Bytes::from_static(b"x");
    for channel in [channels[7].as_bytes(), b"late"] {
        assert_eq!(from.publish(channel, message.clone()).await, Ok(()));
    }
    let arrival = loop {
        // The gap was told at its begin, and is told at its end.
        if let Ok(arrival) = receive(&*to).await {
            break arrival;
        }
    };
    assert_eq!(arrival, (Bytes::from_static(b"late"), message));
    assert!(from.is_connected() && to.is_connected());
}

async fn publishing_fails_while_the_store_is_away(mut bench: Bench) {
    let topics = bench.topics().await;
    topics.subscribe(b"a");
    until_subscribed(&*topics, &*topics, b"a").await;
    bench.kill();
    assert_eq!(receive(&*topics).await, Err(Unavailable));
    let start = Instant::now();
    while topics.is_connected() {
        assert!(start.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The connection may be lost a moment later than the one that subscribes.
    while topics.publish(b"a", Bytes::new()).await.is_ok() {
        assert!(start.elapsed() < LIMIT);
    }
    let at_once = timeout(
        Duration::from_millis(50),
        topics.publish(b"a", Bytes::new()),
    );
    assert_eq!(at_once.await, Ok(Err(Unavailable)));
    bench.restart();
    until_subscribed(&*topics, &*topics, b"a").await;
}

/// Limit: messages of other nodes that wait.
async fn slow_receiver_loses_messages_and_hears_of_it(bench: Bench) {
    let (from, to) = (bench.topics().await, bench.topics().await);
    to.subscribe(b"a");
    until_subscribed(&*from, &*to, b"a").await;
    let witness = bench.topics().await;
    witness.subscribe(b"a");
    until_subscribed(&*from, &*witness, b"a").await;
    for number in 0..24_u8 {
        let message = Bytes::from(vec![number; 1 << 20]);
        assert_eq!(from.publish(b"a", message).await, Ok(()));
        receive(&*witness).await.unwrap();
    }
    let mut arrived = 0;
    while let Ok((_, message)) = receive(&*to).await {
        assert_eq!(message, vec![arrived; 1 << 20]);
        arrived += 1;
    }
    assert!((12..=16).contains(&arrived), "{arrived} MiB");
    // A server may have sent the rest later.
    until_subscribed(&*from, &*to, b"a").await;
    let last = Bytes::from_static(b"last");
    from.publish(b"a", last.clone()).await.unwrap();
    assert_eq!(receive(&*to).await, Ok((Bytes::from_static(b"a"), last)));
}
