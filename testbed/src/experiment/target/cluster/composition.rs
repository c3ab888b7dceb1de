//! What a cell comes to: the objects that are applied for it.

use super::ClusterOptions;
use crate::cluster::compose::{CompositionArgs, Pin, Setting};
use crate::cluster::objects::Object;
use crate::cluster::placement::architecture;
use crate::experiment::run::settings::{ANYWHERE, CellSettings, text};
use crate::experiment::target::effective;
use crate::images::platform::ARCHITECTURES;
use anyhow::{Context, bail, ensure};
use experiment::known::defaults;
use experiment::plan::Service;
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const OFF: &str = "off";
/// Components that bring somewhere to send telemetry to.
const COLLECTORS: [&str; 2] = ["observability", "external-collector"];
/// What a worker does with an event.
const OF_WORK: [&str; 2] = ["WORK_KIND", "WORK_AMOUNT"];
const JOB: &str = "simulator-job";
/// By the label that Deployments' nodes are chosen by.
const ARCHITECTURE: &str = "kubernetes.io/arch";
const AFFINITY: &str = "/spec/template/spec/affinity/nodeAffinity";

/// Components with which runs are not alike, or not fresh, and why.
const REFUSED: [(&str, &str); 4] = [
    ("autoscaling", "the number of workers would change under a run: set workers"),
    ("autoscaling-keda", "the number of workers would change under a run: set workers"),
    ("external-redis", "each run begins with an empty Redis of its own"),
    ("external-redis-password", "each run begins with an empty Redis of its own"),
];

/// Variables that are not for a plan to set, and what sets them.
const RESERVED: [(&str, &str); 7] = [
    ("LISTEN_ADDR", "by the manifests"),
    ("CACHE_PATH", "by the manifests"),
    ("INSTANCE_ID", "by the pod's name"),
    ("REDIS_URL", "by the manifests: each run has a Redis of its own"),
    ("PARTITIONS", "by the setting partitions"),
    ("TELEMETRY", "by the setting telemetry"),
    ("OTEL_SDK_DISABLED", "by the setting telemetry"),
];

/// The objects of a cell.
#[derive(Debug, Clone)]
pub(super) struct CellObjects {
    /// Redis, the services, and what was said to be beside them.
    pub(super) services: Vec<Object>,
    /// The simulator's job and its settings.
    pub(super) job: Vec<Object>,
    /// The images, in words.
    pub(super) revision: String,
    partitions: u16,
    telemetry: String,
}

impl CellObjects {
    /// What a service's program takes: what the ConfigMaps and the variables of its container say, else its own defaults.
    pub(super) fn settings_of(&self, service: Service) -> BTreeMap<String, String> {
        let of = |kind: &str, name: &str| {
            self.services.iter().find(|object| object.key.kind == kind && object.key.name == name)
        };
        let deployment = of("Deployment", service.name());
        let container =
            deployment.and_then(|object| object.value.pointer("/spec/template/spec/containers/0"));
        let container = container.unwrap_or(&Value::Null);
        let mut set = BTreeMap::new();
        for source in container["envFrom"].as_array().into_iter().flatten() {
            let name = source["configMapRef"]["name"].as_str().unwrap_or_default();
            let data = of("ConfigMap", name).and_then(|object| object.value["data"].as_object());
            set.extend(data.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))));
        }
        for variable in container["env"].as_array().into_iter().flatten() {
            if let (Some(name), Some(value)) = (variable["name"].as_str(), variable.get("value")) {
                set.insert(name.to_owned(), text(value));
            }
        }
        effective::settings(defaults(service), set, self.partitions, &self.telemetry)
    }
}

/// Where the services of a cell run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    placement: String,
    pins: Vec<Pin>,
    architectures: BTreeMap<Service, String>,
}

/// Renders the objects of a cell.
///
/// # Errors
/// What the cell sets and a cluster cannot have, and manifests that cannot be rendered.
pub(super) async fn compose(
    options: &ClusterOptions,
    settings: &CellSettings,
    nodes: &[Node],
) -> anyhow::Result<CellObjects> {
    let places = places(settings, nodes)?;
    let composition = CompositionArgs {
        placement: places.placement.clone(),
        components: components(options, settings)?,
        revision: options.revision.clone(),
        settings: config(settings)?,
        nodes: options.nodes.iter().cloned().chain(places.pins.iter().cloned()).collect(),
        kubernetes: options.kubernetes.clone(),
        overlay: None,
    };
    let composed = composition.deployable().await?;
    let revision = composed.revision();
    let mut objects = composed.objects;
    for object in &mut objects {
        adjust(object, settings, &places)?;
    }
    let is_of_job = |object: &Object| object.key.kind == "Job" || object.key.name.starts_with(JOB);
    let (job, services) = objects.into_iter().partition(is_of_job);
    let (partitions, telemetry) = (settings.partitions, settings.telemetry.clone());
    Ok(CellObjects { services, job, revision, partitions, telemetry })
}

fn components(options: &ClusterOptions, settings: &CellSettings) -> anyhow::Result<Vec<String>> {
    for component in &options.components {
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| refused == component) {
            bail!("the component {component} cannot be in an experiment: {why}");
        }
    }
    let is_collector = |name: &String| COLLECTORS.contains(&name.as_str());
    let has_telemetry = settings.telemetry != OFF;
    ensure!(
        !has_telemetry || options.components.iter().any(is_collector),
        "telemetry = {:?} needs a collector: say --component external-collector, or --component observability",
        settings.telemetry
    );
    let wanted = options.components.iter().filter(|name| has_telemetry || !is_collector(name));
    Ok(wanted.cloned().chain([JOB.to_owned()]).collect())
}

