//! Checks of nodes: what they reach, their kernels, clocks and speed.

use crate::facts::{found, healthy, node, only, probe, reasons};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::facts::{Collected, Facts};

fn unreached(facts: &mut Facts, error: &str) {
    probe(facts, "r3-node").reached[0].error = Some(error.to_owned());
}

#[test]
fn what_a_node_does_not_reach_is_told_by_its_reason() {
    for (error, cause, remedy) in [
        ("10.43.0.12:6379: Connection refused (os error 111)", "nothing listens", "127.0.0.1"),
        ("10.43.0.12:6379: connection timed out", "no answer", "network policy"),
        ("cannot resolve it: failed to lookup address information", "cannot resolve the name", "CoreDNS"),
    ] {
        let mut facts = healthy();
        unreached(&mut facts, error);
        let found = only(&facts, Check::Dependencies, Severity::Error);
        assert_eq!(found.subject, "node r3-node");
        assert!(found.tells(cause, "redis at redis:6379", remedy), "{found:#?}");
    }
}

#[test]
fn a_node_without_a_memory_cgroup_is_found() {
    let mut facts = healthy();
    probe(&mut facts, "r1-node").has_memory_cgroup = false;
    let found = only(&facts, Check::Kernel, Severity::Error);
    assert_eq!(found.subject, "node r1-node");
    assert!(
        found.tells("does not account memory", "no memory cgroup", "cgroup_memory=1 cgroup_enable=memory"),
        "{found:#?}"
    );
}

#[test]
fn a_node_of_cgroup_version_1_is_found() {
    let mut facts = healthy();
    probe(&mut facts, "r1-node").cgroup_version = 1;
    let found = only(&facts, Check::Kernel, Severity::Warning);
    assert_eq!(found.subject, "node r1-node");
    assert!(found.tells("1.35", "cgroup version 1", "systemd.unified_cgroup_hierarchy=1"), "{found:#?}");
}

#[test]
fn modules_that_are_not_loaded_are_found() {
    for module in ["ip_set", "br_netfilter"] {
        let mut facts = healthy();
        probe(&mut facts, "r1-node").modules.retain(|loaded| loaded != module);
        let found = only(&facts, Check::Kernel, Severity::Warning);
        assert!(found.tells("polic", module, "modprobe"), "{found:#?}");
    }
}

#[test]
fn a_node_that_is_not_ready_is_found() {
    let mut facts = healthy();
    node(&mut facts, "r1-node").conditions[2].status = "Unknown".to_owned();
    let found = only(&facts, Check::Kernel, Severity::Error);
    assert!(found.tells("not ready", "Ready is Unknown", "journalctl"), "{found:#?}");
}

#[test]
fn a_node_under_pressure_is_found() {
    let mut facts = healthy();
    node(&mut facts, "r1-node").conditions[1].status = "True".to_owned();
    let found = only(&facts, Check::Kernel, Severity::Warning);
    assert!(found.tells("short of", "DiskPressure", "evicted"), "{found:#?}");
    // Its kubelet tells nothing, which is for the condition Ready to say.
    node(&mut facts, "r1-node").conditions[1].status = "Unknown".to_owned();
    assert!(crate::facts::found(&facts).is_empty());
}

#[test]
fn clocks_that_disagree_are_found() {
    for (offset_ms, severity) in
        [(499, None), (-500, Some(Severity::Warning)), (30_000, Some(Severity::Error))]
    {
        let mut facts = healthy();
        node(&mut facts, "r1-node").clock_offset_ms = Collected::Known(offset_ms);
        match severity {
            None => assert!(found(&facts).is_empty()),
            Some(severity) => {
                let found = only(&facts, Check::Kernel, severity);
                assert!(found.tells("clocks", &format!("{offset_ms} ms"), "chrony"), "{found:#?}");
            }
        }
    }
}

#[test]
fn a_governor_that_follows_the_load_is_found() {
    let mut facts = healthy();
    for frequency in &mut probe(&mut facts, "r1-node").frequencies {
        (frequency.governor, frequency.current_khz) = ("ondemand".to_owned(), 600_000);
    }
    let found = only(&facts, Check::PerformanceState, Severity::Warning);
    assert!(
        found.tells("governor", "ondemand, slowest processor at 600 of 1800 MHz", "echo performance"),
        "{found:#?}"
    );
}

#[test]
fn a_throttled_board_is_found() {
    for (bits, severity, evidence) in [
        (0x50005, Severity::Warning, "under-voltage, throttled (get_throttled 0x50005)"),
        (0x50000, Severity::Info, "under-voltage, throttled (get_throttled 0x50000)"),
    ] {
        let mut facts = healthy();
        probe(&mut facts, "r1-node").firmware_throttled = Some(bits);
        let found = only(&facts, Check::PerformanceState, severity);
        assert!(found.tells("firmware", evidence, "power supply"), "{found:#?}");
    }
}

#[test]
fn a_hot_board_is_found() {
    let mut facts = healthy();
    probe(&mut facts, "r1-node").temperature_celsius = Some(75.0);
    let found = only(&facts, Check::PerformanceState, Severity::Warning);
    assert!(found.tells("hot", "75 °C", "cool"), "{found:#?}");
}

#[test]
fn a_machine_without_frequencies_is_not_passed() {
    let reasons = reasons(&healthy(), Check::PerformanceState);
    assert!(reasons.len() == 1 && reasons[0].contains("no frequencies"), "{reasons:?}");
}
