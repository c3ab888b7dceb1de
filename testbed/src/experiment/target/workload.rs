//! How long the load of a workload file takes.

use anyhow::Context;
use serde::Deserialize;
use std::time::Duration;
use toml_file::Seconds;

/// A workload file, in part.
#[derive(Debug, Deserialize)]
struct Workload {
    #[serde(default)]
    phases: Vec<Phase>,
}

#[derive(Debug, Deserialize)]
struct Phase {
    duration: Option<Seconds>,
}

/// How long all phases of a workload file take together.
///
/// # Errors
/// A file that is no workload.
pub(super) fn phases(workload: &str) -> anyhow::Result<Duration> {
    let workload: Workload = toml::from_str(workload).context("the workload file is not understood")?;
    let phases_s: f64 = workload.phases.iter().filter_map(|phase| Some(phase.duration.as_ref()?.0)).sum();
    Duration::try_from_secs_f64(phases_s).context("the phases of the workload file take too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_takes_as_long_as_its_phases() {
        let workload = "seed = 1\n[[phases]]\nduration = \"2500ms\"\n[[phases]]\nduration = \"1m\"\n";
        assert_eq!(phases(workload).unwrap(), Duration::from_millis(62_500));
        let endless = phases("[[phases]]\nduration = 1e300\n").unwrap_err().to_string();
        assert!(endless.contains("take too long"), "{endless}");
    }
}
