//! Whether cells can be had on this machine, found out before the first run.

use super::LocalTarget;
use super::arms::arms;
use super::programs::Runnable;
use crate::experiment::run::settings::CellSettings;
use crate::experiment::run::workload;
use anyhow::{Context, ensure};
use experiment::cell::Cell;
use experiment::plan::Timing;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Lengths with which a workload is checked; they make no difference to it.
const TIMING: Timing =
    Timing { warm_up_s: 1.0, measure_s: 1.0, cool_down_s: 1.0, overhead_s: 4.0, drain_timeout_s: 1.0 };

/// Checks one cell.
///
/// # Errors
/// What cannot be had, and what to do.
pub(super) async fn check(target: &LocalTarget, cell: &Cell) -> anyhow::Result<()> {
    let settings = CellSettings::of(cell)?;
    if settings.telemetry != "off" {
        ensure!(
            target.options.collector.is_some(),
            "telemetry = {:?} needs a collector: run scripts/lib/collector, which gets one, or name one with --collector",
            settings.telemetry
        );
    }
    for (service, arm) in arms(&settings, service::build::ARCH)? {
        let runnable = target.options.shelf.find(service.name(), arm)?;
        let variables = settings.services.get(&service);
        check_settings(&runnable, variables.unwrap_or(&BTreeMap::new())).await?;
    }
    check_load(target, &settings).await
}

async fn check_settings(runnable: &Runnable, variables: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let mut environment: Vec<(&str, OsString)> = vec![("REDIS_URL", "redis://127.0.0.1:6379".into())];
    environment.extend(variables.iter().map(|(name, value)| (name.as_str(), value.into())));
    runnable.check(&[], &environment).await
}

async fn check_load(target: &LocalTarget, settings: &CellSettings) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("workload.toml");
    std::fs::write(&file, workload::text(settings, &TIMING, 1)?)?;
    let program = target.options.shelf.native.simulator.clone();
    let simulator = Runnable { program, runner: Vec::new() };
    let environment = [("WORKLOAD", file.into_os_string())];
    simulator.check(&["run"], &environment).await.context("the simulator refuses the load of this cell")
}
