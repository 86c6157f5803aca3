//! The parts of documents that are written by this program.

use std::fs;

use anyhow::Context;

use crate::children::repository;

/// Replaces what stands between the markers of `section` in `docs/performance.md`.
pub(crate) fn replace(section: &str, text: &str) -> anyhow::Result<()> {
    replace_in("docs/performance.md", &markers(section), text)
}

/// Replaces the table in `docs/cluster.md`, if there is the page with a place for it.
pub(crate) fn replace_in_cluster_page(text: &str) -> anyhow::Result<()> {
    const PAGE: &str = "docs/cluster.md";

    let page = fs::read_to_string(repository(PAGE)).unwrap_or_default();
    let markers = CLUSTER_MARKERS.map(str::to_owned);
    if markers.iter().all(|marker| page.contains(marker)) {
        replace_in(PAGE, &markers, text)?;
    }
    Ok(())
}

fn replace_in(page: &str, markers: &[String; 2], text: &str) -> anyhow::Result<()> {
    let path = repository(page);
    let document = fs::read_to_string(&path).with_context(|| format!("cannot read {page}"))?;
    let document = replaced(&document, markers, text)
        .with_context(|| format!("{page} has no {}", markers[0].trim_end()))?;
    fs::write(&path, document).with_context(|| format!("cannot write {page}"))
}

fn markers(section: &str) -> [String; 2] {
    [
        format!("<!-- {section}: start -->\n"),
        format!("<!-- {section}: end -->"),
    ]
}

fn replaced(document: &str, markers: &[String; 2], text: &str) -> Option<String> {
    let [start, end] = markers;
    let (before, rest) = document.split_once(start)?;
    let (_, after) = rest.split_once(end)?;
    let text = text.trim_end();
    Some(format!("{before}{start}\n{text}\n\n{end}{after}"))
}

const CLUSTER_MARKERS: [&str; 2] = ["<!-- relay table -->\n", "<!-- end of relay table -->"];

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        "a\n<!-- x: start -->\nold\n<!-- x: end -->\nb\n<!-- y: start -->\n<!-- y: end -->\n";

    #[test]
    fn only_the_section_is_replaced() {
        let document = replaced(DOCUMENT, &markers("x"), "new\n").unwrap();
        assert_eq!(
            document,
            "a\n<!-- x: start -->\n\nnew\n\n<!-- x: end -->\nb\n<!-- y: start -->\n<!-- y: end -->\n"
        );
        assert_eq!(replaced(&document, &markers("x"), "new").unwrap(), document);
    }

    #[test]
    fn missing_markers_are_noticed() {
        assert_eq!(replaced(DOCUMENT, &markers("z"), ""), None);
        assert_eq!(
            replaced("<!-- x: end --><!-- x: start -->\n", &markers("x"), ""),
            None
        );
    }

    #[test]
    fn sections_of_the_page_are_there() {
        let page = fs::read_to_string(repository("docs/performance.md")).unwrap();
        for section in ["comparison", "scale", "relay"] {
            assert!(
                replaced(&page, &markers(section), "").is_some(),
                "{section}"
            );
        }
    }
}
