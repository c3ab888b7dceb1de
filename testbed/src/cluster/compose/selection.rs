//! Which placement, components and images: chosen among the folders that are there, and written as a kustomization.

use super::ComposeError;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What components that choose nodes are called.
const PLACEMENT_PREFIX: &str = "placement-";

/// Where components are looked for, in this order: somebody's own, which git ignores, before those of the repository.
const COMPONENTS: [&str; 2] = ["local/components", "components"];

/// The placement that the base has by itself.
const PLACEMENT_DEFAULT: &str = "any";

/// The folder that names the newest pinned revision.
const CURRENT_REVISION: &str = "current";

/// Each testbed has a Redis: this one, or one outside.
const REDIS: &str = "redis";

/// What components for a Redis outside of the cluster are called.
const EXTERNAL_REDIS: &str = "external-redis";

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Selection {
    pub placement: String,
    pub components: Vec<String>,
    /// None for the current one, or the only one.
    pub revision: Option<String>,
}

/// Folders, in the order in which kustomize takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub base: PathBuf,
    pub components: Vec<PathBuf>,
    /// What `testbed images pin` wrote.
    pub pins: Option<PathBuf>,
}

/// Finds the folders of a selection in `kubernetes`.
///
/// # Errors
/// Where one of them is not there: [`ComposeError`] names those that are.
pub fn choose(kubernetes: &Path, selection: &Selection) -> Result<Parts, ComposeError> {
    let parts = choose_unpinned(kubernetes, selection)?;
    Ok(Parts { pins: Some(pins(kubernetes, selection.revision.as_deref())?), ..parts })
}

/// The folder of the images: of a revision, else of the current or only one.
///
/// # Errors
/// As [`choose`].
pub(super) fn pins(kubernetes: &Path, wanted: Option<&str>) -> Result<PathBuf, ComposeError> {
    let images = kubernetes.join("images");
    let revision = revision(&images, wanted)?;
    Ok(images.join(revision))
}

/// The same without the images.
///
/// # Errors
/// As [`choose`].
pub(super) fn choose_unpinned(kubernetes: &Path, selection: &Selection) -> Result<Parts, ComposeError> {
    let folder = kubernetes.join("components");
    let mut known = COMPONENTS.map(|place| folders(&kubernetes.join(place))).concat();
    known.sort();
    known.dedup();
    let mut names: Vec<String> = Vec::new();
    if !selection.components.iter().any(|name| name == REDIS || name.starts_with(EXTERNAL_REDIS)) {
        names.push(REDIS.to_owned());
    }
    names.extend(selection.components.iter().cloned());
    names.sort_by_key(|name| (rank(name), name.clone()));
    names.dedup();
    let options: Vec<String> =
        known.iter().filter(|name| !name.starts_with(PLACEMENT_PREFIX)).cloned().collect();
    if let Some(wanted) = names.iter().find(|name| !options.contains(name)) {
        let wanted = wanted.clone();
        return Err(ComposeError::Unknown { what: "component", wanted, known: options, folder });
    }
    let placement = format!("{PLACEMENT_PREFIX}{}", selection.placement);
    if known.contains(&placement) {
        names.push(placement);
    } else if selection.placement != PLACEMENT_DEFAULT {
        let mut placements: Vec<String> =
            known.iter().filter_map(|name| name.strip_prefix(PLACEMENT_PREFIX)).map(str::to_owned).collect();
        if !placements.iter().any(|name| name == PLACEMENT_DEFAULT) {
            placements.insert(0, PLACEMENT_DEFAULT.to_owned());
        }
        let wanted = selection.placement.clone();
        return Err(ComposeError::Unknown { what: "placement", wanted, known: placements, folder });
    }
    let components = names.iter().map(|name| component(kubernetes, name)).collect();
    Ok(Parts { base: kubernetes.join("base"), components, pins: None })
}

/// The folder of a component that is there.
fn component(kubernetes: &Path, name: &str) -> PathBuf {
    let [own, shared] = COMPONENTS.map(|place| kubernetes.join(place).join(name));
    if own.join("kustomization.yaml").is_file() { own } else { shared }
}

/// What brings objects stands before what changes those that are there, as `kubernetes/base` says it.
fn rank(component: &str) -> usize {
    match component {
        "simulator-job" => 0,
        REDIS | EXTERNAL_REDIS => 1,
        "external-redis-password" => 2,
        "observability" | "external-collector" => 3,
        "caches-in-memory" => 5,
        "guaranteed-qos" => 6,
        _ => 4,
    }
}

/// The pinned revision to use.
fn revision(images: &Path, wanted: Option<&str>) -> Result<String, ComposeError> {
    let known = folders(images);
    if known.is_empty() {
        return Err(ComposeError::NothingPinned(images.to_owned()));
    }
    match wanted {
        Some(wanted) if known.iter().any(|name| name == wanted) => Ok(wanted.to_owned()),
        Some(wanted) => Err(ComposeError::Unknown {
            what: "pinned revision",
            wanted: wanted.to_owned(),
            known,
            folder: images.to_owned(),
        }),
        None if known.iter().any(|name| name == CURRENT_REVISION) => Ok(CURRENT_REVISION.to_owned()),
        None => match &known[..] {
            [only] => Ok(only.clone()),
            _ => Err(ComposeError::SeveralPinned { folder: images.to_owned(), known }),
        },
    }
}

