//! The rules of `docs/protocol.md` are those that tests name, and the other way round.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const PAGE: &str = include_str!("../../docs/protocol.md");

/// Returns the rules of the page: number and title of `**P12 Between receivers.**`.
fn rules() -> BTreeMap<u32, String> {
    let mut rules = BTreeMap::new();
    for bold in PAGE.split("**P").skip(1) {
        let rule = bold
            .split_once(".**")
            .and_then(|(it, _)| it.split_once(' '));
        let (number, title) = rule.unwrap_or_else(|| panic!("P{bold}"));
        let number = number.parse().expect("the number of a rule");
        assert_eq!(
            rules.insert(number, title.to_owned()),
            None,
            "P{number} is there twice"
        );
    }
    rules
}

/// Collects the rules that tests name, by lines such as `/// P12: Between receivers.` above them.
fn collect_named(directory: &Path, named: &mut Vec<(u32, String)>) {
    for entry in fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect_named(&path, named);
        } else if path.extension().is_some_and(|it| it == "rs") {
            collect_named_in(&path, named);
        }
    }
}

fn collect_named_in(path: &Path, named: &mut Vec<(u32, String)>) {
    let text = fs::read_to_string(path).expect("a source file");
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some((number, title)) = named_by(line) else {
            continue;
        };
        named.push((number, title.to_owned()));
        let item = lines
            .clone()
            .find(|line| !line.starts_with("///") && !line.starts_with("#["));
        assert!(
            item.is_some_and(|item| item.contains("fn ")),
            "{path:?}: P{number} is not named at a test"
        );
    }
}

fn named_by(line: &str) -> Option<(u32, &str)> {
    let (number, title) = line.strip_prefix("/// P")?.split_once(": ")?;
    Some((number.parse().ok()?, title.trim_end_matches('.')))
}

#[test]
fn rules_are_numbered_from_one_without_gaps() {
    let rules = rules();
    assert!(!rules.is_empty());
    assert!(
        rules.keys().copied().eq(1..=rules.len() as u32),
        "{rules:?}"
    );
}

#[test]
fn each_rule_is_named_by_a_test_and_each_name_is_a_rule() {
    let rules = rules();
    let mut named = Vec::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in ["it", "../crates/sockjs-core/src"] {
        collect_named(&tests.join(directory), &mut named);
    }

    for (number, title) in &named {
        assert_eq!(rules.get(number), Some(title), "P{number}");
    }
    let named: BTreeSet<_> = named.into_iter().map(|(number, _)| number).collect();
    let unproven: Vec<_> = rules.iter().filter(|(it, _)| !named.contains(it)).collect();
    assert!(unproven.is_empty(), "rules without a test: {unproven:?}");
}
