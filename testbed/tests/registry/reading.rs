//! What is there is read as it was pushed.

use crate::images::{self, DOCKER, OCI, REPOSITORY};
use crate::{client, registry_with_image};
use oci_spec::distribution::Reference;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Read;
use test_support::registry::RegistryServer;
use testbed::images::manifest::{Content, Descriptor, Resolved};
use testbed::images::platform::Platform;

fn children(resolved: Resolved) -> Vec<(Option<Platform>, Descriptor)> {
    match resolved.content {
        Content::Index(index) => {
            index.children.into_iter().map(|child| (child.platform, child.descriptor)).collect()
        }
        Content::Manifest(manifest) => panic!("a manifest: {manifest:?}"),
    }
}

#[tokio::test]
async fn image_is_followed_from_its_tag_to_its_layer() {
    for format in [OCI, DOCKER] {
        let registry = RegistryServer::start().await;
        let image = images::push_as(&registry, &format).await;
        let client = client(&[&registry]);

        let index = client.resolve(&image.reference()).await.unwrap();
        assert_eq!(index.digest, image.index);
        let children = children(index);
        assert_eq!(children[1].0, Some(Platform::linux("arm64")));
        assert_eq!(children[1].1.media_type, format.manifest);

        let child = client.resolve(&image.reference_of(&children[1].1.digest)).await.unwrap();
        assert_eq!(child.digest, children[1].1.digest);
        let Content::Manifest(manifest) = child.content else { panic!("an index of indexes") };
        assert_eq!(manifest.config, image.configs[1]);
        assert_eq!(manifest.layers, std::slice::from_ref(&image.layer));

        let config = client.config(&image.reference(), &manifest.config).await.unwrap();
        assert_eq!(config.platform, Platform::linux("arm64"));
        assert_eq!(config.user, "65532:65532");

        let mut bytes = Vec::new();
        client.blob(&image.reference(), &manifest.layers[0]).await.unwrap().read_to_end(&mut bytes).unwrap();
        assert!(bytes == image.layer_bytes, "{} bytes of {}", bytes.len(), image.layer_bytes.len());
    }
}

#[tokio::test]
async fn digest_goes_before_the_tag_of_a_reference() {
    let (registry, image) = registry_with_image().await;
    let reference = Reference::with_tag_and_digest(
        registry.address(),
        REPOSITORY.to_owned(),
        "moved".to_owned(),
        image.index.clone(),
    );
    assert_eq!(client(&[&registry]).resolve(&reference).await.unwrap().digest, image.index);
}

/// 128 MiB pass through, and less than half of that is ever held: the file is the only place for all of them.
#[tokio::test]
async fn large_blob_is_not_held_in_memory() {
    static CHUNK: [u8; 1 << 20] = [0; 1 << 20];
    const CHUNKS: u64 = 128;
    let registry = RegistryServer::start().await;
    let mut state = Sha256::new();
    (0..CHUNKS).for_each(|_| state.update(CHUNK));
    let digits: String = state.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let descriptor = Descriptor {
        media_type: "application/vnd.oci.image.layer.v1.tar".to_owned(),
        digest: format!("sha256:{digits}"),
        size: CHUNKS << 20,
    };
    put_into_storage(&registry, &descriptor);
    let client = client(&[&registry]);
    let reference = Reference::with_tag(registry.address(), REPOSITORY.to_owned(), "any".to_owned());

    let peak_before = peak_memory_bytes();
    let file = client.blob(&reference, &descriptor).await.unwrap();
    let grown = peak_memory_bytes() - peak_before;

    assert_eq!(file.metadata().unwrap().len(), descriptor.size);
    assert!(grown < descriptor.size / 2, "the peak grew by {} MiB", grown >> 20);
}

/// A sparse file in place of an upload, by the layout of distribution's storage.
fn put_into_storage(registry: &RegistryServer, descriptor: &Descriptor) {
    let data = registry.blob_path(&descriptor.digest);
    fs::create_dir_all(data.parent().unwrap()).unwrap();
    File::create(data).unwrap().set_len(descriptor.size).unwrap();
    let (_, digits) = descriptor.digest.split_once(':').unwrap();
    let link = registry
        .storage()
        .join(format!("docker/registry/v2/repositories/{REPOSITORY}/_layers/sha256/{digits}/link"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    fs::write(link, &descriptor.digest).unwrap();
}

/// The most that this process ever had in memory (proc(5), `VmHWM`).
fn peak_memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
