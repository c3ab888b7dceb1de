//! Instruments that a process has once, however many registries it makes: delivery of telemetry, log lines, and what
//! the kernel and the runtime say of the process.

use std::sync::OnceLock;

use crate::delivery::Deliveries;
use crate::log::LogCounters;
use crate::metrics::Registry;

static PROCESS_WIDE: OnceLock<ProcessWide> = OnceLock::new();

/// The instruments, and the registry that holds them.
pub(crate) struct ProcessWide {
    pub(crate) registry: Registry,
    pub(crate) deliveries: Deliveries,
    pub(crate) log: LogCounters,
}

/// The first call decides through which meter provider they are exported.
pub(crate) fn process_wide() -> &'static ProcessWide {
    PROCESS_WIDE.get_or_init(|| {
        let registry = Registry::process_wide();
        let (deliveries, log) = (Deliveries::new(&registry), LogCounters::new(&registry));
        ProcessWide { registry, deliveries, log }
    })
}
