use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

/// Everything that is logged while it lives, on the thread of its test.
#[derive(Debug)]
pub(super) struct Log {
    records: Records,
    _guard: DefaultGuard,
}

/// A span or an event.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) level: Level,
    pub(super) target: &'static str,
    /// The name of a span, the message of an event.
    pub(super) name: String,
    pub(super) fields: BTreeMap<&'static str, String>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Span {
        id: u64,
        state: SpanState,
    },
    /// With the span it is in.
    Event {
        within: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SpanState {
    Open,
    Closed,
}

impl Log {
    /// Starts to collect.
    pub(super) fn start() -> Self {
        LazyLock::force(&ANOTHER);
        let records = Records::default();
        let subscriber = Registry::default().with(records.clone());
        Self {
            records,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Returns what there is, in the order it came.
    pub(super) fn records(&self) -> Vec<Record> {
        self.records.lock().clone()
    }

    /// Returns what the mounts have logged, without the cluster that `SOCKJS_NODES` puts around them.
    pub(super) fn ours(&self) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| {
            let target = &record.target;
            target.starts_with("sockjs") && !target.starts_with("sockjs_cluster")
        });
        records
    }

    /// Returns our events with this message.
    pub(super) fn events(&self, message: &str) -> Vec<Record> {
        let mut records = self.ours();
        records.retain(|it| matches!(it.kind, Kind::Event { .. }) && it.name == message);
        records
    }

    /// Returns the spans of our sessions.
    pub(super) fn sessions(&self) -> Vec<Record> {
        let mut records = self.ours();
        records.retain(|it| matches!(it.kind, Kind::Span { .. }) && it.name == "session");
        records
    }
}

/// With a single subscriber, `tracing` asks the first thread that reaches an event whether somebody
/// listens, and caches the answer for all threads. That may be the thread of another test.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Registry::default()));

impl Record {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    fn new(metadata: &Metadata<'static>, kind: Kind) -> Self {
        Self {
            level: *metadata.level(),
            target: metadata.target(),
            name: metadata.name().to_owned(),
            fields: BTreeMap::new(),
            kind,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Records(Arc<Mutex<Vec<Record>>>);

impl Records {
    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.0.lock().expect("nobody panics with the log")
    }

    fn span(&self, wanted: &span::Id, change: impl FnOnce(&mut Record)) {
        let wanted = wanted.into_u64();
        // An id is given to another span once its own is closed.
        let mut records = self.lock();
        let span = records.iter_mut().rev().find(
            |it| matches!(it.kind, Kind::Span { id, state: SpanState::Open } if id == wanted),
        );
        change(span.expect("the span is open"));
    }
}

impl<S> Layer<S> for Records
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, _: Context<'_, S>) {
        let kind = Kind::Span {
            id: id.into_u64(),
            state: SpanState::Open,
        };
        let mut record = Record::new(attributes.metadata(), kind);
        attributes.record(&mut record);
        self.lock().push(record);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        self.span(id, |span| values.record(span));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let within = context.event_span(event).map(|span| span.id().into_u64());
        let mut record = Record::new(event.metadata(), Kind::Event { within });
        event.record(&mut record);
        if let Some(message) = record.fields.remove("message") {
            record.name = message;
        }
        self.lock().push(record);
    }

    fn on_close(&self, id: span::Id, _: Context<'_, S>) {
        self.span(&id, |span| {
            span.kind = Kind::Span {
                id: id.into_u64(),
                state: SpanState::Closed,
            };
        });
    }
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
