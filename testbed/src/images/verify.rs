//! Looks into images and says for each check what came of it.

mod blobs;
mod collision;
mod entrypoint;
mod inspection;
mod ledger;
mod libraries;
mod pinned;
mod program;
mod reference;
mod report;
mod table;

pub use report::{ChildSummary, ImageSummary, REPORT_VERSION, Report};
pub use table::Style;

use super::plan::BuildPlan;
use super::platform::Platform;
use super::registry::Registry;
use blobs::Blobs;
use inspection::Inspection;
use std::collections::BTreeMap;

/// What is to be verified.
#[derive(Debug, Clone)]
pub struct Request {
    /// References as given: `host:5000/testbed/ingest-api:0123456789ab`.
    pub images: Vec<String>,
    /// The platforms of the nodes.
    pub platforms: Vec<Platform>,
    /// Digests of indexes by repository (`host:5000/testbed/ingest-api`), from a folder of pins.
    pub pins: BTreeMap<String, String>,
    /// What the bake file builds, for tags that two targets share.
    pub plan: Option<BuildPlan>,
}

/// Verifies all images, and calls `progress` with a line before each slow step.
pub async fn verify(request: &Request, registry: &Registry, progress: &mut dyn FnMut(&str)) -> Report {
    let mut blobs = Blobs::new(registry, progress);
    let mut inspections = Vec::new();
    for image in &request.images {
        let mut inspection = Inspection::new(image, request);
        inspection.look(&mut blobs).await;
        inspections.push(inspection);
    }
    let mut results = collision::of_plan(request);
    collision::compare(request, &mut inspections);
    let mut images = Vec::new();
    for inspection in inspections {
        let (image, found) = inspection.finish();
        images.push(image);
        results.extend(found);
    }
    Report { version: REPORT_VERSION, images, results }
}
