//! The programs in `dist/`, in a directory from which they can be run here.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

pub(crate) const SERVICES: [&str; 4] = ["ingest-api", "process-worker", "query-api", "simulator"];

/// The four services, each as a link to a script that runs it.
pub(crate) struct Programs {
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Programs {
    /// For `arm64`, by the emulator in `PATH`, or `amd64`.
    ///
    /// # Panics
    /// Where they have not been built or there is no emulator.
    pub(crate) fn of(architecture: &str) -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dist = package.join("../dist");
        let needed = SERVICES.map(|service| dist.join(architecture).join(service));
        for path in needed.iter().chain([&dist.join("base").join(architecture)]) {
            let message = "run scripts/cross-build and scripts/lib/runtime-base first";
            assert!(path.exists(), "{} is missing: {message}", path.display());
        }
        if architecture == "arm64" {
            expect_emulator("qemu-aarch64");
        }
        let directory = tempfile::tempdir().unwrap();
        for service in SERVICES {
            symlink(package.join("tests/programs").join(architecture), directory.path().join(service))
                .unwrap();
        }
        Self { directory, environment: Vec::new() }
    }

    /// By another emulator.
    ///
    /// # Panics
    /// Where it is not in `PATH`.
    pub(crate) fn by(mut self, emulator: &str) -> Self {
        expect_emulator(emulator);
        self.environment.push(("EMULATOR", emulator.to_owned()));
        self
    }

    /// Sets a variable of the emulator.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A command that runs `program` and, through it, these.
    pub(crate) fn command(&self, program: impl Into<PathBuf>) -> Command {
        let mut command = Command::new(program.into());
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).env("TELEMETRY", "off");
        command
    }

    /// A command that runs a service.
    pub(crate) fn service(&self, name: &str) -> Command {
        self.command(self.directory().join(name))
    }

    /// A command that runs testbed.
    pub(crate) fn testbed(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_testbed"))
    }
}

fn expect_emulator(name: &str) {
    let shown = std::process::Command::new(name).arg("--version").output();
    let message = "put what scripts/lib/qemu and scripts/lib/qemu-pages print into PATH first";
    assert!(shown.is_ok_and(|shown| shown.status.success()), "{name} is missing: {message}");
}
