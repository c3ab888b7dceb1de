//! What this machine is like at a moment.

use crate::experiment::target::environment::{Machine, environment};
use experiment::environment::NodeEnvironment;
use node_facts::noise::Noise;
use std::fs;
use std::io;
use std::path::Path;

/// The name of this machine.
pub(super) fn node() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this machine".into() } else { name.trim().to_owned() }
}

/// Looks at this machine, for about a second; writes into `directory`.
///
/// # Errors
/// Where it does not even say how many processors it has, or nothing can be written there.
pub(super) fn look(directory: &Path) -> io::Result<NodeEnvironment> {
    let root = Path::new("/");
    let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let machine = Machine {
        node: node(),
        architecture: service::build::ARCH.into(),
        kernel: text("proc/sys/kernel/osrelease").trim().to_owned(),
        processors: u32::try_from(std::thread::available_parallelism()?.get()).unwrap_or(u32::MAX),
        memory_bytes: memory_bytes(&text("proc/meminfo")).unwrap_or(0),
    };
    Ok(environment(machine, node_facts::probe(root, &[]), Noise::look(root, directory)?))
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
        let environment = look(directory.path()).unwrap();
        assert_eq!(environment.architecture, service::build::ARCH);
        assert!(environment.processors > 0 && environment.memory_bytes > 1 << 20, "{environment:?}");
        assert!(environment.processor_time_s["idle"] > 0.0 && environment.page_bytes >= 4096);
        assert!(environment.spin_jitter_us > Some(0.0) && environment.fsync_us > Some(0.0));
        assert!(!environment.kernel.is_empty() && environment.node == node(), "{environment:?}");
    }
}
