//! Whether one image took the name of another.

use super::Request;
use super::inspection::Inspection;
use super::ledger::WHOLE;
use crate::images::check::{Check, CheckResult, Failure, Outcome};
use crate::images::name::{self, SERVICES};
use crate::images::plan::BuildPlan;
use std::collections::BTreeSet;

/// The tags of the plan that two targets push and that nobody asked about.
pub(super) fn of_plan(request: &Request) -> Vec<CheckResult> {
    let Some(plan) = &request.plan else { return Vec::new() };
    let tags: BTreeSet<&String> = plan.targets.iter().flat_map(|target| &target.tags).collect();
    let others = tags.into_iter().filter(|tag| !request.images.contains(tag));
    let result = |(image, failure): (&String, Failure)| CheckResult {
        check: Check::TagCollision,
        image: image.clone(),
        platform: None,
        outcome: Outcome::Failed(failure),
    };
    others.filter_map(|tag| Some((tag, shared_tag(plan, tag)?))).map(result).collect()
}

/// Compares the images with the plan, with each other, and with what they call themselves.
pub(super) fn compare(request: &Request, inspections: &mut [Inspection]) {
    let seen: Vec<Seen> = inspections.iter().map(Inspection::seen).collect();
    for (inspection, image) in inspections.iter_mut().zip(&seen) {
        let failure = request.plan.as_ref().and_then(|plan| shared_tag(plan, &image.reference));
        let failure = failure.or_else(|| same_digest(image, &seen)).or_else(|| other_service(image));
        let evidence = evidence(request, image, seen.len());
        match (failure, evidence.is_empty()) {
            (Some(failure), _) => inspection.ledger.fail(Check::TagCollision, WHOLE, failure),
            (None, false) => inspection.ledger.pass(Check::TagCollision, WHOLE, evidence.join("; ")),
            (None, true) => {
                inspection.ledger.skip(Check::TagCollision, WHOLE, "nothing to compare with (--plan)")
            }
        }
    }
}

/// What an image is known by.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) reference: String,
    /// Without tag and digest; empty where the reference is none.
    pub(super) repository: String,
    /// None where it does not resolve.
    pub(super) digest: Option<String>,
    /// What it calls itself: its title, its program.
    pub(super) names: BTreeSet<String>,
}

fn shared_tag(plan: &BuildPlan, tag: &str) -> Option<Failure> {
    let targets: Vec<&str> = plan.pushing(tag).collect();
    (targets.len() > 1).then(|| {
        Failure::new(
            "several targets of the bake file push one tag, and the last one wins",
            format!("{} push {tag}", targets.join(" and ")),
            "give each target a tag of its own, and put all platforms of an image into one target",
        )
    })
}

fn same_digest(image: &Seen, all: &[Seen]) -> Option<Failure> {
    let digest = image.digest.as_ref()?;
    let is_same =
        |other: &&Seen| other.repository != image.repository && other.digest.as_ref() == Some(digest);
    let other = all.iter().find(is_same)?;
    Some(Failure::new(
        "two repositories hold the same image",
        format!("{} and {} are both {digest}", image.repository, other.repository),
        "look at the tags of the targets in docker-bake.hcl, then build and push again",
    ))
}

fn other_service(image: &Seen) -> Option<Failure> {
    let own = name::short(&image.repository);
    let is_service = |name: &str| SERVICES.contains(&name);
    let other = image.names.iter().find(|name| is_service(own) && is_service(name) && *name != own)?;
    Some(Failure::new(
        "the repository holds the image of another service",
        format!("{} holds {other}", image.reference),
        "look at the tags of the targets in docker-bake.hcl, then build and push again",
    ))
}

fn evidence(request: &Request, image: &Seen, count: usize) -> Vec<String> {
    let mut evidence = Vec::new();
    if let Some(plan) = &request.plan {
        let targets = plan.pushing(&image.reference).count();
        evidence.push(if targets == 0 {
            "no target of the plan pushes it".to_owned()
        } else {
            "one target pushes it".to_owned()
        });
    }
    if count > 1 && image.digest.is_some() {
        evidence.push("no other image has its digest".to_owned());
    }
    let own = name::short(&image.repository);
    if image.names.contains(own) {
        evidence.push(format!("it is {own}"));
    }
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(repository: &str, digest: &str, names: &[&str]) -> Seen {
        Seen {
            reference: format!("{repository}:1"),
            repository: repository.to_owned(),
            digest: Some(digest.to_owned()),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_tag_of_two_targets_names_both() {
        let plan =
            r#"{"target": {"a-amd64": {"tags": ["h:5000/a:1"]}, "a-arm64": {"tags": ["h:5000/a:1"]}}}"#;
        let request = Request {
            images: Vec::new(),
            platforms: Vec::new(),
            pins: std::collections::BTreeMap::new(),
            plan: Some(BuildPlan::parse(plan).unwrap()),
        };
        let [CheckResult { image, outcome: Outcome::Failed(failure), .. }] = &of_plan(&request)[..] else {
            panic!()
        };
        assert_eq!(
            (image.as_str(), failure.evidence.as_str()),
            ("h:5000/a:1", "a-amd64 and a-arm64 push h:5000/a:1")
        );
    }

    #[test]
    fn repositories_with_one_digest_are_told_apart_from_tags_of_one_repository() {
        let all = [
            seen("h:5000/a", "sha256:1", &[]),
            seen("h:5000/b", "sha256:1", &[]),
            seen("h:5000/a", "sha256:1", &[]),
        ];
        let failure = same_digest(&all[0], &all).unwrap();
        assert_eq!(failure.evidence, "h:5000/a and h:5000/b are both sha256:1");
        assert!(same_digest(&all[0], &[all[0].clone(), all[2].clone()]).is_none());
    }

    #[test]
    fn only_services_are_taken_for_each_other() {
        let is_other =
            |repository, names: &[&str]| other_service(&seen(repository, "sha256:1", names)).is_some();
        assert!(is_other("h:5000/testbed/ingest-api", &["query-api"]));
        assert!(!is_other("h:5000/testbed/ingest-api", &["ingest-api"]));
        assert!(!is_other("h:5000/library/redis", &["docker-entrypoint.sh"]));
        assert!(!is_other("h:5000/mirror/load", &["simulator"]));
    }
}
