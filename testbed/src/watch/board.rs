//! The figures that observations give: rates from two of them, latencies and states from the last. Pure.

use super::observe::{Health, Observation, PartObservation};
use crate::stack::Role;
use crate::statz::{Distribution, Statz};
use observability::metrics::Metric;
use std::collections::VecDeque;

/// Values kept for the curves: ten minutes, more than any terminal is wide.
const HISTORY_LENGTH: usize = 600;

/// What happens to an event, in order, and the metric of how long it takes.
const STAGES: [(&str, Role, Metric); 7] = [
    ("http request", Role::Ingest, Metric::HttpRequestDuration),
    ("redis write", Role::Ingest, Metric::IngestWriteDuration),
    ("queue wait", Role::Worker, Metric::WorkerQueueDuration),
    ("work", Role::Worker, Metric::WorkerWorkDuration),
    ("commit", Role::Worker, Metric::CacheCommitDuration),
    ("publish", Role::Worker, Metric::WorkerSettleDuration),
    ("accepted→queryable", Role::Query, Metric::QueryFreshness),
];

/// A figure over time: its last value and its curve, with gaps where it was unknown.
#[derive(Debug, Clone, Default)]
pub struct Curve(VecDeque<Option<f64>>);

/// How long a stage takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// Median and 99th percentile in seconds; of several workers the largest.
    pub p50_s: Option<f64>,
    /// 99th percentile.
    pub p99_s: Option<f64>,
}

/// A part and what it uses.
#[derive(Debug, Clone)]
pub struct PartRow {
    /// What was observed.
    pub observed: PartObservation,
    /// Share of one processor since the observation before, 1.0 for a whole one.
    pub cpu: Option<f64>,
}

/// The figures.
#[derive(Debug, Clone, Default)]
pub struct Board {
    last: Option<Observation>,
    /// Accepted events a second.
    pub accepted: Curve,
    /// Processed events a second.
    pub processed: Curve,
    /// Events a second that become queryable.
    pub queryable: Curve,
    /// Events that are accepted and not settled.
    pub backlog: Curve,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// The parts.
    pub parts: Vec<PartRow>,
}

impl Curve {
    /// The last value.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.0.back().copied().flatten()
    }

    /// The last `length` values, oldest first.
    #[must_use]
    pub fn tail(&self, length: usize) -> Vec<Option<u64>> {
        let skipped = self.0.len().saturating_sub(length);
        self.0.iter().skip(skipped).map(|value| value.map(|value| value.round() as u64)).collect()
    }

    fn push(&mut self, value: Option<f64>) {
        if self.0.len() == HISTORY_LENGTH {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }
}

impl Board {
    /// Takes in a new observation.
    pub fn update(&mut self, observation: Observation) {
        let before = self.last.as_ref();
        let rate = |role, metric| rate(before, &observation, role, metric);
        let accepted = rate(Role::Ingest, Metric::IngestEventsAccepted);
        let processed = rate(Role::Worker, Metric::WorkerEventsProcessed);
        let queryable = rate(Role::Query, Metric::QueryEventsStored);
        self.stages = STAGES
            .iter()
            .map(|(name, role, metric)| {
                let largest = |value: fn(Distribution) -> Option<f64>| {
                    let values =
                        statz(&observation, *role).filter_map(|statz| value(statz.distribution(*metric)?));
                    values.fold(None, |largest: Option<f64>, value| {
                        Some(largest.map_or(value, |l| l.max(value)))
                    })
                };
                Stage { name, p50_s: largest(|one| one.p50), p99_s: largest(|one| one.p99) }
            })
            .collect();
        self.parts = observation
            .parts
            .iter()
            .map(|part| PartRow { observed: part.clone(), cpu: cpu(before, &observation, part) })
            .collect();
        let backlog = observation.pipeline.as_ref().and_then(crate::statz::Pipeline::backlog);
        self.accepted.push(accepted);
        self.processed.push(processed);
        self.queryable.push(queryable);
        self.backlog.push(backlog.map(|events| events as f64));
        self.last = Some(observation);
    }

    /// The observation that was last taken in.
    #[must_use]
    pub fn last(&self) -> Option<&Observation> {
        self.last.as_ref()
    }
}

/// Sum of a counter over the parts of a role that live; unknown where one of them does not tell.
#[must_use]
pub fn total(observation: &Observation, role: Role, metric: Metric) -> Option<u64> {
    let living = living(observation, role);
    let totals: Option<Vec<u64>> = living.map(|part| part.statz.as_ref()?.counter(metric)).collect();
    totals.filter(|totals| !totals.is_empty()).map(|totals| totals.iter().sum())
}

fn living(observation: &Observation, role: Role) -> impl Iterator<Item = &PartObservation> {
    observation.parts.iter().filter(move |part| part.role == role && !matches!(part.health, Health::Ended(_)))
}

fn statz(observation: &Observation, role: Role) -> impl Iterator<Item = &Statz> {
    living(observation, role).filter_map(|part| part.statz.as_ref())
}