/// The names of the folders that hold a kustomization.
fn folders(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let with_file = entries.filter(|entry| entry.path().join("kustomization.yaml").is_file());
    let mut names: Vec<String> =
        with_file.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

impl Parts {
    /// The kustomization of these folders, for a file in `folder`. Both are absolute, without links.
    #[must_use]
    pub fn to_yaml(&self, folder: &Path) -> String {
        let mut yaml = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - {}\ncomponents:\n",
            relative(folder, &self.base)
        );
        // The pins come last: they change the images of all that stands before them.
        for component in self.components.iter().chain(&self.pins) {
            // Writing to a String cannot fail.
            writeln!(yaml, "  - {}", relative(folder, component)).unwrap_or_default();
        }
        yaml
    }
}

/// The way from a folder to another: kustomize takes no absolute paths. Quoted, for blanks and the like.
fn relative(from: &Path, to: &Path) -> String {
    let shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n(PathBuf::from(".."), from.components().count() - shared);
    let down = to.components().skip(shared).map(|part| PathBuf::from(part.as_os_str()));
    let path: PathBuf = up.chain(down).collect();
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("kustomization.yaml"), "").unwrap();
        }
        folder
    }

    fn usual() -> tempfile::TempDir {
        folder_with(&[
            "base",
            "components/redis",
            "components/external-redis",
            "components/observability",
            "components/placement-arm64",
            "images/abc",
        ])
    }

    fn selection(placement: &str, components: &[&str], revision: Option<&str>) -> Selection {
        Selection {
            placement: placement.into(),
            components: components.iter().map(|&name| name.into()).collect(),
            revision: revision.map(str::to_owned),
        }
    }

    fn names(folder: &Path, selection: &Selection) -> Vec<String> {
        let parts = choose(folder, selection).unwrap();
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        parts.components.iter().chain(&parts.pins).map(name).collect()
    }

    #[test]
    fn testbed_has_a_redis_and_its_images_come_last() {
        let folder = usual();
        let chosen = names(folder.path(), &selection("arm64", &["observability"], None));
        assert_eq!(chosen, ["redis", "observability", "placement-arm64", "abc"]);
        let chosen = names(folder.path(), &selection("any", &["external-redis"], None));
        assert_eq!(chosen, ["external-redis", "abc"]);
    }

    #[test]
    fn components_of_somebodys_own_come_before_those_of_the_repository() {
        let folder = usual();
        for name in ["placement-arm64", "placement-lab"] {
            let path = folder.path().join("local/components").join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("kustomization.yaml"), "").unwrap();
        }
        for placement in ["arm64", "lab"] {
            let parts = choose(folder.path(), &selection(placement, &[], None)).unwrap();
            let own = folder.path().join(format!("local/components/placement-{placement}"));
            assert_eq!(parts.components[1], own);
            assert_eq!(parts.components[0], folder.path().join("components/redis"));
        }
        let error = choose(folder.path(), &selection("mips", &[], None)).unwrap_err().to_string();
        assert!(error.ends_with("there are any, arm64, lab"), "{error}");
    }

    #[test]
    fn components_are_taken_in_the_order_that_they_need_and_once() {
        let folder = folder_with(&[
            "base",
            "components/redis",
            "components/simulator-job",
            "components/caches-in-memory",
            "components/guaranteed-qos",
            "components/network-policy",
            "images/abc",
        ]);
        let said =
            ["guaranteed-qos", "caches-in-memory", "network-policy", "simulator-job", "guaranteed-qos"];
        assert_eq!(
            names(folder.path(), &selection("any", &said, None)),
            ["simulator-job", "redis", "network-policy", "caches-in-memory", "guaranteed-qos", "abc"]
        );
    }

    #[test]
    fn unknown_names_list_those_there_are() {
        let folder = usual();
        let error = |selection: &Selection| choose(folder.path(), selection).unwrap_err().to_string();
        let text = error(&selection("mips", &[], None));
        assert!(text.contains(r#"no placement "mips""#) && text.ends_with("there are any, arm64"), "{text}");
        let text = error(&selection("any", &["redsi"], None));
        assert!(text.ends_with("there are external-redis, observability, redis"), "{text}");
        let text = error(&selection("any", &[], Some("abd")));
        assert!(text.contains(r#"no pinned revision "abd""#) && text.ends_with("there are abc"), "{text}");
    }

    #[test]
    fn revision_is_the_current_or_the_only_one() {
        let images = folder_with(&["images/abc", "images/def"]);
        let path = images.path().join("images");
        assert!(matches!(revision(&path, None), Err(ComposeError::SeveralPinned { .. })));
        let images = folder_with(&["images/abc", "images/current"]);
        assert_eq!(revision(&images.path().join("images"), None).unwrap(), "current");
        assert!(matches!(revision(&path.join("absent"), None), Err(ComposeError::NothingPinned(_))));
    }

    #[test]
    fn ways_between_folders_are_relative() {
        assert_eq!(
            relative(Path::new("/tmp/a"), Path::new("/home/me/k 8/base")),
            r#""../../home/me/k 8/base""#
        );
        assert_eq!(relative(Path::new("/tmp/a"), Path::new("/tmp/b")), r#""../b""#);
    }
}