fn config(settings: &CellSettings) -> anyhow::Result<Vec<Setting>> {
    let of = |config_map: &str, key: &str, value: String| Setting {
        config_map: config_map.to_owned(),
        key: key.to_owned(),
        value,
    };
    let mut all = vec![
        of("testbed", "TELEMETRY", settings.telemetry.clone()),
        of("pipeline", "PARTITIONS", settings.partitions.to_string()),
    ];
    // The manifests let a worker work, so that there is something to see; of a plan that says nothing it does what it does locally.
    let usual = defaults(Service::ProcessWorker);
    let of_plan = settings.services.get(&Service::ProcessWorker);
    for variable in OF_WORK.into_iter().filter(|name| of_plan.is_none_or(|plan| !plan.contains_key(*name))) {
        let value = usual.get(variable).with_context(|| format!("process-worker has no {variable}"))?;
        all.push(of(Service::ProcessWorker.name(), variable, value.clone()));
    }
    for (service, variables) in &settings.services {
        for (variable, value) in variables {
            if let Some((_, owner)) = RESERVED.iter().find(|(reserved, _)| reserved == variable) {
                bail!("{}.{variable} is set {owner}: leave it out", service.name());
            }
            all.push(of(service.name(), variable, value.clone()));
        }
    }
    let has_replay = settings.load.contains_key("replay");
    ensure!(
        !has_replay,
        "load.replay reads a file, which the simulator's pods do not have: use --target local"
    );
    Ok(all)
}

/// One placement for all services is a folder of the manifests or a node; of a table each place is an architecture or a node.
fn places(settings: &CellSettings, nodes: &[Node]) -> anyhow::Result<Places> {
    let mut all = settings.placement.values();
    let first = all.next().map_or(ANYWHERE, String::as_str);
    let is_node = |place: &str| hostnames(nodes).any(|name| name == place);
    let mut places = Places { placement: ANYWHERE.to_owned(), ..Places::default() };
    if let Some(place) = settings.placement.values().find(|place| place.starts_with("emulated")) {
        bail!("placement {place:?}: nothing is emulated on a cluster; use --target local");
    }
    if all.all(|place| place == first) && !is_node(first) {
        first.clone_into(&mut places.placement);
        return Ok(places);
    }
    for (service, place) in &settings.placement {
        if ARCHITECTURES.contains(&place.as_str()) {
            places.architectures.insert(*service, place.clone());
        } else if is_node(place) {
            places.pins.push(Pin { workload: service.name().to_owned(), node: place.clone() });
        } else if place != ANYWHERE {
            let known: Vec<&str> = hostnames(nodes).collect();
            bail!(
                "placement {place:?} of {}: of one service it is any, amd64, arm64 or a node: {}",
                service.name(),
                known.join(", ")
            );
        }
    }
    Ok(places)
}

fn hostnames(nodes: &[Node]) -> impl Iterator<Item = &str> {
    let labels = nodes.iter().filter_map(|node| node.metadata.labels.as_ref());
    labels.filter_map(|labels| labels.get("kubernetes.io/hostname").map(String::as_str))
}

fn adjust(object: &mut Object, settings: &CellSettings, places: &Places) -> anyhow::Result<()> {
    if object.key.kind != "Deployment" {
        return Ok(());
    }
    if object.key.name == Service::ProcessWorker.name() {
        object.value["spec"]["replicas"] = settings.workers.into();
    }
    if object.key.name == "redis" {
        let arguments = object.value.pointer_mut("/spec/template/spec/containers/0/args");
        let arguments = arguments.and_then(Value::as_array_mut);
        direct(
            arguments.context("the deployment of redis has no args, to which directives belong")?,
            settings,
        );
    }
    let service = Service::from_name(&object.key.name);
    if let Some(wanted) = service.and_then(|service| places.architectures.get(&service)) {
        let affinity = object.value.pointer_mut(AFFINITY);
        let affinity = affinity.with_context(|| format!("{} has no nodeAffinity to change", object.key))?;
        *affinity = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": ARCHITECTURE, "operator": "In", "values": [wanted]}]}]}});
    }
    Ok(())
}

/// Gives `redis-server` directives as arguments, in place of those of the same names.
fn direct(arguments: &mut Vec<Value>, settings: &CellSettings) {
    for (directive, value) in &settings.redis {
        let flag = format!("--{directive}");
        match arguments.iter().position(|argument| *argument == flag.as_str()) {
            Some(place) if place + 1 < arguments.len() => arguments[place + 1] = value.as_str().into(),
            _ => arguments.extend([Value::from(flag), value.as_str().into()]),
        }
    }
}

/// The one architecture on which the pods of a service may run, by its deployment and the node that it names; none for several.
pub(super) fn wanted_architecture(objects: &[Object], service: Service, nodes: &[Node]) -> Option<String> {
    let deployment =
        objects.iter().find(|object| object.key.name == service.name() && object.key.kind == "Deployment")?;
    let terms = deployment
        .value
        .pointer(&format!("{AFFINITY}/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms"))?;
    let requirements = terms.pointer("/0/matchExpressions")?.as_array()?;
    let only = |key: &str| {
        let of_key = requirements
            .iter()
            .find(|requirement| requirement["key"] == key && requirement["operator"] == "In")?;
        match of_key["values"].as_array()?.as_slice() {
            [one] => one.as_str(),
            _ => None,
        }
    };
    let of_node =
        |name: &str| nodes.iter().find(|node| hostnames(std::slice::from_ref(node)).any(|one| one == name));
    let named = only("kubernetes.io/hostname").and_then(of_node).map(architecture);
    only(ARCHITECTURE).or(named).map(str::to_owned)
}

#[cfg(test)]
mod tests;
