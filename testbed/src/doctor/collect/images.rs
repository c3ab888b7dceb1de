//! What the registry holds of the images that the manifests, or the revision, name.

use super::Sources;
use crate::cluster::objects::Object;
use crate::doctor::facts::{Collected, ImageFacts, ManifestFacts};
use crate::images::name::{self, SERVICES, short};
use crate::images::platform::{ARCHITECTURES, Platform};
use crate::images::registry::Registry;
use crate::images::verify::{Request, verify};
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn facts(
    sources: &Sources,
    manifests: &Collected<ManifestFacts>,
    platforms: &[Platform],
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<ImageFacts> {
    let images = references(sources, manifests)?;
    let pins = images.iter().filter_map(|image| image.split_once('@'));
    let pins = pins.map(|(repository, digest)| (repository.to_owned(), digest.to_owned())).collect();
    let mut wanted: Vec<Platform> = ARCHITECTURES.map(Platform::linux).into();
    let others = platforms.iter().filter(|platform| !ARCHITECTURES.contains(&platform.architecture.as_str()));
    wanted.extend(others.cloned().collect::<BTreeSet<_>>());
    let request = Request { images, platforms: wanted, pins, plan: None };
    let registry = Registry::new(sources.registry_options.clone());
    let report = verify(&request, &registry, progress).await;
    let digests = report.images.into_iter().filter_map(|image| Some((image.reference, image.digest?)));
    Ok(ImageFacts { digests: digests.collect::<BTreeMap<_, _>>(), results: report.results })
}

/// Those that the manifests name with a registry, else those of registry and revision.
fn references(sources: &Sources, manifests: &Collected<ManifestFacts>) -> anyhow::Result<Vec<String>> {
    let workloads = manifests.known().map_or(&[][..], |manifests| &manifests.workloads);
    let containers = workloads.iter().flat_map(|workload| &workload.containers);
    let named: BTreeSet<String> = containers
        .map(|container| container.image.clone())
        .filter(|image| service(image).is_some())
        .collect();
    match (&sources.registry, &sources.revision) {
        _ if !named.is_empty() => Ok(named.into_iter().collect()),
        (Some(registry), Some(revision)) => {
            Ok(SERVICES.map(|service| name::of_service(registry, service, revision)).into())
        }
        _ => anyhow::bail!(
            "no images are pinned: build them with scripts/build-images, or say --registry and --revision"
        ),
    }
}

/// The service whose image this is, where it names a registry.
pub(super) fn service(image: &str) -> Option<&'static str> {
    let (_, repository) = image.split_once('/')?;
    let name = short(repository.split('@').next().unwrap_or(repository));
    let name = name.split(':').next().unwrap_or(name);
    SERVICES.into_iter().find(|service| *service == name)
}

/// The registry of the first image of a service among the objects: `192.168.0.35:5000`.
#[must_use]
pub fn registry_of(objects: &[Object]) -> Option<String> {
    let mut images = objects.iter().flat_map(Object::images).filter(|image| service(image).is_some());
    let (registry, _) = images.next()?.split_once('/')?;
    Some(registry.to_owned())
}
