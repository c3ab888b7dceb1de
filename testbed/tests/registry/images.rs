//! A small image of two platforms, pushed as the distribution specification says.

use oci_spec::distribution::Reference;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use test_support::registry::RegistryServer;
use testbed::images::manifest::Descriptor;
use testbed::images::manifest::media_type::{
    DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST,
};

pub(crate) const REPOSITORY: &str = "testbed/ingest-api";
pub(crate) const TAG: &str = "0123456789ab";

/// The media types of one format.
pub(crate) struct Format {
    pub(crate) index: &'static str,
    pub(crate) manifest: &'static str,
    config: &'static str,
    layer: &'static str,
}

pub(crate) const OCI: Format = Format {
    index: OCI_INDEX,
    manifest: OCI_MANIFEST,
    config: OCI_CONFIG,
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

pub(crate) const DOCKER: Format = Format {
    index: DOCKER_LIST,
    manifest: DOCKER_MANIFEST,
    config: DOCKER_CONFIG,
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

/// What was pushed.
pub(crate) struct PushedImage {
    address: String,
    /// Digest of the index.
    pub(crate) index: String,
    /// Of amd64 and arm64.
    pub(crate) configs: Vec<Descriptor>,
    /// The one layer of both.
    pub(crate) layer: Descriptor,
    pub(crate) layer_bytes: Vec<u8>,
}

impl PushedImage {
    pub(crate) fn reference(&self) -> Reference {
        Reference::with_tag(self.address.clone(), REPOSITORY.to_owned(), TAG.to_owned())
    }

    pub(crate) fn reference_of(&self, digest: &str) -> Reference {
        Reference::with_digest(self.address.clone(), REPOSITORY.to_owned(), digest.to_owned())
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// Pushes the image in OCI's format to a registry of plain http that asks for nothing.
pub(crate) async fn push(registry: &RegistryServer) -> PushedImage {
    push_as(registry, &OCI).await
}

pub(crate) async fn push_as(registry: &RegistryServer, format: &Format) -> PushedImage {
    // Not a real layer: the client does not unpack it.
    let layer_bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let layer = push_blob(registry, format.layer, &layer_bytes).await;
    let mut children = Vec::new();
    let mut configs = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let config = json!({
            "architecture": architecture, "os": "linux",
            "config": { "User": "65532:65532", "Entrypoint": ["/usr/local/bin/ingest-api"] },
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        let config = push_blob(registry, format.config, config.to_string().as_bytes()).await;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": format.manifest,
            "config": json_of(&config), "layers": [json_of(&layer)],
        });
        let mut child = push_manifest(registry, None, format.manifest, &manifest).await;
        child["platform"] = json!({ "os": "linux", "architecture": architecture });
        children.push(child);
        configs.push(config);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": format.index, "manifests": children });
    let index = push_manifest(registry, Some(TAG), format.index, &index).await;
    let index = index["digest"].as_str().unwrap().to_owned();
    PushedImage { address: registry.address(), index, configs, layer, layer_bytes }
}

async fn push_blob(registry: &RegistryServer, media_type: &str, bytes: &[u8]) -> Descriptor {
    let http = reqwest::Client::new();
    let start = http.post(format!("{}/v2/{REPOSITORY}/blobs/uploads/", registry.url()));
    let started = start.send().await.unwrap().error_for_status().unwrap();
    let location = started.headers()[LOCATION].to_str().unwrap();
    let digest = digest(bytes);
    let put = http.put(format!("{location}&digest={digest}")).body(bytes.to_vec());
    put.send().await.unwrap().error_for_status().unwrap();
    Descriptor { media_type: media_type.to_owned(), digest, size: bytes.len() as u64 }
}

/// Pushes a manifest or index under a tag or else its digest, and gives its descriptor.
async fn push_manifest(
    registry: &RegistryServer,
    tag: Option<&str>,
    media_type: &str,
    manifest: &Value,
) -> Value {
    let body = manifest.to_string();
    let descriptor = Descriptor {
        media_type: media_type.to_owned(),
        digest: digest(body.as_bytes()),
        size: body.len() as u64,
    };
    let name = tag.unwrap_or(&descriptor.digest);
    let put = reqwest::Client::new()
        .put(format!("{}/v2/{REPOSITORY}/manifests/{name}", registry.url()))
        .header(CONTENT_TYPE, media_type);
    put.body(body).send().await.unwrap().error_for_status().unwrap();
    json_of(&descriptor)
}

fn json_of(descriptor: &Descriptor) -> Value {
    json!({ "mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size })
}
