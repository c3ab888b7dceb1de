//! What the kernel says of the machine, as far as it bears on performance: processor time, frequencies, temperatures,
//! throttling, pressure. A file that a machine does not have is no error.

mod kernel;

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

pub use self::kernel::Kernel;
use crate::metrics::{Metric, Readings, Registry};

/// Short against what people look at; some drivers take milliseconds for each processor's frequency.
const INTERVAL: Duration = Duration::from_secs(5);

/// Reads the machine's numbers into metrics.
#[derive(Clone)]
pub struct NodeWatch {
    kernel: Kernel,
    cpu_time: Readings,
    cpu_frequency: Readings,
    temperature: Readings,
    thermal_throttles: Readings,
    throttled: Readings,
    pressure: Readings,
    memory_available: Readings,
}

impl NodeWatch {
    /// Reads for the first time. `root` is where the machine's `/proc` and `/sys` are: `/`, or a directory into which a
    /// container has mounted them.
    pub fn new(registry: &Registry, root: &Path) -> Self {
        let watch = Self {
            kernel: Kernel::new(root),
            cpu_time: registry.readings(Metric::SystemCpuTime),
            cpu_frequency: registry.readings(Metric::SystemCpuFrequency),
            temperature: registry.readings(Metric::SystemTemperature),
            thermal_throttles: registry.readings(Metric::SystemThermalThrottles),
            throttled: registry.readings(Metric::SystemThrottled),
            pressure: registry.readings(Metric::SystemPressureStallTime),
            memory_available: registry.readings(Metric::SystemMemoryAvailable),
        };
        watch.sample();
        watch
    }

    /// Reads again and again until it is dropped.
    pub async fn run(self) {
        let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let watch = self.clone();
            if tokio::task::spawn_blocking(move || watch.sample()).await.is_err() {
                return;
            }
        }
    }

    fn sample(&self) {
        let kernel = &self.kernel;
        self.cpu_time.replace(kernel.cpu_seconds().into_iter().map(|(mode, s)| ([("cpu.mode", mode)], s)));
        let frequencies = kernel.frequencies_hz();
        let numbered = frequencies.iter().map(|(cpu, hz)| ([("cpu.logical_number", cpu.as_str())], *hz));
        self.cpu_frequency.replace(numbered);
        let temperatures = kernel.temperatures_celsius();
        self.temperature
            .replace(temperatures.iter().map(|(zone, celsius)| ([("zone", zone.as_str())], *celsius)));
        self.thermal_throttles.replace(kernel.thermal_throttles().map(|count| ([], count)));
        let throttled = kernel.firmware_throttled().into_iter().flatten();
        self.throttled.replace(throttled.map(|(reason, flag)| ([("reason", reason)], flag)));
        let pressure = kernel.pressure_seconds().into_iter();
        self.pressure
            .replace(pressure.map(|(resource, share, s)| ([("resource", resource), ("share", share)], s)));
        self.memory_available.replace(kernel.memory_available_bytes().map(|bytes| ([], bytes)));
    }
}
