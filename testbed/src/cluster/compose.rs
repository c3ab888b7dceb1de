//! What is to be deployed, as one kustomization of the repository's `kubernetes/` folder, and what it renders to.

mod changes;
mod composition;
mod render;
mod selection;

pub use changes::{ChangeError, Pin, Setting};
pub use composition::{Composed, CompositionArgs};
pub use selection::{Parts, Selection, choose};

use std::path::{Path, PathBuf};

/// The folder in a checkout.
const FOLDER: &str = "kubernetes";

/// Why there are no manifests.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    #[error("there is no folder with manifests at {}: run it in a checkout, or say --kubernetes DIR", places(.0))]
    NoFolder(Vec<PathBuf>),
    #[error("there is no {what} {wanted:?} in {folder}: {}", listed(.known), folder = .folder.display())]
    Unknown { what: &'static str, wanted: String, known: Vec<String>, folder: PathBuf },
    #[error("no images are pinned in {folder}: build them with `scripts/build-images`, or pin built ones with \
        `testbed images pin --revision TAG`", folder = .0.display())]
    NothingPinned(PathBuf),
    #[error("several revisions are pinned in {folder}: say --revision; {}", listed(.known), folder = .folder.display())]
    SeveralPinned { folder: PathBuf, known: Vec<String> },
    #[error(
        "neither kubectl nor kustomize is on the PATH: install one of them, such as with \
        `scripts/lib/kustomize`"
    )]
    NoKustomize,
    #[error("{program} cannot render it: {reason}")]
    Render { program: &'static str, reason: String },
    #[error(
        "{object} uses the image {image:?}, which is not pinned by its digest: pin it with `testbed images pin` \
        and say --revision"
    )]
    NotPinned { object: String, image: String },
    #[error("{object} holds a placeholder: {text:?}: put the value in its kustomization")]
    Placeholder { object: String, text: String },
    #[error("there is no {what} {wanted:?} to change: {}", listed(.known))]
    NothingToChange { what: &'static str, wanted: String, known: Vec<String> },
    #[error("{name} cannot be set: {reason}")]
    Key { name: String, reason: String },
    #[error("{name} cannot be {value:?}: say a whole number")]
    Unusable { name: String, value: String },
    #[error("cannot write the kustomization: {0}")]
    Write(#[from] std::io::Error),
}

impl ComposeError {
    /// Whether something else has to be said, or more.
    #[must_use]
    pub fn is_bad_argument(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. }
                | Self::SeveralPinned { .. }
                | Self::NothingToChange { .. }
                | Self::Key { .. }
                | Self::Unusable { .. }
        )
    }
}

fn places(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(" or ")
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) }
}

/// The folder with the manifests: the one that was said, else that of the working directory, else that of the checkout
/// in which this program was built.
///
/// # Errors
/// [`ComposeError::NoFolder`].
pub fn folder(said: Option<&Path>) -> Result<PathBuf, ComposeError> {
    let candidates: Vec<PathBuf> = match said {
        Some(path) => vec![path.to_owned()],
        None => {
            let program = std::env::current_exe().unwrap_or_default();
            let beside = program.ancestors().skip(1).map(|folder| folder.join(FOLDER));
            std::iter::once(PathBuf::from(FOLDER))
                .chain(beside.filter(|path| has_base(path)).take(1))
                .collect()
        }
    };
    let found = candidates.iter().find(|path| has_base(path)).map(|path| path.canonicalize());
    match found {
        Some(path) => Ok(path?),
        None => Err(ComposeError::NoFolder(candidates)),
    }
}

fn has_base(path: &Path) -> bool {
    path.join("base/kustomization.yaml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_without_manifests_is_named() {
        let folder_path = tempfile::tempdir().unwrap();
        let error = folder(Some(folder_path.path())).unwrap_err().to_string();
        assert!(
            error.contains(&folder_path.path().display().to_string()) && error.contains("--kubernetes"),
            "{error}"
        );
    }
}
