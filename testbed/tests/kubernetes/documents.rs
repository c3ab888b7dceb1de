//! Kustomizations that the documents show can be built.

use crate::rendering::render_text;
use crate::repository::Repository;

/// Blocks of YAML in a document that name components.
fn examples(document: &str) -> Vec<String> {
    let path = format!("{}/../docs/{document}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.map(|(block, _)| block.to_owned()).filter(|block| block.contains("\ncomponents:\n")).collect()
}

#[test]
fn examples_of_the_documents_render() {
    let repository = Repository::with_pins();
    for document in ["grafana.md", "images.md"] {
        let examples = examples(document);
        assert_eq!(examples.len(), 1, "{document}");
        let objects = render_text(&repository, &examples[0]);
        let services = objects.iter().filter(|it| it.kind() == "Deployment" && it.is_own());
        assert_eq!(services.count(), 3, "{document}");
        for workload in objects.iter().filter(|it| it.is_own() && it.pod().is_some()) {
            let faults = crate::rules::faults(workload);
            assert!(faults.is_empty(), "{document}: {faults:?}");
        }
    }
}

/// Components that come after a placement still reach its settings.
#[test]
fn observability_beside_a_placement_switches_telemetry_on() {
    let objects = render_text(&Repository::with_pins(), &examples("grafana.md")[0]);
    let is_shared = |name: &str| name.strip_prefix("testbed-").is_some_and(|hash| !hash.contains('-'));
    let map = objects.iter().find(|it| it.kind() == "ConfigMap" && is_shared(it.name())).unwrap();
    assert_eq!(map.at("/data/TELEMETRY"), "sampled");
    assert_eq!(map.at("/data/OTEL_EXPORTER_OTLP_ENDPOINT"), "http://otel-collector:4318");
}
