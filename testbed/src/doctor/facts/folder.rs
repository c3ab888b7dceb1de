//! The folder of JSON files that facts are recorded in:
//!
//! ```text
//! facts.json  manifests.json  images.json  build.json  builder.json  collector.json  cluster.json  nodes/NAME.json
//! ```
//!
//! Every file but `facts.json` and those of nodes is `{"known": …}`, or `{"missing": "why"}`.

use super::{About, Collected, Facts, NodeFacts, redact};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Version of the files.
pub const FACTS_VERSION: u32 = 1;

/// Names the folder as one of recorded facts.
const ABOUT_FILE: &str = "facts.json";

/// Why a folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    #[error("{} holds no recorded facts: say a folder that `testbed doctor --record` wrote", .0.display())]
    None(PathBuf),
    #[error("{} is of version {found}, and this program reads version {FACTS_VERSION}: use that of {testbed}", .path.display())]
    Version { path: PathBuf, found: u32, testbed: String },
    #[error("{} is not what was recorded: {error}", .path.display())]
    Content { path: PathBuf, error: serde_json::Error },
    #[error("cannot use {}: {error}", .path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("{} holds something else than recorded facts: say a new folder", .0.display())]
    Occupied(PathBuf),
}

impl Facts {
    /// Reads what was recorded. A file that is not there is a fact that is missing.
    ///
    /// # Errors
    /// Where the folder holds no facts, or not those of this version.
    pub fn read(folder: &Path) -> Result<Self, FactsError> {
        let about: About = match read(&folder.join(ABOUT_FILE)) {
            Err(FactsError::File { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(FactsError::None(folder.to_owned()));
            }
            about => about?,
        };
        if about.version != FACTS_VERSION {
            let path = folder.to_owned();
            return Err(FactsError::Version { path, found: about.version, testbed: about.testbed });
        }
        Ok(Self {
            about,
            manifests: part(folder, "manifests")?,
            images: part(folder, "images")?,
            build: part(folder, "build")?,
            builder: part(folder, "builder")?,
            collector: part(folder, "collector")?,
            cluster: part(folder, "cluster")?,
            nodes: nodes(&folder.join("nodes"))?,
        })
    }

    /// Writes the folder, in place of an earlier recording.
    ///
    /// # Errors
    /// Where it cannot be written, or holds something else.
    pub fn write(&self, folder: &Path) -> Result<(), FactsError> {
        let is_empty = folder.read_dir().map_or(true, |mut entries| entries.next().is_none());
        if !is_empty && !folder.join(ABOUT_FILE).exists() {
            return Err(FactsError::Occupied(folder.to_owned()));
        }
        let nodes = folder.join("nodes");
        if nodes.exists() {
            std::fs::remove_dir_all(&nodes).map_err(|error| file(&nodes, error))?;
        }
        std::fs::create_dir_all(&nodes).map_err(|error| file(&nodes, error))?;
        write(folder, "facts", &self.about)?;
        write(folder, "manifests", &self.manifests)?;
        write(folder, "images", &self.images)?;
        write(folder, "build", &self.build)?;
        write(folder, "builder", &self.builder)?;
        write(folder, "collector", &self.collector)?;
        write(folder, "cluster", &self.cluster)?;
        self.nodes.iter().try_for_each(|node| write(&nodes, &node.name, node))
    }
}

fn part<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Collected<T>, FactsError> {
    match read(&folder.join(format!("{name}.json"))) {
        Err(FactsError::File { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Collected::Missing(format!("{name}.json is not in the recording")))
        }
        part => part,
    }
}

fn nodes(folder: &Path) -> Result<Vec<NodeFacts>, FactsError> {
    let Ok(entries) = folder.read_dir() else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| file(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, FactsError> {
    let json = std::fs::read(path).map_err(|error| file(path, error))?;
    serde_json::from_slice(&json).map_err(|error| FactsError::Content { path: path.to_owned(), error })
}

fn write<T: Serialize>(folder: &Path, name: &str, value: &T) -> Result<(), FactsError> {
    let path = folder.join(format!("{name}.json"));
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| FactsError::Content { path: path.clone(), error })?;
    // Once more over all of it: an URL with a password may stand in what a kubelet or a program said.
    std::fs::write(&path, redact(&json) + "\n").map_err(|error| file(&path, error))
}

fn file(path: &Path, error: std::io::Error) -> FactsError {
    FactsError::File { path: path.to_owned(), error }
}
