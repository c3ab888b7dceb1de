//! What a bake file is going to build and push, as `docker buildx bake --print` shows it.

use super::platform::Platform;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;

/// The targets of a bake file, resolved.
#[derive(Debug, Clone)]
pub struct BuildPlan {
    pub targets: Vec<Target>,
}

/// One target.
#[derive(Debug, Clone)]
pub struct Target {
    pub name: String,
    pub tags: Vec<String>,
    /// Empty where the builder chooses its own.
    pub platforms: Vec<Platform>,
}

/// The JSON of `docker buildx bake --print`, as far as it matters here.
#[derive(Deserialize)]
struct Printed {
    target: BTreeMap<String, PrintedTarget>,
}

#[derive(Deserialize)]
struct PrintedTarget {
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, deserialize_with = "platforms")]
    platforms: Vec<Platform>,
}

impl BuildPlan {
    /// Reads the JSON of `docker buildx bake --print`.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let printed: Printed = serde_json::from_str(json)?;
        let target = |(name, target): (String, PrintedTarget)| Target {
            name,
            tags: target.tags,
            platforms: target.platforms,
        };
        Ok(Self { targets: printed.target.into_iter().map(target).collect() })
    }

    /// The names of the targets that push `tag`.
    pub fn pushing<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a str> {
        let pushes = move |target: &&Target| target.tags.iter().any(|other| other == tag);
        self.targets.iter().filter(pushes).map(|target| target.name.as_str())
    }
}

fn platforms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Platform>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| name.parse().map_err(de::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{
      "group": {"default": {"targets": ["ingest-api", "query-api"]}},
      "target": {
        "ingest-api": {
          "context": ".", "dockerfile": "Dockerfile", "attest": [{"type": "provenance", "disabled": "true"}],
          "tags": ["host:5000/testbed/ingest-api:1"], "platforms": ["linux/amd64", "linux/arm64"]
        },
        "query-api": {"context": ".", "tags": ["host:5000/testbed/ingest-api:1"]}
      }
    }"#;

    #[test]
    fn targets_have_their_tags_and_platforms() {
        let plan = BuildPlan::parse(PRINTED).unwrap();
        assert_eq!(plan.targets[0].name, "ingest-api");
        assert_eq!(plan.targets[0].platforms, [Platform::linux("amd64"), Platform::linux("arm64")]);
        assert!(plan.targets[1].platforms.is_empty());
    }

    #[test]
    fn a_tag_leads_to_all_targets_that_push_it() {
        let plan = BuildPlan::parse(PRINTED).unwrap();
        assert!(plan.pushing("host:5000/testbed/ingest-api:1").eq(["ingest-api", "query-api"]));
        assert_eq!(plan.pushing("host:5000/testbed/ingest-api:2").count(), 0);
    }

    #[test]
    fn other_json_is_refused() {
        for json in ["{}", "[]", r#"{"target": {"a": {"platforms": ["arm64"]}}}"#] {
            assert!(BuildPlan::parse(json).is_err(), "{json}");
        }
    }
}
