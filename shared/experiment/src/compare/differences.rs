//! What differs between two bundles beside their figures.

use super::CellChange;
use crate::plan::Plan;
use crate::report::Report;
use crate::report::tables::important;
use crate::words;
use std::collections::{BTreeMap, BTreeSet};

/// What does not change what is measured.
const IRRELEVANT: [&str; 2] = ["version", "budget"];

/// A bundle's name, with what tells it from another of the same plan.
pub(super) fn name(report: &Report) -> String {
    let head = &report.head;
    format!("{} of {} UTC on {}", head.name, head.created_at.strftime("%Y-%m-%d %H:%M"), head.host)
}

/// How two plans differ, key by key.
pub(super) fn plans(first: &Plan, second: &Plan) -> Vec<String> {
    let keys = |plan: &Plan| -> BTreeMap<String, serde_json::Value> {
        // A plan is always an object.
        let value = serde_json::to_value(plan).unwrap_or_default();
        value.as_object().cloned().unwrap_or_default().into_iter().collect()
    };
    let (first, second) = (keys(first), keys(second));
    let all: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let text =
        |value: Option<&serde_json::Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    all.into_iter()
        .filter(|key| !IRRELEVANT.contains(&key.as_str()) && first.get(*key) != second.get(*key))
        .map(|key| format!("{key}: {} and {}", text(first.get(key)), text(second.get(key))))
        .collect()
}

/// Traces of the same name with other contents; `first` and `second` are checksums by names.
pub(super) fn traces(first: &BTreeMap<String, String>, second: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |name: &&String| second.get(*name).is_some_and(|sum| *sum != first[*name]);
    first.keys().filter(differs).map(|name| format!("trace {name}: not the same contents")).collect()
}

pub(super) fn environments(first: &Report, second: &Report) -> Vec<String> {
    let (one, two) = (facts(first), facts(second));
    let all: BTreeSet<&&str> = one.keys().chain(two.keys()).collect();
    let text = |values: Option<&BTreeSet<String>>| {
        let values: Vec<&str> = values.into_iter().flatten().map(String::as_str).collect();
        if values.is_empty() { "unknown".to_owned() } else { values.join(", ") }
    };
    all.into_iter()
        .filter(|key| one.get(**key) != two.get(**key))
        .map(|key| format!("{key}: {} and {}", text(one.get(*key)), text(two.get(*key))))
        .collect()
}

/// Everything that is known of where a bundle was made, by what it is.
fn facts(report: &Report) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut facts: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut add = |key: &'static str, value: String| {
        facts.entry(key).or_default().insert(value);
    };
    add("host", report.head.host.clone());
    add("testbed", report.head.testbed.clone());
    add("target", format!("{:?}", report.head.target).to_lowercase());
    for run in &report.runs {
        for service in &run.record.services {
            let name = service.service();
            let architecture = words::labelled(&service.architecture, service.is_emulated);
            add("architectures of services", format!("{name} {architecture}"));
            add("versions of services", format!("{name} {}", service.version));
            if let Some(digest) = &service.digest {
                add("images", format!("{name} {digest}"));
            }
        }
        for node in run.environments.iter().flat_map(|both| &both.before) {
            let processor = node.processor.as_deref().unwrap_or("unknown processor");
            add("processors", format!("{} × {processor} ({})", node.processors, node.architecture));
            add("kernels", format!("{} ({})", node.kernel, node.architecture));
            add("memory", words::value(crate::metric::Unit::Bytes, node.memory_bytes as f64));
            add("page sizes", words::value(crate::metric::Unit::Bytes, node.page_bytes as f64));
            node.governors.iter().for_each(|governor| add("governors", governor.clone()));
        }
    }
    facts
}

pub(super) fn warnings(
    first: &Report,
    second: &Report,
    plan_differences: &[String],
    has_common: bool,
) -> Vec<String> {
    let mut warnings = vec![
        "the runs of the two bundles were not interleaved: figures of one against figures of the other show whatever changed \
         between them, and identical systems differ as well; only ratios within a bundle are compared"
            .to_owned(),
    ];
    if !plan_differences.is_empty() {
        warnings.push("the plans differ: what has the same name may not be the same".to_owned());
    }
    for (report, which) in [(first, "first"), (second, "second")] {
        let biased = report.analysis.control.iter().flat_map(|control| &control.biased);
        let biased: Vec<&String> = biased.collect();
        if !biased.is_empty() {
            warnings.push(format!("the A/A control of the {which} is biased in {}", words::list(&biased)));
        }
        if report.runs.iter().any(|run| run.record.is_emulated()) {
            warnings.push(format!(
                "runs of the {which} were emulated: what is labelled so says nothing of real processors"
            ));
        }
        if !report.is_sealed {
            warnings.push(format!(
                "the {which} has no checksums: it is unfinished, and nothing shows that it was not changed"
            ));
        }
    }
    if !has_common {
        warnings.push("nothing is claimed in both bundles: these are different experiments".to_owned());
    }
    warnings
}

/// The important metrics of the cells that both have.
pub(super) fn cells(first: &Report, second: &Report) -> Vec<CellChange> {
    let mut changes = Vec::new();
    for cell in &first.analysis.cells {
        let Some(other) = second.analysis.cells.iter().find(|other| other.cell == cell.cell) else {
            continue;
        };
        for spec in important(first) {
            let shown = |figures: &crate::analysis::CellFigures| {
                figures
                    .metrics
                    .get(&spec.name)
                    .filter(|figure| figure.hidden.is_none())
                    .map(|figure| figure.median)
            };
            let (Some(one), Some(two)) = (shown(cell), shown(other)) else { continue };
            changes.push(CellChange {
                cell: cell.cell.clone(),
                metric: spec.name.clone(),
                first: one,
                second: two,
                first_is_emulated: cell.is_emulated,
                second_is_emulated: other.is_emulated,
                ratio: (one > 0.0 && cell.is_emulated == other.is_emulated).then(|| two / one),
            });
        }
    }
    changes
}
