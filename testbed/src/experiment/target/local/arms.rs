//! Of which architecture each service is, and whether it is emulated.

use crate::experiment::run::settings::{ANYWHERE, CellSettings};
use anyhow::{Context, bail};
use experiment::plan::Service;
use std::collections::BTreeMap;

/// Architectures of which there are programs.
pub(super) const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// What a service runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arm {
    pub(super) architecture: &'static str,
    /// By an emulator: it may be of the architecture of this machine all the same, so that two emulated ones can be compared.
    pub(super) is_emulated: bool,
}

/// The arm of each service, on a machine of the architecture `host`.
///
/// # Errors
/// A placement that is not known here.
pub(super) fn arms(settings: &CellSettings, host: &'static str) -> anyhow::Result<BTreeMap<Service, Arm>> {
    let of = |(service, place): (&Service, &String)| {
        let arm = arm(place, host);
        Ok((*service, arm.with_context(|| format!("placement {place:?} of {}", service.name()))?))
    };
    settings.placement.iter().map(of).collect()
}

fn arm(place: &str, host: &'static str) -> anyhow::Result<Arm> {
    if place == ANYWHERE {
        return Ok(Arm { architecture: host, is_emulated: false });
    }
    let (name, is_asked_for) = match place.strip_prefix("emulated-") {
        Some(name) => (name, true),
        None => (place, false),
    };
    let Some(architecture) = ARCHITECTURES.into_iter().find(|architecture| *architecture == name) else {
        bail!(
            "there are no nodes on this machine, only architectures: use any, amd64, arm64, emulated-amd64 or \
             emulated-arm64, or --target cluster"
        );
    };
    Ok(Arm { architecture, is_emulated: is_asked_for || architecture != host })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_architecture_is_emulated_and_the_own_one_only_if_asked_for() {
        for (place, architecture, is_emulated) in [
            ("any", "amd64", false),
            ("amd64", "amd64", false),
            ("arm64", "arm64", true),
            ("emulated-amd64", "amd64", true),
            ("emulated-arm64", "arm64", true),
        ] {
            assert_eq!(arm(place, "amd64").unwrap(), Arm { architecture, is_emulated }, "{place}");
        }
    }

    #[test]
    fn placement_of_a_cluster_is_refused_with_those_there_are() {
        let error = arm("split", "amd64").unwrap_err().to_string();
        assert!(error.contains("use any, amd64, arm64, emulated-amd64"), "{error}");
    }
}
