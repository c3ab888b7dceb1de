//! Damage in a registry's storage is found, not read.

use crate::{client, registry_with_image};
use std::fs::{self, OpenOptions};
use std::io::Write;
use testbed::images::registry::RegistryError;

fn content_reason(error: RegistryError) -> String {
    match error {
        RegistryError::Content { what, reason, .. } => format!("{what} that {reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn changed_blob_has_another_digest() {
    let (registry, image) = registry_with_image().await;
    for digest in [&image.layer.digest, &image.configs[0].digest] {
        let path = registry.blob_path(digest);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let client = client(&[&registry]);

    let layer = content_reason(client.blob(&image.reference(), &image.layer).await.unwrap_err());
    assert!(layer.contains("damaged") && layer.contains(&image.layer.digest), "{layer}");
    let config = content_reason(client.config(&image.reference(), &image.configs[0]).await.unwrap_err());
    assert!(config.contains("damaged") && config.contains(&image.configs[0].digest), "{config}");
}

#[tokio::test]
async fn truncated_and_grown_blobs_are_told() {
    let (registry, image) = registry_with_image().await;
    let client = client(&[&registry]);
    let file = OpenOptions::new().append(true).open(registry.blob_path(&image.layer.digest)).unwrap();

    file.set_len(image.layer.size - 1).unwrap();
    let short = content_reason(client.blob(&image.reference(), &image.layer).await.unwrap_err());
    assert!(short.contains("ends after 1199999 of 1200000 bytes"), "{short}");
    (&file).write_all(b"12").unwrap();
    let long = content_reason(client.blob(&image.reference(), &image.layer).await.unwrap_err());
    assert!(long.contains("more than the 1200000 bytes"), "{long}");
}

#[tokio::test]
async fn changed_index_has_another_digest() {
    let (registry, image) = registry_with_image().await;
    let path = registry.blob_path(&image.index);
    let changed = fs::read_to_string(&path).unwrap().replace("arm64", "amd64");
    fs::write(path, changed).unwrap();
    let client = client(&[&registry]);

    for reference in [image.reference(), image.reference_of(&image.index)] {
        let reason = content_reason(client.resolve(&reference).await.unwrap_err());
        assert!(reason.contains(&format!("not {}", image.index)), "{reason}");
    }
}

#[tokio::test]
async fn configuration_of_something_else_is_no_image() {
    let (registry, image) = registry_with_image().await;
    let client = client(&[&registry]);

    let reason = content_reason(client.config(&image.reference(), &image.layer).await.unwrap_err());
    assert!(reason.contains(&image.layer.media_type), "{reason}");
    let mut huge = image.configs[0].clone();
    huge.size = 1 << 40;
    let reason = content_reason(client.config(&image.reference(), &huge).await.unwrap_err());
    assert!(reason.contains("more than 4194304"), "{reason}");
}
