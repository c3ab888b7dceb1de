//! What is read of machines of different kinds. The fixtures have the files of each, shortened.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use observability::metrics::{Metric, Registry};
use observability::node::NodeWatch;

/// The series of a metric on the machine whose files are below `root`.
struct Machine(Registry);

impl Machine {
    fn fixture(name: &str) -> Self {
        Self::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name))
    }

    fn at(root: &Path) -> Self {
        let registry = Registry::new();
        NodeWatch::new(&registry, root);
        Self(registry)
    }

    fn series(&self, metric: Metric) -> BTreeMap<String, f64> {
        self.0.snapshot().gauges.get(metric.spec().name).map(|found| found.by.clone()).unwrap_or_default()
    }

    fn value(&self, metric: Metric) -> Option<f64> {
        self.0.snapshot().gauges.get(metric.spec().name).map(|found| found.total)
    }
}

fn series<const N: usize>(expected: [(&str, f64); N]) -> BTreeMap<String, f64> {
    expected.into_iter().map(|(labels, value)| (labels.to_owned(), value)).collect()
}

#[test]
fn raspberry_pi_has_frequencies_temperature_and_pressure() {
    let machine = Machine::fixture("raspberry-pi-5");
    let cpu_time = machine.series(Metric::SystemCpuTime);
    assert_eq!((cpu_time["cpu.mode=user"], cpu_time["cpu.mode=iowait"]), (1200.0, 12.0));
    let frequencies = machine.series(Metric::SystemCpuFrequency);
    assert_eq!((frequencies.len(), frequencies["cpu.logical_number=3"]), (4, 2.4e9));
    assert_eq!(machine.series(Metric::SystemTemperature), series([("zone=cpu-thermal", 61.25)]));
    let pressure = machine.series(Metric::SystemPressureStallTime);
    assert_eq!((pressure.len(), pressure["resource=memory,share=some"]), (6, 2.5));
    assert_eq!(pressure["resource=io,share=full"], 0.5);
    assert_eq!(machine.value(Metric::SystemMemoryAvailable), Some(7_000_000.0 * 1024.0));
    assert_eq!(machine.value(Metric::SystemThermalThrottles), None);
}

#[test]
fn firmware_of_a_raspberry_pi_says_why_it_throttles() {
    // Under-voltage and throttled now; the upper bits are about the past.
    for firmware in ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"] {
        let root = tempfile::tempdir().expect("temporary directory");
        let directory = root.path().join("sys/devices/platform").join(firmware);
        fs::create_dir_all(&directory).expect("created");
        fs::write(directory.join("get_throttled"), "20005\n").expect("written");
        let expected = series([
            ("reason=under_voltage", 1.0),
            ("reason=frequency_capped", 0.0),
            ("reason=throttled", 1.0),
            ("reason=temperature_limit", 0.0),
        ]);
        assert_eq!(Machine::at(root.path()).series(Metric::SystemThrottled), expected, "{firmware}");
    }
}

#[test]
fn zones_of_the_same_type_are_told_apart_and_sleeping_sensors_left_out() {
    let machine = Machine::fixture("jetson");
    let expected =
        series([("zone=cpu-thermal", 48.5), ("zone=gpu-thermal", 47.0), ("zone=cpu-thermal-2", -1.0)]);
    assert_eq!(machine.series(Metric::SystemTemperature), expected);
    assert!(machine.series(Metric::SystemPressureStallTime).is_empty());
}

#[test]
fn virtual_machine_has_steal_and_counts_each_core_once() {
    let machine = Machine::fixture("x86-vm");
    let cpu_time = machine.series(Metric::SystemCpuTime);
    assert_eq!((cpu_time.len(), cpu_time["cpu.mode=steal"]), (8, 8.88));
    assert_eq!(machine.value(Metric::SystemThermalThrottles), Some(3.0 + 8.0));
    assert!(machine.series(Metric::SystemCpuFrequency).is_empty());
    let expected = series([("resource=cpu,share=some", 1.0)]);
    assert_eq!(machine.series(Metric::SystemPressureStallTime), expected);
}

#[test]
fn machine_without_any_of_the_files_has_no_series() {
    let root = tempfile::tempdir().expect("temporary directory");
    let machine = Machine::at(root.path());
    for metric in [Metric::SystemCpuTime, Metric::SystemThrottled, Metric::SystemMemoryAvailable] {
        assert_eq!(machine.value(metric), None);
    }
}

#[test]
fn this_machine_has_processor_time_and_memory() {
    let machine = Machine::at(Path::new("/"));
    assert!(machine.series(Metric::SystemCpuTime)["cpu.mode=idle"] > 0.0);
    assert!(machine.value(Metric::SystemMemoryAvailable) > Some(0.0));
}
