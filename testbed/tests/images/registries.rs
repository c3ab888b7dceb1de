//! Registries that are down, damaged or closed.

use crate::command::{Verified, docker_login, fails, images, images_with, verify};
use crate::image::Image;
use crate::push::{Pushed, push};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use test_support::registry::{Authentication, RegistryOptions, RegistryServer, TokenServer};

async fn pushed() -> (RegistryServer, String, Pushed) {
    let registry = RegistryServer::start().await;
    let pushed = push(&registry, "testbed/ingest-api", "0123456789ab", &Image::healthy()).await;
    let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
    (registry, reference, pushed)
}

/// Verifies with docker's configuration in a folder.
async fn verify_with(arguments: &[&str], config: &Path, variables: &[(&str, &str)]) -> Verified {
    Verified::read(images_with(&[&["verify", "--json"], arguments].concat(), config, variables).await)
}

#[tokio::test]
async fn registry_that_is_down_is_named() {
    let (mut registry, reference, _) = pushed().await;
    registry.kill();
    let address = registry.address();
    let said = ["does not answer", address.as_str(), "REGISTRY"];
    verify(&[&reference]).await.assert_fails(&[fails("registry", None, said)]);
    verify(&[&reference, "--plain-http", &address]).await.assert_fails(&[fails("registry", None, said)]);
}

#[tokio::test]
async fn damaged_layer_is_named_on_its_platform() {
    let (registry, reference, pushed) = pushed().await;
    let layer = &pushed.children[1].layers[1];
    let path = registry.blob_path(layer);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let said = ["not complete", layer.as_str(), "registry's disk"];
    verify(&[&reference]).await.assert_fails(&[fails("entrypoint", Some("linux/arm64"), said)]);

    // Gone altogether, as after a garbage collection at the wrong time.
    std::fs::remove_file(&path).unwrap();
    verify(&[&reference]).await.assert_fails(&[fails("entrypoint", Some("linux/arm64"), said)]);
}

#[tokio::test]
async fn damaged_manifest_of_a_child_is_named() {
    let (registry, reference, pushed) = pushed().await;
    let child = &pushed.children[0].digest;
    std::fs::remove_file(registry.blob_path(child)).unwrap();
    let said = ["a child that the registry does not hold", child.as_str(), "build and push again"];
    verify(&[&reference]).await.assert_fails(&[fails("platform", Some("linux/amd64"), said)]);
}

#[tokio::test]
async fn registry_with_tokens_wants_a_login() {
    let (mut registry, reference, _) = pushed().await;
    let tokens = TokenServer::start("ann", "secret").await;
    let options = RegistryOptions { authentication: tokens.authentication(), tls: None };
    registry.restart_with(&options).await;
    assert_wants_login(&registry, &reference).await;
}

#[tokio::test]
async fn registry_with_a_password_wants_a_login() {
    let (mut registry, reference, _) = pushed().await;
    let authentication = Authentication::Basic { user: "ann".to_owned(), password: "secret".to_owned() };
    registry.restart_with(&RegistryOptions { authentication, tls: None }).await;
    assert_wants_login(&registry, &reference).await;
}

/// Without credentials and with wrong ones it says what to do; with the right ones all is well.
async fn assert_wants_login(registry: &RegistryServer, reference: &str) {
    let address = registry.address();
    let plain = ["--plain-http", &address];
    let arguments = [&[reference], &plain[..]].concat();
    let login = format!("docker login {address}");
    let denied = fails("registry", None, ["refuses access", address.as_str(), login.as_str()]);

    verify(&arguments).await.assert_fails(&[denied]);
    let wrong = docker_login(&address, "ann", "wrong");
    verify_with(&arguments, wrong.path(), &[]).await.assert_fails(&[denied]);
    let right = docker_login(&address, "ann", "secret");
    verify_with(&arguments, right.path(), &[]).await.assert_healthy();
}

#[tokio::test]
async fn credentials_are_not_sent_in_the_clear() {
    let (registry, reference, _) = pushed().await;
    let address = registry.address();
    let login = docker_login(&address, "ann", "secret");
    let flag = format!("--plain-http {address}");
    let said = ["plain http", address.as_str(), flag.as_str()];
    verify_with(&[&reference], login.path(), &[]).await.assert_fails(&[fails("registry", None, said)]);
    verify_with(&[&reference, "--plain-http", &address], login.path(), &[]).await.assert_healthy();
}

/// Certificate and key of 127.0.0.1, in a folder.
fn certificate(folder: &TempDir) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let paths = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    std::fs::write(&paths.0, made.cert.pem()).unwrap();
    std::fs::write(&paths.1, made.signing_key.serialize_pem()).unwrap();
    paths
}

#[tokio::test]
async fn registry_with_tls_is_trusted_by_its_certificate() {
    let (mut registry, reference, _) = pushed().await;
    let folder = tempfile::tempdir().unwrap();
    let tls = certificate(&folder);
    let trusted = tls.0.to_str().unwrap().to_owned();
    registry.restart_with(&RegistryOptions { tls: Some(tls), ..RegistryOptions::default() }).await;
    let address = registry.address();

    let said = ["", address.as_str(), ""];
    verify(&[&reference]).await.assert_fails(&[fails("registry", None, said)]);
    let arguments = [reference.as_str()];
    verify_with(&arguments, folder.path(), &[("SSL_CERT_FILE", trusted.as_str())]).await.assert_healthy();
    let arguments = [reference.as_str(), "--plain-http", &address];
    let named_plain = verify_with(&arguments, folder.path(), &[("SSL_CERT_FILE", trusted.as_str())]).await;
    named_plain.assert_fails(&[fails("registry", None, ["", "https", ""])]);
}

#[tokio::test]
async fn people_read_what_is_wrong_and_what_to_do() {
    let (mut registry, reference, _) = pushed().await;
    registry.kill();
    let said = images(&["verify", &reference]).await;
    assert_eq!(said.code, 2, "{said:?}");
    for text in ["registry", "does not answer", &registry.address()] {
        assert!(said.stdout.contains(text), "{text:?} is not in:\n{}", said.stdout);
    }
}
