//! Requests over http and TLS, with redirects and bounds of time, on hyper and rustls.
//!
//! A client library with TLS built in would be shared, by the union of features in one build of the workspace, with the
//! programs that are measured here.

use super::failure::{Fault, reason};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// For a connection: a registry that takes longer is not there, or behind a firewall that drops.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For the beginning of an answer, and between two parts of it: registries that keep blobs elsewhere think for seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Registries redirect once, to where they keep their blobs, and that place may have moved.
const REDIRECTS_MAX: usize = 5;

/// A client for http and https.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// No answer, or not a whole one.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) fault: Fault,
    pub(super) reason: String,
}

/// An answer whose body is still to be read.
pub(super) struct Answer {
    response: Response<Incoming>,
}

impl Transport {
    /// Trusts the authorities of the system, or of `SSL_CERT_FILE`, and those in the files.
    ///
    /// # Errors
    /// Which file cannot be read, and why.
    pub(super) fn new(ca_files: &[PathBuf]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        // A machine without any authority still speaks plain http.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for path in ca_files {
            trust(&mut roots, path)
                .map_err(|error| format!("the certificate {} cannot be used: {error}", path.display()))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Follows redirects, but leaves `Authorization` behind where they lead to another host or away from TLS.
    ///
    /// # Errors
    /// Where nothing answers.
    pub(super) async fn get(&self, url: &Uri, mut headers: HeaderMap) -> Result<Answer, Unanswered> {
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("testbed/", env!("CARGO_PKG_VERSION"))));
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = Request::new(Empty::new());
            *request.uri_mut() = url.clone();
            *request.headers_mut() = headers.clone();
            let response = timeout(READ_TIMEOUT, self.client.request(request)).await;
            let response =
                response.map_err(|_| Unanswered::late())?.map_err(|error| Unanswered::new(&error))?;
            let Some(next) = redirect(&url, &response) else { return Ok(Answer { response }) };
            if next.authority() != url.authority() || next.scheme() != url.scheme() {
                headers.remove(AUTHORIZATION);
            }
            url = next;
        }
        let reason = format!("more than {REDIRECTS_MAX} redirects, the last to {url}");
        Err(Unanswered { fault: Fault::Silent, reason })
    }
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// A header that is text and not empty.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let text = self.headers().get(name)?.to_str().ok()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The next bytes of the body, none at its end.
    ///
    /// # Errors
    /// Where the connection breaks or falls silent.
    pub(super) async fn part(&mut self) -> Result<Option<Bytes>, Unanswered> {
        loop {
            let frame = timeout(READ_TIMEOUT, self.response.body_mut().frame()).await;
            let Some(frame) = frame.map_err(|_| Unanswered::late())? else { return Ok(None) };
            // Trailers say nothing that is needed.
            if let Ok(data) = frame.map_err(|error| Unanswered::new(&error))?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// The first bytes of the body, about `bytes_max` of them, for a message.
    pub(super) async fn beginning(&mut self, bytes_max: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while body.len() < bytes_max
            && let Ok(Some(part)) = self.part().await
        {
            body.extend_from_slice(&part);
        }
        body
    }
}

impl Unanswered {
    fn new(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { fault: Fault::of(error), reason: reason(error) }
    }

    fn late() -> Self {
        Self { fault: Fault::Silent, reason: format!("no answer within {} s", READ_TIMEOUT.as_secs()) }
    }
}

fn trust(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("it holds none in the form of PEM".to_owned());
    }
    certificates
        .into_iter()
        .try_for_each(|certificate| roots.add(certificate))
        .map_err(|error| error.to_string())
}

/// Where an answer sends the client, absolute or on the same host.
fn redirect(from: &Uri, response: &Response<Incoming>) -> Option<Uri> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to: Uri = response.headers().get(LOCATION)?.to_str().ok()?.parse().ok()?;
    let path = to.path_and_query()?.clone();
    let (scheme, authority) = match (to.scheme(), to.authority()) {
        (Some(scheme), Some(authority)) => (scheme.clone(), authority.clone()),
        (None, None) => (from.scheme()?.clone(), from.authority()?.clone()),
        _ => return None,
    };
    Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build().ok()
}
