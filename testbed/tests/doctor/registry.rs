//! Checks of images in the registry, and of what nodes have of them.

use crate::facts::{container, fail_image, found, healthy, known, node, only, reasons};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::facts::Collected;
use testbed::images::check::Check as ImageCheck;

#[test]
fn a_healthy_cluster_has_no_finding() {
    let found = found(&healthy());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_absent_image_is_found() {
    let mut facts = healthy();
    fail_image(&mut facts, "query-api", ImageCheck::Exists, None);
    let found = only(&facts, Check::ImageExists, Severity::Error);
    assert_eq!(found.subject, "192.168.0.35:5000/testbed/query-api@333333333333");
    assert!(found.tells("what is wrong", "what was seen", "what to do"));
}

#[test]
fn a_node_without_a_mirror_is_found() {
    let mut facts = healthy();
    let error = "failed to do request: Head \"https://192.168.0.35:5000/v2/testbed/ingest-api/manifests/x\": http: server gave HTTP response to HTTPS client";
    known(&mut node(&mut facts, "r3-node").pull).error = Some(error.to_owned());
    let found = only(&facts, Check::NodePulls, Severity::Error);
    assert_eq!(found.subject, "node r3-node");
    assert!(
        found.tells(
            "no mirror",
            "HTTP response",
            "REGISTRY=192.168.0.35:5000 scripts/install-registries --restart NODE"
        ),
        "{found:#?}"
    );
}

#[test]
fn what_a_runtime_says_of_a_pull_is_told_apart() {
    for (error, cause, remedy) in [
        ("no match for platform in manifest: not found", "no child for the node's platform", "bake both"),
        (
            "192.168.0.35:5000/testbed/ingest-api@sha256:0: not found",
            "does not have the image",
            "scripts/build-images",
        ),
        ("unexpected status: 401 Unauthorized", "credentials", "registries.yaml"),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "trust",
            "ca_file",
        ),
        ("dial tcp 192.168.0.35:5000: i/o timeout", "does not get the image", "curl"),
    ] {
        let mut facts = healthy();
        known(&mut node(&mut facts, "clus1").pull).error = Some(error.to_owned());
        let found = only(&facts, Check::NodePulls, Severity::Error);
        assert!(found.tells(cause, error, remedy), "{found:#?}");
    }
}

#[test]
fn a_pod_that_waits_for_its_image_is_found() {
    let mut facts = healthy();
    let container = container(&mut facts, "ingest-api");
    container.waiting = Some("ImagePullBackOff".to_owned());
    container.message = Some("Back-off pulling image: not found".to_owned());
    let found = only(&facts, Check::NodePulls, Severity::Error);
    assert!(
        found.subject.contains("on clus1") && found.tells("does not have", "ImagePullBackOff", "pins"),
        "{found:#?}"
    );
}

#[test]
fn a_pull_that_is_denied_is_nothing_that_the_program_was_denied() {
    let mut facts = healthy();
    let container = container(&mut facts, "ingest-api");
    container.waiting = Some("ErrImagePull".to_owned());
    container.message = Some("failed to pull and unpack image: permission denied".to_owned());
    only(&facts, Check::NodePulls, Severity::Error);
}

#[test]
fn a_node_that_cannot_pull_is_told_once() {
    let mut facts = healthy();
    let error = "dial tcp 192.168.0.35:5000: i/o timeout".to_owned();
    known(&mut node(&mut facts, "clus1").pull).error = Some(error.clone());
    let container = container(&mut facts, "ingest-api");
    (container.waiting, container.message) = (Some("ImagePullBackOff".to_owned()), Some(error));
    let found = only(&facts, Check::NodePulls, Severity::Error);
    assert_eq!(found.subject, "node clus1");
}

#[test]
fn a_placeholder_as_a_tag_is_found() {
    let mut facts = healthy();
    fail_image(&mut facts, "ingest-api", ImageCheck::Tag, None);
    only(&facts, Check::Placeholder, Severity::Error);
}

#[test]
fn a_pin_of_one_architecture_is_told_once() {
    let mut facts = healthy();
    fail_image(&mut facts, "ingest-api", ImageCheck::Index, None);
    only(&facts, Check::Pinned, Severity::Error);
}

#[test]
fn a_pin_that_the_tag_has_left_is_found() {
    let mut facts = healthy();
    fail_image(&mut facts, "ingest-api", ImageCheck::Pinned, None);
    only(&facts, Check::Pinned, Severity::Error);
}

#[test]
fn a_node_that_has_kept_an_old_image_is_found() {
    let mut facts = healthy();
    container(&mut facts, "query-api").image_id =
        format!("192.168.0.35:5000/testbed/query-api@sha256:{}", "4".repeat(64));
    let found = only(&facts, Check::NodeCache, Severity::Error);
    assert!(found.subject.ends_with("on r3-node"));
    assert!(
        found.tells("another image", "query-api@444444444444, the registry holds", "pinned revision"),
        "{found:#?}"
    );
}

#[test]
fn a_tag_that_two_images_took_is_found() {
    let mut facts = healthy();
    fail_image(&mut facts, "ingest-api", ImageCheck::TagCollision, None);
    only(&facts, Check::TagCollision, Severity::Error);
}

#[test]
fn what_was_not_collected_is_never_passed() {
    let mut facts = healthy();
    facts.images = Collected::Missing("the registry is away".to_owned());
    for check in [
        Check::ImageExists,
        Check::ProgramArchitecture,
        Check::ConfigurationArchitecture,
        Check::Libc,
        Check::NodeCache,
    ] {
        assert_eq!(reasons(&facts, check), ["the registry is away"], "{check}");
        let results = testbed::doctor::examine(&facts, &[check]).results;
        assert_eq!(results.len(), 1, "{results:#?}");
    }
}
