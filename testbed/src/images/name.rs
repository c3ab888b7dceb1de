//! The names of the images that this repository builds.

use oci_spec::distribution::Reference;

/// The services, each of which is an image of the same name.
pub const SERVICES: [&str; 4] = ["ingest-api", "process-worker", "query-api", "simulator"];

/// What docker-bake.hcl names the image of a service.
#[must_use]
pub fn of_service(registry: &str, service: &str, revision: &str) -> String {
    format!("{registry}/testbed/{service}:{revision}")
}

/// Registry and repository, without tag and digest: what a pin is kept by.
#[must_use]
pub fn repository(reference: &Reference) -> String {
    format!("{}/{}", reference.registry(), reference.repository())
}

/// The last segment of a repository: the image's name where no registry is said, `ingest-api`.
#[must_use]
pub fn short(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or(repository)
}

/// Whether text can be a tag (OCI distribution specification 1.1, "Pulling manifests"); such text also is a file name.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    matches!(text.as_bytes(), [first, rest @ ..] if is_word(*first)
        && rest.len() <= 127
        && rest.iter().all(|byte| is_word(*byte) || matches!(byte, b'.' | b'-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_neither_tag_nor_digest() {
        let reference: Reference = "host:5000/testbed/ingest-api:1".parse().unwrap();
        assert_eq!(repository(&reference), "host:5000/testbed/ingest-api");
        assert_eq!(short(&repository(&reference)), "ingest-api");
    }

    #[test]
    fn tags_lead_out_of_no_folder() {
        assert!(["0123456789ab-dirty", "v1.2_3", "_"].into_iter().all(is_tag));
        assert!(!["", "..", "-x", "a/b", "${REVISION}", &"x".repeat(129)].into_iter().any(is_tag));
    }
}
