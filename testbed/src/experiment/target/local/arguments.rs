//! Arguments of local runs.

use super::LocalOptions;
use super::programs::Shelf;
use crate::stack::programs::Programs;
use crate::stack::{collector, redis_server};
use anyhow::Context;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Where the parts of local runs are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Local runs")]
pub struct LocalArgs {
    /// Directory of the programs of this machine [default: beside testbed, else PATH]
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Directory of arm64 programs, to be emulated; beside it is base/arm64, the C library
    #[arg(long, value_name = "DIR", default_value = "dist/arm64")]
    pub programs_arm64: PathBuf,
    /// Directory of amd64 programs, to be emulated; beside it is base/amd64, the C library
    #[arg(long, value_name = "DIR", default_value = "dist/amd64")]
    pub programs_amd64: PathBuf,
    /// Redis or Valkey server [default: redis-server, else valkey-server, in PATH]
    #[arg(long, value_name = "PATH")]
    pub redis_server: Option<PathBuf>,
    /// OpenTelemetry Collector, for runs with telemetry [default: otelcol-testbed or otelcol-contrib, beside testbed or in PATH]
    #[arg(long, value_name = "PATH")]
    pub collector: Option<PathBuf>,
    /// Seconds that the parts have to become ready; emulated ones take long
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub ready_timeout_s: u64,
    /// Seconds that a part has to stop before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub stop_timeout_s: u64,
    /// CSV with the columns time and watts that a meter of this machine's power goes on writing
    #[arg(long, value_name = "FILE")]
    pub energy_csv: Option<PathBuf>,
    /// Where programs are looked for.
    #[arg(long = "env-path", env = "PATH", hide = true)]
    pub search_path: Option<OsString>,
}

impl LocalArgs {
    /// Those that somebody has said, by their names; an own default does not count, nor the environment.
    #[must_use]
    pub fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--programs", self.programs.is_some()),
            ("--redis-server", self.redis_server.is_some()),
            ("--collector", self.collector.is_some()),
            ("--energy-csv", self.energy_csv.is_some()),
        ];
        all.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect()
    }

    /// What is needed for local runs, found.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub fn options(&self) -> anyhow::Result<LocalOptions> {
        let guard = std::env::current_exe().context("cannot see where testbed itself is")?;
        let beside = match &self.programs {
            Some(directory) => directory.clone(),
            None => guard.parent().context("testbed is in no directory")?.to_owned(),
        };
        let native = Programs::find(&beside, self.search_path.as_deref())?;
        let emulated = [("amd64", &self.programs_amd64), ("arm64", &self.programs_arm64)];
        let absolute = |path: &PathBuf| std::path::absolute(path);
        let emulated = emulated.map(|(name, path)| absolute(path).map(|path| (name, path)));
        let search_path = self.search_path.clone();
        let collector = self.collector.clone();
        Ok(LocalOptions {
            redis: redis_server::find(self.redis_server.as_deref(), search_path.as_deref())?,
            collector: collector.or_else(|| collector::find(&beside, search_path.as_deref()).ok()),
            shelf: Shelf { native, emulated: emulated.into_iter().collect::<Result<_, _>>()?, search_path },
            guard: Some(guard),
            ready_timeout: Duration::from_secs(self.ready_timeout_s),
            stop_timeout: Duration::from_secs(self.stop_timeout_s),
            energy_csv: self.energy_csv.clone(),
        })
    }
}
