//! What is checked of a deployment, and what came of it.

use crate::images::check::Failure;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A check, in the order in which its failure meets a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The registry has the images.
    ImageExists,
    /// Nothing in the manifests was left for somebody to fill in.
    Placeholder,
    /// Every node can pull from the registry.
    NodePulls,
    /// Every image has a child for every node that may run it.
    IndexCoversNodes,
    /// Each child holds a program of its architecture.
    ProgramArchitecture,
    /// The configuration of each child names its architecture.
    ConfigurationArchitecture,
    /// Manifests name images by the digests of indexes.
    Pinned,
    /// Nodes run what the registry holds, not what they have kept.
    NodeCache,
    /// The builder can build for all nodes and push to the registry.
    Builder,
    /// No two build targets push one tag.
    TagCollision,
    /// Programs run as, and are readable for, a numeric user who is not root.
    NonRoot,
    /// Programs run on the page size of each node.
    PageSize,
    /// Programs run on the processor of each node.
    InstructionSet,
    /// Images have the loader and the libraries that their programs ask for.
    Libc,
    /// The collector accepts its configuration.
    CollectorConfiguration,
    /// Limits leave room for what a program needs, and nodes and quotas for what is requested.
    Memory,
    /// What may run once only does.
    Singletons,
    /// Volumes can be mounted where their pods may run.
    Volumes,
    /// Pods are created, stay, and become ready.
    Pods,
    /// Nodes reach Redis, the collector and the registry, and all services the same Redis.
    Dependencies,
    /// Kernels of nodes have what Kubernetes and the testbed need, and clocks agree.
    Kernel,
    /// Nodes run at full and steady speed.
    PerformanceState,
}

impl Check {
    /// All, in their order.
    pub const ALL: [Self; 22] = [
        Self::ImageExists,
        Self::Placeholder,
        Self::NodePulls,
        Self::IndexCoversNodes,
        Self::ProgramArchitecture,
        Self::ConfigurationArchitecture,
        Self::Pinned,
        Self::NodeCache,
        Self::Builder,
        Self::TagCollision,
        Self::NonRoot,
        Self::PageSize,
        Self::InstructionSet,
        Self::Libc,
        Self::CollectorConfiguration,
        Self::Memory,
        Self::Singletons,
        Self::Volumes,
        Self::Pods,
        Self::Dependencies,
        Self::Kernel,
        Self::PerformanceState,
    ];

    /// Its name in tables, in JSON and on the command line: `node-pulls`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ImageExists => "image-exists",
            Self::Placeholder => "placeholder",
            Self::NodePulls => "node-pulls",
            Self::IndexCoversNodes => "index-covers-nodes",
            Self::ProgramArchitecture => "program-architecture",
            Self::ConfigurationArchitecture => "configuration-architecture",
            Self::Pinned => "pinned",
            Self::NodeCache => "node-cache",
            Self::Builder => "builder",
            Self::TagCollision => "tag-collision",
            Self::NonRoot => "non-root",
            Self::PageSize => "page-size",
            Self::InstructionSet => "instruction-set",
            Self::Libc => "libc",
            Self::CollectorConfiguration => "collector-configuration",
            Self::Memory => "memory",
            Self::Singletons => "singletons",
            Self::Volumes => "volumes",
            Self::Pods => "pods",
            Self::Dependencies => "dependencies",
            Self::Kernel => "kernel",
            Self::PerformanceState => "performance-state",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Text that names no check.
#[derive(Debug, thiserror::Error)]
#[error("there is no check {name:?}: {known}", known = Check::ALL.map(Check::name).join(", "))]
pub struct CheckError {
    name: String,
}

impl FromStr for Check {
    type Err = CheckError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|check| check.name() == name);
        found.ok_or_else(|| CheckError { name: name.to_owned() })
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; nothing fails by it.
    Info,
    /// It may fail, or measurements are not what they seem.
    Warning,
    /// It fails.
    Error,
}

/// What a check found of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// All is well; what was seen.
    Passed { evidence: String },
    /// It is not.
    Found {
        severity: Severity,
        #[serde(flatten)]
        failure: Failure,
    },
    /// It could not be looked at.
    Unchecked { reason: String },
}

/// One check of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    pub check: Check,
    /// An image, a node, a workload: `node r3-node`, `Deployment ingest-api`.
    pub subject: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json_and_of_the_command_line() {
        for check in Check::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
            assert_eq!(check.name().parse::<Check>().unwrap(), check);
        }
    }

    #[test]
    fn checks_stand_in_the_order_in_which_users_meet_them() {
        assert!(Check::ALL.is_sorted());
    }

    #[test]
    fn an_unknown_check_is_answered_with_the_known_ones() {
        let error = "disk".parse::<Check>().unwrap_err().to_string();
        assert!(error.contains("\"disk\"") && error.contains("page-size"), "{error}");
    }
}
