//! Looks for noise: what of a node's time was not this run's, and whether the node was held back.

use super::outcome::Outcome;
use super::simulator_result::{Generator, Shards, SimulatorResult};
use experiment::environment::{Environments, NodeEnvironment};
use experiment::record::{Gate, Status};
use experiment::sample::Sample;
use observability::metrics::Metric;
use serde_json::Value;

/// What a gate lets through: above the first limit a run is suspect, above the second it is invalid.
struct Limits {
    suspect: f64,
    invalid: f64,
    unit: &'static str,
}

const SHARE: &str = "1";
/// A neighbour that takes 1 % of the time moves a mean by as much.
const STEAL: Limits = Limits { suspect: 0.01, invalid: 0.05, unit: SHARE };
/// Processor time that is neither idle nor used by what is measured, as a share of all.
const OTHERS: Limits = Limits { suspect: 0.05, invalid: 0.2, unit: SHARE };
/// Time in which something waited for a processor though nothing was sent.
const PRESSURE_IDLE: Limits = Limits { suspect: 0.05, invalid: 0.25, unit: SHARE };
/// Time in which something waited for memory: it was short.
const PRESSURE_MEMORY: Limits = Limits { suspect: 0.01, invalid: 0.1, unit: SHARE };
/// A wake-up that is late by this is seen in response times of a millisecond; ten times that is no measurement of them.
const JITTER: Limits = Limits { suspect: 500.0, invalid: 5000.0, unit: "us" };
/// Memory cards take this long; it is no fault, but to be known.
const FSYNC: Limits = Limits { suspect: 50_000.0, invalid: f64::INFINITY, unit: "us" };
/// Processors slow down from here on.
const TEMPERATURE: Limits = Limits { suspect: 80.0, invalid: f64::INFINITY, unit: "Cel" };
/// Bits of the firmware that were set while the run went on.
const THROTTLED: Limits = Limits { suspect: f64::INFINITY, invalid: 0.0, unit: "bits" };
/// Governors that change the frequency with the load.
const GOVERNORS: Limits = Limits { suspect: 0.0, invalid: f64::INFINITY, unit: "" };

/// The bits of a Raspberry Pi that say what is the case now.
const THROTTLED_NOW: u32 = 0xf;

/// Spans, records and data points that never arrived: what is seen of the run is not all of it.
const TELEMETRY_LOST: Limits = Limits { suspect: 0.001, invalid: f64::INFINITY, unit: SHARE };
/// Each time the load generator is displaced from its processor it sends late by a time slice, a millisecond or more.
const DISPLACED: Limits = Limits { suspect: 100.0, invalid: f64::INFINITY, unit: "1/s" };

/// All gates of all nodes.
pub(super) fn gates(outcome: &Outcome) -> Vec<Gate> {
    let Outcome { environments, samples, services, statistics, .. } = outcome;
    let Environments { idle, before, after, idle_s, load_s, .. } = environments;
    let mut all = before_load(idle, before, *idle_s);
    for (before, after) in same_nodes(before, after) {
        all.extend(during_load(before, after, *load_s));
        // What services used is known of all of them together.
        if services.iter().all(|facts| facts.node == before.node) {
            all.extend(
                others(before, after, samples).map(|share| gate("others", &before.node, share, &OTHERS)),
            );
        }
    }
    all.extend(displaced(&outcome.result));
    for facts in services {
        let lost = statistics.get(&facts.name).and_then(telemetry_lost);
        all.extend(lost.map(|share| gate("telemetry-lost", &facts.node, share, &TELEMETRY_LOST)));
    }
    all
}

