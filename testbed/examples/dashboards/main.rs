//! Writes Grafana's dashboards to `kubernetes/components/observability/dashboards`.
//!
//! `cargo run -p testbed --example dashboards` writes them; with `-- --check` it only says which files are not what
//! it would write.

mod dashboard;
mod dashboards;
mod panel;
mod query;

use std::path::Path;

use anyhow::Context as _;

const DIRECTORY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes/components/observability/dashboards");

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => write(Path::new(DIRECTORY)),
        ["--check"] => check(Path::new(DIRECTORY)),
        _ => anyhow::bail!("usage: cargo run -p testbed --example dashboards [-- --check]"),
    }
}

fn write(directory: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for name in foreign(directory)? {
        let path = directory.join(name);
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    for (name, text) in dashboards::files() {
        let path = directory.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn check(directory: &Path) -> anyhow::Result<()> {
    let mut wrong = foreign(directory)?;
    for (name, text) in dashboards::files() {
        if std::fs::read_to_string(directory.join(&name)).ok() != Some(text) {
            wrong.push(name);
        }
    }
    let names = wrong.join(", ");
    anyhow::ensure!(
        wrong.is_empty(),
        "not what the generator writes: {names}; run: cargo run -p testbed --example dashboards"
    );
    Ok(())
}

/// Files in the directory that no dashboard has.
fn foreign(directory: &Path) -> anyhow::Result<Vec<String>> {
    let files = dashboards::files();
    let entries =
        std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut foreign = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if files.iter().all(|(known, _)| *known != name) {
            foreign.push(name);
        }
    }
    Ok(foreign)
}
