//! What only the store in memory offers: its switches for tests.

use std::time::Duration;

use sockjs_cluster::{Claimed, Memory, Store, Unavailable};
use tokio::time::Instant;

use crate::bench::{MINUTE, key, node};

#[tokio::test(start_paused = true)]
async fn clones_are_one_store() {
    let store = Memory::new();
    let (ours, _) = store.join("test");
    let (theirs, _) = store.clone().join("test");
    ours.claim(key(1), &node(1), MINUTE).await.unwrap();
    let claimed = theirs.claim(key(1), &node(2), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::Taken(node(1))));
    assert_eq!(store.entries(), 1);
    tokio::time::advance(MINUTE).await;
    assert_eq!(store.entries(), 0);
}

#[tokio::test(start_paused = true)]
async fn answers_take_the_time_that_was_set() {
    let store = Memory::new();
    let (directory, _) = store.join("test");
    let delay = Duration::from_millis(700);
    store.set_delay(delay);
    let start = Instant::now();
    let claimed = directory.claim(key(1), &node(1), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::New));
    assert_eq!(start.elapsed(), delay);

    store.set_delay(Duration::from_secs(1));
    let start = Instant::now();
    assert_eq!(directory.find(key(1)).await, Err(Unavailable));
    assert_eq!(start.elapsed(), Duration::from_secs(3));

    store.set_delay(Duration::ZERO);
    let start = Instant::now();
    assert_eq!(directory.find(key(1)).await, Ok(Some(node(1))));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn store_that_goes_away_while_it_answers_answers_later() {
    let store = Memory::new();
    let (directory, _) = store.join("test");
    store.set_delay(Duration::from_millis(500));
    let start = Instant::now();
    let entry = node(1);
    let claim = directory.claim(key(1), &entry, MINUTE);
    let outage = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        store.stop();
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(store.entries(), 0);
        store.start();
    };
    let (claimed, ()) = tokio::join!(claim, outage);
    assert_eq!(claimed, Ok(Claimed::New));
    assert_eq!(start.elapsed(), Duration::from_millis(1500));
}
