//! Machines that are made of files, and this one.

use super::{Frequency, Target, probe};
use std::net::TcpListener;
use std::path::Path;

fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn a_raspberry_pi_is_known_by_its_files() {
    let root = machine(&[
        (
            "proc/cpuinfo",
            "processor\t: 0\nFeatures\t: fp asimd crc32\n\nprocessor\t: 1\nFeatures\t: fp asimd\n",
        ),
        ("sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "600000\n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "1800000\n"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        ("sys/class/thermal/thermal_zone0/temp", "61500\n"),
        ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n"),
        ("proc/modules", "br_netfilter 32768 0 - Live 0x0000000000000000\n"),
    ]);
    let facts = probe(root.path(), &[]);
    assert_eq!(facts.model.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
    assert_eq!(facts.cpu_features, ["asimd", "fp"], "what both processors have");
    let frequency = Frequency { governor: "ondemand".to_owned(), current_khz: 600_000, max_khz: 1_800_000 };
    assert_eq!(facts.frequencies, [frequency]);
    assert_eq!((facts.firmware_throttled, facts.temperature_celsius), (Some(0x50005), Some(61.5)));
    assert_eq!((facts.cgroup_version, facts.has_memory_cgroup), (2, false));
    assert_eq!(facts.modules, ["br_netfilter"]);
}

#[test]
fn a_controller_of_version_1_may_be_switched_off() {
    for (enabled, has) in [("1", true), ("0", false)] {
        let table = format!("#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t32\t{enabled}\n");
        let facts = probe(machine(&[("proc/cgroups", &table)]).path(), &[]);
        assert_eq!((facts.cgroup_version, facts.has_memory_cgroup), (1, has));
    }
}

#[test]
fn this_machine_is_read() {
    let facts = probe(Path::new("/"), &[]);
    assert!(facts.page_bytes >= 4096 && !facts.cpu_features.is_empty(), "{facts:?}");
    assert!(facts.cpus_allowed.is_some());
}

#[test]
fn addresses_are_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let target = || format!("redis={address}").parse::<Target>().unwrap();
    assert_eq!(probe(Path::new("/"), &[target()]).reached[0].error, None);
    drop(listener);
    let reached = probe(Path::new("/"), &[target()]).reached;
    assert!(reached[0].error.as_ref().unwrap().contains("refused"), "{reached:?}");
}

#[test]
fn a_target_has_a_name_and_a_port() {
    for text in ["redis", "redis=redis", "=redis:1", "redis=:6379", "redis=redis:x"] {
        let error = text.parse::<Target>().unwrap_err().to_string();
        assert!(error.contains("redis=HOST:PORT"), "{error}");
    }
}
