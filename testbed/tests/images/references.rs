//! References that lead to nothing, to something else, or to whatever was pushed last.

use crate::command::{Expected, fails, verify};
use crate::image::{Child, Image, PROGRAM};
use crate::push::push;
use std::path::PathBuf;
use tempfile::TempDir;
use test_support::registry::RegistryServer;

const REPOSITORY: &str = "testbed/ingest-api";
const TAG: &str = "0123456789ab";

/// A registry with a healthy image, and its reference.
async fn healthy() -> (RegistryServer, String) {
    let registry = RegistryServer::start().await;
    push(&registry, REPOSITORY, TAG, &Image::healthy()).await;
    let reference = format!("{}/{REPOSITORY}:{TAG}", registry.address());
    (registry, reference)
}

/// A folder with one pin, as `testbed images pin` writes it.
fn pins(repository: &str, digest: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n  - name: ingest-api\n    \
         newName: {repository}\n    digest: {digest}\n"
    );
    std::fs::write(folder.path().join("kustomization.yaml"), yaml).unwrap();
    folder
}

/// What `docker buildx bake --print` prints of targets and their tags.
fn plan(folder: &TempDir, targets: &[(&str, &str)]) -> PathBuf {
    let targets: serde_json::Map<String, serde_json::Value> = targets
        .iter()
        .map(|(name, tag)| {
            ((*name).to_owned(), serde_json::json!({ "tags": [tag], "platforms": ["linux/amd64"] }))
        })
        .collect();
    let path = folder.path().join("plan.json");
    std::fs::write(&path, serde_json::json!({ "target": targets }).to_string()).unwrap();
    path
}

#[tokio::test]
async fn absent_tag_is_named() {
    let (registry, _) = healthy().await;
    let said = ["does not hold the image", "ingest-api:ba9876543210 does not exist", "build-images"];
    let reference = format!("{}/{REPOSITORY}:ba9876543210", registry.address());
    verify(&[&reference]).await.assert_fails(&[fails("exists", None, said)]);
}

#[tokio::test]
async fn absent_repository_is_named() {
    let (registry, _) = healthy().await;
    let said = ["does not hold the image", "testbed/nothing:0123456789ab does not exist", "build-images"];
    let reference = format!("{}/testbed/nothing:{TAG}", registry.address());
    verify(&[&reference]).await.assert_fails(&[fails("exists", None, said)]);
}

#[tokio::test]
async fn placeholder_is_named_though_the_registry_holds_it() {
    let registry = RegistryServer::start().await;
    for tag in ["PLACEHOLDER", "VERSION_PLACEHOLDER"] {
        push(&registry, REPOSITORY, tag, &Image::healthy()).await;
        let reference = format!("{}/{REPOSITORY}:{tag}", registry.address());
        let said = ["placeholder", tag, "REVISION"];
        verify(&[&reference]).await.assert_fails(&[fails("tag", None, said)]);
    }
}

#[tokio::test]
async fn latest_is_named_though_the_registry_holds_it() {
    let registry = RegistryServer::start().await;
    push(&registry, REPOSITORY, "latest", &Image::healthy()).await;
    for reference in ["latest", ""].map(|tag| format!("{}/{REPOSITORY}:{tag}", registry.address())) {
        let reference = reference.trim_end_matches(':');
        let said = ["latest", "latest", "revision"];
        verify(&[reference]).await.assert_fails(&[fails("tag", None, said)]);
    }
}

