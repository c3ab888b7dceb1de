//! Each component, beside the base.

use std::fs;

use crate::fixture::{Fixture, NARROW};

/// Components that are there, whatever they are called.
fn components(fixture: &Fixture) -> Vec<String> {
    let folders = fs::read_dir(fixture.repository.path().join("kubernetes/components")).unwrap();
    let mut names: Vec<String> =
        folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// What has to stand before it, and it.
fn with_what_it_needs(component: &str) -> Vec<&str> {
    match component {
        "redis" | "external-redis" => vec![component],
        "external-redis-password" => vec!["simulator-job", "external-redis", component],
        "network-policy-external" => vec!["external-redis", "network-policy", component],
        _ => vec!["redis", component],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_component_is_applied_as_it_is_and_lands_on_no_32_bit_node() {
    let fixture = Fixture::start().await;
    let components = components(&fixture);
    assert!(components.len() > 14, "{components:?}");
    // Its objects are of a kind that this cluster does not have: see keda.rs.
    for component in components.iter().filter(|it| *it != "autoscaling-keda") {
        fixture.apply(&fixture.repository.combine(&with_what_it_needs(component)));

        fixture.settled(component).await;
        for (name, nodes) in fixture.nodes().await {
            assert!(!nodes.iter().any(|node| node == NARROW), "{component}: {name} is on {nodes:?}");
        }
        if component == "observability" {
            let nodes = fixture.nodes().await;
            for name in ["otel-collector", "prometheus", "tempo", "loki", "grafana"] {
                assert!(nodes.contains_key(name), "{name} is missing in {nodes:?}");
            }
        }
        fixture.delete_jobs().await;
    }
}
