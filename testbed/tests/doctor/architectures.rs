//! Checks of images against the architectures, processors and page sizes of nodes.

use crate::facts::{container, fail_image, found, healthy, known, node, only, pod, probe, workload};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::facts::{Collected, Taint, Toleration};
use testbed::images::check::Check as ImageCheck;
use testbed::images::platform::Platform;

#[test]
fn an_image_without_a_child_for_a_node_is_found() {
    let mut facts = healthy();
    fail_image(&mut facts, "ingest-api", ImageCheck::Platform, Some("arm64"));
    let found = only(&facts, Check::IndexCoversNodes, Severity::Error);
    assert!(found.tells("what is wrong", "r1-node and r3-node may get it", "what to do"), "{found:#?}");
}

#[test]
fn a_child_that_no_node_needs_is_only_noted() {
    let mut facts = healthy();
    fail_image(&mut facts, "ingest-api", ImageCheck::Platform, Some("arm64"));
    workload(&mut facts, "ingest-api").node_terms[0][0].values = vec!["amd64".to_owned()];
    only(&facts, Check::IndexCoversNodes, Severity::Info);
}

#[test]
fn without_a_cluster_both_platforms_are_asked_for() {
    let mut facts = healthy();
    fail_image(&mut facts, "ingest-api", ImageCheck::Platform, Some("arm64"));
    facts.cluster = Collected::Missing("--offline".to_owned());
    facts.nodes.clear();
    only(&facts, Check::IndexCoversNodes, Severity::Error);
}

#[test]
fn a_placement_that_no_node_satisfies_is_found() {
    let mut facts = healthy();
    workload(&mut facts, "query-api").node_terms[0][0].values = vec!["riscv64".to_owned()];
    let found = only(&facts, Check::IndexCoversNodes, Severity::Error);
    assert_eq!(found.subject, "Deployment query-api");
    assert!(
        found.tells("no node satisfies", "clus1, r1-node and r3-node", "another placement"),
        "{found:#?}"
    );
}

