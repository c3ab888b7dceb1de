//! The part of kubelet's own API that the API server passes requests on to: logs and forwarded ports, over TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificates::Identity;
use crate::logs::{ContainerLogs, Key, Line, Logs};
use crate::port_forward;

/// The parameters of a request for logs, by kubelet's `containerLogs`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct LogParameters {
    follow: bool,
    previous: bool,
    tail_lines: Option<usize>,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
    timestamps: bool,
}

/// Serves until it is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    logs: Arc<Logs>,
) -> std::io::Result<()> {
    let forward = get(port_forward::port_forward).post(port_forward::port_forward);
    let router = Router::new()
        .route("/containerLogs/{namespace}/{pod}/{container}", get(container_logs))
        .route("/portForward/{namespace}/{pod}", forward)
        .with_state(logs);
    axum::serve(TlsListener { listener, acceptor }, router).await
}

/// Asks for a client certificate of the cluster, as a kubelet does that is not open to everybody.
pub(crate) fn acceptor(identity: &Identity, authority: &str) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("the certificate is ours");
    roots.add(authority).expect("the certificate is an authority's");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let certificate =
        CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("the certificate is ours");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("the key is ours");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions")
        .with_client_cert_verifier(verifier.expect("there is an authority"))
        .with_single_cert(vec![certificate], key)
        .expect("the key is the certificate's");
    TlsAcceptor::from(Arc::new(config))
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // Only the API server comes here; who fails comes again.
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn container_logs(
    State(logs): State<Arc<Logs>>,
    Path(key): Path<Key>,
    Query(parameters): Query<LogParameters>,
) -> Response {
    let (_, pod, container) = &key;
    let Some(entry) = logs.get(&key) else {
        return (StatusCode::NOT_FOUND, format!("pod \"{pod}\" not found")).into_response();
    };
    let lines = match select(entry, parameters.previous, pod, container) {
        Ok(lines) => lines,
        Err(refusal) => return (StatusCode::BAD_REQUEST, refusal).into_response(),
    };
    let since = parameters.since_seconds.map(|seconds| Timestamp::now() - SignedDuration::from_secs(seconds));
    let since = since.or(parameters.since_time).unwrap_or(Timestamp::MIN);
    let before = lines.iter().take_while(|line| line.time < since).count();
    let first = lines.len().saturating_sub(parameters.tail_lines.unwrap_or(usize::MAX)).max(before);
    if parameters.follow && !parameters.previous {
        let (changes, breaks, timestamps) = (logs.changes(), logs.breaks(), parameters.timestamps);
        let following = Following { logs, key, sent: first, timestamps, changes, breaks, is_broken: false };
        return following.body().into_response();
    }
    text(&lines[first..], parameters.timestamps).into_response()
}

/// The messages are of kubelet's `validateContainerLogStatus`.
fn select(entry: ContainerLogs, previous: bool, pod: &str, container: &str) -> Result<Vec<Line>, String> {
    if previous {
        let missing = || format!("previous terminated container \"{container}\" in pod \"{pod}\" not found");
        return entry.previous.ok_or_else(missing);
    }
    let name = format!("container \"{container}\" in pod \"{pod}\"");
    entry.current.ok_or_else(|| match entry.waiting {
        "ErrImagePull" => format!("{name} is waiting to start: image can't be pulled"),
        "ImagePullBackOff" => format!("{name} is waiting to start: trying and failing to pull image"),
        reason => format!("{name} is waiting to start: {reason}"),
    })
}

/// Sends what has been written from a line on and all that will be, until the pod is gone or the stream breaks.
struct Following {
    logs: Arc<Logs>,
    key: Key,
    sent: usize,
    timestamps: bool,
    changes: watch::Receiver<()>,
    breaks: watch::Receiver<()>,
    is_broken: bool,
}

impl Following {
    fn body(self) -> Body {
        Body::from_stream(stream::unfold(self, Self::next))
    }

    async fn next(mut self) -> Option<(std::io::Result<String>, Self)> {
        if self.is_broken {
            return Some((Err(std::io::ErrorKind::ConnectionReset.into()), self));
        }
        loop {
            self.changes.mark_unchanged();
            let lines = self.logs.get(&self.key)?.current.unwrap_or_default();
            if lines.len() > self.sent {
                let mut item = text(&lines[self.sent..], self.timestamps);
                self.sent = lines.len();
                self.is_broken = self.breaks.has_changed().ok()?;
                if self.is_broken {
                    let half = lines.last().map_or(0, |line| line.text.len() / 2 + 1);
                    item.truncate(item.len() - half);
                }
                return Some((Ok(item), self));
            }
            self.changes.changed().await.ok()?;
        }
    }
}

fn text(lines: &[Line], timestamps: bool) -> String {
    let line = |Line { time, text }: &Line| {
        if timestamps {
            format!("{} {text}\n", time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ"))
        } else {
            format!("{text}\n")
        }
    };
    lines.iter().map(line).collect()
}
