//! The parts of `docs/performance.md` that are written by this program.

use std::fs;

use anyhow::Context;

use crate::children::repository;

/// Replaces what stands between the markers of `section`.
pub(crate) fn replace(section: &str, text: &str) -> anyhow::Result<()> {
    let path = repository("docs/performance.md");
    let name = path.display().to_string();
    let document = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
    let document = replaced(&document, section, text)
        .with_context(|| format!("{name} has no markers of {section}"))?;
    fs::write(&path, document).with_context(|| format!("cannot write {name}"))
}

fn replaced(document: &str, section: &str, text: &str) -> Option<String> {
    let start = format!("<!-- {section}: start -->\n");
    let end = format!("<!-- {section}: end -->");
    let (before, rest) = document.split_once(&start)?;
    let (_, after) = rest.split_once(&end)?;
    let text = text.trim_end();
    Some(format!("{before}{start}\n{text}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        "a\n<!-- x: start -->\nold\n<!-- x: end -->\nb\n<!-- y: start -->\n<!-- y: end -->\n";

    #[test]
    fn only_the_section_is_replaced() {
        let document = replaced(DOCUMENT, "x", "new\n").unwrap();
        assert_eq!(
            document,
            "a\n<!-- x: start -->\n\nnew\n\n<!-- x: end -->\nb\n<!-- y: start -->\n<!-- y: end -->\n"
        );
        assert_eq!(replaced(&document, "x", "new").unwrap(), document);
    }

    #[test]
    fn missing_markers_are_noticed() {
        assert_eq!(replaced(DOCUMENT, "z", ""), None);
        assert_eq!(
            replaced("<!-- x: end --><!-- x: start -->\n", "x", ""),
            None
        );
    }

    #[test]
    fn sections_of_the_page_are_there() {
        let page = fs::read_to_string(repository("docs/performance.md")).unwrap();
        for section in ["comparison", "scale"] {
            assert!(replaced(&page, section, "").is_some(), "{section}");
        }
    }
}
