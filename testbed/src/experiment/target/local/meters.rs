//! Meters of energy beside those in the processor, which a look at the noise of a node reads: what each has counted, in
//! joules. The names begin with the kind of meter.

mod log;
mod rails;

use rails::Rails;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The meters that there are.
#[derive(Debug)]
pub(super) struct Meters {
    /// What a meter outside of the machine writes.
    log: Option<PathBuf>,
    rails: Option<Rails>,
}

impl Meters {
    /// Those of the machine whose `/sys` is below `root`, and one that writes the CSV `log`.
    pub(super) fn of(root: &Path, log: Option<PathBuf>) -> Self {
        Self { log, rails: Rails::watch(root) }
    }

    /// What each has counted until now.
    ///
    /// # Errors
    /// A log that cannot be read, or is not up to date.
    pub(super) fn joules(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let mut joules = self.rails.as_ref().map(Rails::joules).unwrap_or_default();
        if let Some(path) = &self.log {
            joules.insert("usb:meter".into(), log::joules(path, service::clock::unix_us() as f64 / 1e6)?);
        }
        Ok(joules)
    }
}