/// Growth of a counter a second. Each part is compared with itself, since one may have ended in between.
fn rate(before: Option<&Observation>, now: &Observation, role: Role, metric: Metric) -> Option<f64> {
    let before = before?;
    let growth: Option<Vec<u64>> = living(now, role)
        .map(|part| {
            let counter = |part: &PartObservation| part.statz.as_ref()?.counter(metric);
            counter(part)?.checked_sub(counter(same_part(before, part)?)?)
        })
        .collect();
    let growth = growth.filter(|growth| !growth.is_empty())?;
    per_second(growth.iter().sum::<u64>() as f64, before, now)
}

fn cpu(before: Option<&Observation>, now: &Observation, part: &PartObservation) -> Option<f64> {
    let before = before?;
    let used = part.usage?.cpu.checked_sub(same_part(before, part)?.usage?.cpu)?;
    per_second(used.as_secs_f64(), before, now)
}

fn same_part<'a>(observation: &'a Observation, part: &PartObservation) -> Option<&'a PartObservation> {
    observation.parts.iter().find(|other| other.name == part.name)
}

fn per_second(amount: f64, before: &Observation, now: &Observation) -> Option<f64> {
    let elapsed_s = now.at.duration_since(before.at).as_secs_f64();
    (elapsed_s > 0.0).then(|| amount / elapsed_s)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::procfs::Usage;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::{Duration, Instant};

    pub(in super::super) fn part(role: Role, name: &str, statz: Option<&str>) -> PartObservation {
        PartObservation {
            role,
            name: name.into(),
            pid: Some(42),
            health: Health::Ready,
            statz: statz.map(|text| serde_json::from_str(text).unwrap()),
            usage: None,
        }
    }

    pub(in super::super) fn worker(name: &str, processed: u64) -> PartObservation {
        let text = format!(r#"{{"counters":{{"worker.events.processed":{{"total":{processed}}}}}}}"#);
        part(Role::Worker, name, Some(&text))
    }

    pub(in super::super) fn board(seconds: &[Vec<PartObservation>]) -> Board {
        let start = Instant::now();
        let mut board = Board::default();
        for (second, parts) in seconds.iter().enumerate() {
            let at = start + Duration::from_secs(2 * second as u64);
            board.update(Observation { at, parts: parts.clone(), pipeline: None });
        }
        board
    }

    #[test]
    fn rate_is_the_growth_of_all_parts_over_the_time_between() {
        let board = board(&[vec![worker("a", 10), worker("b", 0)], vec![worker("a", 30), worker("b", 4)]]);
        assert_eq!(board.processed.last(), Some(12.0));
    }

    #[test]
    fn first_observation_has_no_rate() {
        assert_eq!(board(&[vec![worker("a", 10)]]).processed.last(), None);
    }

    #[test]
    fn rate_is_unknown_where_a_living_part_does_not_tell() {
        let silent = PartObservation { health: Health::Silent, statz: None, ..worker("b", 0) };
        let board = board(&[vec![worker("a", 10), worker("b", 0)], vec![worker("a", 30), silent]]);
        assert_eq!(board.processed.last(), None);
        assert_eq!(board.processed.tail(9), vec![None, None]);
    }

    #[test]
    fn ended_part_does_not_hide_the_others() {
        let ended =
            PartObservation { health: Health::Ended(ExitStatus::from_raw(9)), statz: None, ..worker("b", 0) };
        let board = board(&[vec![worker("a", 10), worker("b", 7)], vec![worker("a", 30), ended.clone()]]);
        assert_eq!(board.processed.last(), Some(10.0));
        let only_ended = Observation { at: Instant::now(), parts: vec![ended], pipeline: None };
        assert_eq!(total(&only_ended, Role::Worker, Metric::WorkerEventsProcessed), None);
    }

    #[test]
    fn metric_that_is_missing_is_unknown() {
        let board = board(&[vec![part(Role::Query, "query-api", Some("{}"))]]);
        assert!(board.stages.iter().all(|stage| stage.p50_s.is_none() && stage.p99_s.is_none()));
        assert_eq!((board.queryable.last(), board.backlog.last()), (None, None));
    }

    #[test]
    fn slowest_worker_stands_for_all() {
        let slow = |name, p50: f64| {
            let text = format!(
                r#"{{"histograms":{{"cache.commit.duration":{{"count":1,"p50":{p50},"p99":0.5}}}}}}"#
            );
            part(Role::Worker, name, Some(&text))
        };
        let board = board(&[vec![slow("a", 0.002), slow("b", 0.003)]]);
        let commit = board.stages.iter().find(|stage| stage.name == "commit").unwrap();
        assert_eq!((commit.p50_s, commit.p99_s), (Some(0.003), Some(0.5)));
    }

    #[test]
    fn cpu_is_the_share_of_a_processor() {
        let using = |milliseconds| PartObservation {
            usage: Some(Usage { cpu: Duration::from_millis(milliseconds), resident_bytes: 1 }),
            ..worker("a", 0)
        };
        let board = board(&[vec![using(1000)], vec![using(2500)]]);
        assert_eq!(board.parts[0].cpu, Some(0.75));
    }
}
