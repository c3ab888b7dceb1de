//! One image, from its reference to the children of its index; the programs in them are looked at further on.

use super::blobs::Blobs;
use super::collision::Seen;
use super::ledger::{Ledger, WHOLE};
use super::report::{ChildSummary, ImageSummary};
use super::{Request, entrypoint, pinned, program, reference};
use crate::images::check::{Check, Failure};
use crate::images::manifest::{Child, Content, ImageConfig, Index, Manifest, Resolved};
use crate::images::name;
use crate::images::platform::Platform;
use crate::images::registry::RegistryError;
use oci_spec::distribution::Reference;
use std::path::Path;

const BAKE: &str = "build all platforms as one target of docker-bake.hcl, without --set *.platform, and let nothing else push this tag";

pub(super) struct Inspection<'a> {
    request: &'a Request,
    pub(super) ledger: Ledger,
    seen: Seen,
    children: Vec<ChildSummary>,
}

impl<'a> Inspection<'a> {
    pub(super) fn new(image: &str, request: &'a Request) -> Self {
        let seen = Seen { reference: image.to_owned(), ..Seen::default() };
        Self { request, ledger: Ledger::new(image, &request.platforms), seen, children: Vec::new() }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.clone()
    }

    pub(super) fn finish(self) -> (ImageSummary, Vec<crate::images::check::CheckResult>) {
        let Seen { reference, digest, .. } = self.seen;
        (ImageSummary { reference, digest, children: self.children }, self.ledger.finish())
    }

    /// Looks at everything that can be reached.
    pub(super) async fn look(&mut self, blobs: &mut Blobs<'_>) {
        let (reference, outcome) = reference::read(&self.seen.reference);
        match (&reference, outcome) {
            (None, Err(failure)) => return self.ledger.stop(Check::Tag, WHOLE, failure),
            (_, outcome) => self.ledger.record(Check::Tag, WHOLE, outcome),
        }
        let Some(reference) = reference else { return };
        self.seen.repository = name::repository(&reference);
        blobs.say(&format!("resolving {reference}"));
        let Some(resolved) = self.resolve(&reference, blobs).await else { return };
        self.seen.digest = Some(resolved.digest.clone());
        self.check_pin(&reference, &resolved, blobs).await;
        match &resolved.content {
            Content::Index(index) => self.look_at_children(&reference, index, blobs).await,
            Content::Manifest(manifest) => {
                self.look_at_manifest(&reference, &resolved.digest, manifest, blobs).await
            }
        }
    }

    async fn resolve(&mut self, reference: &Reference, blobs: &Blobs<'_>) -> Option<Resolved> {
        let error = match blobs.registry.resolve(reference).await {
            Ok(resolved) => {
                self.ledger.pass(Check::Registry, WHOLE, format!("{} answers", reference.registry()));
                self.ledger.pass(Check::Exists, WHOLE, resolved.digest.clone());
                return Some(resolved);
            }
            Err(error) => error,
        };
        let (check, cause, remedy) = match &error {
            RegistryError::Absent { .. } => (
                Check::Exists,
                "the registry does not hold the image (nodes of k3s may report `server gave HTTP response to HTTPS client`)",
                "build and push it with scripts/build-images, or say the right --revision".to_owned(),
            ),
            RegistryError::Content { .. } => (
                Check::Exists,
                "what the registry holds is damaged, or no image",
                "push it again; if that does not help, look at the registry's disk".to_owned(),
            ),
            RegistryError::Denied { .. } => (
                Check::Registry,
                "the registry refuses access",
                format!("docker login {}; nodes need credentials in registries.yaml", reference.registry()),
            ),
            RegistryError::PlainHttp { .. } => (
                Check::Registry,
                "the registry speaks plain http, and there are credentials for it, which are not sent in the clear unasked",
                format!("say --plain-http {}", reference.registry()),
            ),
            RegistryError::Tls { .. } => (
                Check::Registry,
                "the registry speaks https",
                format!("leave {} out of --plain-http and REGISTRY_PLAIN_HTTP", reference.registry()),
            ),
            RegistryError::Unreachable { .. } => (
                Check::Registry,
                "the registry does not answer",
                "start the registry, or set REGISTRY to the address that the nodes use".to_owned(),
            ),
        };
        if check == Check::Exists {
            self.ledger.pass(Check::Registry, WHOLE, format!("{} answers", reference.registry()));
        }
        let evidence = match &error {
            RegistryError::Absent { .. } => format!("{reference} does not exist"),
            error => error.to_string(),
        };
        self.ledger.stop(check, WHOLE, Failure::new(cause, evidence, remedy));
        None
    }

