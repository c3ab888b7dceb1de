//! Tags and indexes that hide an architecture from the nodes that need it.

use crate::command::{Expected, fails, verify};
use crate::elf::arm_program;
use crate::image::{Child, Image, program};
use crate::layer::Layer;
use crate::push::{push, push_attestations};
use test_support::registry::RegistryServer;

const AMD64: Option<&str> = Some("linux/amd64");
const ARM64: Option<&str> = Some("linux/arm64");

async fn assert_fails(image: &Image, expected: &[Expected<'_>]) {
    let registry = RegistryServer::start().await;
    push(&registry, "testbed/ingest-api", "0123456789ab", image).await;
    let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
    verify(&[&reference]).await.assert_fails(expected);
}

#[tokio::test]
async fn tag_of_one_platform_is_named() {
    let image = Image { is_index: false, ..Image::of(vec![Child::amd64()]) };
    let said = ["nodes of every architecture run", "is of linux/amd64", "docker-bake.hcl"];
    assert_fails(&image, &[fails("index", None, said)]).await;
}

#[tokio::test]
async fn missing_platform_is_named() {
    let said = ["no match for platform", "index of linux/amd64", "build all platforms"];
    assert_fails(&Image::of(vec![Child::amd64()]), &[fails("platform", ARM64, said)]).await;
    let said = ["no match for platform", "index of linux/arm64", "build all platforms"];
    assert_fails(&Image::of(vec![Child::arm64()]), &[fails("platform", AMD64, said)]).await;
}

#[tokio::test]
async fn attestation_beside_one_platform_is_no_second_platform() {
    let image = Image { attestations: Some("unknown/unknown"), ..Image::of(vec![Child::amd64()]) };
    let said = ["no match for platform", "linux/amd64 and 1 attestation", "build all platforms"];
    assert_fails(&image, &[fails("platform", ARM64, said)]).await;
}

#[tokio::test]
async fn attestation_is_no_child_whatever_platform_it_names() {
    let image = Image { attestations: Some("linux/arm64"), ..Image::of(vec![Child::amd64()]) };
    let said = ["no match for platform", "linux/amd64 and 1 attestation", "build all platforms"];
    assert_fails(&image, &[fails("platform", ARM64, said)]).await;
}

#[tokio::test]
async fn index_of_attestations_alone_is_named() {
    let registry = RegistryServer::start().await;
    push_attestations(&registry, "testbed/ingest-api", "0123456789ab").await;
    let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
    let said = ["only attestations", "2 attestations", "build all platforms"];
    verify(&[&reference])
        .await
        .assert_fails(&[fails("platform", AMD64, said), fails("platform", ARM64, said)]);
}

#[tokio::test]
async fn child_of_32_bits_is_none_of_64() {
    let arm = Child::new("linux/arm/v7", vec![Layer::default(), program(&arm_program())]);
    let said = ["32-bit arm", "linux/amd64, linux/arm/v7", "build all platforms"];
    assert_fails(&Image::of(vec![Child::amd64(), arm]), &[fails("platform", ARM64, said)]).await;
}

#[tokio::test]
async fn configuration_of_another_platform_is_named() {
    let mut image = Image::healthy();
    image.arm64().configured = "linux/amd64".to_owned();
    let said = ["the index says linux/arm64", "says linux/amd64", "buildx"];
    assert_fails(&image, &[fails("configuration", ARM64, said)]).await;
}

#[tokio::test]
async fn labels_that_lie_about_the_program_are_found_out() {
    let mut image = Image::healthy();
    image.arm64().layers = Child::amd64().layers;
    let said = ["exec format error", "/usr/local/bin/ingest-api", "TARGETARCH"];
    assert_fails(&image, &[fails("machine", ARM64, said)]).await;
}
