//! What makes figures of two runs differ though nothing was changed: counters since the node started, of which two make a
//! difference, and trials of what a program here gets.

mod meters;
mod trials;

pub use meters::rapl_ranges_j;

use observability::node::Kernel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Counters and trials at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Seconds of processor time since the node started, by state: `user`, `idle`, `steal`, …
    pub processor_time_s: BTreeMap<String, f64>,
    /// Microseconds in which something waited since the node started, by resource: `cpu`, `memory`, `io` (PSI, "some").
    pub pressure_us: BTreeMap<String, u64>,
    /// How late a thread woke that asked for a moment, microseconds, 99th percentile of a second's trial.
    pub spin_jitter_us: f64,
    /// How long 4 KiB took to be on storage, microseconds, median of a trial.
    pub fsync_us: f64,
    /// Joules since the meter started, by meter: `rapl:package-0`.
    pub energy_j: BTreeMap<String, f64>,
    /// Joules at which a meter begins again at 0.
    #[serde(default)]
    pub energy_range_j: BTreeMap<String, f64>,
}

impl Noise {
    /// Looks at the machine whose `/proc` and `/sys` are below `root`, for about a second; writes into `directory`.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub fn look(root: &Path, directory: &Path) -> io::Result<Self> {
        let kernel = Kernel::new(root);
        let pressure = kernel.pressure_seconds().into_iter().filter(|(_, share, _)| *share == "some");
        Ok(Self {
            // The trials first: the counters are those of the moment at which they are read.
            fsync_us: trials::fsync_us(directory)?,
            spin_jitter_us: trials::jitter_us(),
            processor_time_s: kernel
                .cpu_seconds()
                .into_iter()
                .map(|(mode, seconds)| (mode.to_owned(), seconds))
                .collect(),
            pressure_us: pressure
                .map(|(resource, _, seconds)| (resource.to_owned(), (seconds * 1e6) as u64))
                .collect(),
            energy_j: meters::rapl_joules(root),
            energy_range_j: meters::rapl_ranges_j(root),
        })
    }
}

/// The file's text without blanks at its ends.
fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let noise = Noise::look(Path::new("/"), directory.path()).unwrap();
        assert!(noise.processor_time_s["idle"] > 0.0 && noise.spin_jitter_us > 0.0, "{noise:?}");
        assert!(noise.fsync_us > 0.0, "{noise:?}");
    }

    #[test]
    fn directory_that_takes_no_files_is_an_error() {
        assert!(Noise::look(Path::new("/"), Path::new("/nowhere")).is_err());
    }
}
