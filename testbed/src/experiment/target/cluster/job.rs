//! The simulator's job: its objects for a load, and how far it is.

use super::super::Load;
use super::super::workload::phases;
use crate::cluster::objects::Object;
use anyhow::Context;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use std::time::Duration;

/// The name of the job, and of the label of its pods.
pub(super) const SIMULATOR: &str = "simulator";
/// Nodes may have to pull the image first, and shards wait for each other.
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// For the last answers, and for results that go to Redis over a slow network.
const END_TIMEOUT: Duration = Duration::from_secs(300);

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    Runs,
    /// All shards have ended well.
    Complete,
    /// It was told to end, and its shards have.
    Stopped,
    /// In the controller's words.
    Failed(String),
}

/// The objects that send a load with so many shards.
///
/// # Errors
/// Manifests without what is to be set.
pub(super) fn objects(
    job: &[Object],
    load: &Load<'_>,
    workload: &str,
    shards: u32,
) -> anyhow::Result<Vec<Object>> {
    let mut objects = job.to_vec();
    for object in &mut objects {
        let name = object.key.name.clone();
        if object.key.kind == "Job" {
            for field in ["completions", "parallelism"] {
                object.value["spec"][field] = shards.into();
            }
        } else if name.starts_with("simulator-job-workload") {
            data(object)?.insert("workload.toml".to_owned(), workload.into());
        } else {
            let values = [
                ("RUN_ID", load.run_id.to_owned()),
                ("SHARDS", shards.to_string()),
                // Each shard is told those of the whole run, and takes its share.
                ("PROBES", load.probes_per_s.to_string()),
                ("START_TIMEOUT", format!("{}s", START_TIMEOUT.as_secs())),
            ];
            data(object)?.extend(values.map(|(name, value)| (name.to_owned(), value.into())));
        }
    }
    Ok(objects)
}

fn data(object: &mut Object) -> anyhow::Result<&mut serde_json::Map<String, Value>> {
    let key = object.key.to_string();
    object.value["data"]
        .as_object_mut()
        .with_context(|| format!("{key} of the component simulator-job has no data"))
}

/// The longest that a load of this workload file can take, with its start and its end.
///
/// # Errors
/// A file that is no workload.
pub(super) fn longest(workload: &str) -> anyhow::Result<Duration> {
    Ok(START_TIMEOUT + phases(workload)? + END_TIMEOUT)
}

/// Tells the shards to end early: their pods get the signal at which they leave what they have measured, and no others take their
/// place.
///
/// # Errors
/// Where the cluster refuses.
pub(super) async fn stop(jobs: &Api<Job>) -> Result<(), kube::Error> {
    let suspended = Patch::Merge(json!({"spec": {"suspend": true}}));
    jobs.patch(SIMULATOR, &PatchParams::default(), &suspended).await.map(drop)
}

/// How far a job is, by its conditions.
pub(super) fn progress(job: &Job) -> Progress {
    let conditions = job.status.iter().flat_map(|status: &JobStatus| status.conditions.iter().flatten());
    let mut holding = conditions.filter(|condition| condition.status == "True");
    match holding.find(|condition| matches!(condition.type_.as_str(), "Complete" | "Failed")) {
        Some(condition) if condition.type_ == "Complete" => Progress::Complete,
        Some(condition) => Progress::Failed(condition.message.clone().unwrap_or_default()),
        None => Progress::Runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::objects::parse;
    use std::path::Path;

    const JOB: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: simulator-job-a}\ndata: {RUN_ID: run-1, SHARDS: '2'}\n---\n\
        apiVersion: v1\nkind: ConfigMap\nmetadata: {name: simulator-job-workload-b}\ndata: {workload.toml: 'seed = 1'}\n---\n\
        apiVersion: batch/v1\nkind: Job\nmetadata: {name: simulator}\nspec: {completions: 2, parallelism: 2}\n";

    #[test]
    fn job_sends_the_load_that_was_asked_for() {
        let load = Load { workload: Path::new("w"), run_id: "night-7", probes_per_s: 30.0 };
        let objects = objects(&parse(JOB).unwrap(), &load, "seed = 9", 3).unwrap();
        let value = |name: &str| &objects.iter().find(|object| object.key.name == name).unwrap().value;
        let settings = &value("simulator-job-a")["data"];
        assert_eq!((&settings["RUN_ID"], &settings["SHARDS"]), (&json!("night-7"), &json!("3")));
        assert_eq!(settings["PROBES"], "30", "each shard takes its share itself");
        assert_eq!(value("simulator-job-workload-b")["data"]["workload.toml"], "seed = 9");
        let spec = &value("simulator")["spec"];
        assert_eq!((&spec["completions"], &spec["parallelism"]), (&json!(3), &json!(3)));
    }

    #[test]
    fn load_is_waited_for_as_long_as_its_phases_take() {
        let longest = longest("[[phases]]\nduration = \"2500ms\"\n[[phases]]\nduration = \"1m\"\n").unwrap();
        assert_eq!(longest, START_TIMEOUT + Duration::from_millis(62_500) + END_TIMEOUT);
    }

    #[test]
    fn job_has_ended_when_its_controller_says_so() {
        let job = |conditions: Value| {
            progress(&serde_json::from_value(json!({"status": {"conditions": conditions}})).unwrap())
        };
        assert_eq!(job(json!([])), Progress::Runs);
        assert_eq!(job(json!([{"type": "Complete", "status": "True"}])), Progress::Complete);
        let failed = json!([{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True", "message": "index 1"}]);
        assert_eq!(job(failed), Progress::Failed("index 1".to_owned()));
    }
}
