//! What an operator sees.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The page lists all metrics of the crate, and no others.
#[test]
fn metrics_are_documented() {
    let page = include_str!("../../../../docs/observability.md");
    assert_eq!(names(page, '`'), names(&code(), '"'));
}

/// Its tables list all spans and warnings of the crate, and no others.
#[test]
fn spans_and_warnings_are_documented() {
    let page = include_str!("../../../../docs/observability.md");
    let code = code();
    let spans = code.split("_span!(\"").skip(1);
    let spans: BTreeSet<_> = spans.filter_map(|it| it.split('"').next()).collect();
    assert_eq!(first_cells(page, "### Spans of a cluster"), spans);

    let warnings = code.split("tracing::warn!(").skip(1);
    // The message is the last argument.
    let warnings = warnings.filter_map(|it| {
        let (arguments, _) = it.split_once(");")?;
        arguments.trim_end().strip_suffix('"')?.rsplit('"').next()
    });
    let warnings: BTreeSet<_> = warnings.collect();
    assert_eq!(first_cells(page, "### Warnings of a cluster"), warnings);
}

/// Returns the first cells of the tables of a section, apart from empty ones.
fn first_cells<'a>(page: &'a str, headline: &str) -> BTreeSet<&'a str> {
    let (_, section) = page.split_once(headline).unwrap();
    let section = section.split("\n#").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| {
        let cell = line.strip_prefix("| `")?.split(" |").next()?;
        Some(cell.trim_matches('`').trim())
    });
    cells.collect()
}

fn code() -> String {
    let mut code = String::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut code,
    );
    code
}

fn names(text: &str, quote: char) -> BTreeSet<&str> {
    let parts = text.split(quote);
    let is_name = |part: &&str| {
        let rest = part.strip_prefix("sockjs_cluster_");
        rest.is_some_and(|it| it.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    parts.filter(is_name).collect()
}

fn collect(directory: &Path, code: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, code);
        } else {
            code.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[cfg(feature = "metrics")]
mod counted {
    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
        set_default_local_recorder,
    };
    use std::sync::Mutex;
    use std::time::Duration;

    use http::StatusCode;
    use sockjs_axum::SlowPolicy;
    use tokio::time::sleep;

    use super::*;
    use crate::bench::Bench;

    /// Keeps the names and labels of all metrics.
    #[derive(Default)]
    struct Names(Mutex<BTreeSet<String>>);

    impl Names {
        fn add(&self, key: &Key) {
            let labels = key
                .labels()
                .map(|it| format!("{}={}", it.key(), it.value()));
            let labels: Vec<_> = labels.collect();
            let name = format!("{}{{{}}}", key.name(), labels.join(","));
            self.0.lock().unwrap().insert(name);
        }
    }

    impl Recorder for Names {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.add(key);
            Counter::noop()
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.add(key);
            Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.add(key);
            Histogram::noop()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn claims_relays_and_messages_are_counted() {
        let names = Names::default();
        let _local = set_default_local_recorder(&names);
        let (bench, mut a, mut b) = Bench::two().await;
        let _session = a.open("s").await;
        let _other = b.open("t").await;
        assert_eq!(b.send("s", "[\"x\"]").await, StatusCode::NO_CONTENT);
        a.handle.broadcast("x", SlowPolicy::Skip).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(b.poll("s").await, "a[\"x\"]\n");
        let mut forged = a.tap.lock().unwrap().pop().unwrap();
        forged.1 = [&forged.1[..], b"x"].concat().into();
        let (_, topics) = sockjs_cluster::Store::join(&bench.store, "sockjs");
        topics.publish(&forged.0, forged.1.clone()).await.unwrap();
        // A version that does not exist yet.
        let other = [&b"\x02"[..], &forged.1[1..]].concat().into();
        topics.publish(&forged.0, other).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        bench.network.kill(a.addr);
        assert!(b.poll("s").await.starts_with("c[1001"));

        let names = names.0.lock().unwrap();
        for name in [
            "sockjs_cluster_claims_total{mount=chat,outcome=ours}",
            "sockjs_cluster_claims_total{mount=chat,outcome=known}",
            "sockjs_cluster_requests_relayed_total{mount=chat,outcome=answered}",
            "sockjs_cluster_requests_relayed_total{mount=chat,outcome=refused}",
            "sockjs_cluster_requests_answered_total{mount=chat,outcome=answered}",
            "sockjs_cluster_messages_published_total{mount=chat,outcome=published}",
            "sockjs_cluster_messages_received_total{mount=chat,outcome=delivered}",
            "sockjs_cluster_messages_received_total{mount=chat,outcome=unsigned}",
            "sockjs_cluster_messages_received_total{mount=chat,outcome=malformed}",
            "sockjs_cluster_connects_total{outcome=connected}",
            "sockjs_cluster_relay_connections{direction=in}",
            "sockjs_cluster_relay_connections{direction=out}",
        ] {
            assert!(names.contains(name), "{name} is missing in {names:?}");
        }
    }
}
