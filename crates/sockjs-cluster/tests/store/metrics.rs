//! The numbers of the feature `metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, set_default_local_recorder,
};
use sockjs_cluster::Unavailable;

use crate::bench::{Bench, MINUTE, key, node, receive, until_subscribed};

/// Keeps how often each instrument was used.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

struct Instrument(Counts, String);

impl Counts {
    fn of(&self, name: &str) -> u64 {
        let counts = self.0.lock().unwrap();
        counts.get(name).copied().unwrap_or_default()
    }

    fn instrument(&self, key: &Key) -> Arc<Instrument> {
        let labels = key.labels().map(|label| format!("{{{}}}", label.value()));
        let name = [key.name().to_owned(), labels.collect()].concat();
        Arc::new(Instrument(self.clone(), name))
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.instrument(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.instrument(key))
    }
}

impl CounterFn for Instrument {
    fn increment(&self, value: u64) {
        let mut counts = self.0.0.lock().unwrap();
        *counts.entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, _: u64) {
        panic!("a count is not set");
    }
}

impl HistogramFn for Instrument {
    fn record(&self, seconds: f64) {
        assert!((0.0..10.0).contains(&seconds));
        self.increment(1);
    }
}

#[tokio::test]
async fn commands_connections_and_losses_are_counted() {
    let counts = Counts::default();
    let _guard = set_default_local_recorder(&counts);
    let Some(mut bench) = Bench::redis().await else {
        return;
    };
    let connections = |purpose: &str| {
        let name = "sockjs_cluster_store_connections_total";
        counts.of(&format!("{name}{{{purpose}}}"))
    };
    let lost = |reason: &str| {
        let name = "sockjs_cluster_store_messages_lost_total";
        counts.of(&format!("{name}{{{reason}}}"))
    };
    let (directory, topics) = bench.join().await;
    topics.subscribe(b"a");
    until_subscribed(&*topics, &*topics, b"a").await;
    for purpose in ["directory", "publishing", "subscribing"] {
        assert_eq!(connections(purpose), 1, "{purpose}");
    }

    let sessions: Vec<_> = (0..300).map(key).collect();
    directory.claim(key(1), &node(1), MINUTE).await.unwrap();
    directory.renew(&sessions, &node(1), MINUTE).await.unwrap();
    directory.release(key(1), &node(1), MINUTE).await.unwrap();
    for (command, count) in [("claim", 1), ("find", 1), ("renew", 2), ("release", 1)] {
        let name = format!("sockjs_cluster_store_command_seconds{{{command}}}");
        assert_eq!(counts.of(&name), count, "{command}");
    }

    assert_eq!((lost("disconnected"), lost("not_published")), (0, 0));
    bench.kill();
    assert_eq!(receive(&*topics).await, Err(Unavailable));
    while topics.publish(b"a", Bytes::new()).await.is_ok() {}
    assert_eq!((lost("disconnected"), lost("not_published")), (1, 1));

    bench.restart();
    until_subscribed(&*topics, &*topics, b"a").await;
    directory.find(key(1)).await.unwrap();
    for purpose in ["directory", "publishing", "subscribing"] {
        assert_eq!(connections(purpose), 2, "{purpose}");
    }
}
