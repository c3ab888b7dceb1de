//! Whether images can be built and pushed as they should.

use super::findings::Findings;
use super::images::take_over;
use crate::doctor::check::Severity;
use crate::doctor::facts::{BuilderFacts, Facts, MISSING};
use crate::images::check::{Check, Failure};
use std::collections::BTreeMap;

/// How a builder is made or repaired.
const CREATE: &str = "run scripts/build-images, which repairs it, or `docker buildx rm testbed` and create it again with \
    --driver docker-container --buildkitd-config (buildkitd.toml says how)";

/// The builder pushes both platforms in one index, to the registry as it is.
pub(super) fn builder(facts: &Facts, findings: &mut Findings) {
    let Some(builder) = findings.known("builder", &facts.builder) else { return };
    let subject = format!("builder {}", builder.name);
    if let Some((severity, failure)) = absent(builder).or_else(|| driver(builder)) {
        return findings.find(severity, subject, failure);
    }
    let Some(registry) = &facts.about.registry else {
        return findings.leave(subject, "no registry was said (--registry)");
    };
    let evidence =
        format!("{registry} speaks http; plain http is configured for {}", listed(&builder.plain_http));
    match builder.registry_is_plain_http {
        None => findings.leave(subject, "the registry was not asked whether it speaks plain http"),
        Some(true) if builder.driver == "docker" => {
            let cause = "the engine's own builder does not read buildkitd.toml, so it may speak https to a registry of plain http";
            let remedy = "name the registry under insecure-registries in the engine's daemon.json, or take the builder of scripts/build-images";
            findings.warn(subject, Failure::new(cause, format!("{registry} speaks http"), remedy));
        }
        Some(true) if !builder.plain_http.contains(registry) => {
            let cause = "the builder speaks https to a registry of plain http";
            findings.error(subject, Failure::new(cause, evidence, CREATE));
        }
        Some(_) => findings.pass(
            subject,
            format!("driver {}, plain http for {}", builder.driver, listed(&builder.plain_http)),
        ),
    }
}

/// A builder that is not there, or of which docker knows nothing.
fn absent(builder: &BuilderFacts) -> Option<(Severity, Failure)> {
    if builder.status == MISSING {
        let remedy = "run scripts/build-images, which creates it; who only deploys needs none";
        let cause = "there is no builder yet";
        return Some((Severity::Info, Failure::new(cause, "docker buildx does not know it", remedy)));
    }
    let error = builder.error.as_ref()?;
    let remedy =
        "start docker's engine (`systemctl start docker`), or let DOCKER_HOST name the one that runs";
    Some((Severity::Error, Failure::new("docker cannot tell of the builder", error, remedy)))
}

fn driver(builder: &BuilderFacts) -> Option<(Severity, Failure)> {
    let holds_indexes = builder.driver != "docker" || builder.has_containerd_store;
    let cause = "the builder's driver cannot push an index of several platforms";
    let evidence = "driver docker, and the engine does not keep images in containerd";
    (!holds_indexes).then(|| (Severity::Error, Failure::new(cause, evidence, CREATE)))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// One target pushes each tag, and each repository holds its own image.
pub(super) fn tag_collision(facts: &Facts, findings: &mut Findings) {
    if let Some(build) = findings.known("bake file", &facts.build) {
        let mut targets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for target in &build.targets {
            for tag in &target.tags {
                targets.entry(tag).or_default().push(&target.name);
            }
        }
        for (tag, targets) in targets {
            if targets.len() == 1 {
                findings.pass(tag, format!("only {} pushes it", targets[0]));
                continue;
            }
            let cause = "several targets of the bake file push one tag, and the last one wins";
            let remedy =
                "give each target a tag of its own, and put all platforms of an image into one target";
            findings.error(tag, Failure::new(cause, format!("{} push it", targets.join(" and ")), remedy));
        }
    }
    take_over(facts, findings, &[Check::TagCollision]);
}
