//! Writes what the doctor says into `docs/troubleshooting.md` and `docs/cluster.md`, from the recording of a healthy cluster with
//! something broken in it for each block of the pages.
//!
//! `cargo run -p testbed --example troubleshooting` writes the blocks; `-- --check` only says whether they are what it would
//! write; `-- --recordings DIRECTORY` writes the recordings, to be looked at with `testbed doctor --from DIRECTORY/NAME`.

#![expect(clippy::unwrap_used, reason = "the recording that is broken is the repository's own")]

mod cases;
mod page;

use anyhow::Context as _;
use std::path::{Path, PathBuf};

fn main() -> anyhow::Result<()> {
    let paths = page::PAGES.map(|page| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page));
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let documents = paths.iter().map(read).collect::<anyhow::Result<Vec<String>>>()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {
            for (path, page) in paths.iter().zip(page::with_blocks(&documents)?) {
                std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
            }
            Ok(())
        }
        ["--check"] => {
            let is_current = page::with_blocks(&documents)? == documents;
            anyhow::ensure!(
                is_current,
                "{} are not what the doctor says: run `cargo run -p testbed --example troubleshooting`",
                page::PAGES.join(" and ")
            );
            Ok(())
        }
        ["--recordings", directory] => {
            for case in cases::CASES {
                case.facts().write(&Path::new(directory).join(case.name))?;
            }
            Ok(())
        }
        _ => anyhow::bail!(
            "usage: cargo run -p testbed --example troubleshooting [-- --check | --recordings DIRECTORY]"
        ),
    }
}
