//! What services used for an event, and how the backlog went, from the samples of a run.

use super::outcome::{Window, exact};
use experiment::metric::REDIS;
use experiment::plan::Service;
use experiment::record::Measured;
use experiment::sample::{Sample, ServiceSample};
use measurement::statistics::{CONFIDENCE, trend};
use std::collections::BTreeMap;

/// Between two samples nearer than this, figures of whole clock ticks mean nothing.
const SPAN_MIN_S: f64 = 0.5;
/// Events a second that were stored.
pub(super) const THROUGHPUT: &str = "throughput";
/// What a part has used since it started.
type Figure = fn(&ServiceSample) -> Option<f64>;

/// Whose costs are looked at.
fn parts() -> impl Iterator<Item = &'static str> {
    Service::ALL.into_iter().map(Service::name).chain([REDIS])
}

/// Throughput, slope of the backlog, and costs in `window`. What cannot be known is absent.
pub(super) fn metrics(samples: &[Sample], window: Window) -> BTreeMap<String, Measured> {
    let is_within = |sample: &&Sample| (window.from_s..=window.to_s).contains(&sample.at_s);
    let within: Vec<&Sample> = samples.iter().filter(is_within).collect();
    let count = within.len() as f64;
    let mut metrics = BTreeMap::new();
    let mut add = |name: String, value: Option<f64>| {
        metrics.extend(value.map(|value| (name, exact(value, count))));
    };
    let settled = Growth::of(&within, |sample| Some([sample.settled? as f64]));
    let settled = settled.filter(|settled| settled.by[0] >= 0.0);
    add(THROUGHPUT.into(), settled.map(|settled| settled.by[0] / settled.span_s));
    add("backlog-slope".into(), slope(&within));
    for part in parts() {
        let resident = within.iter().filter_map(|sample| sample.services.get(part)?.resident_bytes);
        add(format!("memory-peak-{part}"), resident.max().map(|bytes| bytes as f64));
    }
    let used = |part: &str, figure: Figure| {
        let of = |sample: &Sample| Some([sample.settled? as f64, figure(sample.services.get(part)?)?]);
        let [events, used] = Growth::of(&within, of)?.by;
        (events > 0.0).then(|| used / events)
    };
    let figures: [(&str, Figure); 3] = [
        ("cpu-per-event", |of| of.cpu_s.map(|cpu_s| cpu_s * 1e6)),
        ("network-per-event", |of| of.network_bytes.map(|bytes| bytes as f64)),
        ("disk-per-event", |of| of.disk_bytes.map(|bytes| bytes as f64)),
    ];
    for (name, figure) in figures {
        for part in parts() {
            add(format!("{name}-{part}"), used(part, figure));
        }
        // What Redis sends a service receives, and the other way round. Its own work is the same whatever services cost.
        let is_part_of_all = |part: &&str| *part != REDIS || name == "disk-per-event";
        add(name.to_owned(), parts().filter(is_part_of_all).map(|part| used(part, figure)).sum());
    }
    metrics
}

/// By how much figures have grown from the first to the last of the samples in which all of them are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth<const FIGURES: usize> {
    pub(super) by: [f64; FIGURES],
    pub(super) span_s: f64,
}

impl<const FIGURES: usize> Growth<FIGURES> {
    /// None where they are not known at two moments far enough from each other.
    pub(super) fn of(
        samples: &[&Sample],
        figures: impl Fn(&Sample) -> Option<[f64; FIGURES]>,
    ) -> Option<Self> {
        let known = |sample: &&Sample| Some((sample.at_s, figures(sample)?));
        let (from_s, first) = samples.iter().find_map(known)?;
        let (to_s, last) = samples.iter().rev().find_map(known)?;
        let by = std::array::from_fn(|figure| last[figure] - first[figure]);
        let span_s = to_s - from_s;
        (span_s >= SPAN_MIN_S).then_some(Self { by, span_s })
    }
}

/// The growth of the backlog in events a second; none with fewer than 10 samples.
fn slope(samples: &[&Sample]) -> Option<f64> {
    let points = samples.iter().filter_map(|sample| Some((sample.at_s, sample.backlog? as f64)));
    let (at_s, backlog): (Vec<f64>, Vec<f64>) = points.unzip();
    trend(&at_s, &backlog, CONFIDENCE).ok().map(|slope| slope.slope.estimate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second at which each service has used as much as `at_s` says.
    fn sample(at_s: f64) -> Sample {
        let used = at_s as u64;
        let of = |cpu_s| ServiceSample {
            cpu_s: Some(cpu_s),
            resident_bytes: Some(1000 + used),
            disk_bytes: Some(used * 1000),
            network_bytes: Some(used * 50_000),
            ..ServiceSample::default()
        };
        let mut services: BTreeMap<String, ServiceSample> =
            Service::ALL.map(|service| (service.name().to_owned(), of(at_s * 0.01))).into();
        services.insert(REDIS.into(), of(0.5));
        Sample {
            at_s,
            accepted: Some(used * 110),
            settled: Some(used * 100),
            backlog: Some(used * 10),
            services,
        }
    }

    #[test]
    fn costs_are_those_of_the_window_for_its_events() {
        let samples: Vec<Sample> = (0..=20).map(|second| sample(f64::from(second))).collect();
        let metrics = metrics(&samples, Window { from_s: 4.5, to_s: 16.0 });
        let value = |name: &str| metrics[name].value;
        assert_eq!((value("throughput"), value("cpu-per-event-query-api").round()), (100.0, 100.0));
        assert_eq!((value("cpu-per-event").round(), value("memory-peak-ingest-api")), (300.0, 1016.0));
        assert_eq!((value("disk-per-event"), value("disk-per-event-redis")), (40.0, 10.0));
        assert_eq!((value("network-per-event"), value("network-per-event-redis")), (1500.0, 500.0));
        assert_eq!(value("backlog-slope"), 10.0);
        assert_eq!(metrics["throughput"].samples, 12.0);
    }

    #[test]
    fn answer_that_is_missing_at_an_end_of_the_window_shortens_it() {
        let mut samples: Vec<Sample> = (0..=20).map(|second| sample(f64::from(second))).collect();
        samples[5].settled = None;
        samples[16].settled = None;
        samples[6].services.get_mut("query-api").unwrap().cpu_s = None;
        let metrics = metrics(&samples, Window { from_s: 4.5, to_s: 16.0 });
        let value = |name: &str| metrics[name].value;
        assert_eq!((value("throughput"), value("cpu-per-event-query-api").round()), (100.0, 100.0));
        assert_eq!((value("cpu-per-event").round(), value("network-per-event")), (300.0, 1500.0));
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let mut samples = vec![sample(0.0), sample(5.0)];
        samples[1].services.get_mut("query-api").unwrap().cpu_s = None;
        let metrics = metrics(&samples, Window { from_s: 0.0, to_s: 5.0 });
        assert!(metrics.contains_key("cpu-per-event-ingest-api"));
        for absent in ["cpu-per-event-query-api", "cpu-per-event", "backlog-slope"] {
            assert!(!metrics.contains_key(absent), "{absent}");
        }
    }
}
