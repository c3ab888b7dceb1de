//! `testbed images pin` writes digests of indexes, of all images or of none.

use crate::command::{Said, images, verify};
use crate::elf::{AARCH64, X86_64};
use crate::image::{Child, Image, dynamic_program};
use crate::layer::Layer;
use crate::push::push;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use test_support::registry::RegistryServer;

const TAG: &str = "0123456789ab";
const SERVICES: [&str; 4] = ["ingest-api", "process-worker", "query-api", "simulator"];

/// The image of a service: each differs.
fn image_of(service: &str) -> Image {
    let mut image = Image::healthy();
    for (child, machine) in image.children.iter_mut().zip([X86_64, AARCH64]) {
        let path = format!("/usr/local/bin/{service}");
        service.clone_into(&mut child.title);
        child.layers[1] = Layer::default().file(&path, 0o755, &dynamic_program(machine).write());
        child.entrypoint = vec![path];
    }
    image
}

struct Fixture {
    registry: RegistryServer,
    folder: TempDir,
    /// Of the services' indexes.
    digests: Vec<String>,
}

impl Fixture {
    async fn start() -> Self {
        let registry = RegistryServer::start().await;
        let mut digests = Vec::new();
        for service in SERVICES {
            digests
                .push(push(&registry, &format!("testbed/{service}"), TAG, &image_of(service)).await.digest);
        }
        Self { registry, folder: tempfile::tempdir().unwrap(), digests }
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("pins")
    }

    async fn pin(&self, arguments: &[&str]) -> Said {
        let (address, output) = (self.registry.address(), self.output());
        let common = ["--registry", &address, "--revision", TAG, "--output", output.to_str().unwrap()];
        images(&[&["pin"], arguments, &common[..]].concat()).await
    }

    fn reference(&self, service: &str) -> String {
        format!("{}/testbed/{service}:{TAG}", self.registry.address())
    }

    /// The file of `docker buildx bake --metadata-file`.
    fn metadata(&self, digest_of: impl Fn(usize) -> String) -> PathBuf {
        let targets: serde_json::Map<String, serde_json::Value> = SERVICES
            .iter()
            .enumerate()
            .map(|(index, service)| {
                let value = serde_json::json!({
                    "image.name": self.reference(service), "containerimage.digest": digest_of(index),
                });
                ((*service).to_owned(), value)
            })
            .collect();
        let path = self.folder.path().join("metadata.json");
        fs::write(&path, serde_json::Value::Object(targets).to_string()).unwrap();
        path
    }
}

fn written(folder: &Path) -> String {
    fs::read_to_string(folder.join("kustomization.yaml")).unwrap()
}

/// Asserts that it was refused with these words, and that nothing was written.
fn assert_refused(said: &Said, output: &Path, words: &[&str]) {
    assert_eq!(said.code, 2, "{said:?}");
    for word in words {
        assert!(said.stderr.contains(word), "{word:?} is not in: {}", said.stderr);
    }
    assert!(!output.exists(), "{:?}", fs::read_dir(output).map(Iterator::count));
}

#[tokio::test]
async fn digests_of_indexes_are_written_and_verify() {
    let fixture = Fixture::start().await;
    let said = fixture.pin(&[]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let yaml = written(&fixture.output());
    for (service, digest) in SERVICES.iter().zip(&fixture.digests) {
        let name = format!("{}/testbed/{service}", fixture.registry.address());
        let entry = format!("  - name: {service}\n    newName: {name}\n    digest: {digest}\n");
        assert!(yaml.contains(&entry), "{yaml}");
    }
    verify(&["--pins", fixture.output().to_str().unwrap()]).await.assert_healthy();
}

#[tokio::test]
async fn pins_where_placements_look_for_them_become_current() {
    let fixture = Fixture::start().await;
    let folder = fixture.folder.path().join("kubernetes/images");
    let (address, output) = (fixture.registry.address(), folder.join(TAG));
    let arguments = ["pin", "--registry", &address, "--revision", TAG, "--output", output.to_str().unwrap()];
    let said = images(&arguments).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("kubernetes/images/current points there"), "{said:?}");
    verify(&["--pins", folder.join("current").to_str().unwrap()]).await.assert_healthy();
}

/// Its folder would be the link, and what the link points at would be overwritten.
#[tokio::test]
async fn revision_with_the_name_of_the_link_is_refused() {
    let fixture = Fixture::start().await;
    let reference = format!("{}/testbed/ingest-api:current", fixture.registry.address());
    let said = images(&["pin", "--revision", "current", &reference]).await;
    assert_eq!(said.code, 64, "{said:?}");
    assert!(said.stderr.contains("name of the link"), "{said:?}");
}

#[tokio::test]
async fn what_bake_built_is_pinned() {
    let fixture = Fixture::start().await;
    let metadata = fixture.metadata(|index| fixture.digests[index].clone());
    let said = fixture.pin(&["--metadata", metadata.to_str().unwrap()]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(fixture.digests.iter().all(|digest| written(&fixture.output()).contains(digest)));
}

#[tokio::test]
async fn tag_that_changed_since_bake_is_refused() {
    let fixture = Fixture::start().await;
    let metadata = fixture.metadata(|index| fixture.digests[index].clone());
    let changed = Image::of(vec![Child::arm64(), Child::amd64()]);
    push(&fixture.registry, "testbed/query-api", TAG, &changed).await;
    let said = fixture.pin(&["--metadata", metadata.to_str().unwrap()]).await;
    assert_refused(
        &said,
        &fixture.output(),
        &["testbed/query-api", &fixture.digests[2], "build and push again"],
    );
}

#[tokio::test]
async fn absent_tag_is_refused() {
    let fixture = Fixture::start().await;
    let absent = format!("{}/testbed/simulator:ba9876543210", fixture.registry.address());
    let said = fixture.pin(&[&fixture.reference("ingest-api"), &absent]).await;
    assert_refused(&said, &fixture.output(), &["simulator:ba9876543210", "does not exist", "build-images"]);
}

#[tokio::test]
async fn digest_of_one_architecture_is_refused() {
    let fixture = Fixture::start().await;
    let pushed = push(&fixture.registry, "testbed/ingest-api", TAG, &Image::healthy()).await;
    let child = &pushed.children[1].digest;
    let reference = format!("{}/testbed/ingest-api@{child}", fixture.registry.address());
    let said = fixture.pin(&[&reference]).await;
    assert_refused(&said, &fixture.output(), &[child, "pin its index", &pushed.digest]);
}

#[tokio::test]
async fn tag_of_one_architecture_is_refused() {
    let fixture = Fixture::start().await;
    let single = Image { is_index: false, ..Image::of(vec![Child::amd64()]) };
    let pushed = push(&fixture.registry, "testbed/query-api", TAG, &single).await;
    let said = fixture.pin(&[]).await;
    assert_refused(&said, &fixture.output(), &["query-api", &pushed.digest, "docker-bake.hcl"]);
}

#[tokio::test]
async fn older_pins_stay_where_new_ones_cannot_be_had() {
    let mut fixture = Fixture::start().await;
    assert_eq!(fixture.pin(&[]).await.code, 0);
    let before = written(&fixture.output());
    fixture.registry.kill();
    let said = fixture.pin(&[]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("does not answer"), "{}", said.stderr);
    assert_eq!(written(&fixture.output()), before);
    assert_eq!(fs::read_dir(fixture.output()).unwrap().count(), 1);
}
