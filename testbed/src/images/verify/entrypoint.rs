//! Finds the program that an image starts.

use crate::images::check::Failure;
use crate::images::filesystem::{Filesystem, Kind};
use crate::images::manifest::ImageConfig;

/// What containerd sets where an image has no PATH.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Far above any program of a service.
pub(super) const PROGRAM_BYTES_MAX: u64 = 1024 * 1024 * 1024;

const COPY: &str = "copy the program to where ENTRYPOINT names it, then build and push again";

/// The program that is looked at.
#[derive(Debug)]
pub(super) struct Entrypoint {
    /// All links followed.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    /// How it was found.
    pub(super) evidence: String,
}

/// The program of ENTRYPOINT, or of CMD where there is none.
pub(super) fn find(files: &Filesystem, config: &ImageConfig) -> Result<Entrypoint, Failure> {
    let line: Vec<&str> = config.entrypoint.iter().chain(&config.command).map(String::as_str).collect();
    let name = match line[..] {
        [] => {
            let remedy = "add ENTRYPOINT [\"/usr/local/bin/SERVICE\"] to the Dockerfile";
            return Err(Failure::new("the image has neither ENTRYPOINT nor CMD", "both are empty", remedy));
        }
        [shell, "-c", script, ..] => in_shell_form(files, config, shell, script)?,
        [name, ..] => name,
    };
    let written = line.join(" ");
    let found = open(files, config, name).map_err(|evidence| failure(&evidence, &written))?;
    let Some(interpreter) = script_interpreter(&found.bytes) else { return Ok(found) };
    let program = open(files, config, &interpreter).map_err(|evidence| {
        let cause = "the entrypoint is a script, and the image has no program for it";
        Failure::new(
            cause,
            format!("{}: {}", found.path, evidence.text()),
            "start the program itself: ENTRYPOINT [\"/usr/local/bin/SERVICE\"]",
        )
    })?;
    let evidence = format!("{} is a script for {}", found.path, program.evidence);
    Ok(Entrypoint { evidence, ..program })
}

/// Why there is no program.
enum Missing {
    Absent(String),
    Directory(String),
    Empty(String),
    Unreadable(String),
}

impl Missing {
    fn text(&self) -> &str {
        let (Self::Absent(text) | Self::Directory(text) | Self::Empty(text) | Self::Unreadable(text)) = self;
        text
    }
}

fn failure(missing: &Missing, written: &str) -> Failure {
    let text = missing.text();
    match missing {
        Missing::Absent(_) => Failure::new(
            "the program of the entrypoint is not in the image",
            format!("{text} (of {written:?})"),
            COPY,
        ),
        Missing::Directory(_) => Failure::new("the entrypoint is not a file", text, COPY),
        Missing::Empty(_) => Failure::new(
            "the program of the entrypoint has 0 bytes: a copy failed, or a disk lost it in an unclean shutdown",
            text,
            "build and push again, on a builder whose cache was removed (docker buildx prune)",
        ),
        Missing::Unreadable(_) => {
            Failure::new("the program of the entrypoint cannot be read", text, "build and push again")
        }
    }
}

/// `ENTRYPOINT exec program` is run by a shell, which has to be there.
fn in_shell_form<'a>(
    files: &Filesystem,
    config: &ImageConfig,
    shell: &str,
    script: &'a str,
) -> Result<&'a str, Failure> {
    let remedy = "write ENTRYPOINT as an array: [\"/usr/local/bin/SERVICE\"]";
    if let Err(missing) = open(files, config, shell) {
        let cause = "the entrypoint is in the shell form, and the image has no shell";
        return Err(Failure::new(cause, format!("{} (of {script:?})", missing.text()), remedy));
    }
    let is_program = |word: &&str| *word != "exec" && !word.contains('=');
    let word = script.split_whitespace().find(is_program);
    word.ok_or_else(|| {
        Failure::new("the entrypoint is in the shell form and starts no program", script, remedy)
    })
}

fn open(files: &Filesystem, config: &ImageConfig, name: &str) -> Result<Entrypoint, Missing> {
    let mut missing = Missing::Absent(format!("{name} is in no folder of PATH"));
    for candidate in candidates(config, name) {
        let (path, entry) = match files.resolve(&candidate) {
            Ok(found) => found,
            Err(error) => {
                if name.contains('/') {
                    missing = Missing::Absent(error.to_string());
                }
                continue;
            }
        };
        match entry.kind {
            Kind::File { size_bytes: 0 } => return Err(Missing::Empty(format!("{path} has 0 bytes"))),
            Kind::File { size_bytes } => {
                let bytes = files
                    .bytes(&path, PROGRAM_BYTES_MAX)
                    .map_err(|error| Missing::Unreadable(format!("{path}: {error}")))?;
                let evidence = format!("{path}, {}", megabytes(size_bytes));
                return Ok(Entrypoint { path, bytes, evidence });
            }
            Kind::Directory => missing = Missing::Directory(format!("{path} is a directory")),
            Kind::Symlink { .. } | Kind::Other => {
                missing = Missing::Directory(format!("{path} is no regular file"))
            }
        }
    }
    Err(missing)
}

/// Where the runtime looks for a program.
fn candidates(config: &ImageConfig, name: &str) -> Vec<String> {
    if name.starts_with('/') {
        return vec![name.to_owned()];
    }
    let directory = if config.working_directory.is_empty() { "/" } else { &config.working_directory };
    if name.contains('/') {
        return vec![format!("{directory}/{name}")];
    }
    let path = config.environment.iter().find_map(|variable| variable.strip_prefix("PATH="));
    path.unwrap_or(PATH_DEFAULT).split(':').map(|folder| format!("{folder}/{name}")).collect()
}

/// What `#!` names.
fn script_interpreter(bytes: &[u8]) -> Option<String> {
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned)
}

/// As `ls` and registries count: `15.7 MB`.
pub(super) fn megabytes(bytes: u64) -> String {
    if bytes < 100_000 {
        format!("{:.1} kB", bytes as f64 / 1e3)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::platform::Platform;

    fn config(environment: &[&str], working_directory: &str) -> ImageConfig {
        ImageConfig {
            platform: Platform::linux("arm64"),
            user: String::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            environment: environment.iter().map(|text| (*text).to_owned()).collect(),
            working_directory: working_directory.to_owned(),
            labels: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn plain_names_are_looked_up_in_the_path_of_the_image() {
        assert_eq!(candidates(&config(&["A=1", "PATH=/app:/bin"], ""), "x"), ["/app/x", "/bin/x"]);
        assert_eq!(candidates(&config(&[], ""), "x")[0], "/usr/local/sbin/x");
    }

    #[test]
    fn names_with_a_slash_start_at_the_working_directory() {
        assert_eq!(candidates(&config(&[], "/srv"), "./x"), ["/srv/./x"]);
        assert_eq!(candidates(&config(&[], ""), "bin/x"), ["//bin/x"]);
        assert_eq!(candidates(&config(&[], "/srv"), "/bin/x"), ["/bin/x"]);
    }

    #[test]
    fn scripts_name_their_interpreter() {
        assert_eq!(script_interpreter(b"#! /bin/sh -e\necho").as_deref(), Some("/bin/sh"));
        assert_eq!(script_interpreter(b"\x7fELF"), None);
    }
}
