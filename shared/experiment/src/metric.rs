//! What a run comes to: one number for each metric, by names that plans, records, tables and plots share.

use crate::plan::Service;

/// Unit of a metric, as in UCUM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Microseconds,
    EventsPerSecond,
    /// 0 to 1.
    Share,
    /// Processor microseconds for each event that was stored.
    MicrosecondsPerEvent,
    Bytes,
    BytesPerEvent,
    MicrojoulesPerEvent,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Lower,
    Higher,
}

/// A metric of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricSpec {
    /// `accepted-to-queryable-p99`.
    pub name: String,
    pub unit: Unit,
    pub better: Better,
    /// For a heading, such as `p99 from acceptance to queryable`.
    pub title: String,
    /// Samples that the statistic needs, after correction for their dependence; it is not shown below it.
    pub samples_min: u64,
}

/// What costs are known of beside the services.
pub const REDIS: &str = "redis";

/// Distributions of times, and what each is.
const TIMES: [(&str, &str); 9] = [
    ("response-time", "from the intended send time to the answer"),
    ("service-time", "from the actual send time to the answer"),
    ("intended-to-queryable", "from the intended send time until the event can be queried"),
    ("accepted-to-queryable", "from acceptance until the event can be queried"),
    ("stage-send", "from the intended to the actual send time"),
    ("stage-accept", "from sending to acceptance"),
    ("stage-process", "from acceptance until the worker has settled it"),
    ("stage-publish", "from the worker's end until the event can be queried"),
    ("work", "of the work on one event in the worker"),
];

/// The stages of an event from its intended send time until it can be queried, each with its short name. Their means add up to
/// that of [`WHOLE`].
pub const STAGES: [(&str, &str); 4] = [
    ("stage-send-mean", "send"),
    ("stage-accept-mean", "accept"),
    ("stage-process-mean", "process"),
    ("stage-publish-mean", "publish"),
];
pub const WHOLE: &str = "intended-to-queryable-mean";

/// Statistics of a distribution, and the samples that each needs: for a quantile as many that the upper bound of its 95 %
/// interval is a sample (order statistics; Hahn and Meeker, Statistical Intervals, 5.2.3).
const STATISTICS: [(&str, u64); 6] =
    [("mean", 30), ("p50", 6), ("p90", 36), ("p99", 368), ("p999", 3688), ("max", 1)];

/// All metrics.
#[must_use]
pub fn catalogue() -> Vec<MetricSpec> {
    let mut all = Vec::new();
    for (time, meaning) in TIMES {
        for (statistic, samples_min) in STATISTICS {
            let title = format!("{} {meaning}", statistic_title(statistic));
            all.push(MetricSpec {
                name: format!("{time}-{statistic}"),
                unit: Unit::Microseconds,
                better: Better::Lower,
                title,
                samples_min,
            });
        }
    }
    let mut single = |name: &str, unit, better, title: &str| {
        all.push(MetricSpec { name: name.to_owned(), unit, better, title: title.to_owned(), samples_min: 1 });
    };
    single(
        "throughput",
        Unit::EventsPerSecond,
        Better::Higher,
        "number of events that were stored in a second",
    );
    single("refused-share", Unit::Share, Better::Lower, "share of events that were refused");
    single("backlog-slope", Unit::EventsPerSecond, Better::Lower, "growth of the backlog");
    single(
        "cpu-per-event",
        Unit::MicrosecondsPerEvent,
        Better::Lower,
        "processor time of all services for an event",
    );
    single(
        "network-per-event",
        Unit::BytesPerEvent,
        Better::Lower,
        "number of bytes that all services send and receive for an event",
    );
    single(
        "disk-per-event",
        Unit::BytesPerEvent,
        Better::Lower,
        "number of bytes that all services and Redis write to storage for an event",
    );
    single("energy-per-event", Unit::MicrojoulesPerEvent, Better::Lower, "energy above idle for an event");
    for part in Service::ALL.map(Service::name).into_iter().chain([REDIS]) {
        let mut of_part = |name: &str, unit, title: &str| {
            single(&format!("{name}-{part}"), unit, Better::Lower, &format!("{title} {part}"));
        };
        of_part("cpu-per-event", Unit::MicrosecondsPerEvent, "processor time for an event of");
        of_part(
            "network-per-event",
            Unit::BytesPerEvent,
            "number of bytes sent and received for an event by",
        );
        of_part("disk-per-event", Unit::BytesPerEvent, "number of bytes written to storage for an event by");
        of_part("memory-peak", Unit::Bytes, "largest resident size of");
    }
    all
}

/// As it is said in a sentence.
fn statistic_title(statistic: &str) -> &str {
    match statistic {
        "mean" => "mean time",
        "p50" => "median time",
        "p999" => "p99.9",
        "max" => "longest time",
        other => other,
    }
}

/// A metric by its name.
#[must_use]
pub fn find(name: &str) -> Option<MetricSpec> {
    catalogue().into_iter().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let all = catalogue();
        let names: BTreeSet<&String> = all.iter().map(|metric| &metric.name).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn metric_is_found_by_its_name() {
        assert_eq!(find("accepted-to-queryable-p99").unwrap().samples_min, 368);
        assert_eq!(find("accepted-to-queryable-p98"), None);
    }
}