    /// Against the folder of pins, else against the digest in the reference, which is a pin as well.
    async fn check_pin(&mut self, reference: &Reference, resolved: &Resolved, blobs: &Blobs<'_>) {
        let folder = self.request.pins.get(&self.seen.repository).map(String::as_str);
        let Some(pin) = folder.or(reference.digest()) else {
            let reason = if self.request.pins.is_empty() {
                "no pins to compare with (--pins)"
            } else {
                "not among the pins"
            };
            return self.ledger.skip(Check::Pinned, WHOLE, reason);
        };
        let outcome = pinned::check(reference, resolved, pin, blobs.registry).await;
        self.ledger.record(Check::Pinned, WHOLE, outcome);
    }

    async fn look_at_children(&mut self, reference: &Reference, index: &Index, blobs: &mut Blobs<'_>) {
        self.ledger.pass(Check::Index, WHOLE, format!("index of {}", platforms(index)));
        for platform in self.request.platforms.clone() {
            let child = match choose(index, &platform) {
                Ok(child) => child,
                Err(failure) => {
                    self.ledger.stop(Check::Platform, Some(&platform), failure);
                    continue;
                }
            };
            let named = child.platform.clone().unwrap_or_else(|| platform.clone());
            let digest = &child.descriptor.digest;
            let resolved = blobs.registry.resolve(&reference.clone_with_digest(digest.clone())).await;
            let evidence = match &resolved {
                Ok(Resolved { content: Content::Manifest(_), .. }) => String::new(),
                Ok(_) => format!("{digest} is an index in an index"),
                Err(error) => error.to_string(),
            };
            let Ok(Resolved { content: Content::Manifest(manifest), .. }) = resolved else {
                let cause = "the index names a child that the registry does not hold as an image";
                let remedy = "build and push again; copy images with all their children (docker buildx imagetools create)";
                self.ledger.stop(Check::Platform, Some(&platform), Failure::new(cause, evidence, remedy));
                continue;
            };
            self.ledger.pass(Check::Platform, Some(&platform), format!("{named}: {digest}"));
            let Some(config) = self.config(reference, &manifest, &platform, blobs).await else { continue };
            self.ledger.record(
                Check::Configuration,
                Some(&platform),
                same_platform(&config, &named, &manifest),
            );
            self.look_inside(reference, digest, &manifest, &config, &platform, blobs).await;
        }
    }

    /// A manifest without an index is looked at for the platform that it is of.
    async fn look_at_manifest(
        &mut self,
        reference: &Reference,
        digest: &str,
        manifest: &Manifest,
        blobs: &mut Blobs<'_>,
    ) {
        let config = blobs.registry.config(reference, &manifest.config).await;
        let of = config
            .as_ref()
            .map_or_else(|error| format!("unknown platform: {error}"), |config| config.platform.to_string());
        if reference.digest().is_some() {
            // The pin's own check tells it.
            self.ledger.skip(Check::Index, WHOLE, "pinned failed");
        } else {
            let cause =
                "the tag leads to one manifest, which nodes of every architecture run, without a look at it";
            self.ledger.fail(Check::Index, WHOLE, Failure::new(cause, format!("{digest} is of {of}"), BAKE));
        }
        for platform in self.request.platforms.clone() {
            self.ledger.skip(Check::Platform, Some(&platform), "there is no index");
            self.ledger.skip(Check::Configuration, Some(&platform), "there is no index");
            match &config {
                Ok(config) if config.platform.is_same_as(&platform) => {
                    self.look_inside(reference, digest, manifest, config, &platform, blobs).await;
                }
                _ => self.skip_rest(&platform, &format!("the manifest is of {of}")),
            }
        }
    }

    fn skip_rest(&mut self, platform: &Platform, reason: &str) {
        for check in
            Check::ALL.into_iter().filter(|check| *check > Check::Configuration && check.concerns(platform))
        {
            self.ledger.skip(check, Some(platform), reason);
        }
    }