#[test]
fn cordons_and_taints_count_in_a_placement() {
    let mut facts = healthy();
    node(&mut facts, "clus1").is_cordoned = true;
    let taint = serde_json::from_str(r#"{"key": "board", "value": null, "effect": "NoSchedule"}"#).unwrap();
    node(&mut facts, "r1-node").taints = vec![taint];
    assert!(found(&facts).is_empty(), "r3-node is left");
    node(&mut facts, "r3-node").is_cordoned = true;
    let found = found(&facts);
    assert_eq!(found.len(), 3, "none is left for any service: {found:#?}");
}

#[test]
fn tolerations_open_nodes_by_the_rules_of_kubernetes() {
    let taint =
        || Taint { key: "board".to_owned(), value: Some("slow".to_owned()), effect: "NoSchedule".to_owned() };
    for (key, value, effect, is_open) in [
        (None, None, None, true),
        (Some("board"), None, None, true),
        (Some("board"), Some("slow"), None, true),
        (Some("board"), Some("slow"), Some("NoSchedule"), true),
        (Some("other"), None, None, false),
        (Some("board"), Some("fast"), None, false),
        (Some("board"), Some("slow"), Some("NoExecute"), false),
    ] {
        let mut facts = healthy();
        facts.nodes.iter_mut().for_each(|node| node.taints = vec![taint()]);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let toleration = Toleration { key: owned(key), value: owned(value), effect: owned(effect) };
        for service in ["ingest-api", "process-worker", "query-api"] {
            workload(&mut facts, service).tolerations = vec![toleration.clone()];
        }
        assert_eq!(found(&facts).is_empty(), is_open, "{toleration:?}");
    }
}

#[test]
fn a_32_bit_node_is_found_where_it_may_get_pods() {
    let mut facts = healthy();
    node(&mut facts, "r1-node").platform = Platform::linux("arm");
    // Its label is of the kubelet's own build.
    node(&mut facts, "r1-node").labels.insert("kubernetes.io/arch".to_owned(), "arm".to_owned());
    only(&facts, Check::IndexCoversNodes, Severity::Info);
    for service in ["ingest-api", "process-worker", "query-api"] {
        workload(&mut facts, service).node_terms.clear();
    }
    let found = only(&facts, Check::IndexCoversNodes, Severity::Error);
    assert_eq!(found.subject, "node r1-node");
    assert!(found.tells("32-bit", "linux/arm", "64-bit system"), "{found:#?}");
    facts.manifests = Collected::Missing("they are not known".to_owned());
    only(&facts, Check::IndexCoversNodes, Severity::Error);
}

#[test]
fn a_pod_that_fits_nowhere_is_found() {
    let mut facts = healthy();
    let reason = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.";
    pod(&mut facts, "query-api").unschedulable = Some(reason.to_owned());
    let found = only(&facts, Check::IndexCoversNodes, Severity::Error);
    assert!(found.tells("no node for the pod", reason, "placement"), "{found:#?}");
}

#[test]
fn what_is_wrong_inside_an_image_goes_to_its_check() {
    for (inside, check) in [
        (ImageCheck::Entrypoint, Check::ProgramArchitecture),
        (ImageCheck::Machine, Check::ProgramArchitecture),
        (ImageCheck::Configuration, Check::ConfigurationArchitecture),
        (ImageCheck::Interpreter, Check::Libc),
        (ImageCheck::Libraries, Check::Libc),
        (ImageCheck::User, Check::NonRoot),
        (ImageCheck::Access, Check::NonRoot),
    ] {
        let mut facts = healthy();
        fail_image(&mut facts, "query-api", inside, Some("arm64"));
        let found = only(&facts, check, Severity::Error);
        assert!(found.subject.ends_with("linux/arm64"), "{found:#?}");
    }
}

#[test]
fn small_pages_are_an_error_where_a_node_has_large_ones() {
    let mut facts = healthy();
    fail_image(&mut facts, "query-api", ImageCheck::PageSize, Some("arm64"));
    let found = only(&facts, Check::PageSize, Severity::Error);
    assert!(found.tells("", "r3-node: pages of 16384 bytes", "what to do"), "{found:#?}");
    probe(&mut facts, "r3-node").page_bytes = 4096;
    only(&facts, Check::PageSize, Severity::Info);
    node(&mut facts, "r3-node").probe = Collected::Missing("not probed".to_owned());
    only(&facts, Check::PageSize, Severity::Warning);
}

#[test]
fn new_instructions_are_an_error_where_a_node_lacks_them() {
    let mut facts = healthy();
    fail_image(&mut facts, "query-api", ImageCheck::Instructions, Some("arm64"));
    let found = only(&facts, Check::InstructionSet, Severity::Error);
    assert!(found.tells("", "r1-node: Raspberry Pi 4", "what to do"), "{found:#?}");
    probe(&mut facts, "r1-node").cpu_features.push("atomics".to_owned());
    only(&facts, Check::InstructionSet, Severity::Info);
}

#[test]
fn symptoms_of_pods_lead_to_the_check_that_explains_them() {
    type Symptom = (&'static str, Option<i32>, &'static str, Check);
    let symptoms: [Symptom; 5] = [
        (
            "StartError",
            Some(128),
            "exec /usr/local/bin/query-api: exec format error",
            Check::ProgramArchitecture,
        ),
        ("Error", Some(132), "", Check::InstructionSet),
        ("Error", Some(134), "<jemalloc>: Unsupported system page size", Check::PageSize),
        (
            "StartError",
            Some(128),
            "exec: \"/usr/local/bin/query-api\": no such file or directory",
            Check::Libc,
        ),
        ("StartError", Some(126), "exec: \"/root/query-api\": permission denied", Check::NonRoot),
    ];
    for (ended, code, message, check) in symptoms {
        let mut facts = healthy();
        let container = container(&mut facts, "query-api");
        container.ended = Some(ended.to_owned());
        container.exit_code = code;
        container.message = Some(message.to_owned());
        let found = only(&facts, check, Severity::Error);
        assert!(found.subject.starts_with("pod query-api-"), "{found:#?}");
    }
}

#[test]
fn nodes_that_were_not_probed_are_not_passed() {
    let mut facts = healthy();
    node(&mut facts, "r1-node").probe = Collected::Missing("no probe ran on it".to_owned());
    known(&mut facts.images);
    let results = testbed::doctor::examine(&facts, &[Check::PageSize]).results;
    let of_node: Vec<_> = results.iter().filter(|result| result.subject == "node r1-node").collect();
    assert_eq!(of_node.len(), 1);
    assert!(serde_json::to_string(of_node[0]).unwrap().contains("unchecked"), "{of_node:?}");
}
