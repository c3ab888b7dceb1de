//! Whether programs run on the processors and page sizes of the nodes.

use super::findings::{Findings, said};
use super::images::{repository, subject, take_over_with};
use super::placement::{names, nodes_of};
use crate::doctor::check::Severity;
use crate::doctor::facts::{Facts, NodeFacts};
use crate::images::check::{Check, CheckResult, Failure};
use crate::images::name::short;
use node_facts::ProbeFacts;

/// The page size that everything is built for.
const PAGE_BYTES_USUAL: u64 = 4096;

/// What `/proc/cpuinfo` calls the atomics of ARMv8.1 (LSE).
const ATOMICS: &str = "atomics";

/// The exit code of a program that ended by SIGILL.
const EXIT_ILLEGAL_INSTRUCTION: i32 = 132;

/// Programs and their allocators suit the page size of each node.
pub(super) fn page_size(facts: &Facts, findings: &mut Findings) {
    take_over_with(facts, findings, &[Check::PageSize], |findings, result, failure| {
        let is_hit = |probe: &ProbeFacts| probe.page_bytes > PAGE_BYTES_USUAL;
        weigh(facts, findings, result, failure, is_hit, |probe| {
            format!("pages of {} bytes", probe.page_bytes)
        });
    });
    nodes(facts, findings, |probe| format!("pages of {} bytes", probe.page_bytes));
    findings.symptoms(facts, |_, container| {
        let remedy =
            "build jemalloc with JEMALLOC_SYS_WITH_LG_PAGE=16, or keep it off nodes with larger pages";
        let text = said(container);
        let cause = "the allocator was built for smaller pages than the node's kernel has";
        text.contains("Unsupported system page size").then(|| Failure::new(cause, text, remedy))
    });
}

/// Programs use no instructions that a node's processor does not have.
pub(super) fn instruction_set(facts: &Facts, findings: &mut Findings) {
    take_over_with(facts, findings, &[Check::Instructions], |findings, result, failure| {
        let is_hit = |probe: &ProbeFacts| !has_atomics(probe);
        weigh(facts, findings, result, failure, is_hit, |probe| model(probe).to_owned());
    });
    nodes(facts, findings, |probe| {
        let atomics = if has_atomics(probe) { "with" } else { "without" };
        format!("{}, {atomics} {ATOMICS}", model(probe))
    });
    findings.symptoms(facts, |_, container| {
        let cause = "the program used an instruction that the node's processor does not have";
        let remedy =
            "build without target-cpu, with -moutline-atomics for C, and with an allocator for plain armv8-a";
        let is_illegal = container.exit_code == Some(EXIT_ILLEGAL_INSTRUCTION);
        is_illegal.then(|| {
            Failure::new(cause, format!("{} ended with exit code 132 (SIGILL)", container.name), remedy)
        })
    });
}

/// Of a node of arm64.
fn has_atomics(probe: &ProbeFacts) -> bool {
    probe.cpu_features.iter().any(|feature| feature == ATOMICS)
}

fn model(probe: &ProbeFacts) -> &str {
    probe.model.as_deref().unwrap_or("unknown processor")
}

/// A weakness of an image is an error where a node has what it fails on, a warning where that is not known of all nodes, else
/// worth knowing.
fn weigh(
    facts: &Facts,
    findings: &mut Findings,
    result: &CheckResult,
    failure: &Failure,
    is_hit: impl Fn(&ProbeFacts) -> bool,
    describe: impl Fn(&ProbeFacts) -> String,
) {
    let Some(platform) = &result.platform else { return };
    let mut nodes = nodes_of(facts, short(repository(&result.image)));
    nodes.retain(|node| node.platform.is_same_as(platform));
    let is_node_hit = |node: &&NodeFacts| node.probe.known().is_ok_and(&is_hit);
    let hit: Vec<&NodeFacts> = nodes.iter().copied().filter(is_node_hit).collect();
    let mut failure = failure.clone();
    let severity = match hit.first().and_then(|node| node.probe.known().ok()) {
        Some(probe) => {
            failure.evidence = format!("{}; {}: {}", failure.evidence, names(&hit), describe(probe));
            Severity::Error
        }
        None if facts.cluster.known().is_err() || nodes.iter().any(|node| node.probe.known().is_err()) => {
            Severity::Warning
        }
        None => Severity::Info,
    };
    findings.find(severity, subject(result), failure);
}

/// Tells what the nodes have, or why it is not known. Only arm64 differs from node to node.
fn nodes(facts: &Facts, findings: &mut Findings, describe: impl Fn(&ProbeFacts) -> String) {
    if findings.known("cluster", &facts.cluster).is_none() {
        return;
    }
    for node in facts.nodes.iter().filter(|node| node.platform.architecture == "arm64") {
        if let Some(probe) = findings.known(&node.subject(), &node.probe) {
            findings.pass(node.subject(), describe(probe));
        }
    }
}
