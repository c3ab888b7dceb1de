//! The shared libraries of a program, found as the dynamic linker finds them (ld.so(8)): in LD_LIBRARY_PATH of the image,
//! then in the usual directories. RUNPATH and ld.so.conf are not read: the images of this repository have neither.

use super::entrypoint::PROGRAM_BYTES_MAX;
use crate::images::check::Failure;
use crate::images::elf::{Machine, Program, defined_versions};
use crate::images::filesystem::{Filesystem, Kind};
use crate::images::manifest::ImageConfig;
use std::collections::{BTreeMap, VecDeque};

/// Without those of Debian's multiarch, which stand before them.
const DIRECTORIES: [&str; 5] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];

/// Real programs need some tens; a chain without end is damage.
const LIBRARIES_MAX: usize = 512;

const BASE: &str = "use a runtime base of the same Debian as the toolchain's or of a newer one, with all libraries that \
                    the program needs (RUNTIME_IMAGE of the Dockerfile)";

pub(super) struct Library {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) program: Program,
}

/// By the names by which they are needed.
pub(super) type Libraries = BTreeMap<String, Library>;

/// All libraries that the program needs, and those that they need.
pub(super) fn find(
    files: &Filesystem,
    config: &ImageConfig,
    program: &Program,
    interpreter: Option<&str>,
) -> Result<Libraries, Failure> {
    let directories = directories(config, program.machine);
    let mut wanted: VecDeque<String> = program.needed.iter().cloned().collect();
    let mut found = Libraries::new();
    let mut problems = Vec::new();
    while let Some(name) = wanted.pop_front() {
        if found.contains_key(&name) || problems.iter().any(|(missing, _)| *missing == name) {
            continue;
        }
        match open(files, &directories, &name, program.machine, interpreter) {
            Ok(library) if found.len() < LIBRARIES_MAX => {
                wanted.extend(library.program.needed.iter().cloned());
                found.insert(name, library);
            }
            Ok(_) => break,
            Err(problem) => problems.push((name, problem)),
        }
    }
    if problems.is_empty() {
        return Ok(found);
    }
    let evidence: Vec<String> = problems.into_iter().map(|(_, problem)| problem).collect();
    Err(Failure::new("the image lacks shared libraries that the program needs", evidence.join("; "), BASE))
}

/// Compares the versions that the program and its libraries need with those that the libraries define.
pub(super) fn check_versions(program: &Program, libraries: &Libraries) -> Result<String, Failure> {
    let mut missing = Vec::new();
    for needing in std::iter::once(program).chain(libraries.values().map(|library| &library.program)) {
        for (name, version) in &needing.versions {
            let Some(library) = libraries.get(name) else { continue };
            let defined = defined_versions(&library.bytes).unwrap_or_default();
            if !defined.contains(version) {
                let newest = newest(&defined, family(version)).unwrap_or("none");
                let text = format!("{version} is needed, {} has {newest} at most", library.path);
                if !missing.contains(&text) {
                    missing.push(text);
                }
            }
        }
    }
    if missing.is_empty() {
        return Ok(evidence(program, libraries));
    }
    Err(Failure::new(
        "the libraries of the image are older than those that the program was linked with",
        missing.join("; "),
        BASE,
    ))
}

fn evidence(program: &Program, libraries: &Libraries) -> String {
    let names: Vec<&str> = libraries.keys().map(String::as_str).collect();
    let needed: Vec<String> = program.versions.iter().map(|(_, version)| version.clone()).collect();
    let needed =
        newest(&needed, "GLIBC_").map_or_else(String::new, |version| format!("; {version} is needed"));
    let defined =
        libraries.get("libc.so.6").and_then(|libc| defined_versions(&libc.bytes).ok()).unwrap_or_default();
    let defined =
        newest(&defined, "GLIBC_").map_or_else(String::new, |version| format!(", {version} is there"));
    format!("{}{needed}{defined}", names.join(", "))
}

/// `GLIBC_` of `GLIBC_2.39`.
fn family(version: &str) -> &str {
    &version[..version.find(|letter: char| letter.is_ascii_digit()).unwrap_or(version.len())]
}

fn newest<'a>(versions: &'a [String], family: &str) -> Option<&'a str> {
    let numbers = |version: &str| -> Option<Vec<u32>> {
        version.strip_prefix(family)?.split('.').map(|part| part.parse().ok()).collect()
    };
    let known = versions.iter().filter_map(|version| Some((numbers(version)?, version.as_str())));
    known.max().map(|(_, version)| version)
}

fn directories(config: &ImageConfig, machine: Machine) -> Vec<String> {
    let triplet = match machine {
        Machine::X86_64 => "x86_64-linux-gnu",
        Machine::Aarch64 => "aarch64-linux-gnu",
        Machine::Arm => "arm-linux-gnueabihf",
        Machine::X86 => "i386-linux-gnu",
        Machine::Other(_) => "",
    };
    let own = config.environment.iter().find_map(|variable| variable.strip_prefix("LD_LIBRARY_PATH="));
    let own = own.unwrap_or_default().split(':').filter(|folder| !folder.is_empty()).map(str::to_owned);
    let multiarch = ["/lib", "/usr/lib", "/usr/local/lib"].map(|folder| format!("{folder}/{triplet}"));
    own.chain(multiarch).chain(DIRECTORIES.map(str::to_owned)).collect()
}

fn open(
    files: &Filesystem,
    directories: &[String],
    name: &str,
    machine: Machine,
    interpreter: Option<&str>,
) -> Result<Library, String> {
    // The dynamic linker is there already, wherever it lies.
    let is_interpreter = |path: &&str| path.rsplit('/').next() == Some(name);
    let candidates = match interpreter.filter(is_interpreter) {
        Some(path) => vec![path.to_owned()],
        None if name.contains('/') => vec![name.to_owned()],
        None => directories.iter().map(|folder| format!("{folder}/{name}")).collect(),
    };
    let mut problem = format!("{name} is in none of the usual directories");
    for candidate in candidates {
        let Ok((path, entry)) = files.resolve(&candidate) else { continue };
        if !matches!(entry.kind, Kind::File { .. }) {
            continue;
        }
        let bytes = files.bytes(&path, PROGRAM_BYTES_MAX).map_err(|error| error.to_string())?;
        match Program::parse_library(&bytes) {
            Ok(program) if program.machine == machine => return Ok(Library { path, bytes, program }),
            // The linker passes these over, too.
            Ok(program) => problem = format!("{path} is of {}", program.machine),
            Err(error) => return Err(format!("{path}: {error}")),
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let versions = ["GLIBC_2.9", "GLIBC_2.17", "GLIBC_PRIVATE", "GCC_4.2.0"].map(str::to_owned);
        assert_eq!(newest(&versions, "GLIBC_"), Some("GLIBC_2.17"));
        assert_eq!(newest(&versions, family("GCC_3.0")), Some("GCC_4.2.0"));
    }
}
