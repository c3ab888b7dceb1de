//! What the pods use, as they tell it themselves once a second.

use super::pod_client::PodClient;
use super::pods::Moment;
use crate::cluster::NAMESPACE;
use crate::cluster::connect::Cluster;
use crate::statz::Pipeline;
use experiment::plan::Service;
use experiment::sample::{Sample, ServiceSample};
use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use observability::metrics::Metric;
use redis::InfoDict;
use redis::aio::MultiplexedConnection;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A second that is not known is better than seconds that are late.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(800);

/// What is read of `/statz`.
#[derive(Debug, Clone, Deserialize)]
struct Answer {
    #[serde(default)]
    gauges: BTreeMap<String, Gauge>,
}

#[derive(Debug, Clone, Deserialize)]
struct Gauge {
    total: f64,
    #[serde(default)]
    by: BTreeMap<String, f64>,
}

/// Looks at the pods of a run.
pub(super) struct Sampler {
    services: Vec<(String, PodClient)>,
    query: Option<PodClient>,
    redis: Option<MultiplexedConnection>,
}

impl Sampler {
    pub(super) fn new(cluster: &Cluster, pods: &Moment, redis: Option<MultiplexedConnection>) -> Self {
        let api: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
        let of_services = pods.pods.values().filter(|pod| Service::from_name(&pod.service).is_some());
        let client = |pod: &super::pods::PodFacts| PodClient::new(api.clone(), &pod.name, pod.port);
        let query = pods.pods.values().find(|pod| pod.service == Service::QueryApi.name());
        Self {
            query: query.map(client),
            services: of_services.map(|pod| (pod.service.clone(), client(pod))).collect(),
            redis,
        }
    }

    /// What all pods have used until now; `at_s` is as given.
    pub(super) async fn sample(&mut self, at_s: f64) -> Sample {
        let pipeline = async {
            let client = self.query.as_mut()?;
            client.get_json::<Pipeline>("/v1/pipeline", ANSWER_TIMEOUT).await.ok()
        };
        let (answers, pipeline, of_redis) = tokio::join!(
            join_all(self.services.iter_mut().map(ask)),
            pipeline,
            of_redis(self.redis.as_mut())
        );
        let mut sample = Sample { at_s, services: services(answers), ..Sample::default() };
        sample.services.extend(of_redis.map(|redis| ("redis".to_owned(), redis)));
        if let Some(pipeline) = pipeline {
            sample.accepted = pipeline.accepted();
            sample.settled = pipeline.settled();
            sample.backlog = pipeline.backlog();
        }
        sample
    }
}

async fn ask((service, client): &mut (String, PodClient)) -> (String, Option<Answer>) {
    (service.clone(), client.get_json("/statz", ANSWER_TIMEOUT).await.ok())
}

/// Replicas together; nothing of a service one of whose replicas did not answer, for a part of a sum is no figure.
fn services(answers: Vec<(String, Option<Answer>)>) -> BTreeMap<String, ServiceSample> {
    let mut all: BTreeMap<String, Option<ServiceSample>> = BTreeMap::new();
    for (service, answer) in answers {
        let used = answer.as_ref().map(used);
        let sum = match all.remove(&service) {
            Some(sum) => together(sum, used),
            None => used,
        };
        all.insert(service, sum);
    }
    all.into_iter().filter_map(|(service, sample)| Some((service, sample?))).collect()
}

fn together(one: Option<ServiceSample>, other: Option<ServiceSample>) -> Option<ServiceSample> {
    let (one, other) = (one?, other?);
    let sum = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
    Some(ServiceSample {
        cpu_s: one.cpu_s.zip(other.cpu_s).map(|(one, other)| one + other),
        resident_bytes: sum(one.resident_bytes, other.resident_bytes),
        involuntary_switches: sum(one.involuntary_switches, other.involuntary_switches),
        ..ServiceSample::default()
    })
}

fn used(answer: &Answer) -> ServiceSample {
    let gauge = |metric: Metric| answer.gauges.get(metric.spec().name);
    let switches = gauge(Metric::ProcessContextSwitches);
    let involuntary = switches.and_then(|gauge| {
        let mut kinds = gauge.by.iter();
        kinds.find(|(labels, _)| labels.ends_with("=involuntary")).map(|(_, number)| *number as u64)
    });
    ServiceSample {
        cpu_s: gauge(Metric::ProcessCpuTime).map(|gauge| gauge.total),
        resident_bytes: gauge(Metric::ProcessMemoryUsage).map(|gauge| gauge.total as u64),
        involuntary_switches: involuntary,
        ..ServiceSample::default()
    }
}

/// What Redis says of itself: its bytes are all that the services say to each other, and its answers.
async fn of_redis(connection: Option<&mut MultiplexedConnection>) -> Option<ServiceSample> {
    let command = redis::cmd("INFO");
    let asked = command.query_async::<InfoDict>(connection?);
    let info = tokio::time::timeout(ANSWER_TIMEOUT, asked).await.ok()?.ok()?;
    let bytes = |name: &str| info.get::<u64>(name);
    let seconds = |name: &str| info.get::<f64>(name);
    Some(ServiceSample {
        cpu_s: Some(seconds("used_cpu_user")? + seconds("used_cpu_sys")?),
        resident_bytes: bytes("used_memory_rss"),
        network_bytes: Some(bytes("total_net_input_bytes")? + bytes("total_net_output_bytes")?),
        ..ServiceSample::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cpu_s: f64) -> Option<Answer> {
        let text = serde_json::json!({"gauges": {
            "process.cpu.time": {"total": cpu_s, "by": {"cpu.mode=user": cpu_s}},
            "process.memory.usage": {"total": 1000.0},
            "process.context_switches": {"total": 12.0, "by": {
                "process.context_switch.type=involuntary": 3.0, "process.context_switch.type=voluntary": 9.0}}}});
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn replicas_are_added_and_a_silent_one_leaves_no_figure() {
        let all = services(vec![
            ("process-worker".into(), answer(1.5)),
            ("process-worker".into(), answer(2.0)),
            ("query-api".into(), answer(1.0)),
            ("query-api".into(), None),
        ]);
        let worker = &all["process-worker"];
        assert_eq!(
            (worker.cpu_s, worker.resident_bytes, worker.involuntary_switches),
            (Some(3.5), Some(2000), Some(6))
        );
        assert!(!all.contains_key("query-api"));
    }

    #[test]
    fn gauge_that_one_replica_does_not_tell_is_not_known_of_all() {
        let without_memory = answer(2.0).map(|mut answer| {
            answer.gauges.remove(Metric::ProcessMemoryUsage.spec().name);
            answer
        });
        for answers in [[answer(1.5), without_memory.clone()], [without_memory, answer(1.5)]] {
            let all = services(answers.map(|answer| ("process-worker".to_owned(), answer)).into());
            let worker = &all["process-worker"];
            assert_eq!((worker.cpu_s, worker.resident_bytes), (Some(3.5), None));
        }
    }
}
