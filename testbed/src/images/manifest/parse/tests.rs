use super::*;

const OCI_INDEX_JSON: &str = r#"{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
      "size": 1001,
      "platform": { "architecture": "amd64", "os": "linux" }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
      "size": 1002,
      "platform": { "architecture": "arm64", "os": "linux", "variant": "v8" }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:3333333333333333333333333333333333333333333333333333333333333333",
      "size": 566,
      "annotations": {
        "vnd.docker.reference.digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
        "vnd.docker.reference.type": "attestation-manifest"
      },
      "platform": { "architecture": "unknown", "os": "unknown" }
    }
  ]
}"#;

const DOCKER_LIST_JSON: &str = r#"{
  "schemaVersion": 2,
  "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
  "manifests": [
    {
      "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
      "digest": "sha256:4444444444444444444444444444444444444444444444444444444444444444",
      "size": 7143,
      "platform": { "architecture": "arm", "os": "linux", "variant": "v7" }
    }
  ]
}"#;

const OCI_MANIFEST_JSON: &str = r#"{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": {
    "mediaType": "application/vnd.oci.image.config.v1+json",
    "digest": "sha256:5555555555555555555555555555555555555555555555555555555555555555",
    "size": 702
  },
  "layers": [
    {
      "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
      "digest": "sha256:6666666666666666666666666666666666666666666666666666666666666666",
      "size": 32654
    },
    {
      "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
      "digest": "sha256:7777777777777777777777777777777777777777777777777777777777777777",
      "size": 16724
    }
  ]
}"#;

const DOCKER_MANIFEST_JSON: &str = r#"{
  "schemaVersion": 2,
  "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
  "config": {
    "mediaType": "application/vnd.docker.container.image.v1+json",
    "size": 7023,
    "digest": "sha256:8888888888888888888888888888888888888888888888888888888888888888"
  },
  "layers": [
    {
      "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
      "size": 73109,
      "digest": "sha256:9999999999999999999999999999999999999999999999999999999999999999"
    }
  ]
}"#;

const SCHEMA1: &str = r#"{
  "schemaVersion": 1,
  "name": "library/hello",
  "tag": "latest",
  "architecture": "amd64",
  "fsLayers": [{ "blobSum": "sha256:cc8567d70002e957612902a8e985ea129d831ebe04057d88fb644857caa45d11" }],
  "history": [{ "v1Compatibility": "{}" }]
}"#;

fn index_of(body: &str, content_type: Option<&str>) -> Index {
    match parse(body.as_bytes(), content_type).unwrap() {
        Content::Index(index) => index,
        Content::Manifest(manifest) => panic!("a manifest: {manifest:?}"),
    }
}

fn manifest_of(body: &str, content_type: Option<&str>) -> Manifest {
    match parse(body.as_bytes(), content_type).unwrap() {
        Content::Manifest(manifest) => manifest,
        Content::Index(index) => panic!("an index: {index:?}"),
    }
}

fn refused(body: &str, content_type: Option<&str>) -> ManifestError {
    parse(body.as_bytes(), content_type).unwrap_err()
}

#[test]
fn index_of_oci_names_its_children_and_marks_attestations() {
    let children = index_of(OCI_INDEX_JSON, Some(OCI_INDEX)).children;

    let platforms: Vec<_> =
        children.iter().map(|child| child.platform.as_ref().map(ToString::to_string)).collect();
    let expected = ["linux/amd64", "linux/arm64/v8", "unknown/unknown"];
    assert_eq!(platforms, expected.map(|platform| Some(platform.to_owned())));
    assert_eq!(children.iter().map(|child| child.is_attestation).collect::<Vec<_>>(), [false, false, true]);
    let expected = Descriptor {
        media_type: OCI_MANIFEST.to_owned(),
        digest: format!("sha256:{}", "2".repeat(64)),
        size: 1002,
    };
    assert_eq!(children[1].descriptor, expected);
}

