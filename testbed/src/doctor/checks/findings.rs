//! What one check finds, subject by subject.

use crate::doctor::check::{Check, CheckResult, Outcome, Severity};
use crate::doctor::facts::{Collected, ContainerFacts, Facts, PodFacts};
use crate::images::check::Failure;

/// The results of one check.
#[derive(Debug)]
pub(super) struct Findings {
    check: Check,
    results: Vec<CheckResult>,
}

impl Findings {
    pub(super) fn new(check: Check) -> Self {
        Self { check, results: Vec::new() }
    }

    pub(super) fn pass(&mut self, subject: impl Into<String>, evidence: impl Into<String>) {
        self.add(subject, Outcome::Passed { evidence: evidence.into() });
    }

    pub(super) fn error(&mut self, subject: impl Into<String>, failure: Failure) {
        self.find(Severity::Error, subject, failure);
    }

    pub(super) fn warn(&mut self, subject: impl Into<String>, failure: Failure) {
        self.find(Severity::Warning, subject, failure);
    }

    pub(super) fn find(&mut self, severity: Severity, subject: impl Into<String>, failure: Failure) {
        self.add(subject, Outcome::Found { severity, failure });
    }

    pub(super) fn leave(&mut self, subject: impl Into<String>, reason: impl Into<String>) {
        self.add(subject, Outcome::Unchecked { reason: reason.into() });
    }

    /// The fact, where it is known; else the reason is told of `subject`.
    pub(super) fn known<'a, T>(&mut self, subject: &str, fact: &'a Collected<T>) -> Option<&'a T> {
        match fact.known() {
            Ok(fact) => Some(fact),
            Err(reason) => {
                self.leave(subject, reason);
                None
            }
        }
    }

    /// Whether nothing was looked at.
    pub(super) fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// Whether something was found.
    pub(super) fn has_found(&self) -> bool {
        self.results.iter().any(|result| matches!(result.outcome, Outcome::Found { .. }))
    }

    /// What running pods show of it: `failure` gives the finding for a container that shows it.
    pub(super) fn symptoms(
        &mut self,
        facts: &Facts,
        failure: impl Fn(&PodFacts, &ContainerFacts) -> Option<Failure>,
    ) {
        self.unlisted(facts, "pods");
        let Ok(cluster) = facts.cluster.known() else { return };
        for pod in &cluster.pods {
            for container in &pod.containers {
                if let Some(failure) = failure(pod, container) {
                    self.error(pod_subject(pod), failure);
                }
            }
        }
    }

    /// Pods that the scheduler places nowhere, for a reason that is this check's to tell.
    pub(super) fn unplaced(&mut self, facts: &Facts, cause: &str, remedy: &str) {
        let Ok(cluster) = facts.cluster.known() else { return };
        for pod in &cluster.pods {
            if let Some(reason) = pod.unschedulable.as_ref().filter(|reason| told_by(reason) == self.check) {
                self.error(pod_subject(pod), Failure::new(cause, reason, remedy));
            }
        }
    }

    /// Tells that `resource` of the cluster, `persistentvolumes`, could not be listed.
    pub(super) fn unlisted(&mut self, facts: &Facts, resource: &str) {
        let missing = facts.cluster.known().map_or(&[][..], |cluster| &cluster.missing);
        for reason in missing.iter().filter(|reason| reason.starts_with(&format!("list {resource}: "))) {
            self.leave(resource, reason);
        }
    }

    /// All of them. A check without any had nothing to look at, which is not the same as that all is well.
    pub(super) fn finish(mut self) -> Vec<CheckResult> {
        if self.results.is_empty() {
            self.leave("all", "there is nothing that it could look at");
        }
        self.results
    }

    fn add(&mut self, subject: impl Into<String>, outcome: Outcome) {
        let result = CheckResult { check: self.check, subject: subject.into(), outcome };
        if !self.results.contains(&result) {
            self.results.push(result);
        }
    }
}

/// The check that tells the scheduler's reason (texts of its plugins).
fn told_by(reason: &str) -> Check {
    if reason.contains("volume node affinity") || reason.contains("unbound") {
        Check::Volumes
    } else if reason.contains("Insufficient") {
        Check::Memory
    } else {
        Check::IndexCoversNodes
    }
}

/// `pod ingest-api-6d4 on r3-node`
pub(super) fn pod_subject(pod: &PodFacts) -> String {
    match &pod.node {
        Some(node) => format!("pod {} on {node}", pod.name),
        None => format!("pod {}", pod.name),
    }
}

/// What the kubelet says of a container, in one text.
pub(super) fn said(container: &ContainerFacts) -> String {
    let parts = [&container.waiting, &container.ended, &container.message];
    let state = parts.into_iter().flatten().map(String::as_str);
    let lines = container.last_lines.iter().map(String::as_str).filter(|line| !line.is_empty());
    state.chain(lines).collect::<Vec<_>>().join(": ")
}
