//! How manifests name images.

use super::findings::Findings;
use super::images::{shorten, subject, take_over, take_over_with};
use crate::doctor::facts::{Container, Facts, ManifestFacts, Workload};
use crate::images::check::{Check, Failure, Outcome};
use crate::images::name::{SERVICES, repository, short};
use oci_spec::distribution::Reference;

/// Nothing is left to be replaced.
pub(super) fn placeholder(facts: &Facts, findings: &mut Findings) {
    take_over(facts, findings, &[Check::Tag]);
    let Some(manifests) = findings.known("manifests", &facts.manifests) else { return };
    for unresolved in &manifests.unresolved {
        let evidence = format!("{} is {:?}", unresolved.field, unresolved.text);
        let remedy = "build and pin them with scripts/build-images, or pin built ones with `testbed images pin`; `testbed deploy` takes the newest pins";
        let cause = "the manifests hold a placeholder that nothing replaced";
        findings.error(&unresolved.object, Failure::new(cause, evidence, remedy));
    }
    if manifests.unresolved.is_empty() {
        findings.pass(&manifests.overlay, "no placeholder");
    }
}

/// The testbed's images are named by the digests of their indexes, others at least by a version.
pub(super) fn pinned(facts: &Facts, findings: &mut Findings) {
    if facts.images.known().is_ok() {
        take_over_with(facts, findings, &[Check::Pinned], |findings, result, failure| {
            findings.error(subject(result), failure.clone());
        });
        single_architecture(facts, findings);
    }
    let Some(manifests) = findings.known("manifests", &facts.manifests) else { return };
    for workload in &manifests.workloads {
        for container in &workload.containers {
            named(manifests, workload, container, findings);
        }
    }
}

/// A digest that is not of an index switches off that each node chooses its own child.
fn single_architecture(facts: &Facts, findings: &mut Findings) {
    let Ok(images) = facts.images.known() else { return };
    let of_digest =
        images.results.iter().filter(|result| result.check == Check::Index && result.image.contains('@'));
    for result in of_digest {
        if let Outcome::Failed(failure) = &result.outcome {
            findings.error(subject(result), failure.clone());
        }
    }
}

fn named(manifests: &ManifestFacts, workload: &Workload, container: &Container, findings: &mut Findings) {
    // Told as a placeholder.
    if manifests.unresolved.iter().any(|unresolved| unresolved.text == container.image) {
        return;
    }
    let Ok(reference) = container.image.parse::<Reference>() else {
        let remedy = "write it as HOST:PORT/REPOSITORY@sha256:…";
        let failure = Failure::new("the manifest names no image", format!("{:?}", container.image), remedy);
        return findings.error(workload.subject(), failure);
    };
    if reference.digest().is_some() {
        return findings.pass(workload.subject(), shorten(&container.image));
    }
    if SERVICES.contains(&short(&repository(&reference))) {
        let cause = "the manifest names the image by a tag, under which nodes may have kept another";
        let remedy = "pin it with `testbed images pin`; `testbed deploy` takes the newest pins, a kustomization of your own names kubernetes/images/current last";
        return findings.error(workload.subject(), Failure::new(cause, &container.image, remedy));
    }
    match reference.tag() {
        Some(tag) if tag != "latest" => findings.pass(workload.subject(), &container.image),
        _ => {
            let cause =
                "the manifest names the image without a version, so nodes run whatever they get first";
            let failure = Failure::new(cause, &container.image, "name a version, or better a digest");
            findings.warn(workload.subject(), failure);
        }
    }
}
