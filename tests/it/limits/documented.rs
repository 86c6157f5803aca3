//! Each row of the tables of `docs/limits.md` has a test that names it, and the other way round.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = include_str!("../../../docs/limits.md");

/// Returns the limits of the page: the first column of the tables of two of its sections.
fn limits() -> BTreeSet<String> {
    let is_meant = |it: &&str| it.starts_with("All limits") || it.starts_with("Clusters");
    let sections: Vec<_> = PAGE.split("\n## ").filter(is_meant).collect();
    assert_eq!(sections.len(), 2, "the sections of the page");
    let lines = sections.into_iter().flat_map(str::lines);
    let cells = lines.filter_map(|line| {
        let cell = line.strip_prefix("| ")?.split_once(" |")?.0;
        let is_head = cell == "Limit" || cell.starts_with("---");
        (!is_head).then(|| cell.replace('`', ""))
    });
    cells.collect()
}

/// Collects the limits that tests name, by lines such as `/// Limit: body_limit` above them.
fn collect_named(directory: &Path, named: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect_named(&path, named);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            collect_named_in(&text, &path, named);
        }
    }
}

fn collect_named_in(text: &str, path: &Path, named: &mut BTreeMap<String, PathBuf>) {
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(limit) = line.strip_prefix("/// Limit: ") else {
            continue;
        };
        let mut item = lines.clone();
        let item = item.find(|line| !line.starts_with("///") && !line.starts_with("#["));
        assert!(
            item.is_some_and(|item| item.contains("fn ")),
            "{path:?}: {limit} is not named at a test"
        );
        named.insert(limit.trim_end_matches('.').to_owned(), path.into());
    }
}

#[test]
fn each_limit_is_named_by_a_test_and_each_name_is_a_limit() {
    let limits = limits();
    assert!(limits.contains("body_limit"), "{limits:?}");
    let mut named = BTreeMap::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in [
        "it",
        "../crates/sockjs-axum/src",
        "../crates/sockjs-cluster/src",
        "../crates/sockjs-cluster/tests",
    ] {
        collect_named(&tests.join(directory), &mut named);
    }

    let unknown: Vec<_> = named.iter().filter(|it| !limits.contains(it.0)).collect();
    assert!(unknown.is_empty(), "not in docs/limits.md: {unknown:?}");
    let unproven: Vec<_> = limits
        .iter()
        .filter(|it| !named.contains_key(*it))
        .collect();
    assert!(unproven.is_empty(), "limits without a test: {unproven:?}");
}
