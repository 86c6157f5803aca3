//! The layout of `sockjs-axum`, as `docs/architecture.md` describes it: which file may import which.
//!
//! `cargo test -p sockjs-tests --test it layout -- --nocapture` prints the picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the crate from top to bottom. A file may import from its own room and from lower
/// ones. Rooms in one line know nothing of each other.
const FLOORS: &[&[&str]] = &[
    &["lib", "layer"],
    &["service"],
    &["future"],
    &["body"],
    &["endpoint", "owner"],
    &["transport"],
    &["mount"],
    &["config"],
    &["session", "http"],
    &["meter", "throttle", "topics"],
    &["peers"],
    &["clock", "error", "panics", "slow_policy", "sync"],
];

#[test]
fn imports_point_down() {
    let house = House::read(&sources());
    print!("{house}");
    for (from, to) in house.imports_between_rooms() {
        let (upper, lower) = (floor(&from), floor(&to));
        assert!(upper < lower, "{from} must not import from {to}");
    }
}

#[test]
fn no_two_files_need_each_other() {
    let packages = ["sockjs-client", "sockjs-cluster"].map(sources_of);
    for sources in packages.into_iter().chain([sources()]) {
        let house = House::read(&sources);
        for file in house.imports.keys() {
            let below = house.reachable_from(file);
            assert!(
                !below.contains(file.as_str()),
                "{file} is in a circle of imports"
            );
        }
    }
}

#[test]
fn a_circle_and_an_upward_import_are_found() {
    let mut house = House::default();
    house.import("session::shared", "session::wakers");
    house.import("session::wakers", "mount::registry");
    house.import("mount::registry", "session::shared");
    assert!(
        house
            .reachable_from("session::shared")
            .contains("session::shared")
    );
    assert!(
        house
            .imports_between_rooms()
            .contains(&("session".to_owned(), "mount".to_owned()))
    );
    assert!(floor("session") > floor("mount"));
}

fn sources() -> PathBuf {
    match std::env::var_os("LAYOUT_SRC") {
        Some(path) => path.into(),
        None => sources_of("sockjs-axum"),
    }
}

fn sources_of(package: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    crates.join(package).join("src")
}

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| panic!("`{room}` is not in the plan of the house"))
}

/// Which module imports which.
#[derive(Default)]
struct House {
    imports: BTreeMap<String, BTreeSet<String>>,
    /// How often `pub(crate)` and `pub(super)` occur.
    visibilities: [usize; 2],
}

impl House {
    fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        collect(src, &mut Vec::new(), &mut files);
        let mut house = Self::default();
        for text in files.values() {
            house.visibilities[0] += text.matches("pub(crate)").count();
            house.visibilities[1] += text.matches("pub(super)").count();
        }
        // A re-export in a `mod.rs` is an entry in a table of contents: a file that imports the item
        // needs the file that defines it.
        let mut exports = BTreeMap::new();
        for (module, text) in &files {
            for (path, is_export) in paths(module, text) {
                if is_export {
                    exports.insert(
                        format!("{module}::{}", path.last().cloned().unwrap_or_default()),
                        path.join("::"),
                    );
                }
            }
        }
        for (module, text) in &files {
            house.imports.entry(module.clone()).or_default();
            for (path, is_export) in paths(module, text) {
                let Some(target) = resolve(&path.join("::"), &files, &exports) else {
                    continue;
                };
                if !is_export && target != *module {
                    house.import(module, &target);
                }
            }
        }
        house
    }

    fn import(&mut self, from: &str, to: &str) {
        self.imports
            .entry(from.to_owned())
            .or_default()
            .insert(to.to_owned());
    }

    fn imports_between_rooms(&self) -> BTreeSet<(String, String)> {
        let room = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
        self.imports
            .iter()
            .flat_map(|(from, to)| to.iter().map(move |to| (room(from), room(to))))
            .filter(|(from, to)| from != to)
            .collect()
    }

    fn reachable_from(&self, file: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![file];
        while let Some(file) = next.pop() {
            for import in self.imports.get(file).into_iter().flatten() {
                if reached.insert(import.as_str()) {
                    next.push(import);
                }
            }
        }
        reached
    }
}

impl std::fmt::Display for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (from, to) in self.imports_between_rooms() {
            writeln!(f, "{from} → {to}")?;
        }
        let circles: Vec<_> = self
            .imports
            .keys()
            .filter(|file| self.reachable_from(file).contains(file.as_str()))
            .collect();
        writeln!(f, "in circles: {circles:?}")?;
        let [in_crate, in_parent] = self.visibilities;
        writeln!(f, "pub(crate): {in_crate}, pub(super): {in_parent}")
    }
}

/// Reads the files of a crate, each under the path of its module.
fn collect(dir: &Path, module: &mut Vec<String>, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).expect("the sources are there") {
        let path = entry.expect("the sources are readable").path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            module.push(stem.into_owned());
            collect(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let mut module = module.clone();
            if stem != "mod" {
                module.push(stem.into_owned());
            }
            let text = fs::read_to_string(&path).expect("the sources are text");
            let code = text.split("#[cfg(test)]\nmod tests").next();
            files.insert(module.join("::"), code.unwrap_or_default().to_owned());
        }
    }
}

/// Returns the paths in the `use` items of a file, absolute within the crate, and whether each is a
/// re-export.
fn paths(module: &str, text: &str) -> Vec<(Vec<String>, bool)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        let is_export = line.starts_with("pub");
        let Some((_, start)) = line
            .split_once("use ")
            .filter(|(before, _)| ["", "pub ", "pub(crate) ", "pub(super) "].contains(before))
        else {
            continue;
        };
        let mut tree = start.to_owned();
        while !tree.ends_with(';') {
            tree.extend(lines.next().expect("a `use` item ends").split_whitespace());
        }
        if ["crate::", "super::", "self::"]
            .iter()
            .any(|root| tree.starts_with(root))
        {
            for path in expand(tree.trim_end_matches(';')) {
                found.push((absolute(module, path.trim()), is_export));
            }
        }
    }
    found
}

/// Turns `a::{b, c::d}` into `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, rest)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .flat_map(expand)
        .map(|part| format!("{prefix}{part}"))
        .collect()
}

fn absolute(module: &str, path: &str) -> Vec<String> {
    let mut base: Vec<String> = module.split("::").map(str::to_owned).collect();
    let mut segments = path.split("::").peekable();
    while let Some(&segment) = segments.peek() {
        match segment {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        segments.next();
    }
    base.extend(segments.filter(|it| *it != "self").map(str::to_owned));
    base
}

/// Finds the file that defines what a path names.
fn resolve(
    path: &str,
    files: &BTreeMap<String, String>,
    exports: &BTreeMap<String, String>,
) -> Option<String> {
    let mut end = path.len();
    loop {
        let prefix = &path[..end];
        // A function may have the name of the file that it is re-exported from.
        if files.contains_key(prefix) {
            return Some(prefix.to_owned());
        }
        if let Some(target) = exports.get(prefix) {
            return resolve(&format!("{target}{}", &path[end..]), files, exports);
        }
        end = prefix.rfind("::")?;
    }
}