/// Gates of the moment before a load: two looks at each node, and the seconds between them.
pub(super) fn before_load(idle: &[NodeEnvironment], before: &[NodeEnvironment], idle_s: f64) -> Vec<Gate> {
    let of_node = |(idle, before): (&NodeEnvironment, &NodeEnvironment)| {
        let changing = before.governors.iter().filter(|governor| *governor != "performance").count();
        let governors = (!before.governors.is_empty()).then_some(changing as f64);
        let pressure = waited_s("cpu", idle, before).map(|waited_s| waited_s / idle_s);
        let measured = [
            ("steal-before", busy_share(idle, before, &["steal"]), STEAL),
            ("busy-before", busy_share(idle, before, &BUSY), OTHERS),
            ("pressure-cpu-before", pressure, PRESSURE_IDLE),
            ("spin-jitter", before.spin_jitter_us, JITTER),
            ("fsync", before.fsync_us, FSYNC),
            ("governor", governors, GOVERNORS),
        ];
        known(&measured, &before.node)
    };
    same_nodes(idle, before).flat_map(of_node).collect()
}

fn during_load(before: &NodeEnvironment, after: &NodeEnvironment, load_s: f64) -> Vec<Gate> {
    let held_back = |node: &NodeEnvironment| node.firmware_throttled.map(|bits| bits & THROTTLED_NOW);
    let throttled = held_back(before).zip(held_back(after)).map(|(before, after)| before | after);
    // Bits that stay set once they were: those that are new have been set in this run.
    let sticky = before.firmware_throttled.zip(after.firmware_throttled).map(|(old, new)| new & !old);
    let throttled = throttled.zip(sticky).map(|(now, new)| f64::from((now | new).count_ones()));
    let temperature =
        before.temperature_celsius.into_iter().chain(after.temperature_celsius).reduce(f64::max);
    let pressure = waited_s("memory", before, after).map(|waited_s| waited_s / load_s);
    let measured = [
        ("steal", busy_share(before, after, &["steal"]), STEAL),
        ("pressure-memory", pressure, PRESSURE_MEMORY),
        ("temperature", temperature, TEMPERATURE),
        ("throttled", throttled, THROTTLED),
    ];
    known(&measured, &before.node)
}

/// Each node that was looked at both times.
fn same_nodes<'a>(
    earlier: &'a [NodeEnvironment],
    later: &'a [NodeEnvironment],
) -> impl Iterator<Item = (&'a NodeEnvironment, &'a NodeEnvironment)> {
    earlier.iter().filter_map(|node| Some((node, later.iter().find(|later| later.node == node.node)?)))
}

fn known(measured: &[(&str, Option<f64>, Limits)], node: &str) -> Vec<Gate> {
    measured.iter().filter_map(|(name, value, limits)| Some(gate(name, node, (*value)?, limits))).collect()
}

/// Modes in which a processor works, for this machine.
const BUSY: [&str; 5] = ["user", "nice", "system", "interrupt", "softirq"];

fn gate(name: &str, node: &str, measured: f64, limits: &Limits) -> Gate {
    let (status, limit) = if measured > limits.invalid {
        (Status::Invalid, limits.invalid)
    } else if measured > limits.suspect {
        (Status::Suspect, limits.suspect)
    } else {
        (Status::Valid, limits.suspect.min(limits.invalid))
    };
    Gate { name: name.into(), node: node.into(), measured, limit, unit: limits.unit.into(), status }
}

/// The share of all processor time in between that went into these modes.
fn busy_share(from: &NodeEnvironment, to: &NodeEnvironment, modes: &[&str]) -> Option<f64> {
    let all_s = spent_s(from, to, |_| true);
    (all_s > 0.0).then(|| spent_s(from, to, |mode| modes.contains(&mode)) / all_s)
}

fn spent_s(from: &NodeEnvironment, to: &NodeEnvironment, is_wanted: impl Fn(&str) -> bool) -> f64 {
    let spent = |(mode, later_s): (&String, &f64)| later_s - from.processor_time_s.get(mode).unwrap_or(&0.0);
    to.processor_time_s.iter().filter(|(mode, _)| is_wanted(mode)).map(spent).sum()
}

fn waited_s(resource: &str, from: &NodeEnvironment, to: &NodeEnvironment) -> Option<f64> {
    Some(to.pressure_us.get(resource)?.checked_sub(*from.pressure_us.get(resource)?)? as f64 / 1e6)
}

