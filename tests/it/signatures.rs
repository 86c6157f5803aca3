//! What the compiler reports for invalid handlers: each case in `ui/` must fail with the one
//! message that explains what a handler is.
//!
//! The compiler is asked directly, with the libraries this test is linked with. Nothing is built
//! again for it, and what other versions of the compiler say around the message does not matter.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use serde_json::Value;

#[test]
fn a_wrong_signature_gives_a_readable_error() {
    let compiler = Compiler::find();
    for (case, function) in [
        ("not_async", "fn(Session)"),
        ("session_not_last", "fn(Session, HeaderMap) -> impl Future"),
        ("no_session", "fn(HeaderMap) -> impl Future"),
        ("not_an_extractor", "fn(String, Session) -> impl Future"),
        // The compiler abbreviates a type of this length.
        ("nine_extractors", "fn("),
        ("wrong_return_type", "fn(Session) -> impl Future"),
        (
            "fallible_with_extractor",
            "fn(HeaderMap, Session) -> impl Future",
        ),
        ("not_send", "fn(Session) -> impl Future"),
    ] {
        let errors = compiler.errors(case);

        let [error] = &errors[..] else {
            panic!("{case}: one error expected: {errors:#?}");
        };
        assert!(
            error.message.starts_with(&format!("`{function}"))
                && error.message.ends_with("` does not serve SockJS sessions"),
            "{case}: {error:#?}"
        );
        assert_eq!(error.at, "handler", "{case}: the handler is underlined");
        assert_eq!(
            error.label, "not an `async fn(extractors.., Session)`",
            "{case}"
        );
        assert!(
            error.notes.iter().any(|note| {
                note.contains("an async function of up to 8 extractors")
                    && note.contains("`FromRequestParts<S>`")
                    && note.contains("`sockjs_axum::Session` as its last argument")
                    && note.contains("returns `()`")
                    && note.contains("`Send`")
            }),
            "{case}: {error:#?}"
        );
    }
}

#[test]
fn a_wrong_state_is_underlined() {
    let errors = Compiler::find().errors("wrong_state");

    let [error] = &errors[..] else {
        panic!("one error expected: {errors:#?}");
    };
    assert_eq!(error.at, "String::new()");
    assert_eq!(error.label, "expected `u32`, found `String`");
}

#[test]
fn every_case_is_tried() {
    let cases = fs::read_dir(cases()).expect("the cases are there");
    let cases = cases.map(|case| case.expect("the cases can be listed").file_name());
    let this = include_str!("signatures.rs");

    for case in cases {
        let case = case.into_string().expect("a name in ASCII");
        let name = case.strip_suffix(".rs").expect("a Rust source");
        assert!(this.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// What there is to say of one error.
#[derive(Debug)]
#[expect(dead_code, reason = "`code` is for whoever reads the failure")]
struct Error {
    code: Option<String>,
    message: String,
    /// The source it points at, and what it says there.
    at: String,
    label: String,
    notes: Vec<String>,
}

/// The compiler, with what it needs to find axum and this crate.
struct Compiler {
    deps: PathBuf,
    axum: PathBuf,
    sockjs_axum: PathBuf,
}

impl Compiler {
    /// Finds the libraries beside this test. There can be several of a name, built with other
    /// features; two that belong together are those that the accepted case compiles with.
    fn find() -> Self {
        let test = env::current_exe().expect("this test is a file");
        let deps = test.parent().expect("a file is in a folder").to_owned();
        for sockjs_axum in libraries(&deps, "sockjs_axum") {
            for axum in libraries(&deps, "axum") {
                let compiler = Self {
                    deps: deps.clone(),
                    axum,
                    sockjs_axum: sockjs_axum.clone(),
                };
                if compiler.errors("accepted").is_empty() {
                    return compiler;
                }
            }
        }
        panic!("no libraries in {} accept what is right", deps.display());
    }

    /// Compiles a case and returns what is wrong with it.
    fn errors(&self, case: &str) -> Vec<Error> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .args(["--edition=2024", "--emit=metadata", "--error-format=json"])
            .arg("-o")
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{case}.rmeta")))
            .arg("-L")
            .arg(format!("dependency={}", self.deps.display()))
            .arg("--extern")
            .arg(format!("axum={}", self.axum.display()))
            .arg("--extern")
            .arg(format!("sockjs_axum={}", self.sockjs_axum.display()))
            .arg(cases().join(format!("{case}.rs")))
            .output()
            .expect("the compiler that built this test runs");
        let messages = String::from_utf8(output.stderr).expect("messages are UTF-8");
        let errors: Vec<_> = messages.lines().filter_map(Error::parse).collect();
        assert_eq!(
            output.status.success(),
            errors.is_empty(),
            "{case}: {messages}"
        );
        errors
    }
}

impl Error {
    /// Parses a line of the compiler's output, if that is an error of the source.
    fn parse(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let spans = message["spans"].as_array()?;
        // The last errors only count the ones before.
        let span = spans.iter().find(|span| span["is_primary"] == true);
        if message["level"] != "error" || (span.is_none() && message["code"].is_null()) {
            return None;
        }
        let at = span.map(|span| {
            let line = &span["text"][0];
            let column = |name: &str| line[name].as_u64().unwrap_or(1) as usize - 1;
            let source = line["text"].as_str().unwrap_or_default();
            source.get(column("highlight_start")..column("highlight_end"))
        });
        Some(Self {
            code: message["code"]["code"].as_str().map(str::to_owned),
            message: text(&message["message"]),
            at: at.flatten().unwrap_or_default().to_owned(),
            label: span.map(|span| text(&span["label"])).unwrap_or_default(),
            notes: message["children"]
                .as_array()?
                .iter()
                .map(|child| text(&child["message"]))
                .collect(),
        })
    }
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")
}

/// Returns the libraries of a name, the newest first.
fn libraries(deps: &Path, name: &str) -> Vec<PathBuf> {
    let start = format!("lib{name}-");
    let files = fs::read_dir(deps).expect("libraries are beside the test");
    let files = files.filter_map(|file| Some(file.ok()?.path()));
    let mut libraries: Vec<_> = files
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(&start) && name.ends_with(".rlib"))
        })
        .map(|path| (modified(&path), path))
        .collect();
    libraries.sort_unstable_by(|one, other| other.cmp(one));
    libraries.into_iter().map(|(_, path)| path).collect()
}

fn modified(path: &Path) -> SystemTime {
    let metadata = fs::metadata(path).and_then(|metadata| metadata.modified());
    metadata.unwrap_or(SystemTime::UNIX_EPOCH)
}
