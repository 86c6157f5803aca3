use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};

/// Keeps all metrics of its test.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    counters: Mutex<Instruments<AtomicU64>>,
    gauges: Mutex<Instruments<AtomicU64>>,
    histograms: Mutex<Instruments<Samples>>,
}

/// By name and labels: `sockjs_sessions{mount=/echo,transport=websocket}`.
type Instruments<T> = BTreeMap<String, Arc<T>>;

#[derive(Debug, Default)]
struct Samples(Mutex<Vec<f64>>);

impl HistogramFn for Samples {
    fn record(&self, value: f64) {
        self.0.lock().expect("nobody panics with it").push(value);
    }
}

impl Recorder {
    /// Returns the counters that are not zero.
    pub(super) fn counters(&self) -> BTreeMap<String, u64> {
        let counters = self.counters.lock().expect("nobody panics with it");
        let counters = counters.iter();
        let counters = counters.map(|(key, it)| (key.clone(), it.load(Ordering::Relaxed)));
        counters.filter(|(_, value)| *value != 0).collect()
    }

    /// Returns the gauges that are not zero.
    pub(super) fn gauges(&self) -> BTreeMap<String, f64> {
        let gauges = self.gauges.lock().expect("nobody panics with it");
        let gauges = gauges.iter();
        let gauges =
            gauges.map(|(key, it)| (key.clone(), f64::from_bits(it.load(Ordering::Relaxed))));
        gauges.filter(|(_, value)| *value != 0.0).collect()
    }

    /// Returns the samples of the histograms that have any.
    pub(super) fn histograms(&self) -> BTreeMap<String, Vec<f64>> {
        let histograms = self.histograms.lock().expect("nobody panics with it");
        let histograms = histograms.iter();
        let histograms = histograms.map(|(key, it)| {
            let samples = it.0.lock().expect("nobody panics with it");
            (key.clone(), samples.clone())
        });
        histograms.filter(|(_, it)| !it.is_empty()).collect()
    }

    /// Returns the sum of a counter over all its labels.
    pub(super) fn sum(&self, name: &str) -> u64 {
        let counters = self.counters().into_iter();
        let counters = counters.filter(|(key, _)| key.split('{').next() == Some(name));
        counters.map(|(_, value)| value).sum()
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(instrument(&self.counters, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(instrument(&self.gauges, key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(instrument(&self.histograms, key))
    }
}

fn instrument<T: Default>(instruments: &Mutex<Instruments<T>>, key: &Key) -> Arc<T> {
    let labels: BTreeMap<_, _> = key.labels().map(|it| (it.key(), it.value())).collect();
    let labels: Vec<_> = labels
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let key = format!("{}{{{}}}", key.name(), labels.join(","));
    let mut instruments = instruments.lock().expect("nobody panics with it");
    instruments.entry(key).or_default().clone()
}
