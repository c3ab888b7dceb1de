//! What registries do on a bad day, by made-up servers: no real one can be made to do it.

use crate::client;
use crate::images::digest;
use crate::scheme::{reference_at, serve};
use crate::{logged_in, options};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use testbed::images::manifest::{Content, Descriptor};
use testbed::images::registry::{Registry, RegistryError, RegistryOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const INDEX: &str = r#"{"schemaVersion": 2, "manifests": []}"#;

/// A registry whose every manifest and blob is the answer to the how-manieth question it is, from 0.
async fn registry(
    answer: impl Fn(usize) -> Response<Body> + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let questions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&questions);
    let answer = Arc::new(answer);
    let router = Router::new().route("/v2/", get(|| async { "{}" })).fallback(move || {
        let response = answer(counter.fetch_add(1, Ordering::SeqCst));
        async { response }
    });
    (serve(router).await, questions)
}

fn status(status: StatusCode, retry_after: &str) -> Response<Body> {
    Response::builder().status(status).header("retry-after", retry_after).body(Body::from("busy")).unwrap()
}

fn body(bytes: impl Into<Body>) -> Response<Body> {
    Response::new(bytes.into())
}

fn blob_of(bytes: &[u8]) -> Descriptor {
    Descriptor { media_type: String::new(), digest: digest(bytes), size: bytes.len() as u64 }
}

async fn refusal(address: &str) -> RegistryError {
    client(&[]).resolve(&reference_at(address)).await.unwrap_err()
}

#[tokio::test]
async fn busy_registry_is_asked_again() {
    let (address, questions) = registry(|question| match question {
        0 => status(StatusCode::SERVICE_UNAVAILABLE, ""),
        1 => status(StatusCode::TOO_MANY_REQUESTS, "0"),
        _ => body(INDEX),
    })
    .await;

    let resolved = client(&[]).resolve(&reference_at(&address)).await.unwrap();

    assert_eq!(resolved.digest, digest(INDEX.as_bytes()));
    assert_eq!(questions.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn registry_that_stays_busy_is_not_asked_forever() {
    let (address, questions) = registry(|_| status(StatusCode::BAD_GATEWAY, "")).await;
    let error = refusal(&address).await;
    assert!(
        matches!(&error, RegistryError::Unreachable { reason, .. } if reason.contains("502")),
        "{error:?}"
    );
    assert_eq!(questions.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn registry_that_wants_an_hour_of_patience_is_told_at_once() {
    let (address, questions) = registry(|_| status(StatusCode::TOO_MANY_REQUESTS, "3600")).await;
    let error = refusal(&address).await;
    assert!(
        matches!(&error, RegistryError::Unreachable { reason, .. } if reason.contains("429")),
        "{error:?}"
    );
    assert_eq!(questions.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn other_refusals_are_told_as_they_are() {
    let (address, questions) = registry(|_| status(StatusCode::IM_A_TEAPOT, "")).await;
    let error = refusal(&address).await.to_string();
    assert!(error.contains("418") && error.contains("busy"), "{error}");
    assert_eq!(questions.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn endless_manifest_is_not_read_to_its_end() {
    let (address, _) = registry(|_| body(vec![b' '; 5 << 20])).await;
    let error = refusal(&address).await.to_string();
    assert!(error.contains("more than 4194304 bytes"), "{error}");
}

#[tokio::test]
async fn digest_of_the_registry_is_not_believed() {
    let other = digest(b"other");
    let header = other.clone();
    let (address, _) = registry(move |_| {
        Response::builder().header("docker-content-digest", &header).body(Body::from(INDEX)).unwrap()
    })
    .await;
    let error = refusal(&address).await.to_string();
    assert!(error.contains(&format!("not {other}")), "{error}");
}

#[tokio::test]
async fn body_is_believed_more_than_its_content_type() {
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let (address, _) = registry(move |_| {
        Response::builder().header("content-type", manifest).body(Body::from(INDEX)).unwrap()
    })
    .await;
    let resolved = client(&[]).resolve(&reference_at(&address)).await.unwrap();
    assert!(matches!(resolved.content, Content::Index(_)));
}

#[tokio::test]
async fn page_in_place_of_a_manifest_is_told() {
    let (address, _) = registry(|_| body("<html>sign in</html>")).await;
    let error = refusal(&address).await.to_string();
    assert!(error.contains("no JSON"), "{error}");
}

#[tokio::test]
async fn password_does_not_follow_a_redirect_to_another_host() {
    let blob = b"blob";
    let seen = Arc::new(Mutex::new(Vec::new()));
    let headers_of = Arc::clone(&seen);
    let storage = serve(Router::new().fallback(move |headers: HeaderMap| {
        headers_of.lock().unwrap().push(headers);
        async { "blob" }
    }))
    .await;
    let guarded = move |headers: HeaderMap| {
        let response = if headers.contains_key("authorization") {
            Response::builder().status(307).header("location", format!("http://{storage}/blob"))
        } else {
            Response::builder().status(401).header("www-authenticate", "Basic realm=\"test\"")
        };
        async { response.body(Body::empty()).unwrap() }
    };
    let address = serve(Router::new().fallback(guarded)).await;
    let folder = logged_in(&address, "ann", "secret");
    let plain_http = vec![address.clone()];
    let client = Registry::new(RegistryOptions { plain_http, ..options(folder.path()) });

    let mut bytes = Vec::new();
    let mut file = client.blob(&reference_at(&address), &blob_of(blob)).await.unwrap();
    file.read_to_end(&mut bytes).unwrap();

    assert_eq!(bytes, blob);
    let requests = seen.lock().unwrap();
    assert!(requests.len() == 1 && !requests[0].contains_key("authorization"));
}

/// Answers every question with the first bytes of a blob and hangs up, up to the how-manieth question.
async fn breaking_off(blob: &'static [u8], broken: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut questions = 0;
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = connection.read(&mut request).await.unwrap_or(0);
            let is_blob = String::from_utf8_lossy(&request[..length]).contains("/blobs/");
            let sent = if is_blob && questions < broken { &blob[..blob.len() / 2] } else { blob };
            questions += usize::from(is_blob);
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", blob.len());
            drop(connection.write_all(&[head.as_bytes(), sent].concat()).await);
        }
    });
    address
}

#[tokio::test]
async fn download_that_breaks_off_starts_again() {
    let blob = b"0123456789";
    let address = breaking_off(blob, 2).await;
    let mut bytes = Vec::new();
    let mut file = client(&[]).blob(&reference_at(&address), &blob_of(blob)).await.unwrap();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, blob);
}

#[tokio::test]
async fn download_that_always_breaks_off_is_told() {
    let blob = b"0123456789";
    let address = breaking_off(blob, usize::MAX).await;
    let error = client(&[]).blob(&reference_at(&address), &blob_of(blob)).await.unwrap_err().to_string();
    assert!(error.contains("breaks off after 5 bytes"), "{error}");
}
