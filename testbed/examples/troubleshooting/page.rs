//! The blocks of the page, each between a line that names its case and a line that ends it.

use crate::cases::{CASES, Case};
use anyhow::Context as _;
use std::collections::BTreeSet;
use testbed::doctor::examine;
use testbed::doctor::facts::Facts;
use testbed::doctor::report::Style;

const START: &str = "<!-- doctor: ";
const END: &str = "<!-- doctor -->";

/// Wide enough for digests, narrow enough for a page.
const WIDTH: usize = 100;

/// The pages that have blocks, as folder and file of the repository.
pub(crate) const PAGES: [&str; 2] = ["docs/troubleshooting.md", "docs/cluster.md"];

/// The pages with what the doctor says in their blocks.
///
/// # Errors
/// Where a block is of no case or does not end, and where a case has no block or several.
pub(crate) fn with_blocks(pages: &[String]) -> anyhow::Result<Vec<String>> {
    let mut shown = BTreeSet::new();
    let written = pages.iter().map(|page| with_blocks_of(page, &mut shown)).collect::<anyhow::Result<_>>()?;
    let missing: Vec<&str> =
        CASES.iter().map(|case| case.name).filter(|name| !shown.contains(*name)).collect();
    anyhow::ensure!(missing.is_empty(), "no page has a block of {}", missing.join(", "));
    Ok(written)
}

fn with_blocks_of(document: &str, shown: &mut BTreeSet<String>) -> anyhow::Result<String> {
    let mut page = String::new();
    let mut rest = document;
    while let Some(start) = rest.find(START) {
        let line = rest[start..].lines().next().unwrap_or_default();
        let name = line.trim_start_matches(START).trim_end_matches(" -->");
        let case = CASES.iter().find(|case| case.name == name);
        let case = case.with_context(|| format!("there is a block of {name:?}, which is no case"))?;
        anyhow::ensure!(shown.insert(name.to_owned()), "there are two blocks of {name:?}");
        let end = rest[start..].find(END).with_context(|| format!("the block of {name:?} does not end"))?;
        page += &rest[..start];
        page += &format!("{line}\n```text\n{}```\n", transcript(case));
        rest = &rest[start + end..];
    }
    Ok(page + rest)
}

/// The command and what it prints: of the facts as they are read back from a recording.
fn transcript(case: &Case) -> String {
    let folder = tempfile::tempdir().unwrap();
    case.facts().write(folder.path()).unwrap();
    let facts = Facts::read(folder.path()).unwrap();
    let only: String = case.only.iter().map(|check| format!(" --only {check}")).collect();
    let report = examine(&facts, case.only).to_text(Style { width: WIDTH, is_coloured: false }, false);
    format!("$ testbed doctor --from {}{only}\n{report}\n", case.name)
}