/// The share of processor time that worked for others than the parts of the run.
fn others(before: &NodeEnvironment, after: &NodeEnvironment, samples: &[Sample]) -> Option<f64> {
    let all_s = spent_s(before, after, |_| true);
    let busy_s = spent_s(before, after, |mode| BUSY.contains(&mode));
    let used = |sample: &Sample| sample.services.values().filter_map(|of| of.cpu_s).sum::<f64>();
    // The simulator was started with the load: all that it has used belongs to it.
    let has_simulator =
        |sample: &&Sample| sample.services.get("simulator").is_some_and(|of| of.cpu_s.is_some());
    let own_s = used(samples.iter().rev().find(has_simulator)?) - used(samples.first()?);
    (all_s > 0.0).then(|| ((busy_s - own_s) / all_s).max(0.0))
}

/// How often a second each simulator lost its processor to others, by its own count of the threads that send: what its other
/// threads lose to those is none of it.
fn displaced(result: &SimulatorResult) -> Vec<Gate> {
    let of = |simulator: &str, generator: Generator| {
        let per_s = generator.involuntary_switches as f64 / result.elapsed_s;
        gate("displaced", simulator, per_s, &DISPLACED)
    };
    match &result.shards {
        _ if result.elapsed_s <= 0.0 => Vec::new(),
        None => vec![of("simulator", result.generator)],
        Some(Shards { parts }) => {
            parts.iter().map(|part| of(&format!("simulator-{}", part.shard), part.generator)).collect()
        }
    }
}

