//! Pushes images by plain HTTP (OCI distribution specification 1.1, "Push"), without the client that is tested.

use crate::image::{Child, Dialect, Image};
use crate::layer::Packing;
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use test_support::registry::RegistryServer;

/// The digests of what was pushed.
#[derive(Debug)]
pub(crate) struct Pushed {
    /// Of the index, or of the manifest where there is none.
    pub(crate) digest: String,
    pub(crate) children: Vec<PushedChild>,
}

#[derive(Debug)]
pub(crate) struct PushedChild {
    pub(crate) digest: String,
    pub(crate) layers: Vec<String>,
}

/// Pushes an image and gives it a tag.
pub(crate) async fn push(registry: &RegistryServer, repository: &str, tag: &str, image: &Image) -> Pushed {
    let pusher = Pusher { client: Client::new(), url: format!("{}/v2/{repository}", registry.url()) };
    let mut children = Vec::new();
    let mut entries = Vec::new();
    for child in &image.children {
        let (manifest, layers) = pusher.child(image, child).await;
        let name = if image.is_index { digest(manifest.to_string().as_bytes()) } else { tag.to_owned() };
        let mut entry = pusher.manifest(&name, &manifest).await;
        children.push(PushedChild { digest: entry["digest"].as_str().unwrap().to_owned(), layers });
        entry["platform"] = platform(&child.platform);
        entries.push(entry);
    }
    if !image.is_index {
        return Pushed { digest: children[0].digest.clone(), children };
    }
    if let Some(platform) = image.attestations {
        for child in &children {
            entries.push(pusher.attestation(&child.digest, platform).await);
        }
    }
    let media_type = types(image.dialect).index;
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
    let digest = pusher.manifest(tag, &index).await["digest"].as_str().unwrap().to_owned();
    Pushed { digest, children }
}

/// Pushes an index of attestations alone.
pub(crate) async fn push_attestations(registry: &RegistryServer, repository: &str, tag: &str) {
    let image = Image { attestations: Some("unknown/unknown"), ..Image::healthy() };
    push(registry, repository, "complete", &image).await;
    let url = format!("{}/v2/{repository}", registry.url());
    let pusher = Pusher { client: Client::new(), url };
    let accept = types(Dialect::Oci).index;
    let request = pusher.client.get(format!("{}/manifests/complete", pusher.url)).header("accept", accept);
    let mut index: Value = request.send().await.unwrap().json().await.unwrap();
    index["manifests"].as_array_mut().unwrap().retain(|entry| entry["platform"]["os"] == "unknown");
    pusher.manifest(tag, &index).await;
}

struct Types {
    index: &'static str,
    manifest: &'static str,
    config: &'static str,
    layers: [(Packing, &'static str); 3],
}

fn types(dialect: Dialect) -> Types {
    match dialect {
        Dialect::Oci => Types {
            index: "application/vnd.oci.image.index.v1+json",
            manifest: "application/vnd.oci.image.manifest.v1+json",
            config: "application/vnd.oci.image.config.v1+json",
            layers: [
                (Packing::Plain, "application/vnd.oci.image.layer.v1.tar"),
                (Packing::Gzip, "application/vnd.oci.image.layer.v1.tar+gzip"),
                (Packing::Zstd, "application/vnd.oci.image.layer.v1.tar+zstd"),
            ],
        },
        Dialect::Docker => Types {
            index: "application/vnd.docker.distribution.manifest.list.v2+json",
            manifest: "application/vnd.docker.distribution.manifest.v2+json",
            config: "application/vnd.docker.container.image.v1+json",
            layers: [
                (Packing::Plain, "application/vnd.docker.image.rootfs.diff.tar"),
                (Packing::Gzip, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
                (Packing::Zstd, "application/vnd.docker.image.rootfs.diff.tar.zstd"),
            ],
        },
    }
}

struct Pusher {
    client: Client,
    /// Of the repository.
    url: String,
}

impl Pusher {
    /// Pushes the blobs of a child; gives its manifest and the digests of its layers.
    async fn child(&self, image: &Image, child: &Child) -> (Value, Vec<String>) {
        let types = types(image.dialect);
        let packed = types.layers.iter().find(|(packing, _)| *packing == image.packing).unwrap().1;
        let mut layers = Vec::new();
        let mut unpacked = Vec::new();
        for layer in &child.layers {
            unpacked.push(digest(&layer.pack(Packing::Plain)));
            layers.push(self.blob(packed, &layer.pack(image.packing)).await);
        }
        let mut config = platform(&child.configured);
        config["config"] = json!({
            "User": child.user,
            "Entrypoint": child.entrypoint,
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            "WorkingDir": "/",
            "Labels": { "org.opencontainers.image.title": child.title },
        });
        config["rootfs"] = json!({ "type": "layers", "diff_ids": unpacked });
        let config = self.blob(types.config, config.to_string().as_bytes()).await;
        let digests = layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect();
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": types.manifest, "config": config, "layers": layers });
        (manifest, digests)
    }

    /// As BuildKit makes it, for the child of a digest.
    async fn attestation(&self, of: &str, named: &str) -> Value {
        let types = types(Dialect::Oci);
        let mut config = platform("unknown/unknown");
        config["rootfs"] = json!({ "type": "layers", "diff_ids": [] });
        let config = self.blob(types.config, config.to_string().as_bytes()).await;
        let statement = json!({ "_type": "https://in-toto.io/Statement/v0.1", "subject": [{ "name": of }] });
        let layer = self.blob("application/vnd.in-toto+json", statement.to_string().as_bytes()).await;
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": types.manifest, "config": config, "layers": [layer] });
        let mut entry = self.manifest(&digest(manifest.to_string().as_bytes()), &manifest).await;
        entry["platform"] = platform(named);
        entry["annotations"] =
            json!({ "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of });
        entry
    }

    async fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let started = self.client.post(format!("{}/blobs/uploads/", self.url)).send().await.unwrap();
        let location = started.headers()[LOCATION].to_str().unwrap();
        let digest = digest(bytes);
        let mut url = reqwest::Url::parse(location).unwrap();
        url.query_pairs_mut().append_pair("digest", &digest);
        let request =
            self.client.put(url).header(CONTENT_TYPE, "application/octet-stream").body(bytes.to_vec());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// By tag or by digest; gives its descriptor.
    async fn manifest(&self, name: &str, manifest: &Value) -> Value {
        let bytes = manifest.to_string().into_bytes();
        let media_type = manifest["mediaType"].as_str().unwrap();
        let descriptor = json!({ "mediaType": media_type, "digest": digest(&bytes), "size": bytes.len() });
        let url = format!("{}/manifests/{name}", self.url);
        let answer = self.client.put(url).header(CONTENT_TYPE, media_type).body(bytes).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        descriptor
    }
}

/// `linux/arm/v7` as JSON.
fn platform(text: &str) -> Value {
    let mut parts = text.split('/');
    let mut platform = json!({ "os": parts.next(), "architecture": parts.next() });
    if let Some(variant) = parts.next() {
        platform["variant"] = json!(variant);
    }
    platform
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
