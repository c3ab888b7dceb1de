//! Reads images from a registry by the OCI distribution specification 1.1: plain http or TLS, with and without tokens.
//!
//! Not by a client library for registries: the one there is reads manifests of any length into memory, goes on without a
//! token where a refused one should be told, and brings its TLS into the programs that are measured (see `http`).

mod credentials;
mod digest;
mod download;
mod failure;
mod host;
mod http;
mod refusal;
mod scheme;
mod tokens;

use super::manifest::media_type::{
    DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST,
};
use super::manifest::{self, Descriptor, ImageConfig, Resolved};
use digest::Digest;
use download::Asked;
use host::Host;
use http::Transport;
use oci_spec::distribution::Reference;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, OnceCell};

/// Largest manifest and largest configuration, in bytes: registries refuse manifests above 4 MiB (distribution
/// specification, "Pushing Manifests"), and configurations are of the same order.
const DOCUMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// All that a runtime asks for. A registry that is not asked for an index may answer with a child of its choice.
const ACCEPTED: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

/// How registries are spoken to.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// Registries, as `host:port`, that are spoken to without TLS; others are tried with TLS, then plainly, but never with
    /// credentials in the clear.
    pub plain_http: Vec<String>,
    /// PEM files with certificates of authorities that are trusted besides those of the system (`SSL_CERT_FILE`).
    pub ca_files: Vec<PathBuf>,
    /// The folder with docker's `config.json`, which holds the credentials. None: where docker keeps it, which is
    /// `DOCKER_CONFIG` or `~/.docker`.
    pub docker_config: Option<PathBuf>,
}

/// Why something could not be had from a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Nothing answers.
    #[error("{registry} does not answer: {reason}")]
    Unreachable { registry: String, reason: String },
    /// It answers without TLS, and there are credentials for it.
    #[error(
        "{registry} speaks plain http, not https, and its credentials are not sent in the clear unasked: name it \
         as a registry of plain http"
    )]
    PlainHttp { registry: String },
    /// It answers with TLS, but was named as one of plain http.
    #[error("{registry} speaks https, but is named as a registry of plain http: leave it out there")]
    Tls { registry: String },
    /// It wants other credentials.
    #[error("{registry} refuses access to {repository}: {reason}")]
    Denied { registry: String, repository: String, reason: String },
    /// The tag, the digest or the repository does not exist.
    #[error("{reference} does not exist in {registry}")]
    Absent { registry: String, reference: String },
    /// It sent something else than what was asked for.
    #[error("{registry} sent {what} that {reason}")]
    Content { registry: String, what: String, reason: String },
}

/// What was found out at the first contact with a registry.
type Contact = OnceCell<Result<Arc<Host>, RegistryError>>;

/// A client for any number of registries. It asks each of them once for its scheme, and once for a token of each
/// repository; that one cannot be reached is remembered too.
pub struct Registry {
    options: RegistryOptions,
    transport: Result<Transport, String>,
    contacts: Mutex<HashMap<String, Arc<Contact>>>,
}

impl std::fmt::Debug for Registry {
    /// Without credentials and tokens.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Registry").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Registry {
    /// A client that has asked nothing yet. Certificates of `options` that cannot be read are told with the first
    /// question.
    #[must_use]
    pub fn new(options: RegistryOptions) -> Self {
        let transport = Transport::new(&options.ca_files);
        Self { options, transport, contacts: Mutex::default() }
    }

    /// Asks for the index or manifest behind `reference`, with all four media types in `Accept`.
    ///
    /// # Errors
    /// Where it cannot be had, or is none.
    pub async fn resolve(&self, reference: &Reference) -> Result<Resolved, RegistryError> {
        let host = self.host(reference).await?;
        let name = reference.digest().or(reference.tag()).unwrap_or("latest");
        let separator = if reference.digest().is_some() { '@' } else { ':' };
        let asked = Asked {
            repository: reference.repository(),
            path: format!("manifests/{name}"),
            reference: format!("{}{separator}{name}", reference.repository()),
            what: format!("a manifest for {}{separator}{name}", reference.repository()),
        };
        let answer = host.document(&asked, &ACCEPTED.join(", "), DOCUMENT_BYTES_MAX).await?;
        let wrong = |reason: String| host.wrong(&asked.what, reason);

        for expected in reference.digest().into_iter().chain(answer.digest.as_deref()) {
            let actual = Digest::of_kind(expected).map_err(wrong)?.finish_with(&answer.body);
            if actual != *expected {
                return Err(wrong(format!("has the digest {actual}, not {expected}")));
            }
        }
        let content = manifest::parse(&answer.body, answer.content_type.as_deref())
            .map_err(|error| wrong(error.to_string()))?;
        let digest = match reference.digest() {
            Some(checked) => checked.to_owned(),
            None => Digest::sha256().finish_with(&answer.body),
        };
        Ok(Resolved { digest, content })
    }

    /// The configuration that a manifest points at.
    ///
    /// # Errors
    /// Where it cannot be had, or does not match its digest.
    pub async fn config(
        &self,
        reference: &Reference,
        config: &Descriptor,
    ) -> Result<ImageConfig, RegistryError> {
        let host = self.host(reference).await?;
        let what = format!("the configuration {}", config.digest);
        if ![OCI_CONFIG, DOCKER_CONFIG].contains(&config.media_type.as_str()) {
            return Err(
                host.wrong(&what, format!("has the media type {}, not an image's", config.media_type))
            );
        }
        if config.size > DOCUMENT_BYTES_MAX {
            return Err(
                host.wrong(&what, format!("has {} bytes, more than {DOCUMENT_BYTES_MAX}", config.size))
            );
        }
        let asked = Asked::blob(reference, config, what);
        let body = host.blob(&asked, config, || Ok(Vec::new())).await?;
        manifest::parse_config(&body).map_err(|error| host.wrong(&asked.what, error.to_string()))
    }

    /// A blob in an unnamed temporary file, rewound, its digest checked.
    ///
    /// # Errors
    /// Where it cannot be had, or does not match its digest or its size.
    pub async fn blob(&self, reference: &Reference, descriptor: &Descriptor) -> Result<File, RegistryError> {
        let host = self.host(reference).await?;
        let asked = Asked::blob(reference, descriptor, format!("the blob {}", descriptor.digest));
        let mut file = host.blob(&asked, descriptor, tempfile::tempfile).await?;
        file.seek(SeekFrom::Start(0))
            .map_err(|error| host.wrong(&asked.what, format!("cannot be read back: {error}")))?;
        Ok(file)
    }

    /// The registry of a reference, contacted once, whoever asks first.
    async fn host(&self, reference: &Reference) -> Result<Arc<Host>, RegistryError> {
        let name = reference.resolve_registry();
        let contact = Arc::clone(self.contacts.lock().await.entry(name.to_owned()).or_default());
        let connect = || async {
            let transport = self
                .transport
                .clone()
                .map_err(|reason| RegistryError::Unreachable { registry: name.to_owned(), reason })?;
            Host::contact(name, &self.options, transport).await.map(Arc::new)
        };
        contact.get_or_init(connect).await.clone()
    }
}
