//! Which image the pods run: that of the simulator, which has the program.

use super::super::{Sources, images};
use super::ProbeSource;
use crate::doctor::facts::Facts;
use crate::images::name;
use crate::images::pin::Pins;

const SERVICE: &str = "simulator";

/// The one that was said, else that of the manifests, of the pins, or of registry and revision.
///
/// # Errors
/// What to do where there is none.
pub(super) fn choose(sources: &Sources, wanted: &ProbeSource, facts: &Facts) -> Result<String, String> {
    let said = || wanted.image.clone();
    let of_manifests = || {
        let workloads = facts.manifests.known().map_or(&[][..], |manifests| &manifests.workloads);
        let containers = workloads.iter().flat_map(|workload| &workload.containers);
        let mut images = containers.map(|container| container.image.as_str());
        images.find(|image| images::service(image) == Some(SERVICE)).map(str::to_owned)
    };
    let of_pins = || {
        let folder = sources.manifests.as_ref().ok()?.pins.as_ref()?;
        let pin = Pins::read(folder).ok()?.pins.into_iter().find(|pin| pin.name == SERVICE)?;
        Some(format!("{}@{}", pin.repository, pin.digest))
    };
    let of_revision =
        || Some(name::of_service(sources.registry.as_deref()?, SERVICE, sources.revision.as_deref()?));
    said().or_else(of_manifests).or_else(of_pins).or_else(of_revision).ok_or_else(|| {
        "no pods were started on nodes, because no image of the simulator is pinned: build and pin it with \
         scripts/build-images, or say --probe-image IMAGE"
            .to_owned()
    })
}
