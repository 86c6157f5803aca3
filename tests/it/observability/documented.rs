//! The lists of `docs/observability.md` are those of the code.
//!
//! Where the code has no public list, its source is read: it says more than the cases that a test
//! can bring about.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use metrics::set_default_local_recorder;
use sockjs_axum::Transport;
use support::{Frozen, received, until};

use super::{Limit, recorder::Recorder, refusals};

const PAGE: &str = include_str!("../../../docs/observability.md");

const LEVELS: [&str; 5] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

/// The cells of a table's row.
type Row = Vec<&'static str>;

/// Returns the rows of the tables between a headline of the page and the next one.
fn rows(headline: &str) -> Vec<Row> {
    let (_, section) = PAGE
        .split_once(&format!("\n{headline}\n"))
        .unwrap_or_else(|| panic!("{headline} is not on the page"));
    let section = section.split("\n#").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .filter(|row: &Row| row[0].starts_with('`'))
        .collect()
}

/// Returns what is between backticks.
fn words(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn word(cell: &str) -> String {
    words(cell).pop_first().expect("a word between backticks")
}

/// Returns the name in the first cell of each row with the level in its last.
fn levels(headline: &str) -> BTreeMap<String, String> {
    let rows = rows(headline).into_iter();
    rows.map(|row| (word(row[0]), word(row[row.len() - 1])))
        .collect()
}

/// The Rust files of a crate, as text without comments.
fn sources(krate: &str) -> Vec<String> {
    fn collect(directory: &Path, sources: &mut Vec<String>) {
        for entry in fs::read_dir(directory).expect("a directory of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, sources);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(path).expect("a source file");
                let code = text.lines().filter(|it| !it.trim().starts_with("//"));
                sources.push(code.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    let mut sources = Vec::new();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    collect(&crates.join(krate).join("src"), &mut sources);
    sources
}

/// Returns the one file of a crate that has this in it.
fn source_with(krate: &str, item: &str) -> String {
    let mut sources = sources(krate);
    sources.retain(|text| text.contains(item));
    assert_eq!(sources.len(), 1, "files of {krate} with {item:?}");
    sources.remove(0)
}

/// Returns what is between the first `open` and the `close` that belongs to it.
fn between(text: &str, open: char, close: char) -> &str {
    let start = text.find(open).expect("an opening bracket") + 1;
    let mut depth = 1;
    for (at, c) in text[start..].char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
        }
        if depth == 0 {
            return &text[start..start + at];
        }
    }
    panic!("no closing bracket: {text}");
}

fn body_of<'a>(source: &'a str, function: &str) -> &'a str {
    let start = source
        .find(&format!("fn {function}("))
        .unwrap_or_else(|| panic!("no function {function}"));
    between(&source[start..], '{', '}')
}

/// Returns the patterns of the `match` arm in which `text` ends, without the enum's name.
fn patterns(text: &str) -> BTreeSet<String> {
    let (before, _) = text.rsplit_once("=>").expect("an arm of a match");
    let mut depth = 0;
    let start = before.char_indices().rev().find(|(_, c)| {
        match c {
            ')' => depth += 1,
            '(' => depth -= 1,
            _ => {}
        }
        depth == 0 && ['{', '}', ',', ';'].contains(c)
    });
    let arm = &before[start.map_or(0, |(at, _)| at + 1)..];
    let patterns = arm.split('|').map(|pattern| {
        let pattern: String = pattern.split_whitespace().collect();
        match pattern.split_once("::") {
            Some((_, variant)) => variant.to_owned(),
            None => pattern,
        }
    });
    patterns.collect()
}

/// Returns the names that a function gives to the variants of an enum, by their patterns.
fn names(function: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (at, name) in literals(function) {
        for pattern in patterns(&function[..at]) {
            names.insert(pattern, name.to_owned());
        }
    }
    names
}

/// Returns the string literals of a text, with where they are.
fn literals(text: &str) -> Vec<(usize, &str)> {
    let mut literals = Vec::new();
    let mut at = 0;
    for (n, piece) in text.split('"').enumerate() {
        if n % 2 == 1 {
            literals.push((at, piece));
        }
        at += piece.len() + 1;
    }
    literals
}

/// Returns the names of the variants for which a source logs a warning.
fn warned(source: &str, names: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut warned = BTreeSet::new();
    for (at, _) in source.match_indices("warn!(") {
        for pattern in patterns(&source[..at]) {
            let name = names.get(&pattern).unwrap_or_else(|| panic!("{pattern}"));
            warned.insert(name.clone());
        }
    }
    assert!(!warned.is_empty(), "no warning in {source}");
    warned
}

/// A `tracing` macro: levels and fields by the name of the event or span.
type Logged = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

fn logged(is_span: bool) -> Logged {
    let mut logged = Logged::new();
    for source in sources("sockjs-axum") {
        for level in LEVELS {
            let span = if is_span { "_span" } else { "" };
            let call = format!("tracing::{}{span}!", level.to_lowercase());
            for (at, _) in source.match_indices(&call) {
                let arguments = between(&source[at..], '(', ')');
                let (_, name) = literals(arguments)[0];
                let fields = arguments.split(',').map(str::trim);
                let fields = fields.filter(|it| !it.contains('"') && !it.starts_with("parent:"));
                let fields = fields.filter_map(|it| it.split(['=', ' ']).next());
                let fields = fields.filter(|it| it.starts_with(char::is_alphabetic));
                let entry = logged.entry(name.to_owned()).or_default();
                entry.0.insert(level.to_owned());
                entry.1.extend(fields.map(str::to_owned));
            }
        }
    }
    logged
}

