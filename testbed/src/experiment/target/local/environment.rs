//! What this machine is like at a moment.

use super::meters::Meters;
use crate::experiment::target::environment::{Machine, environment};
use experiment::environment::NodeEnvironment;
use node_facts::noise::Noise;
use std::fs;
use std::path::Path;

/// The name of this machine.
pub(super) fn node() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this machine".into() } else { name.trim().to_owned() }
}

/// What is known of this machine before a look at it.
#[derive(Debug)]
pub(super) struct ThisMachine {
    /// How many processors runs may use: the thread that looks is kept to some of them.
    pub(super) processors: u32,
    pub(super) meters: Meters,
}

impl ThisMachine {
    /// Looks at this machine, for about a second; writes into `directory`.
    ///
    /// # Errors
    /// Where nothing can be written there, or a meter cannot be read.
    pub(super) fn look(&self, directory: &Path) -> anyhow::Result<NodeEnvironment> {
        let root = Path::new("/");
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let machine = Machine {
            node: node(),
            architecture: service::build::ARCH.into(),
            kernel: text("proc/sys/kernel/osrelease").trim().to_owned(),
            processors: self.processors,
            memory_bytes: memory_bytes(&text("proc/meminfo")).unwrap_or(0),
        };
        let mut seen = environment(machine, node_facts::probe(root, &[]), Noise::look(root, directory)?);
        seen.energy_j.extend(self.meters.joules()?);
        Ok(seen)
    }
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_says_what_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let machine = ThisMachine { processors: 3, meters: Meters::of(directory.path(), None) };
        let environment = machine.look(directory.path()).unwrap();
        assert_eq!(environment.architecture, service::build::ARCH);
        assert!(environment.processors == 3 && environment.memory_bytes > 1 << 20, "{environment:?}");
        assert!(environment.processor_time_s["idle"] > 0.0 && environment.page_bytes >= 4096);
        assert!(environment.spin_jitter_us > Some(0.0) && environment.fsync_us > Some(0.0));
        assert!(!environment.kernel.is_empty() && environment.node == node(), "{environment:?}");
    }
}
