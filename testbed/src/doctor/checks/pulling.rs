//! Whether images are where nodes look for them, and whether nodes get them.

use super::findings::{Findings, pod_subject, said};
use super::images::{repository, shorten, take_over};
use crate::doctor::facts::{Facts, NodeFacts, PodFacts};
use crate::images::check::{Check, Failure};
use crate::images::name::{SERVICES, short};
use std::collections::BTreeMap;

/// The registry answers and has the images.
pub(super) fn image_exists(facts: &Facts, findings: &mut Findings) {
    take_over(facts, findings, &[Check::Registry, Check::Exists]);
}

/// Every node has pulled an image, and no pod waits for one.
pub(super) fn node_pulls(facts: &Facts, findings: &mut Findings) {
    if findings.known("cluster", &facts.cluster).is_none() {
        return;
    }
    for node in &facts.nodes {
        let Some(pull) = findings.known(&node.subject(), &node.pull) else { continue };
        match &pull.error {
            None => findings.pass(node.subject(), format!("it pulled {}", shorten(&pull.image))),
            Some(error) => findings.error(node.subject(), refused(&pull.image, error)),
        }
    }
    let failed = |node: &NodeFacts| matches!(node.pull.known(), Ok(pull) if pull.error.is_some());
    let told: Vec<&str> =
        facts.nodes.iter().filter(|node| failed(node)).map(|node| node.name.as_str()).collect();
    findings.symptoms(facts, |pod, container| {
        let waits = matches!(
            container.waiting.as_deref(),
            Some("ErrImagePull" | "ImagePullBackOff" | "InvalidImageName")
        );
        let is_told = pod.node.as_deref().is_some_and(|node| told.contains(&node));
        (waits && !is_told).then(|| refused(&container.image, &said(container)))
    });
}

/// What a runtime's error means (containerd's texts).
fn refused(image: &str, error: &str) -> Failure {
    let registry = image.split('/').next().unwrap_or(image);
    let evidence = format!("pulling {}: {error}", shorten(image));
    if error.contains("HTTP response to HTTPS client") {
        // containerd before 2.0 falls back to https after any failure of the mirror, and tells of that one: also where the
        // image is absent.
        let cause = "the node speaks https to a registry of plain http: it has no mirror for it, or the image is absent there";
        let remedy = format!(
            "run `REGISTRY={registry} scripts/install-registries --restart NODE…`; then look at check image-exists"
        );
        return Failure::new(cause, evidence, remedy);
    }
    if error.contains("no match for platform") {
        let remedy = "bake both platforms in one target with scripts/build-images, then pin again";
        return Failure::new("the image has no child for the node's platform", evidence, remedy);
    }
    if error.contains("not found") || error.contains("manifest unknown") {
        let remedy = "build and push it with scripts/build-images, and deploy the revision that it pins";
        return Failure::new("the registry does not have the image", evidence, remedy);
    }
    if ["401", "403", "denied", "unauthorized"].iter().any(|word| error.to_lowercase().contains(word)) {
        let remedy =
            "put the registry's credentials into registries.yaml of the node, or into an imagePullSecret";
        return Failure::new("the registry wants credentials that the node does not have", evidence, remedy);
    }
    if error.contains("x509") || error.contains("certificate") {
        let remedy = "give the node the authority's certificate (ca_file in registries.yaml), and set the node's clock";
        return Failure::new("the node does not trust the registry's certificate", evidence, remedy);
    }
    let remedy =
        format!("on the node, try `curl -v http://{registry}/v2/`, and check firewall, address and name");
    Failure::new("the node does not get the image", evidence, remedy)
}

/// Pods run what the registry holds now.
pub(super) fn node_cache(facts: &Facts, findings: &mut Findings) {
    let Some(cluster) = findings.known("cluster", &facts.cluster) else { return };
    let Some(images) = findings.known("images", &facts.images) else { return };
    findings.unlisted(facts, "pods");
    let digests = images.digests.iter().map(|(reference, digest)| (repository(reference), digest.as_str()));
    let digests: BTreeMap<&str, &str> = digests.collect();
    for pod in cluster.pods.iter().filter(|pod| SERVICES.contains(&pod.service.as_str())) {
        compare(pod, &digests, findings);
    }
}

fn compare(pod: &PodFacts, digests: &BTreeMap<&str, &str>, findings: &mut Findings) {
    for container in &pod.containers {
        let (name, Some((_, running))) =
            (repository(&container.image_id), container.image_id.split_once('@'))
        else {
            continue;
        };
        match digests.get(name) {
            Some(held) if *held == running => {
                findings.pass(pod_subject(pod), format!("it runs {}", shorten(&container.image_id)))
            }
            Some(held) => {
                let evidence = format!(
                    "it runs {}, the registry holds {}",
                    shorten(&container.image_id),
                    shorten(&format!("{name}@{held}"))
                );
                let remedy = "deploy the pinned revision, so that no node can take what it has kept under the same tag";
                findings.error(
                    pod_subject(pod),
                    Failure::new("the node runs another image than the registry holds", evidence, remedy),
                );
            }
            None => {
                findings.leave(pod_subject(pod), format!("{} was not looked at in the registry", short(name)))
            }
        }
    }
}
