//! Each placement, one after the other, as somebody would change from one to the next.

use crate::fixture::{AMD64, ARM64, Fixture};
use crate::repository::PLACEMENTS;

/// The node that a pod has to be on, where there is but one.
fn node(placement: &str, name: &str) -> Option<&'static str> {
    match (placement, name) {
        ("any" | "by-label", _) => None,
        ("arm64", _) | ("split" | "pinned", "process-worker") => Some(ARM64),
        _ => Some(AMD64),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_placement_is_applied_as_it_is_and_lands_where_it_says() {
    let fixture = Fixture::start().await;
    for placement in PLACEMENTS {
        let folder = fixture.repository.path().join("kubernetes/placements").join(placement);

        fixture.apply(&folder);

        fixture.settled(placement).await;
        let nodes = fixture.nodes().await;
        let names: Vec<&str> = nodes.keys().map(String::as_str).collect();
        assert_eq!(names, ["ingest-api", "process-worker", "query-api", "redis"], "{placement}");
        for (name, found) in nodes {
            let allowed = node(placement, &name).map_or(vec![AMD64, ARM64], |node| vec![node]);
            let is_allowed = |found: &String| allowed.contains(&found.as_str());
            assert!(found.iter().all(is_allowed), "{placement}: {name} is on {found:?}, not on {allowed:?}");
        }
    }
}