fn documented(headline: &str) -> Logged {
    let rows = rows(headline).into_iter();
    rows.map(|row| (word(row[0]), (words(row[1]), words(row[2]))))
        .collect()
}

#[test]
fn spans_are_those_of_the_code() {
    assert_eq!(documented("## Spans"), logged(true));
}

#[test]
fn events_are_those_of_the_code() {
    assert_eq!(documented("## Events"), logged(false));
}

#[test]
fn causes_and_their_levels_are_those_of_the_code() {
    let source = source_with("sockjs-core", "pub enum Cause");
    let names = names(body_of(&source, "as_str"));
    let warned = warned(&source_with("sockjs-axum", "\"session closed\""), &names);

    let documented = levels("### Causes");

    let expected = names.into_values().map(|name| {
        let level = if warned.contains(&name) {
            "WARN"
        } else {
            "DEBUG"
        };
        (name, level.to_owned())
    });
    assert_eq!(documented, expected.collect());
}

#[test]
fn reasons_and_their_levels_are_those_of_the_code() {
    let names = names(body_of(
        &source_with("sockjs-core", "pub enum Refusal"),
        "as_str",
    ));
    let source = source_with("sockjs-axum", "enum Refusal {");
    let warned = warned(&source, &names);
    let ours = names.into_values();
    let all: BTreeSet<_> = ours.chain([HANDLER.to_owned()]).collect();
    let said = body_of(&source, "reason");
    assert!(said.contains(&format!("\"{HANDLER}\"")), "{said}");

    let documented = levels("### Reasons for refusals");

    let expected = all.into_iter().map(|name| {
        let level = if warned.contains(&name) {
            "WARN"
        } else {
            "DEBUG"
        };
        (name, level.to_owned())
    });
    assert_eq!(documented, expected.collect());
}

/// The reason of a rejection that is not ours.
const HANDLER: &str = "handler";

#[tokio::test]
async fn reasons_have_the_status_and_level_that_requests_are_refused_with() {
    let bench = super::Bench::start().await;
    let rows = rows("### Reasons for refusals");

    for refused in refusals(&bench).await.0 {
        let row = rows.iter().find(|row| word(row[0]) == refused.reason);
        let row = row.unwrap_or_else(|| panic!("{}", refused.reason));
        let statuses = row[1].split(", ").filter_map(|it| it.parse().ok());
        let statuses: Vec<u16> = statuses.collect();
        if refused.reason != HANDLER {
            assert!(statuses.contains(&refused.status), "{row:?}");
        }
        let level = match refused.limit {
            Limit::Hit => "WARN",
            Limit::Kept => "DEBUG",
        };
        assert_eq!(word(row[3]), level, "{row:?}");
    }
}

#[tokio::test]
async fn metrics_and_their_labels_are_those_of_the_code() {
    let recorder = Recorder::default();
    let _guard = set_default_local_recorder(&recorder);
    let mut bench = Frozen::start().await;
    let (mut client, mut session) = bench.open(Transport::Xhr).await;
    client.send("x").await;
    assert_eq!(received(&mut session).await, "x");
    session.try_send("y").unwrap();
    assert_eq!(client.messages(1).await, ["y"]);
    session.try_send("never delivered").unwrap();
    let gauges = recorder.gauges();
    bench.clock.advance(Duration::from_secs(6)).await;
    until("the end", || bench.handle.is_empty()).await;
    let nowhere = bench.server.get("/echo/nonsense").send().await;
    assert_eq!(nowhere.status, 404);

    let counters = recorder.counters();
    let histograms = recorder.histograms();
    let keys = counters.keys().map(|key| ("counter", key));
    let keys = keys.chain(gauges.keys().map(|key| ("gauge", key)));
    let keys = keys.chain(histograms.keys().map(|key| ("histogram", key)));
    let reported: BTreeMap<String, (String, BTreeSet<String>)> = keys
        .map(|(kind, key)| {
            let (name, labels) = key.split_once('{').expect("labels");
            let labels = labels.trim_end_matches('}').split(',');
            let labels = labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
            (name.to_owned(), (kind.to_owned(), labels.collect()))
        })
        .collect();

    let (metrics, labels): (Vec<_>, Vec<_>) = rows("## Metrics")
        .into_iter()
        .partition(|row| row.len() > 2);
    let documented: BTreeMap<_, _> = metrics
        .iter()
        .map(|row| (word(row[0]), (row[1].to_owned(), words(row[2]))))
        .collect();
    assert_eq!(documented, reported);

    // Every name in the source was reported.
    for source in sources("sockjs-axum") {
        for (_, name) in literals(&source) {
            if name.starts_with("sockjs_") {
                assert!(documented.contains_key(name), "{name}");
            }
        }
    }
    let described: BTreeSet<_> = labels.iter().map(|row| word(row[0])).collect();
    let used = documented.into_values().flat_map(|(_, labels)| labels);
    assert_eq!(described, used.collect());
    let transports = labels.iter().find(|row| row[0] == "`transport`");
    let transports = words(transports.expect("a row")[1]);
    let all = Transport::ALL.iter().map(|it| it.as_str().to_owned());
    assert_eq!(transports, all.collect());
}
