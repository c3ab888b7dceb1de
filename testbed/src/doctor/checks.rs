//! The checks: functions from facts to findings, without a look at anything else.

mod architecture;
mod building;
mod collector;
mod dependencies;
mod findings;
mod images;
mod kernel;
mod memory;
mod performance;
mod placement;
mod pods;
mod processors;
mod pulling;
mod references;
mod singletons;
mod users;
mod volumes;

use super::check::Check;
use super::facts::Facts;
use super::report::{REPORT_VERSION, Report};
use findings::Findings;

/// Carries out the checks of `only`, or all where it is empty, in their order.
#[must_use]
pub fn examine(facts: &Facts, only: &[Check]) -> Report {
    let mut results = Vec::new();
    for check in Check::ALL.into_iter().filter(|check| only.is_empty() || only.contains(check)) {
        let mut findings = Findings::new(check);
        function(check)(facts, &mut findings);
        if findings.is_empty() {
            findings.unlisted(facts, "nodes");
        }
        results.extend(findings.finish());
    }
    Report { version: REPORT_VERSION, results }
}

fn function(check: Check) -> fn(&Facts, &mut Findings) {
    match check {
        Check::ImageExists => pulling::image_exists,
        Check::Placeholder => references::placeholder,
        Check::NodePulls => pulling::node_pulls,
        Check::IndexCoversNodes => architecture::index_covers_nodes,
        Check::ProgramArchitecture => architecture::program_architecture,
        Check::ConfigurationArchitecture => architecture::configuration_architecture,
        Check::Pinned => references::pinned,
        Check::NodeCache => pulling::node_cache,
        Check::Builder => building::builder,
        Check::TagCollision => building::tag_collision,
        Check::NonRoot => users::non_root,
        Check::PageSize => processors::page_size,
        Check::InstructionSet => processors::instruction_set,
        Check::Libc => architecture::libc,
        Check::CollectorConfiguration => collector::configuration,
        Check::Memory => memory::memory,
        Check::Singletons => singletons::singletons,
        Check::Volumes => volumes::volumes,
        Check::Pods => pods::pods,
        Check::Dependencies => dependencies::dependencies,
        Check::Kernel => kernel::kernel,
        Check::PerformanceState => performance::performance_state,
    }
}
