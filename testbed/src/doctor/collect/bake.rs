//! What the bake file is going to build.

use super::{Sources, run};
use crate::doctor::facts::{BakeTarget, BuildFacts};
use crate::images::plan::BuildPlan;
use anyhow::Context as _;
use tokio::process::Command;

/// Fills in for a registry and a revision that were not said: which targets share a tag does not depend on them.
const REGISTRY: &str = "registry.invalid:5000";
const REVISION: &str = "doctor";

pub(super) async fn facts(sources: &Sources) -> anyhow::Result<BuildFacts> {
    let mut command = Command::new("docker");
    command.args(["buildx", "bake", "--print", "--file"]).arg(&sources.bake_file);
    command.env("REGISTRY", sources.registry.as_deref().unwrap_or(REGISTRY));
    command.env("REVISION", sources.revision.as_deref().unwrap_or(REVISION));
    let json = run::text(&mut command, "install docker with its plugin buildx").await?;
    parse(&json)
}

fn parse(json: &str) -> anyhow::Result<BuildFacts> {
    let plan = BuildPlan::parse(json).context("docker buildx bake --print printed something else")?;
    let target = |target: crate::images::plan::Target| BakeTarget {
        name: target.name,
        tags: target.tags,
        platforms: target.platforms,
    };
    Ok(BuildFacts { targets: plan.targets.into_iter().map(target).collect() })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_printed_plan_has_a_target_for_each_service_with_both_platforms() {
        let plan = parse(include_str!("../../../tests/doctor/printed/buildx/bake.json")).unwrap();
        let names: Vec<&str> = plan.targets.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(names, ["ingest-api", "process-worker", "query-api", "simulator"]);
        for target in plan.targets {
            assert_eq!(target.tags, [format!("192.168.0.35:5000/testbed/{}:0123456789ab", target.name)]);
            assert_eq!(target.platforms.len(), 2);
        }
    }
}
