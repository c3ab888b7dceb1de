//! Files of the repository, and programs that judge them.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const COMPONENT: &str = "kubernetes/components/observability";

pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(relative)
}

pub(crate) fn read(relative: &str) -> String {
    let path = path(relative);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Names of the files in a directory that end in `ending`, sorted.
pub(crate) fn list(relative: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(relative)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    assert!(!names.is_empty(), "{relative} has no files {ending}");
    names
}

/// Standard output of a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str], directory: &Path) -> String {
    let missing = match program {
        "promtool" => "put it on the PATH: PATH=$PATH:$(scripts/lib/prometheus)",
        _ => {
            "put kustomize on the PATH, where kubectl 1.21 or later is missing: PATH=$PATH:$(scripts/lib/kustomize)"
        }
    };
    let output = Command::new(program).args(arguments).current_dir(directory).output();
    let output = output.unwrap_or_else(|error| panic!("{program} does not start ({error}); {missing}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (standard, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}:\n{standard}{error}");
    standard
}

/// What kustomize makes of a directory: by itself, or else by kubectl, which contains it.
pub(crate) fn kustomize(directory: &Path) -> String {
    if Command::new("kustomize").arg("version").output().is_ok() {
        run("kustomize", &["build", "."], directory)
    } else {
        run("kubectl", &["kustomize", "."], directory)
    }
}
