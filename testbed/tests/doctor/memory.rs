//! Checks of memory: limits, nodes, quotas, and what was killed.

use crate::facts::{container, found, healthy, known, only, pod, workload};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::facts::{Facts, VolumeSource};

const MIB: u64 = 1024 * 1024;

fn memory_volume(facts: &mut Facts, size_limit_bytes: Option<u64>) {
    workload(facts, "query-api").volumes[0].source =
        VolumeSource::EmptyDir { is_memory: true, size_limit_bytes };
}

#[test]
fn a_limit_without_room_for_volumes_in_memory_is_found() {
    let mut facts = healthy();
    memory_volume(&mut facts, Some(192 * MIB));
    assert!(found(&facts).is_empty(), "192 MiB and the budget of 64 MiB are just the limit");
    memory_volume(&mut facts, Some(193 * MIB));
    let found = only(&facts, Check::Memory, Severity::Error);
    assert!(found.tells("less than", "limit 256.0 MiB, needed 257.0 MiB", "limits.memory"), "{found:#?}");
    memory_volume(&mut facts, None);
    only(&facts, Check::Memory, Severity::Warning);
}

#[test]
fn no_limit_is_found() {
    let mut facts = healthy();
    workload(&mut facts, "query-api").containers[0].limits.memory_bytes = None;
    let found = only(&facts, Check::Memory, Severity::Warning);
    assert!(found.tells("no memory limit", "not set", "resources.limits.memory"), "{found:#?}");
}

#[test]
fn a_pod_that_is_too_large_for_nodes_is_found() {
    let mut facts = healthy();
    workload(&mut facts, "query-api").containers[0].requests.memory_bytes = Some(9000 * MIB);
    let found = only(&facts, Check::Memory, Severity::Error);
    assert!(
        found.tells("more memory than any node", "9000.0 MiB, the largest", "requests.memory"),
        "{found:#?}"
    );
    workload(&mut facts, "query-api").containers[0].requests.memory_bytes = Some(5000 * MIB);
    let found = only(&facts, Check::Memory, Severity::Warning);
    assert!(found.tells("some nodes", "too much for r1-node", "placement"), "{found:#?}");
}

#[test]
fn a_quota_that_allows_too_little_is_found() {
    let mut facts = healthy();
    known(&mut facts.cluster).quotas[0].hard.insert("limits.memory".to_owned(), 1024 * MIB);
    let found = only(&facts, Check::Memory, Severity::Error);
    assert_eq!(found.subject, "quota testbed");
    assert!(found.tells("quota", "1664.0 MiB wanted, 1024.0 MiB allowed", "raise"), "{found:#?}");
}

#[test]
fn a_pod_without_room_is_found() {
    let mut facts = healthy();
    pod(&mut facts, "query-api").unschedulable =
        Some("0/3 nodes are available: 3 Insufficient memory.".to_owned());
    let found = only(&facts, Check::Memory, Severity::Error);
    assert!(found.tells("has enough left", "Insufficient memory", "requests"), "{found:#?}");
}

#[test]
fn what_was_killed_for_its_memory_is_found() {
    let mut facts = healthy();
    let container = container(&mut facts, "process-worker");
    (container.ended, container.exit_code, container.restarts) = (Some("OOMKilled".to_owned()), Some(137), 7);
    let found = only(&facts, Check::Memory, Severity::Error);
    assert!(
        found.tells("kernel killed", "process-worker was OOMKilled, 7 restarts", "limits.memory"),
        "{found:#?}"
    );
}

fn heap(facts: &mut Facts, limit: Option<&str>) {
    let environment = &mut workload(facts, "otel-collector").containers[0].environment;
    environment.remove("GOMEMLIMIT");
    environment.extend(limit.map(|limit| ("GOMEMLIMIT".to_owned(), limit.to_owned())));
}

#[test]
fn a_heap_that_fills_the_limit_is_found() {
    for (limit, severity, cause) in [
        ("256MiB", Severity::Warning, "no room"),
        ("231MiB", Severity::Warning, "no room"),
        ("1GiB", Severity::Warning, "no room"),
        ("300000000", Severity::Warning, "no room"),
        ("204Mi", Severity::Error, "no size that Go reads"),
        ("80%", Severity::Error, "no size that Go reads"),
    ] {
        let mut facts = healthy();
        heap(&mut facts, Some(limit));
        let found = only(&facts, Check::Memory, severity);
        assert!(
            found.tells(cause, &format!("GOMEMLIMIT {limit}, limit 256.0 MiB"), "MiB")
                || found.tells(cause, limit, "80 %"),
            "{found:#?}"
        );
    }
    for limit in ["230MiB", "209715200B", "209715200", "204800KiB"] {
        let mut facts = healthy();
        heap(&mut facts, Some(limit));
        assert!(found(&facts).is_empty(), "{limit}");
    }
}

#[test]
fn a_collector_that_does_not_know_its_limit_is_found() {
    let mut facts = healthy();
    heap(&mut facts, None);
    let found = only(&facts, Check::Memory, Severity::Warning);
    assert!(found.tells("does not know its memory limit", "GOMEMLIMIT is not set", "80 %"), "{found:#?}");
}
