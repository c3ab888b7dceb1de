//! What is checked of an image, and what came of it.

use super::platform::Platform;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A check, in the order in which its failure meets a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The tag is a real one: no PLACEHOLDER, no unresolved variable, not `latest`.
    Tag,
    /// No two build targets push the same tag, and no repository holds the image of another service.
    TagCollision,
    /// The registry answers, over the scheme that is configured.
    Registry,
    /// The reference resolves.
    Exists,
    /// The reference resolves to an index, so that each node chooses its own child.
    Index,
    /// The pin is the digest of the index, and the reference still resolves to it.
    Pinned,
    /// The index has a child for the platform.
    Platform,
    /// The configuration of the child names the platform that the index names.
    Configuration,
    /// The layers are complete and the program of the entrypoint is among their files.
    Entrypoint,
    /// The program is an ELF program of the platform's machine.
    Machine,
    /// The interpreter that the program asks for exists.
    Interpreter,
    /// The shared libraries that the program asks for exist, in versions that are new enough.
    Libraries,
    /// The user is numeric and not root.
    User,
    /// The user can reach the program and execute it.
    Access,
    /// The program runs on every CPU of the platform: no ARMv8.1 atomics that are not guarded. Of arm64 only.
    Instructions,
    /// The program and its allocator run on every page size of the platform. Of arm64 only.
    PageSize,
}

impl Check {
    /// All, in their order.
    pub const ALL: [Self; 16] = [
        Self::Tag,
        Self::TagCollision,
        Self::Registry,
        Self::Exists,
        Self::Index,
        Self::Pinned,
        Self::Platform,
        Self::Configuration,
        Self::Entrypoint,
        Self::Machine,
        Self::Interpreter,
        Self::Libraries,
        Self::User,
        Self::Access,
        Self::Instructions,
        Self::PageSize,
    ];

    /// Its name in tables and in JSON: `tag-collision`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::TagCollision => "tag-collision",
            Self::Registry => "registry",
            Self::Exists => "exists",
            Self::Index => "index",
            Self::Pinned => "pinned",
            Self::Platform => "platform",
            Self::Configuration => "configuration",
            Self::Entrypoint => "entrypoint",
            Self::Machine => "machine",
            Self::Interpreter => "interpreter",
            Self::Libraries => "libraries",
            Self::User => "user",
            Self::Access => "access",
            Self::Instructions => "instructions",
            Self::PageSize => "page-size",
        }
    }

    /// Whether it is done once for each platform, and not once for the image.
    #[must_use]
    pub fn is_per_platform(self) -> bool {
        self >= Self::Platform
    }

    /// Whether it means anything on `platform`: CPUs and page sizes differ on arm64 only.
    #[must_use]
    pub fn concerns(self, platform: &Platform) -> bool {
        !matches!(self, Self::Instructions | Self::PageSize) || platform.architecture == "arm64"
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// All is well; what was seen.
    Passed { evidence: String },
    /// It will fail, or is not what it seems.
    Failed(Failure),
    /// It could not be looked at, because of an earlier failure or because there was nothing to compare with.
    Skipped { reason: String },
}

/// What is wrong, each of one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What it is, in words that hold for every image that has it.
    pub cause: String,
    /// What was seen in this one.
    pub evidence: String,
    /// What to do, in words that hold for every image that has it.
    pub remedy: String,
}

/// One check of one image, of one platform of it where that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    pub check: Check,
    /// The reference as it was given.
    pub image: String,
    /// As `linux/arm64`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "platform_name",
        deserialize_with = "platform_of_name"
    )]
    pub platform: Option<Platform>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

fn platform_name<S: Serializer>(platform: &Option<Platform>, serializer: S) -> Result<S::Ok, S::Error> {
    match platform {
        Some(platform) => serializer.collect_str(platform),
        None => serializer.serialize_none(),
    }
}

fn platform_of_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Platform>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| name.parse().map_err(de::Error::custom)).transpose()
}

impl Failure {
    /// Of cause, evidence and remedy.
    #[must_use]
    pub fn new(cause: impl Into<String>, evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { cause: cause.into(), evidence: evidence.into(), remedy: remedy.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for check in Check::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
        }
    }

    #[test]
    fn checks_stand_in_the_order_of_their_failures() {
        assert!(Check::ALL.is_sorted());
    }
}
