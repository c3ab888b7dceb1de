//! Plain http and TLS, wanted and unwanted.

use crate::images::{self, PushedImage};
use crate::{client, logged_in, options, registry_with_image};
use axum::Router;
use axum::http::HeaderMap;
use oci_spec::distribution::Reference;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use test_support::free_port;
use test_support::registry::{Authentication, RegistryOptions as ServerOptions, RegistryServer};
use testbed::images::registry::{Registry, RegistryError, RegistryOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};

/// A certificate for the loopback address, and the authority that signed it, as files.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = vec![rcgen::SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
        let certificate = parameters.signed_by(&key, &authority).unwrap();
        let files = [
            ("authority.pem", authority.pem()),
            ("certificate.pem", certificate.pem()),
            ("key.pem", key.serialize_pem()),
        ];
        for (name, pem) in files {
            std::fs::write(folder.path().join(name), pem).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    pub(crate) fn server(&self) -> Option<(PathBuf, PathBuf)> {
        Some((self.folder.path().join("certificate.pem"), self.folder.path().join("key.pem")))
    }
}

async fn tls_registry() -> (RegistryServer, PushedImage, Certificates) {
    let certificates = Certificates::make();
    let (mut registry, image) = registry_with_image().await;
    let options = ServerOptions { tls: certificates.server(), authentication: Authentication::None };
    registry.restart_with(&options).await;
    (registry, image, certificates)
}

fn trusting(certificates: &Certificates) -> RegistryOptions {
    RegistryOptions {
        ca_files: vec![certificates.authority()],
        ..options(&certificates.folder.path().join("no-docker-config"))
    }
}

/// Any image of a server that is no registry, or no server.
pub(crate) fn reference_at(address: &str) -> Reference {
    Reference::with_tag(address.to_owned(), images::REPOSITORY.to_owned(), images::TAG.to_owned())
}

async fn refusal(client: &Registry, reference: &Reference) -> RegistryError {
    client.resolve(reference).await.unwrap_err()
}

fn unreachable_reason(error: RegistryError) -> String {
    match error {
        RegistryError::Unreachable { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn registry_of_an_own_authority_is_read_where_that_is_trusted() {
    let (_registry, image, certificates) = tls_registry().await;

    let trusted = Registry::new(trusting(&certificates));
    assert_eq!(trusted.resolve(&image.reference()).await.unwrap().digest, image.index);

    let reason = unreachable_reason(refusal(&client(&[]), &image.reference()).await);
    assert!(reason.contains("UnknownIssuer") && reason.contains("authority"), "{reason}");
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for path in [folder.path().join("absent.pem"), empty] {
        let client =
            Registry::new(RegistryOptions { ca_files: vec![path.clone()], ..options(folder.path()) });
        let reason = unreachable_reason(refusal(&client, &reference_at("127.0.0.1:1")).await);
        assert!(reason.contains(path.to_str().unwrap()), "{reason}");
    }
}

#[tokio::test]
async fn registry_of_tls_that_is_named_as_plain_is_told() {
    let (registry, image, certificates) = tls_registry().await;
    let named = RegistryOptions { plain_http: vec![registry.address()], ..trusting(&certificates) };
    for client in [Registry::new(named), client(&[&registry])] {
        let error = refusal(&client, &image.reference()).await;
        assert_eq!(error, RegistryError::Tls { registry: registry.address() });
    }
}

#[tokio::test]
async fn registry_without_tls_is_found_out_where_there_is_nothing_to_keep_secret() {
    let (_registry, image) = registry_with_image().await;
    assert_eq!(client(&[]).resolve(&image.reference()).await.unwrap().digest, image.index);
}

#[tokio::test]
async fn credentials_do_not_go_over_plain_http_unless_it_is_named() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let headers_of = Arc::clone(&seen);
    let record = move |headers: HeaderMap| {
        headers_of.lock().unwrap().push(headers);
        async { "{}" }
    };
    let address = serve(Router::new().fallback(record)).await;
    let folder = logged_in(&address, "ann", "secret");

    let unnamed = Registry::new(options(folder.path()));
    let error = refusal(&unnamed, &reference_at(&address)).await;

    assert_eq!(error, RegistryError::PlainHttp { registry: address });
    let requests = seen.lock().unwrap();
    assert!(!requests.is_empty() && requests.iter().all(|headers| !headers.contains_key("authorization")));
}

#[tokio::test]
async fn closed_port_is_unreachable() {
    let address = format!("127.0.0.1:{}", free_port());
    let named = RegistryOptions { plain_http: vec![address.clone()], ..RegistryOptions::default() };
    for client in [client(&[]), Registry::new(named)] {
        let reason = unreachable_reason(refusal(&client, &reference_at(&address)).await);
        assert!(reason.contains("refused"), "{reason}");
    }
}

/// `.invalid` never exists (RFC 2606).
#[tokio::test]
async fn unknown_host_is_unreachable() {
    let error = refusal(&client(&[]), &reference_at("registry.invalid:5000")).await;
    assert!(!unreachable_reason(error).is_empty());
}

/// Time is virtual: it passes as soon as nobody has anything to do.
#[tokio::test(start_paused = true)]
async fn silence_is_not_waited_for_forever() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let named = RegistryOptions { plain_http: vec![address.clone()], ..RegistryOptions::default() };
    for client in [client(&[]), Registry::new(named)] {
        let asked = Instant::now();
        let reason = unreachable_reason(refusal(&client, &reference_at(&address)).await);
        assert!(reason.contains("within"), "{reason}");
        assert!(asked.elapsed() < Duration::from_secs(31), "after {:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn port_of_another_service_is_told() {
    let web = serve(Router::new()).await;
    let error = refusal(&client(&[]), &reference_at(&web)).await;
    assert!(matches!(&error, RegistryError::Content { what, .. } if what.contains("404")), "{error:?}");

    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = other.accept().await {
            // What it is asked does not matter to it.
            drop(connection.read(&mut [0; 1024]).await);
            drop(connection.write_all(b"-ERR unknown command\r\n").await);
        }
    });
    let reason = unreachable_reason(refusal(&client(&[]), &reference_at(&address)).await);
    assert!(reason.contains("neither"), "{reason}");
}

/// Serves on a free loopback port for as long as the test runs.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
