//! Messages to the sessions of all nodes.

use std::time::Duration;

use bytes::Bytes;
use sockjs_axum::{Session, SlowPolicy};
use sockjs_cluster::Store;
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, Node};

async fn settle() {
    sleep(Duration::from_millis(100)).await;
}

async fn member(node: &mut Node, id: &str, topic: &str) -> Session {
    let session = node.open(id).await;
    session.join(topic).unwrap();
    session
}

#[tokio::test(start_paused = true)]
async fn message_to_a_topic_reaches_its_members_on_all_nodes_once() {
    let (bench, mut a, mut b) = Bench::two().await;
    let mut c = bench.node(3).await;
    let _a = member(&mut a, "a", "room").await;
    let _b = member(&mut b, "b", "room").await;
    let _c = member(&mut c, "c", "other").await;
    settle().await;
    for node in [&a, &b, &c] {
        node.handle
            .topic("room")
            .send("hello", SlowPolicy::Skip)
            .await;
        settle().await;
    }
    for (node, id) in [(&a, "a"), (&b, "b")] {
        assert_eq!(node.poll(id).await, "a[\"hello\",\"hello\",\"hello\"]\n");
    }
    let silent = timeout(Duration::from_secs(3), c.poll("c")).await;
    assert!(silent.is_err(), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn broadcast_reaches_all_nodes_and_a_local_one_does_not() {
    let (_bench, mut a, mut b) = Bench::two().await;
    let _a = a.open("a").await;
    let _b = b.open("b").await;
    a.handle.broadcast("everywhere", SlowPolicy::Skip).await;
    a.handle.local().broadcast("here", SlowPolicy::Skip).await;
    settle().await;
    assert_eq!(a.poll("a").await, "a[\"everywhere\",\"here\"]\n");
    assert_eq!(b.poll("b").await, "a[\"everywhere\"]\n");
}

#[tokio::test(start_paused = true)]
async fn session_is_excepted_on_any_node() {
    let (_bench, mut a, mut b) = Bench::two().await;
    let _a = member(&mut a, "a", "room").await;
    let excepted = member(&mut b, "b", "room").await;
    let _other = member(&mut b, "c", "room").await;
    settle().await;
    let topic = a.handle.topic("room");
    topic
        .send_except(excepted.id(), "hello", SlowPolicy::Skip)
        .await;
    topic.send("all", SlowPolicy::Skip).await;
    settle().await;
    assert_eq!(a.poll("a").await, "a[\"hello\",\"all\"]\n");
    assert_eq!(b.poll("b").await, "a[\"all\"]\n");
    assert_eq!(b.poll("c").await, "a[\"hello\",\"all\"]\n");
}

#[tokio::test(start_paused = true)]
async fn node_without_members_is_not_subscribed() {
    let (_bench, mut a, mut b) = Bench::two().await;
    let _a = a.open("a").await;
    let session = b.open("b").await;
    let subscribed = || b.subscribed.lock().unwrap().len();
    let before = subscribed();
    for _ in 0..3 {
        session.join("room").unwrap();
        settle().await;
        assert_eq!(subscribed(), before + 1);
        a.handle.topic("room").send("in", SlowPolicy::Skip).await;
        settle().await;
        assert_eq!(b.poll("b").await, "a[\"in\"]\n");
        session.leave("room");
        settle().await;
        assert_eq!(subscribed(), before);
        a.handle.topic("room").send("out", SlowPolicy::Skip).await;
        settle().await;
    }
    session.send("nothing else").await.unwrap();
    assert_eq!(b.poll("b").await, "a[\"nothing else\"]\n");
}

#[tokio::test(start_paused = true)]
async fn order_of_a_node_is_kept() {
    let (_bench, mut a, mut b) = Bench::two().await;
    let _a = a.open("a").await;
    let _b = member(&mut b, "b", "room").await;
    settle().await;
    let expected: Vec<_> = (0..500).map(|n| format!("\"{n}\"")).collect();
    for n in 0..500 {
        let topic = a.handle.topic("room");
        topic.send(format!("{n}"), SlowPolicy::Skip).await;
    }
    settle().await;
    assert_eq!(b.poll("b").await, format!("a[{}]\n", expected.join(",")));
}

#[tokio::test(start_paused = true)]
async fn own_members_do_not_need_the_store() {
    let (bench, mut a, mut b) = Bench::two().await;
    let _a = member(&mut a, "a", "room").await;
    let _b = member(&mut b, "b", "room").await;
    settle().await;
    bench.store.stop();
    a.handle.topic("room").send("alone", SlowPolicy::Skip).await;
    assert_eq!(a.poll("a").await, "a[\"alone\"]\n");
    bench.store.start();
    sleep(Duration::from_secs(1)).await;
    a.handle.topic("room").send("again", SlowPolicy::Skip).await;
    settle().await;
    assert_eq!(b.poll("b").await, "a[\"again\"]\n");
}

#[tokio::test(start_paused = true)]
async fn stranger_at_the_broker_cannot_speak_for_a_node() {
    let (bench, mut a, mut b) = Bench::two().await;
    let _a = a.open("a").await;
    let _b = b.open("b").await;
    a.handle.broadcast("real", SlowPolicy::Skip).await;
    settle().await;
    let (channel, message) = a.tap.lock().unwrap().pop().unwrap();
    let (_, topics) = bench.store.join("sockjs");
    for forged in [
        message.clone(),
        Bytes::new(),
        Bytes::from_static(b"\x01hello"),
        [&message[..message.len() - 4], b"fake"].concat().into(),
    ] {
        topics.publish(&channel, forged).await.unwrap();
    }
    settle().await;
    assert_eq!(a.poll("a").await, "a[\"real\"]\n");
    assert_eq!(b.poll("b").await, "a[\"real\"]\n", "not even twice");
    a.handle.broadcast("end", SlowPolicy::Skip).await;
    settle().await;
    assert_eq!(b.poll("b").await, "a[\"end\"]\n");
}
