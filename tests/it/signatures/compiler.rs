use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use serde_json::Value;

/// What there is to say of one error.
#[derive(Debug)]
#[expect(dead_code, reason = "`code` is for whoever reads the failure")]
pub(super) struct Error {
    code: Option<String>,
    pub(super) message: String,
    /// The source it points at, and what it says there.
    pub(super) at: String,
    pub(super) label: String,
    pub(super) notes: Vec<Note>,
}

/// A note or a help below an error.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) text: String,
    pub(super) labels: Vec<Label>,
}

/// A message of the compiler about a place of the source.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) at: String,
    pub(super) text: String,
}

/// The compiler, with what it needs to find axum and this crate.
pub(super) struct Compiler {
    deps: PathBuf,
    axum: PathBuf,
    sockjs_axum: PathBuf,
}

impl Compiler {
    /// Finds the libraries beside this test. There can be several of a name, built with other
    /// features; two that belong together are those that the accepted case compiles with.
    pub(super) fn find() -> Self {
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
    pub(super) fn errors(&self, case: &str) -> Vec<Error> {
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
        let spans = message["spans"].as_array()?;
        // The last errors only count the ones before.
        let span = spans.iter().find(|span| span["is_primary"] == true);
        if message["level"] != "error" || (span.is_none() && message["code"].is_null()) {
            return None;
        }
        let label = span.map(Label::parse);
        let (at, label) = label.map_or_else(Default::default, |label| (label.at, label.text));
        Some(Self {
            code: message["code"]["code"].as_str().map(str::to_owned),
            message: text(&message["message"]),
            at,
            label,
            notes: message["children"]
                .as_array()?
                .iter()
                .map(Note::parse)
                .collect(),
        })
    }
}

impl Note {
    fn parse(child: &Value) -> Self {
        let spans = child["spans"].as_array().into_iter().flatten();
        Self {
            text: text(&child["message"]),
            labels: spans.map(Label::parse).collect(),
        }
    }
}

impl Label {
    fn parse(span: &Value) -> Self {
        let line = &span["text"][0];
        let column = |name: &str| line[name].as_u64().unwrap_or(1) as usize - 1;
        let source = line["text"].as_str().unwrap_or_default();
        let at = source.get(column("highlight_start")..column("highlight_end"));
        Self {
            at: at.unwrap_or_default().to_owned(),
            text: text(&span["label"]),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn cases() -> PathBuf {
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
