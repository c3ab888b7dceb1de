//! Credentials: right, wrong, missing; and what does not exist.

use crate::images::{PushedImage, REPOSITORY};
use crate::scheme::Certificates;
use crate::{client, logged_in, options, registry_with_image};
use oci_spec::distribution::Reference;
use tempfile::TempDir;
use test_support::registry::{Authentication, RegistryOptions as ServerOptions, RegistryServer, TokenServer};
use testbed::images::registry::{Registry, RegistryError, RegistryOptions};

async fn guarded(authentication: Authentication) -> (RegistryServer, PushedImage) {
    let (mut registry, image) = registry_with_image().await;
    registry.restart_with(&ServerOptions { tls: None, authentication }).await;
    (registry, image)
}

/// A client that knows a password, and that the registry speaks plain http; with the folder that holds the password.
fn client_of(registry: &RegistryServer, user: &str, password: &str) -> (Registry, TempDir) {
    let folder = logged_in(&registry.address(), user, password);
    let plain_http = vec![registry.address()];
    (Registry::new(RegistryOptions { plain_http, ..options(folder.path()) }), folder)
}

async fn reads_everything(client: &Registry, image: &PushedImage) {
    assert_eq!(client.resolve(&image.reference()).await.unwrap().digest, image.index);
    client.config(&image.reference(), &image.configs[0]).await.unwrap();
    client.blob(&image.reference(), &image.layer).await.unwrap();
}

async fn denied_reason(client: &Registry, image: &PushedImage) -> String {
    match client.resolve(&image.reference()).await.unwrap_err() {
        RegistryError::Denied { repository, reason, .. } => {
            assert_eq!(repository, REPOSITORY);
            reason
        }
        other => panic!("{other:?}"),
    }
}

async fn only_the_right_password_opens(registry: &RegistryServer, image: &PushedImage) {
    let (client_of_ann, _folder) = client_of(registry, "ann", "secret");
    reads_everything(&client_of_ann, image).await;

    let login = format!("docker login {}", registry.address());
    let (client_of_other, _folder) = client_of(registry, "ann", "guessed");
    let wrong = denied_reason(&client_of_other, image).await;
    assert!(wrong.contains("will not do") && wrong.contains(&login), "{wrong}");
    assert!(!wrong.contains("guessed"), "{wrong}");
    let missing = denied_reason(&client(&[registry]), image).await;
    assert!(missing.contains("no credentials") && missing.contains(&login), "{missing}");
}

#[tokio::test]
async fn password_opens_a_registry_of_basic_authentication() {
    let authentication = Authentication::Basic { user: "ann".to_owned(), password: "secret".to_owned() };
    let (registry, image) = guarded(authentication).await;
    only_the_right_password_opens(&registry, &image).await;
}

#[tokio::test]
async fn password_gets_a_token_where_the_registry_wants_one() {
    let tokens = TokenServer::start("ann", "secret").await;
    let (registry, image) = guarded(tokens.authentication()).await;
    only_the_right_password_opens(&registry, &image).await;
}

#[tokio::test]
async fn token_server_that_is_down_is_unreachable() {
    let tokens = TokenServer::start("ann", "secret").await;
    let Authentication::Token(mut down) = tokens.authentication() else { unreachable!("it issues tokens") };
    down.realm = format!("http://127.0.0.1:{}/token", test_support::free_port());
    let (registry, image) = guarded(Authentication::Token(down.clone())).await;

    let (client, _folder) = client_of(&registry, "ann", "secret");
    let error = client.resolve(&image.reference()).await.unwrap_err();

    let RegistryError::Unreachable { reason, .. } = error else { panic!("{error:?}") };
    assert!(reason.contains(&down.realm) && reason.contains("refused"), "{reason}");
}

#[tokio::test]
async fn password_of_a_tls_registry_does_not_go_to_a_plain_token_server() {
    let certificates = Certificates::make();
    let tokens = TokenServer::start("ann", "secret").await;
    let (mut registry, image) = registry_with_image().await;
    let server = ServerOptions { tls: certificates.server(), authentication: tokens.authentication() };
    registry.restart_with(&server).await;
    let folder = logged_in(&registry.address(), "ann", "secret");
    let client =
        Registry::new(RegistryOptions { ca_files: vec![certificates.authority()], ..options(folder.path()) });

    let reason = denied_reason(&client, &image).await;
    assert!(reason.contains("in the clear"), "{reason}");
}

#[tokio::test]
async fn absent_tags_repositories_and_blobs_are_named() {
    let (registry, image) = registry_with_image().await;
    let client = client(&[&registry]);
    let absent = |reference: &str| RegistryError::Absent {
        registry: registry.address(),
        reference: reference.to_owned(),
    };
    let tag = |repository: &str, tag: &str| {
        Reference::with_tag(registry.address(), repository.to_owned(), tag.to_owned())
    };
    let digest = format!("sha256:{}", "0".repeat(64));

    let error = client.resolve(&tag(REPOSITORY, "other")).await.unwrap_err();
    assert_eq!(error, absent("testbed/ingest-api:other"));
    let error = client.resolve(&tag("testbed/other", "other")).await.unwrap_err();
    assert_eq!(error, absent("testbed/other:other"));
    let error = client.resolve(&image.reference_of(&digest)).await.unwrap_err();
    assert_eq!(error, absent(&format!("testbed/ingest-api@{digest}")));
    let mut layer = image.layer.clone();
    layer.digest = digest;
    let error = client.blob(&image.reference(), &layer).await.unwrap_err();
    assert_eq!(error, absent(&format!("testbed/ingest-api@{}", layer.digest)));
}