    async fn config(
        &mut self,
        reference: &Reference,
        manifest: &Manifest,
        platform: &Platform,
        blobs: &Blobs<'_>,
    ) -> Option<ImageConfig> {
        match blobs.registry.config(reference, &manifest.config).await {
            Ok(config) => Some(config),
            Err(error) => {
                let cause = "the image has no configuration that can be read";
                let failure = Failure::new(cause, error.to_string(), "build and push again");
                self.ledger.stop(Check::Configuration, Some(platform), failure);
                None
            }
        }
    }

    async fn look_inside(
        &mut self,
        reference: &Reference,
        digest: &str,
        manifest: &Manifest,
        config: &ImageConfig,
        platform: &Platform,
        blobs: &mut Blobs<'_>,
    ) {
        let layers: u64 = manifest.layers.iter().map(|layer| layer.size).sum();
        self.children.push(ChildSummary {
            platform: platform.to_string(),
            digest: digest.to_owned(),
            compressed_bytes: layers + manifest.config.size,
        });
        self.seen.names.extend(config.labels.get("org.opencontainers.image.title").cloned());
        let files = match blobs.files(reference, manifest).await {
            Ok(files) => files,
            Err(error) => {
                let cause = "the layers of the image are not complete";
                let remedy = "build and push again; if that does not help, look at the registry's disk";
                return self.ledger.stop(
                    Check::Entrypoint,
                    Some(platform),
                    Failure::new(cause, error.to_string(), remedy),
                );
            }
        };
        blobs.say(&format!("looking into {platform} of {reference}"));
        let found = entrypoint::find(&files, config);
        if let Ok(entrypoint) = &found {
            let file = Path::new(&entrypoint.path).file_name();
            self.seen.names.extend(file.map(|name| name.to_string_lossy().into_owned()));
        }
        program::check(&mut self.ledger, platform, &files, config, found);
    }
}

/// The child that a node of `platform` runs.
fn choose<'a>(index: &'a Index, platform: &Platform) -> Result<&'a Child, Failure> {
    let images = || index.children.iter().filter(|child| !child.is_attestation);
    let is_same = |child: &&Child| child.platform.as_ref().is_some_and(|named| named.is_same_as(platform));
    if let Some(child) = images().find(is_same) {
        return Ok(child);
    }
    let evidence = format!("index of {}", platforms(index));
    let is_known = |child: &Child| child.platform.as_ref().is_none_or(|named| named.os != "unknown");
    if !images().any(is_known) {
        let cause = "the index holds no image, only attestations";
        return Err(Failure::new(cause, evidence, BAKE));
    }
    let is_arm = |child: &Child| child.platform.as_ref().is_some_and(|named| named.architecture == "arm");
    if platform.architecture == "arm64" && images().any(is_arm) {
        let cause =
            "the index has no arm64 child but one of 32-bit arm, which arm64 nodes take without a word";
        return Err(Failure::new(cause, evidence, BAKE));
    }
    let cause = format!(
        "the index has no child for {platform}, whose nodes report `no match for platform in manifest`"
    );
    Err(Failure::new(cause, evidence, BAKE))
}

/// `linux/amd64, linux/arm64 and 2 attestations`.
fn platforms(index: &Index) -> String {
    let (attestations, images): (Vec<&Child>, Vec<&Child>) =
        index.children.iter().partition(|child| child.is_attestation);
    let name = |child: &&Child| {
        child.platform.as_ref().map_or_else(|| "no platform".to_owned(), Platform::to_string)
    };
    let names: Vec<String> = images.iter().map(name).collect();
    match (names.is_empty(), attestations.len()) {
        (true, 0) => "nothing".to_owned(),
        (true, count) => format!("{count} attestations"),
        (false, 0) => names.join(", "),
        (false, count) => format!("{} and {count} attestations", names.join(", ")),
    }
}

fn same_platform(config: &ImageConfig, named: &Platform, manifest: &Manifest) -> Result<String, Failure> {
    if config.platform.is_same_as(named) {
        return Ok(config.platform.to_string());
    }
    let evidence = format!("the configuration {} says {}", manifest.config.digest, config.platform);
    let cause = format!("the index says {named}, and the configuration of the child says otherwise");
    Err(Failure::new(
        cause,
        evidence,
        "build again with buildx, and never label by hand (docker manifest annotate)",
    ))
}
