//! Manifests and blobs: bounded, whole, and with the digest that was asked for.

use super::RegistryError;
use super::digest::Digest;
use super::failure::{Failure, Retry, retried};
use super::host::Host;
use super::http::Answer;
use crate::images::manifest::Descriptor;
use hyper::body::Bytes;
use oci_spec::distribution::Reference;
use std::io::{self, Write};

/// The digest that a registry says its answer has.
const DIGEST_HEADER: &str = "docker-content-digest";

/// What is asked of a registry.
pub(super) struct Asked<'a> {
    pub(super) repository: &'a str,
    /// Below the repository: `manifests/…`, `blobs/…`.
    pub(super) path: String,
    /// As told where it does not exist.
    pub(super) reference: String,
    /// As told where it is not what it should be.
    pub(super) what: String,
}

impl<'a> Asked<'a> {
    pub(super) fn blob(reference: &'a Reference, descriptor: &Descriptor, what: String) -> Self {
        Self {
            repository: reference.repository(),
            path: format!("blobs/{}", descriptor.digest),
            reference: format!("{}@{}", reference.repository(), descriptor.digest),
            what,
        }
    }
}

/// A manifest as it came.
pub(super) struct Document {
    pub(super) body: Vec<u8>,
    pub(super) content_type: Option<String>,
    /// What the registry says that its digest is.
    pub(super) digest: Option<String>,
}

impl Host {
    /// A document whose size is not known before.
    ///
    /// # Errors
    /// Where it cannot be had, or is longer than `bytes_max`.
    pub(super) async fn document(
        &self,
        asked: &Asked<'_>,
        accept: &str,
        bytes_max: u64,
    ) -> Result<Document, RegistryError> {
        retried(|| async {
            let mut answer = self.get(asked, accept).await?;
            let (content_type, digest) = (answer.header("content-type"), answer.header(DIGEST_HEADER));
            let mut body = Vec::new();
            while let Some(part) = self.part(asked, &mut answer, body.len() as u64).await? {
                body.extend_from_slice(&part);
                if body.len() as u64 > bytes_max {
                    return Err(self.wrong(&asked.what, format!("has more than {bytes_max} bytes")).into());
                }
            }
            Ok(Document { body, content_type, digest })
        })
        .await
    }

    /// Writes a blob into what `sink` makes, one for each attempt, and checks size and digest.
    ///
    /// # Errors
    /// Where it cannot be had, cannot be written, or is not what the descriptor says.
    pub(super) async fn blob<W: Write>(
        &self,
        asked: &Asked<'_>,
        descriptor: &Descriptor,
        sink: impl Fn() -> io::Result<W>,
    ) -> Result<W, RegistryError> {
        let wrong = |reason: String| self.wrong(&asked.what, reason);
        let unwritable = |error: io::Error| wrong(format!("cannot be kept here: {error}"));
        let Descriptor { digest: expected, size, .. } = descriptor;
        retried(|| async {
            let mut digest = Digest::of_kind(expected).map_err(wrong)?;
            let mut sink = sink().map_err(unwritable)?;
            let mut answer = self.get(asked, "*/*").await?;
            let mut received = 0;
            while let Some(part) = self.part(asked, &mut answer, received).await? {
                received += part.len() as u64;
                if received > *size {
                    return Err(wrong(format!("has more than the {size} bytes of its descriptor")).into());
                }
                digest.update(&part);
                sink.write_all(&part).map_err(unwritable)?;
            }
            if received < *size {
                return Err(wrong(format!("ends after {received} of {size} bytes")).into());
            }
            let actual = digest.finish();
            if actual != *expected {
                return Err(wrong(format!("has the digest {actual}: it is damaged there")).into());
            }
            Ok(sink)
        })
        .await
    }

    /// The next bytes of an answer; a connection that breaks in the middle may hold the next time.
    async fn part(
        &self,
        asked: &Asked<'_>,
        answer: &mut Answer,
        received: u64,
    ) -> Result<Option<Bytes>, Failure> {
        answer.part().await.map_err(|broken| Failure {
            error: self.wrong(&asked.what, format!("breaks off after {received} bytes: {}", broken.reason)),
            retry: Retry::after(broken.fault),
        })
    }
}
