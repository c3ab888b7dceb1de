//! What can be wrong: a healthy cluster with one thing broken.

// With their paths, as the tests include this file from elsewhere.
#[path = "cases/change.rs"]
pub(crate) mod change;
#[path = "cases/cluster.rs"]
mod cluster;
#[path = "cases/images.rs"]
mod images;
#[path = "cases/manifests.rs"]
mod manifests;

use testbed::doctor::check::Check;
use testbed::doctor::facts::Facts;

/// One thing that is wrong, or several that come together.
pub(crate) struct Case {
    /// Of its recording and of its block of the page.
    pub(crate) name: &'static str,
    /// The checks that are asked; all, where it is empty.
    pub(crate) only: &'static [Check],
    pub(crate) change: fn(&mut Facts),
}

impl Case {
    pub(crate) fn facts(&self) -> Facts {
        let mut facts = change::healthy();
        (self.change)(&mut facts);
        facts
    }
}

const fn case(name: &'static str, only: &'static [Check], change: fn(&mut Facts)) -> Case {
    Case { name, only, change }
}

/// In the order of the checks.
pub(crate) const CASES: &[Case] = &[
    case("absent-image", &[Check::ImageExists], images::absent),
    case("placeholder-tag", &[Check::Placeholder], manifests::placeholder_tag),
    case("no-mirror", &[Check::NodePulls], cluster::no_mirror),
    case("one-platform", &[Check::IndexCoversNodes], images::one_platform),
    case("single-manifest", &[Check::IndexCoversNodes], images::single_manifest),
    case("wrong-program", &[Check::ProgramArchitecture], images::wrong_program),
    case("wrong-label", &[Check::ConfigurationArchitecture], images::wrong_label),
    case("unpinned", &[Check::Pinned], manifests::unpinned),
    case("kept-image", &[Check::NodeCache], cluster::kept_image),
    case("https-builder", &[Check::Builder], manifests::https_builder),
    case("shared-tag", &[Check::TagCollision], manifests::shared_tag),
    case("unreadable-program", &[Check::NonRoot], images::unreadable_program),
    case("large-pages", &[Check::PageSize], images::large_pages),
    case("new-atomics", &[Check::InstructionSet], images::new_atomics),
    case("no-loader", &[Check::Libc], images::no_loader),
    case("removed-exporter", &[Check::CollectorConfiguration], manifests::removed_exporter),
    case("misspelt-key", &[Check::CollectorConfiguration], manifests::misspelt_key),
    case("out-of-memory", &[Check::Memory], manifests::out_of_memory),
    case("many-schedulers", &[Check::Singletons], manifests::many_schedulers),
    case("pinning-volume", &[Check::Volumes], manifests::pinning_volume),
    case("refused-pods", &[Check::Pods], cluster::refused_pods),
    case("unready-pod", &[Check::Pods], cluster::unready_pod),
    case("separate-data", &[Check::Dependencies], manifests::separate_data),
    case("unreachable-redis", &[Check::Dependencies], cluster::unreachable_redis),
    case("no-memory-cgroup", &[Check::Kernel], cluster::no_memory_cgroup),
    case("slow-node", &[Check::PerformanceState], cluster::slow_node),
    case("predecessor", &[], predecessor),
];

/// All that kept an earlier system from running, at once.
fn predecessor(facts: &mut Facts) {
    let all: [fn(&mut Facts); 11] = [
        images::absent,
        images::single_manifest,
        images::wrong_program,
        manifests::placeholder_tag,
        manifests::pinning_volume,
        cluster::no_mirror,
        manifests::removed_exporter,
        manifests::separate_data,
        manifests::many_schedulers,
        manifests::out_of_memory,
        images::unreadable_program,
    ];
    all.into_iter().for_each(|change| change(facts));
}
