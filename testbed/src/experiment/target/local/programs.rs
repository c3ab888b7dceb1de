//! Programs of both architectures, how each is run on this machine, and what settings it knows.

use super::arms::Arm;
use crate::images::elf::{Machine, Program};
use crate::stack::programs::{Programs, in_path};
use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// An emulated program takes some seconds to say what it knows, on a slow machine more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A program, and what runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Runnable {
    pub(super) program: PathBuf,
    /// An emulator with its arguments; empty where the processor runs the program itself.
    pub(super) runner: Vec<OsString>,
}

/// Where programs are.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    /// Those of this machine's architecture.
    pub(super) native: Programs,
    /// Directories of programs to be emulated, by architecture; beside each is `base/ARCHITECTURE`, the C library.
    pub(super) emulated: BTreeMap<&'static str, PathBuf>,
    /// Where the emulators are looked for.
    pub(super) search_path: Option<OsString>,
}

impl Shelf {
    /// The program of a service, checked: it is there, it is of the architecture, and there is what runs it.
    ///
    /// # Errors
    /// What is missing or wrong, and what to do.
    pub(super) fn find(&self, name: &str, arm: Arm) -> anyhow::Result<Runnable> {
        let architecture = arm.architecture;
        if !arm.is_emulated {
            let program = match name {
                "ingest-api" => &self.native.ingest_api,
                "process-worker" => &self.native.process_worker,
                _ => &self.native.query_api,
            };
            expect_architecture(program, architecture)?;
            return Ok(Runnable { program: program.clone(), runner: Vec::new() });
        }
        let directory = self.emulated.get(architecture).context("no programs of this architecture")?;
        let program = directory.join(name);
        ensure!(
            program.is_file(),
            "{} is missing: run scripts/cross-build, or name the directory of {architecture} programs with \
             --programs-{architecture}",
            program.display()
        );
        expect_architecture(&program, architecture)?;
        let library = directory.parent().unwrap_or(directory).join("base").join(architecture);
        ensure!(
            library.is_dir(),
            "{} is missing, the C library that emulated programs need: run scripts/lib/runtime-base",
            library.display()
        );
        let emulator = if architecture == "arm64" { "qemu-aarch64" } else { "qemu-x86_64" };
        let emulator = self.emulator(emulator)?;
        Ok(Runnable { program, runner: vec![emulator.into(), "-L".into(), library.into()] })
    }

    fn emulator(&self, name: &str) -> anyhow::Result<PathBuf> {
        let found = in_path(Path::new(name), self.search_path.as_deref());
        found.with_context(|| {
            format!(
                "{name} is not in PATH: put the directory that scripts/lib/qemu prints there, or install the package \
                 qemu-user"
            )
        })
    }
}

/// A program for another machine would not start, or be emulated without anybody knowing.
fn expect_architecture(program: &Path, architecture: &str) -> anyhow::Result<()> {
    let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let found = Program::parse(&bytes).with_context(|| format!("cannot use {}", program.display()))?;
    if Machine::of_architecture(architecture) != Some(found.machine) {
        bail!(
            "{} is a program for {}, not for {architecture}: name the right directory",
            program.display(),
            found.machine
        );
    }
    Ok(())
}

impl Runnable {
    /// The settings that the program knows, with their defaults where they have one, as its help names them.
    ///
    /// # Errors
    /// A program that does not run.
    pub(super) async fn known_settings(&self) -> anyhow::Result<BTreeMap<String, Option<String>>> {
        let (is_success, said) = self.ask(&["--help"], &[]).await?;
        ensure!(is_success, "{} --help fails: {said}", self.program.display());
        Ok(parse_help(&said))
    }

    /// Has the program itself check its arguments and its environment.
    ///
    /// # Errors
    /// What it says against them.
    pub(super) async fn check(
        &self,
        arguments: &[&str],
        environment: &[(&str, OsString)],
    ) -> anyhow::Result<()> {
        let (is_success, said) = self.ask(&[arguments, &["--check-config"]].concat(), environment).await?;
        ensure!(is_success, "{}", said.trim());
        Ok(())
    }

    /// Whether it succeeds, and what it says.
    async fn ask(
        &self,
        arguments: &[&str],
        environment: &[(&str, OsString)],
    ) -> anyhow::Result<(bool, String)> {
        let mut words = self.runner.iter().map(OsString::as_os_str).chain([self.program.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or(OsStr::new("")));
        command.args(words).args(arguments).env_clear();
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(ANSWER_TIMEOUT, running)
            .await
            .with_context(|| {
                format!("{} has not answered within {ANSWER_TIMEOUT:?}", self.program.display())
            })?
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let said = if output.status.success() { &output.stdout } else { &output.stderr };
        Ok((output.status.success(), String::from_utf8_lossy(said).into_owned()))
    }
}

/// Reads `[env: NAME=]` and `[default: VALUE]`, each on a line of its own as clap writes them in a long help. Defaults that are
/// described and not given are left out.
fn parse_help(help: &str) -> BTreeMap<String, Option<String>> {
    let mut settings = BTreeMap::new();
    let mut last = None;
    for line in help.lines().map(str::trim) {
        let of = |kind: &str| line.strip_prefix(kind).and_then(|rest| rest.strip_suffix(']'));
        if let Some(variable) = of("[env: ") {
            let name = variable.split('=').next().unwrap_or(variable).to_owned();
            last = Some(name.clone());
            settings.insert(name, None);
        } else if let Some(value) = of("[default: ") {
            if let Some(default) = last.as_ref().and_then(|name| settings.get_mut(name)) {
                *default = Some(value.to_owned());
            }
        } else if line.starts_with("--") {
            last = None;
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_their_defaults_are_read_from_a_help() {
        let help = "Options:\n      --work-kind <K>\n          What to do [default: x]\n\n          [env: WORK_KIND=]\n          \
                    [default: none]\n\n      --check-config\n          Check\n          [default: odd]\n      --url\n          [env: REDIS_URL]\n";
        let settings = parse_help(help);
        assert_eq!(settings["WORK_KIND"].as_deref(), Some("none"));
        assert_eq!(settings["REDIS_URL"], None);
        assert_eq!(settings.len(), 2);
    }
}
