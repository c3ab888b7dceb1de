//! Where the programs of the services are: beside testbed, as one build puts them, or in `PATH`.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Paths of the services' programs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `ingest-api`.
    pub ingest_api: PathBuf,
    /// `process-worker`.
    pub process_worker: PathBuf,
    /// `query-api`.
    pub query_api: PathBuf,
    /// `simulator`.
    pub simulator: PathBuf,
}

/// Programs that are nowhere: all of them, and where they were looked for.
#[derive(Debug, thiserror::Error)]
pub struct ProgramsMissing {
    names: Vec<&'static str>,
    beside: PathBuf,
}

impl Programs {
    /// Looks for all programs in the directory `beside` and then in `search_path`.
    ///
    /// # Errors
    /// Names all that are missing and how to make them.
    pub fn find(beside: &Path, search_path: Option<&OsStr>) -> Result<Self, ProgramsMissing> {
        let mut names = Vec::new();
        let mut locate = |name: &'static str| {
            locate(name, beside, search_path).unwrap_or_else(|| {
                names.push(name);
                PathBuf::new()
            })
        };
        let programs = Self {
            ingest_api: locate("ingest-api"),
            process_worker: locate("process-worker"),
            query_api: locate("query-api"),
            simulator: locate("simulator"),
        };
        if names.is_empty() {
            Ok(programs)
        } else {
            Err(ProgramsMissing { names, beside: beside.to_owned() })
        }
    }
}

impl fmt::Display for ProgramsMissing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} not found in {} or in PATH: build all programs with `cargo build --release --workspace`, or say where \
             they are with --programs",
            self.names.join(", "),
            self.beside.display()
        )
    }
}

/// The program `name` in the directory `beside`, else in `search_path`.
pub(crate) fn locate(name: &str, beside: &Path, search_path: Option<&OsStr>) -> Option<PathBuf> {
    let beside = beside.join(name);
    if is_program(&beside) { Some(beside) } else { in_path(Path::new(name), search_path) }
}

/// The absolute path of the program `name` in `search_path`: what is started without a `PATH` is not found by its name.
pub(crate) fn in_path(name: &Path, search_path: Option<&OsStr>) -> Option<PathBuf> {
    let directories = search_path.map(std::env::split_paths).into_iter().flatten();
    let found = directories.map(|directory| directory.join(name)).find(|candidate| is_program(candidate))?;
    std::path::absolute(found).ok()
}

/// The absolute path of a program that a person names; a name alone is looked for in `search_path`. What is not there stays as
/// it was named, so that the error says it.
pub(crate) fn named(program: &Path, search_path: Option<&OsStr>) -> PathBuf {
    let is_name = program.file_name() == Some(program.as_os_str());
    let found = if is_name { in_path(program, search_path) } else { std::path::absolute(program).ok() };
    found.unwrap_or_else(|| program.to_owned())
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn install(directory: &Path, names: &[&str]) {
        for name in names {
            symlink("/bin/sh", directory.join(name)).unwrap();
        }
    }

    #[test]
    fn programs_beside_testbed_come_before_those_in_the_path() {
        let (beside, path) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        install(beside.path(), &["ingest-api", "query-api"]);
        install(path.path(), &["ingest-api", "process-worker", "simulator"]);
        let programs = Programs::find(beside.path(), Some(path.path().as_os_str())).unwrap();
        assert_eq!(programs.ingest_api, beside.path().join("ingest-api"));
        assert_eq!(programs.process_worker, path.path().join("process-worker"));
    }

    #[test]
    fn all_missing_programs_are_named_with_the_command_that_makes_them() {
        let beside = tempfile::tempdir().unwrap();
        install(beside.path(), &["ingest-api", "query-api"]);
        std::fs::write(beside.path().join("simulator"), "not executable").unwrap();
        let message = Programs::find(beside.path(), None).unwrap_err().to_string();
        assert!(message.starts_with("process-worker, simulator not found in "), "{message}");
        assert!(message.contains("cargo build --release --workspace"), "{message}");
    }

    #[test]
    fn name_that_a_person_gives_is_looked_for_in_the_path_and_a_path_is_not() {
        let path = tempfile::tempdir().unwrap();
        install(path.path(), &["my-collector"]);
        let search_path = Some(path.path().as_os_str());
        assert_eq!(named(Path::new("my-collector"), search_path), path.path().join("my-collector"));
        assert_eq!(named(Path::new("another"), search_path), Path::new("another"));
        let absolute = named(Path::new("./my-collector"), search_path);
        assert_eq!(absolute, std::env::current_dir().unwrap().join("my-collector"));
    }
}
