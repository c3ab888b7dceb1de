//! What bake says of what it pushed, `docker buildx bake --metadata-file`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// An image that bake pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its target in the bake file.
    pub target: String,
    /// Its references, at least one.
    pub references: Vec<String>,
    /// Of what was pushed: `sha256:…`.
    pub digest: String,
}

/// A target's entry, as far as it matters here; `buildx.build.warnings` and its kin stand beside the targets.
#[derive(Deserialize)]
struct Entry {
    /// Separated by commas.
    #[serde(rename = "image.name")]
    names: Option<String>,
    #[serde(rename = "containerimage.digest")]
    digest: Option<String>,
}

/// Reads the JSON of `--metadata-file`.
///
/// # Errors
/// Where it is none, where a target was not pushed, or where there is no target.
pub fn parse(json: &str) -> anyhow::Result<Vec<Built>> {
    let entries: BTreeMap<String, serde_json::Value> = serde_json::from_str(json)?;
    let mut all = Vec::new();
    for (target, value) in entries {
        // In docker-bake.hcl a target with `_` in front is a part of others, and nothing of it is pushed.
        if target.starts_with("buildx.") || target.starts_with('_') {
            continue;
        }
        let entry: Entry = serde_json::from_value(value)?;
        let (Some(names), Some(digest)) = (entry.names, entry.digest) else {
            anyhow::bail!("target {target} has no image.name or no containerimage.digest: it was not pushed");
        };
        let references =
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        all.push(Built { target, references, digest });
    }
    anyhow::ensure!(!all.is_empty(), "it names no targets");
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_their_references_and_their_digest() {
        let built = parse(
            r#"{"buildx.build.warnings": [{"detail": ["x"]}],
                "ingest-api": {"buildx.build.ref": "testbed/0/1", "containerimage.descriptor": {"size": 1},
                  "containerimage.digest": "sha256:1", "image.name": "host:5000/a:1,host:5000/a:2"}}"#,
        );
        let expected = Built {
            target: "ingest-api".to_owned(),
            references: vec!["host:5000/a:1".to_owned(), "host:5000/a:2".to_owned()],
            digest: "sha256:1".to_owned(),
        };
        assert_eq!(built.unwrap(), [expected]);
    }

    #[test]
    fn a_target_that_was_not_pushed_is_named() {
        let error = parse(r#"{"query-api": {"buildx.build.ref": "testbed/0/1"}}"#).unwrap_err();
        assert!(error.to_string().contains("query-api"), "{error}");
    }

    #[test]
    fn a_part_of_other_targets_is_no_image() {
        let built = parse(
            r#"{"_prebuilt-runtime": {"buildx.build.ref": "testbed/0/1"},
                "query-api-prebuilt": {"containerimage.digest": "sha256:1", "image.name": "host:5000/a:1"}}"#,
        )
        .unwrap();
        assert_eq!(
            built.iter().map(|built| built.target.as_str()).collect::<Vec<_>>(),
            ["query-api-prebuilt"]
        );
    }

    #[test]
    fn a_file_without_targets_is_refused() {
        assert!(parse(r#"{"buildx.build.warnings": []}"#).is_err());
        assert!(parse("[]").is_err());
    }
}
