//! The parts of an image's name.

/// `REGISTRY/PATH`, and what is asked for of it: the digest, else the tag, else `latest`.
pub(crate) fn parts(image: &str) -> (&str, &str) {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    // A colon before the last slash is of the registry's port.
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[path..].find(':') {
        Some(colon) => (&name[..path + colon], Some(&name[path + colon + 1..])),
        None => (name, None),
    };
    (repository, digest.or(tag).unwrap_or("latest"))
}

/// What containerd asks a registry for: by the digest alone where there is one, and with the parts that Docker Hub's images may
/// leave out (`ParseDockerRef` of github.com/distribution/reference).
pub(crate) fn resolved(image: &str) -> String {
    let (repository, reference) = parts(image);
    let repository = match repository.split_once('/') {
        None => format!("docker.io/library/{repository}"),
        Some((domain, _)) if !domain.contains(['.', ':']) && domain != "localhost" => {
            format!("docker.io/{repository}")
        }
        Some(_) => repository.to_owned(),
    };
    let separator = if reference.contains(':') { '@' } else { ':' };
    format!("{repository}{separator}{reference}")
}

#[cfg(test)]
mod tests {
    use super::resolved;

    #[test]
    fn images_are_resolved_by_their_whole_name() {
        for (image, wanted) in [
            ("redis", "docker.io/library/redis:latest"),
            ("grafana/grafana:12.3.1", "docker.io/grafana/grafana:12.3.1"),
            ("localhost/a:1", "localhost/a:1"),
            ("host:5000/testbed/a", "host:5000/testbed/a:latest"),
            ("host:5000/testbed/a:1@sha256:00", "host:5000/testbed/a@sha256:00"),
        ] {
            assert_eq!(resolved(image), wanted);
        }
    }
}