/// Verifies the healthy image against a pin.
async fn assert_pin_fails(digest: impl FnOnce(&crate::push::Pushed) -> String, expected: &[Expected<'_>]) {
    let registry = RegistryServer::start().await;
    let old = push(&registry, REPOSITORY, TAG, &Image::of(vec![Child::arm64(), Child::amd64()])).await;
    let pushed = push(&registry, REPOSITORY, TAG, &Image::healthy()).await;
    assert_ne!(old.digest, pushed.digest);
    let repository = format!("{}/{REPOSITORY}", registry.address());
    let reference = format!("{repository}:{TAG}");
    let pushed = crate::push::Pushed { children: pushed.children, ..old };
    let pins = pins(&repository, &digest(&pushed));
    verify(&[&reference, "--pins", pins.path().to_str().unwrap()]).await.assert_fails(expected);
}

#[tokio::test]
async fn pin_of_an_older_build_is_named() {
    let said = ["pushed again", "the pin is sha256:", "pin again"];
    assert_pin_fails(|old| old.digest.clone(), &[fails("pinned", None, said)]).await;
}

#[tokio::test]
async fn pin_of_nothing_is_named() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let said = ["does not hold what is pinned", digest.as_str(), "testbed images pin"];
    assert_pin_fails(|_| digest.clone(), &[fails("pinned", None, said)]).await;
}

#[tokio::test]
async fn pin_of_one_architecture_is_named() {
    let said = ["digest of one architecture", "linux/arm64 child", "pin the index"];
    assert_pin_fails(|pushed| pushed.children[1].digest.clone(), &[fails("pinned", None, said)]).await;
}

#[tokio::test]
async fn reference_by_the_digest_of_one_architecture_is_named() {
    let registry = RegistryServer::start().await;
    let pushed = push(&registry, REPOSITORY, TAG, &Image::healthy()).await;
    let repository = format!("{}/{REPOSITORY}", registry.address());
    let said = ["digest of one architecture", "manifest, not an index", "pin the index"];
    let reference = format!("{repository}@{}", pushed.children[0].digest);
    verify(&[&reference]).await.assert_fails(&[fails("pinned", None, said)]);
    verify(&[&format!("{repository}@{}", pushed.digest)]).await.assert_healthy();
}

#[tokio::test]
async fn two_targets_with_one_tag_are_named() {
    let (_registry, reference) = healthy().await;
    let folder = tempfile::tempdir().unwrap();
    let one = plan(&folder, &[("ingest-api", &reference)]);
    verify(&[&reference, "--plan", one.to_str().unwrap()]).await.assert_healthy();
    let two = plan(&folder, &[("ingest-amd64", &reference), ("ingest-arm64", &reference)]);
    let said = ["push one tag", "ingest-amd64 and ingest-arm64", "a tag of its own"];
    verify(&[&reference, "--plan", two.to_str().unwrap()]).await.assert_fails(&[fails(
        "tag-collision",
        None,
        said,
    )]);
}

#[tokio::test]
async fn image_of_another_service_is_named() {
    let registry = RegistryServer::start().await;
    push(&registry, "testbed/query-api", TAG, &Image::healthy()).await;
    let reference = format!("{}/testbed/query-api:{TAG}", registry.address());
    let said = ["another service", "ingest-api", "docker-bake.hcl"];
    verify(&[&reference]).await.assert_fails(&[fails("tag-collision", None, said)]);

    // Without a title: its program tells it.
    let mut image = Image::healthy();
    image.children.iter_mut().for_each(|child| child.title.clear());
    push(&registry, "testbed/query-api", TAG, &image).await;
    assert_eq!(image.amd64().entrypoint, [PROGRAM]);
    verify(&[&reference]).await.assert_fails(&[fails("tag-collision", None, said)]);
}

#[tokio::test]
async fn one_image_in_two_repositories_is_named_in_both() {
    let registry = RegistryServer::start().await;
    let references =
        ["testbed/ingest-api", "mirror/other"].map(|name| format!("{}/{name}:{TAG}", registry.address()));
    for repository in ["testbed/ingest-api", "mirror/other"] {
        push(&registry, repository, TAG, &Image::healthy()).await;
    }
    let said = ["two repositories hold the same image", "mirror/other", "docker-bake.hcl"];
    let failure = fails("tag-collision", None, said);
    verify(&[&references[0], &references[1]]).await.assert_fails(&[failure, failure]);
}
