//! The client of registries against a real one: schemes, credentials, damage in its storage; and against made-up servers
//! for what a real one does only on a bad day.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod access;
mod damage;
mod images;
mod reading;
mod scheme;
mod trouble;

use images::PushedImage;
use std::path::Path;
use tempfile::TempDir;
use test_support::registry::RegistryServer;
use testbed::images::registry::{Registry, RegistryOptions};

/// A client without credentials, whatever those of whoever runs the tests are.
fn client(plain_http: &[&RegistryServer]) -> Registry {
    let plain_http = plain_http.iter().map(|registry| registry.address()).collect();
    Registry::new(RegistryOptions { plain_http, ..options(Path::new("/nowhere")) })
}

/// Options with docker's configuration in a folder.
fn options(docker_config: &Path) -> RegistryOptions {
    RegistryOptions { docker_config: Some(docker_config.to_owned()), ..RegistryOptions::default() }
}

/// A folder with docker's configuration that holds a user and a password for a registry.
fn logged_in(address: &str, user: &str, password: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = serde_json::json!({ "auths": { address: { "username": user, "password": password } } });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

/// A real registry of plain http with an image in it.
async fn registry_with_image() -> (RegistryServer, PushedImage) {
    let registry = RegistryServer::start().await;
    let image = images::push(&registry).await;
    (registry, image)
}
