//! The reference itself: whether it names what was built, before anybody is asked.

use crate::images::check::Failure;
use oci_spec::distribution::Reference;

/// What a text that somebody or something should have replaced looks like.
const PLACEHOLDERS: [&str; 6] = ["PLACEHOLDER", "CHANGEME", "${", "$(", "<", "{{"];

const REMEDY: &str =
    "set REGISTRY and REVISION, or take the images from a folder that `testbed images pin` wrote";

/// Reads a reference. It may be usable and yet fail the check, as `latest` does.
pub(super) fn read(text: &str) -> (Option<Reference>, Result<String, Failure>) {
    let upper = text.to_uppercase();
    if let Some(placeholder) = PLACEHOLDERS.into_iter().find(|placeholder| upper.contains(placeholder)) {
        let evidence = format!("{text} contains {placeholder}");
        return (
            None,
            Err(Failure::new("the reference holds a placeholder that nothing replaced", evidence, REMEDY)),
        );
    }
    if text.is_empty() || text.ends_with(':') || text.contains(":@") {
        let evidence = format!("{text:?} ends where the tag should be");
        return (None, Err(Failure::new("the tag is empty", evidence, REMEDY)));
    }
    let reference: Reference = match text.parse() {
        Ok(reference) => reference,
        Err(error) => {
            let evidence = format!("{text:?}: {error}");
            let remedy = "write it as HOST:PORT/REPOSITORY:TAG, in lower case but for the tag";
            return (None, Err(Failure::new("it is no reference of an image", evidence, remedy)));
        }
    };
    let outcome = judge(text, &reference);
    (Some(reference), outcome)
}

fn judge(text: &str, reference: &Reference) -> Result<String, Failure> {
    if reference.digest().is_some() {
        return Ok("a digest".to_owned());
    }
    let tag = reference.tag().unwrap_or("latest");
    if tag != "latest" {
        return Ok(tag.to_owned());
    }
    let evidence = if text.ends_with(":latest") {
        text.to_owned()
    } else {
        format!("{text} has no tag, which means latest")
    };
    let cause = "the tag is latest, so nodes run whatever they happen to have under that name";
    Err(Failure::new(
        cause,
        evidence,
        "tag images with the revision that they were built from, as scripts/build-images does",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_tag() {
        let (reference, outcome) = read("192.168.0.35:5000/testbed/ingest-api:0123456789ab-dirty");
        assert_eq!(outcome.unwrap(), "0123456789ab-dirty");
        assert_eq!(reference.unwrap().registry(), "192.168.0.35:5000");
    }

    #[test]
    fn placeholders_are_found_wherever_they_stand() {
        for text in [
            "host:5000/testbed/ingest-api:PLACEHOLDER",
            "host:5000/testbed/ingest-api:placeholder-tag",
            "${REGISTRY}/testbed/ingest-api:1",
            "host:5000/testbed/ingest-api:<revision>",
            "host:5000/testbed/ingest-api:{{ .Tag }}",
        ] {
            let (reference, outcome) = read(text);
            assert!(reference.is_none());
            let failure = outcome.unwrap_err();
            assert!(failure.cause.contains("placeholder") && failure.evidence.contains(text), "{failure:?}");
        }
    }

    #[test]
    fn a_missing_tag_is_latest() {
        for (text, evidence) in [
            ("host:5000/testbed/ingest-api", "host:5000/testbed/ingest-api has no tag, which means latest"),
            ("host:5000/testbed/ingest-api:latest", "host:5000/testbed/ingest-api:latest"),
            ("ingest-api", "ingest-api has no tag, which means latest"),
        ] {
            let (reference, outcome) = read(text);
            assert!(reference.is_some());
            assert_eq!(outcome.unwrap_err().evidence, evidence);
        }
    }

    #[test]
    fn an_empty_tag_is_none() {
        for text in ["", "host:5000/testbed/ingest-api:"] {
            assert!(read(text).1.unwrap_err().cause.contains("empty"), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_reference_is_said_to_be_none() {
        let failure = read("host:5000/Testbed/ingest-api:1").1.unwrap_err();
        assert!(failure.cause.contains("no reference"), "{failure:?}");
    }

    #[test]
    fn a_digest_needs_no_tag() {
        let text = format!("host:5000/testbed/ingest-api@sha256:{}", "0".repeat(64));
        assert_eq!(read(&text).1.unwrap(), "a digest");
    }
}
