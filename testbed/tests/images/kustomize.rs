//! What real kustomize makes of pins.

use std::fs;
use std::path::Path;
use std::process::Command;
use testbed::images::pin::{Pin, Pins};

const COMPONENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes/components/simulator-job");

/// The manifests of a kustomization with these components.
fn build(directory: &Path, components: &[&str]) -> String {
    let lines: Vec<String> = components.iter().map(|component| format!("  - {component}\n")).collect();
    let kustomization = format!("components:\n{}", lines.concat());
    fs::write(directory.join("kustomization.yaml"), kustomization).unwrap();
    let is_alone = Command::new("kustomize").arg("version").output().is_ok();
    let (program, argument) = if is_alone { ("kustomize", "build") } else { ("kubectl", "kustomize") };
    let output = Command::new(program).args([argument, "."]).current_dir(directory).output().unwrap_or_else(|error| {
        panic!("{program} does not start ({error}); put kustomize on the PATH: PATH=$PATH:$(scripts/lib/kustomize)")
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Of a folder, from `directory`: kustomize takes no absolute paths.
fn relative(directory: &Path, folder: &str) -> String {
    let folder = fs::canonicalize(folder).unwrap();
    let up = "../".repeat(directory.canonicalize().unwrap().components().count() - 1);
    format!("{up}{}", folder.strip_prefix("/").unwrap().display())
}

#[test]
fn bare_names_become_pinned_references() {
    let directory = tempfile::tempdir().unwrap();
    let pin = Pin {
        name: "simulator".to_owned(),
        repository: "192.168.0.35:5000/testbed/simulator".to_owned(),
        digest: format!("sha256:{}", "5".repeat(64)),
    };
    let pinned = format!("image: {}@{}\n", pin.repository, pin.digest);
    Pins { pins: vec![pin] }.write(&directory.path().join("pins"), "0123456789ab").unwrap();
    let job = relative(directory.path(), COMPONENT);
    assert!(build(directory.path(), &[&job]).contains("image: simulator\n"));
    let manifests = build(directory.path(), &[&job, "pins"]);
    assert!(manifests.contains(&pinned) && !manifests.contains("image: simulator\n"), "{manifests}");
}
