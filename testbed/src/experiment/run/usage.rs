//! What services used for an event, and how the backlog went, from the samples of a run.

use super::outcome::{Window, exact};
use experiment::metric::REDIS;
use experiment::plan::Service;
use experiment::record::Measured;
use experiment::sample::{Sample, ServiceSample};
use measurement::statistics::{CONFIDENCE, Slope, trend};
use std::collections::BTreeMap;

/// Between two samples nearer than this, figures of whole clock ticks mean nothing.
const SPAN_MIN_S: f64 = 0.5;
/// What a part has used since it started.
type Figure = fn(&ServiceSample) -> Option<f64>;

/// Whose costs are looked at.
fn parts() -> impl Iterator<Item = &'static str> {
    Service::ALL.into_iter().map(Service::name).chain([REDIS])
}

/// Throughput, slope of the backlog, and costs in `window`. What cannot be known is absent.
pub(super) fn metrics(samples: &[Sample], window: Window) -> BTreeMap<String, Measured> {
    let within: Vec<&Sample> =
        samples.iter().filter(|sample| (window.from_s..=window.to_s).contains(&sample.at_s)).collect();
    let mut metrics = BTreeMap::new();
    let (Some(first), Some(last)) = (within.first(), within.last()) else { return metrics };
    let span_s = last.at_s - first.at_s;
    if span_s < SPAN_MIN_S {
        return metrics;
    }
    let count = within.len() as f64;
    let mut add = |name: String, value: Option<f64>| {
        metrics.extend(value.map(|value| (name, exact(value, count))));
    };
    let events = difference(first.settled, last.settled);
    add("throughput".into(), events.map(|events| events / span_s));
    add("backlog-slope".into(), slope(&within).map(|slope| slope.slope.estimate));
    for part in parts() {
        let resident = within.iter().filter_map(|sample| sample.services.get(part)?.resident_bytes);
        add(format!("memory-peak-{part}"), resident.max().map(|bytes| bytes as f64));
    }
    let Some(events) = events.filter(|events| *events > 0.0) else { return metrics };
    let used = |part: &str, figure: Figure| {
        let of = |sample: &Sample| figure(sample.services.get(part)?);
        Some((of(last)? - of(first)?) / events)
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

/// The growth of the backlog in events a second, with its interval, from `from_s` to `to_s`; none with fewer than 10 samples.
#[must_use]
pub fn backlog_slope(samples: &[Sample], from_s: f64, to_s: f64) -> Option<Slope> {
    let within: Vec<&Sample> =
        samples.iter().filter(|sample| (from_s..=to_s).contains(&sample.at_s)).collect();
    slope(&within)
}

fn slope(samples: &[&Sample]) -> Option<Slope> {
    let points = samples.iter().filter_map(|sample| Some((sample.at_s, sample.backlog? as f64)));
    let (at_s, backlog): (Vec<f64>, Vec<f64>) = points.unzip();
    trend(&at_s, &backlog, CONFIDENCE).ok()
}

/// None where either is not known.
pub(super) fn difference(first: Option<u64>, last: Option<u64>) -> Option<f64> {
    Some(last?.checked_sub(first?)? as f64)
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
