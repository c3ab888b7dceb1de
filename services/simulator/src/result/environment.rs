//! Where a run took place, and what the load generator says of itself.

use std::fs;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// Name of this instance.
    pub instance: String,
    /// Version of the simulator.
    pub version: String,
    /// Revision that it was built from, where known.
    pub revision: Option<String>,
    /// Architecture.
    pub arch: String,
    /// Operating system.
    pub os: String,
    /// Kernel release, where known.
    pub kernel: Option<String>,
    /// Model of the processor or of the board, where known.
    pub cpu_model: Option<String>,
    /// Processors that this process may use.
    pub cores: usize,
    /// Memory of the machine, where known.
    pub memory_bytes: Option<u64>,
}

/// What the load generator says of itself. Times of processors are those between the start and the end of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Threads that sent.
    pub threads: usize,
    /// Processor time of the whole process, user and system.
    pub cpu_s: f64,
    /// The same for each second of the run.
    pub cpu_s_per_s: f64,
    /// Processor time for each second of the busiest sending thread in its busiest second of the measured phases,
    /// 0 to 1.
    pub lane_cpu_share_max: f64,
    /// Smallest step of the monotonic clock.
    pub timer_resolution_us: f64,
    /// How much later than asked for the timer woke an idle thread: 99th percentile of the lanes' own waits.
    pub wakeup_overshoot_p99_us: f64,
    /// How far the wall clock moved against the monotonic clock during the run.
    pub clock_step_us: f64,
    /// How often another process was given the processor of a sending thread.
    pub involuntary_switches: u64,
}

impl Generator {
    /// Adds what another shard of the same run says of itself: sums, and the worst where a sum means nothing.
    pub(crate) fn add(&mut self, other: &Self) {
        self.threads += other.threads;
        self.cpu_s += other.cpu_s;
        self.cpu_s_per_s += other.cpu_s_per_s;
        self.lane_cpu_share_max = self.lane_cpu_share_max.max(other.lane_cpu_share_max);
        self.timer_resolution_us = self.timer_resolution_us.max(other.timer_resolution_us);
        self.wakeup_overshoot_p99_us = self.wakeup_overshoot_p99_us.max(other.wakeup_overshoot_p99_us);
        if other.clock_step_us.abs() > self.clock_step_us.abs() {
            self.clock_step_us = other.clock_step_us;
        }
        self.involuntary_switches += other.involuntary_switches;
    }
}

impl Environment {
    /// That of this process.
    pub(crate) fn here(instance: String) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
        Self {
            instance,
            version: service::build::VERSION.to_owned(),
            revision: service::build::REVISION.map(str::to_owned),
            arch: service::build::ARCH.to_owned(),
            os: std::env::consts::OS.to_owned(),
            kernel: (!kernel.is_empty()).then_some(kernel),
            cpu_model: cpu_model(&read("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_bytes(&read("/proc/meminfo")),
        }
    }
}

/// x86 names the processor (`model name`); ARM boards name themselves at the end (`Model`).
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let named = |wanted: &str| {
        let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        let mut values = fields.filter(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim());
        values.next().filter(|value| !value.is_empty()).map(str::to_owned)
    };
    named("model name").or_else(|| named("Model"))
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_and_boards_are_named() {
        let x86 = "processor\t: 0\nmodel name\t: Some CPU @ 2.80GHz\n\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(cpu_model(x86).as_deref(), Some("Some CPU @ 2.80GHz"));
        let arm =
            "processor\t: 0\nBogoMIPS\t: 108.00\n\nRevision\t: d03115\nModel\t\t: Raspberry Pi 4 Model B\n";
        assert_eq!(cpu_model(arm).as_deref(), Some("Raspberry Pi 4 Model B"));
        assert_eq!(cpu_model(""), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(memory_bytes("MemTotal:       16 kB\nMemFree: 1 kB\n"), Some(16384));
        assert_eq!(memory_bytes("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn generators_add_sums_and_keep_the_worst() {
        let one = Generator { threads: 1, cpu_s: 2.0, clock_step_us: 5.0, ..Generator::default() };
        let other = Generator {
            threads: 2,
            cpu_s: 3.0,
            lane_cpu_share_max: 0.7,
            clock_step_us: -9.0,
            ..Generator::default()
        };
        let mut sum = one;
        sum.add(&other);
        assert_eq!((sum.threads, sum.cpu_s, sum.lane_cpu_share_max, sum.clock_step_us), (3, 5.0, 0.7, -9.0));
    }
}