#[test]
fn list_of_docker_is_an_index() {
    let children = index_of(DOCKER_LIST_JSON, Some(DOCKER_LIST)).children;
    assert_eq!(children[0].platform, Some("linux/arm/v7".parse().unwrap()));
    assert_eq!(children[0].descriptor.media_type, DOCKER_MANIFEST);
}

#[test]
fn manifests_of_oci_and_docker_keep_the_order_of_their_layers() {
    let oci = manifest_of(OCI_MANIFEST_JSON, Some(OCI_MANIFEST));
    let docker = manifest_of(DOCKER_MANIFEST_JSON, Some(DOCKER_MANIFEST));

    assert_eq!(oci.config.media_type, "application/vnd.oci.image.config.v1+json");
    assert_eq!(oci.layers.iter().map(|layer| layer.size).collect::<Vec<_>>(), [32654, 16724]);
    assert_eq!(docker.config.digest, format!("sha256:{}", "8".repeat(64)));
    assert_eq!(docker.layers[0].media_type, "application/vnd.docker.image.rootfs.diff.tar.gzip");
}

#[test]
fn attestations_are_marked_by_either_sign() {
    let only_annotated = OCI_INDEX_JSON.replace(r#""architecture": "unknown", "os": "unknown""#, "");
    let only_unknown = OCI_INDEX_JSON.replace("vnd.docker.reference.type", "other");
    for body in [only_annotated, only_unknown] {
        let children = index_of(&body, None).children;
        assert_eq!(
            children.iter().map(|child| child.is_attestation).collect::<Vec<_>>(),
            [false, false, true]
        );
    }
}

#[test]
fn child_without_a_platform_says_so() {
    let body = DOCKER_LIST_JSON.replace("platform", "other");
    let child = &index_of(&body, None).children[0];
    assert!(child.platform.is_none() && !child.is_attestation);
}

#[test]
fn the_body_decides_where_it_contradicts_the_content_type() {
    let contradictions = [OCI_INDEX, DOCKER_LIST, "text/plain"];
    for content_type in contradictions {
        assert_eq!(manifest_of(OCI_MANIFEST_JSON, Some(content_type)).layers.len(), 2);
    }
    let contradictions = [OCI_MANIFEST, DOCKER_MANIFEST, "application/json; charset=utf-8"];
    for content_type in contradictions {
        assert_eq!(index_of(OCI_INDEX_JSON, Some(content_type)).children.len(), 3);
    }
}

#[test]
fn without_a_media_type_the_fields_decide() {
    let field = |media_type: &str| format!(r#""mediaType": "{media_type}","#);
    let index = OCI_INDEX_JSON.replacen(&field(OCI_INDEX), "", 1);
    let manifest = OCI_MANIFEST_JSON.replacen(&field(OCI_MANIFEST), "", 1);

    assert_eq!(index_of(&index, Some(OCI_MANIFEST)).children.len(), 3);
    assert_eq!(manifest_of(&manifest, Some(OCI_INDEX)).layers.len(), 2);
}

#[test]
fn index_that_is_also_a_manifest_is_refused() {
    let both = OCI_INDEX_JSON.replacen(r#""manifests""#, r#""layers": [], "manifests""#, 1);
    assert_eq!(refused(&both, None), ManifestError::Ambiguous);
}

#[test]
fn manifest_that_calls_itself_an_index_is_malformed() {
    let body = OCI_MANIFEST_JSON.replacen(OCI_MANIFEST, OCI_INDEX, 1);
    assert!(matches!(refused(&body, None), ManifestError::Malformed(_)));
}

#[test]
fn schema_1_is_refused_by_its_name() {
    let signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let named = format!(r#"{{"schemaVersion": 2, "mediaType": "{signed}"}}"#);
    for body in [SCHEMA1, &named] {
        assert_eq!(refused(body, Some(signed)), ManifestError::Schema1);
    }
}

#[test]
fn other_media_types_are_named() {
    let artifact = "application/vnd.oci.artifact.manifest.v1+json";
    let named = format!(r#"{{"mediaType": "{artifact}", "blobs": []}}"#);
    assert_eq!(refused(&named, None), ManifestError::MediaType(artifact.to_owned()));
    assert_eq!(
        refused("{}", Some("text/html; charset=utf-8")),
        ManifestError::MediaType("text/html".to_owned())
    );
}

#[test]
fn other_schema_versions_are_refused() {
    let body = OCI_MANIFEST_JSON.replacen(": 2", ": 3", 1);
    assert!(matches!(refused(&body, None), ManifestError::Malformed(reason) if reason.contains('3')));
}

#[test]
fn what_is_no_json_is_told_apart_from_wrong_json() {
    for body in ["", "<html>", &OCI_MANIFEST_JSON[..200]] {
        assert!(matches!(refused(body, None), ManifestError::NoJson(_)), "{body}");
    }
    for body in ["[]", r#"{"manifests": 1}"#, &OCI_MANIFEST_JSON.replace("32654", "-1")] {
        assert!(matches!(refused(body, None), ManifestError::Malformed(_)), "{body}");
    }
}

#[test]
fn digests_that_are_none_are_refused() {
    let good = format!("sha256:{}", "5".repeat(64));
    let uppercase = format!("sha256:{}", "A".repeat(64));
    for bad in ["sha256:5555", "../../../secret", "md5:d41d8cd98f00b204e9800998ecf8427e", &uppercase] {
        let body = OCI_MANIFEST_JSON.replace(&good, bad);
        assert!(matches!(refused(&body, None), ManifestError::Malformed(reason) if reason.contains(bad)));
    }
    let long = format!("sha512:{}", "5".repeat(128));
    assert_eq!(manifest_of(&OCI_MANIFEST_JSON.replace(&good, &long), None).config.digest, long);
}

#[test]
fn configuration_tells_how_the_program_starts() {
    let body = r#"{
      "architecture": "arm64", "os": "linux", "variant": "v8",
      "config": {
        "User": "65532:65532", "Env": ["PATH=/usr/local/bin"], "Entrypoint": ["/usr/local/bin/ingest-api"],
        "Cmd": ["--port", "8080"], "WorkingDir": "/", "Labels": {"org.opencontainers.image.revision": "0123456789ab"}
      },
      "rootfs": {"type": "layers", "diff_ids": []}, "history": []
    }"#;

    let config = parse_config(body.as_bytes()).unwrap();

    assert_eq!(config.platform.to_string(), "linux/arm64/v8");
    assert_eq!(config.user, "65532:65532");
    assert_eq!(config.entrypoint, ["/usr/local/bin/ingest-api"]);
    assert_eq!(config.command, ["--port", "8080"]);
    assert_eq!(config.environment, ["PATH=/usr/local/bin"]);
    assert_eq!(config.working_directory, "/");
    assert_eq!(config.labels["org.opencontainers.image.revision"], "0123456789ab");
}

#[test]
fn docker_writes_null_for_what_is_empty() {
    let body = r#"{"architecture": "amd64", "os": "linux", "variant": "", "config": {"User": "", "Cmd": null,
      "Entrypoint": null, "Env": null, "Labels": null, "ExposedPorts": {"80/tcp": {}}}}"#;
    let without = r#"{"architecture": "amd64", "os": "linux", "config": null}"#;
    for body in [body, without] {
        let config = parse_config(body.as_bytes()).unwrap();
        assert_eq!(config.platform, Platform::linux("amd64"));
        assert!(config.user.is_empty() && config.entrypoint.is_empty() && config.labels.is_empty());
    }
}

#[test]
fn configuration_without_a_platform_is_malformed() {
    for body in [r#"{"config": {}}"#, r#"{"os": "linux", "architecture": ""}"#] {
        assert!(matches!(parse_config(body.as_bytes()), Err(ManifestError::Malformed(_))), "{body}");
    }
}