/// Of all that a service wanted to export, the share that did not arrive; none where it exports nothing.
fn telemetry_lost(statistics: &Value) -> Option<f64> {
    let total = |metric: Metric| statistics["counters"][metric.spec().name]["total"].as_f64();
    let lost = total(Metric::TelemetryDropped)? + total(Metric::TelemetryFailed)?;
    let all = lost + total(Metric::TelemetryExported)?;
    (all > 0.0).then(|| lost / all)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::outcome::tests::outcome;
    use super::super::simulator_result::Part;
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    /// A quiet machine that has just started.
    pub(in crate::experiment::run) fn node() -> NodeEnvironment {
        NodeEnvironment {
            node: "a".into(),
            architecture: "amd64".into(),
            kernel: String::new(),
            processor: None,
            processors: 2,
            memory_bytes: 1 << 30,
            page_bytes: 4096,
            governors: Vec::new(),
            temperature_celsius: None,
            firmware_throttled: None,
            processor_time_s: BTreeMap::new(),
            pressure_us: BTreeMap::new(),
            spin_jitter_us: Some(80.0),
            fsync_us: Some(900.0),
            energy_j: BTreeMap::new(),
            energy_range_j: BTreeMap::new(),
        }
    }

    fn with_time(modes: &[(&str, f64)]) -> NodeEnvironment {
        let processor_time_s = modes.iter().map(|(mode, time_s)| ((*mode).to_owned(), *time_s)).collect();
        NodeEnvironment { processor_time_s, ..node() }
    }

    fn statuses(
        idle: NodeEnvironment,
        before: NodeEnvironment,
        after: NodeEnvironment,
    ) -> BTreeMap<String, Status> {
        let environments = Environments {
            idle: vec![idle],
            before: vec![before],
            after: vec![after],
            idle_s: 1.0,
            load_s: 10.0,
            waited_s: 0.0,
        };
        by_name(&Outcome { environments, services: Vec::new(), ..outcome() })
    }

    fn by_name(outcome: &Outcome) -> BTreeMap<String, Status> {
        gates(outcome).into_iter().map(|gate| (gate.name, gate.status)).collect()
    }

    #[test]
    fn quiet_machine_passes() {
        let statuses = statuses(
            with_time(&[("idle", 0.0)]),
            with_time(&[("idle", 2.0)]),
            with_time(&[("idle", 12.0), ("user", 10.0)]),
        );
        assert!(statuses.values().all(|status| *status == Status::Valid), "{statuses:?}");
        assert!(statuses.contains_key("steal") && statuses.contains_key("busy-before"), "{statuses:?}");
    }

    #[test]
    fn each_noise_is_found_by_its_gate() {
        let noisy = NodeEnvironment {
            pressure_us: [("cpu".to_owned(), 100_000), ("memory".to_owned(), 0)].into(),
            spin_jitter_us: Some(700.0),
            governors: vec!["powersave".into()],
            firmware_throttled: Some(0x50000),
            ..with_time(&[("idle", 1.0), ("user", 1.0), ("steal", 0.0)])
        };
        let quiet = NodeEnvironment {
            pressure_us: [("cpu".to_owned(), 0), ("memory".to_owned(), 0)].into(),
            ..node()
        };
        let after = NodeEnvironment {
            pressure_us: [("cpu".to_owned(), 100_000), ("memory".to_owned(), 2_000_000)].into(),
            firmware_throttled: Some(0x5000f),
            ..with_time(&[("idle", 11.0), ("user", 1.0), ("steal", 0.5)])
        };
        let statuses = statuses(quiet, noisy, after);
        for (name, status) in [
            ("busy-before", Status::Invalid),
            ("pressure-cpu-before", Status::Suspect),
            ("spin-jitter", Status::Suspect),
            ("governor", Status::Suspect),
            ("steal", Status::Suspect),
            ("pressure-memory", Status::Invalid),
            ("throttled", Status::Invalid),
        ] {
            assert_eq!(statuses[name], status, "{name}");
        }
    }

    #[test]
    fn bits_that_were_set_before_the_run_are_not_its_fault() {
        let node = NodeEnvironment { firmware_throttled: Some(0x50000), ..node() };
        assert_eq!(statuses(node.clone(), node.clone(), node)["throttled"], Status::Valid);
    }

    #[test]
    fn telemetry_that_did_not_arrive_is_seen_in_what_the_services_count() {
        let of = |exported: u64, dropped: u64, failed: u64| {
            let total = |number: u64| json!({ "total": number });
            let counters = json!({
                "telemetry.items.exported": total(exported),
                "telemetry.items.dropped": total(dropped),
                "telemetry.items.failed": total(failed),
            });
            let statistics = [("ingest-api".to_owned(), json!({ "counters": counters }))].into();
            by_name(&Outcome { statistics, ..outcome() }).get("telemetry-lost").copied()
        };
        assert_eq!(of(0, 0, 0), None);
        assert_eq!(of(10_000, 0, 0), Some(Status::Valid));
        assert_eq!((of(10_000, 20, 0), of(10_000, 0, 20)), (Some(Status::Suspect), Some(Status::Suspect)));
    }

    #[test]
    fn load_generator_that_others_displace_is_suspect() {
        let of = |involuntary_switches: u64| {
            let mut run = outcome();
            run.result.generator = Generator { involuntary_switches };
            let all = gates(&run);
            all.into_iter().find(|gate| gate.name == "displaced").map(|gate| (gate.measured, gate.status))
        };
        assert_eq!((of(0), of(2000)), (Some((0.0, Status::Valid)), Some((200.0, Status::Suspect))));
    }

    #[test]
    fn each_simulator_tells_how_often_it_was_displaced() {
        let mut run = outcome();
        let part = |shard: u32, involuntary_switches: u64| Part {
            shard,
            generator: Generator { involuntary_switches },
        };
        run.result.shards = Some(Shards { parts: vec![part(0, 50), part(1, 3000)] });
        let told: Vec<(String, f64, Status)> =
            gates(&run).into_iter().map(|gate| (gate.node, gate.measured, gate.status)).collect();
        let expected = [("simulator-0", 5.0, Status::Valid), ("simulator-1", 300.0, Status::Suspect)];
        assert_eq!(told, expected.map(|(node, per_s, status)| (node.to_owned(), per_s, status)));
    }
}
