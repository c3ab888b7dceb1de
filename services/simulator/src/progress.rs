//! How a run is going, as plain data that is brought up to date once a second, and who shows it: a screen on a terminal, a
//! line now and then elsewhere, the statistics line of the log in an endless run.

mod figures;
mod rate;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use measurement::Histogram;
use observability::metrics::{Registry, log_statistics};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::plan::Plan;
use crate::probes::ProbesSoFar;
use crate::screen;
use crate::tally::{Counts, Tally, add_reason};
use crate::telemetry::Stage;

pub(crate) use figures::{clock, count, duration, events_per_s};
pub(crate) use rate::planned_rate;

/// Seconds of the curve of the rate.
pub(crate) const CURVE_LENGTH: usize = 60;

/// A second is counted at its end, and told of before the next one ends.
const TOLD_AFTER_S: u64 = 3;

/// Between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How a run is going.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// Where the run is.
    pub(crate) stage: Stage,
    /// Since its start.
    pub(crate) elapsed: Duration,
    /// Whom it waits for before its start, such as `shards 2, 3 of 4`.
    pub(crate) waits_for: String,
    /// Since the start of the run.
    pub(crate) totals: Totals,
    /// Events of the last second.
    pub(crate) last: Counts,
    /// Sent events of each of the last seconds, the newest last.
    pub(crate) curve: VecDeque<u64>,
    /// From the intended send time to the answer.
    pub(crate) response_time: Latency,
    /// From the actual send time to the answer.
    pub(crate) service_time: Latency,
    /// From the intended to the actual send time.
    pub(crate) send_lateness: Latency,
    /// Connections that are up.
    pub(crate) connections: u64,
    /// Requests without an answer.
    pub(crate) in_flight: u64,
    /// What became of probes; none without any.
    pub(crate) probes: Option<ProbeProgress>,
    /// Seconds of the run that were begun; `last` is of the last of them.
    seconds: u64,
}

/// Counts since the start of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) events: Counts,
    pub(crate) repeated_events: Counts,
    pub(crate) malformed_events: Counts,
    pub(crate) late_requests: u64,
    pub(crate) refusals: BTreeMap<String, u64>,
    pub(crate) unknowns: BTreeMap<String, u64>,
    pub(crate) connect_failures: u64,
}

/// A latency of requests, over two times.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    /// Of the last second.
    pub(crate) last: Quantiles,
    /// Of the phase so far.
    pub(crate) phase: Quantiles,
}

/// What is shown of a histogram; none where nothing was recorded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quantiles {
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) p999: Option<Duration>,
    pub(crate) max: Option<Duration>,
}

/// What became of probes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProbeProgress {
    pub(crate) seen: u64,
    pub(crate) unseen: u64,
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
    /// From acceptance until an event is queryable, over all probes.
    pub(crate) accepted_to_queryable: Quantiles,
}

impl ProbeProgress {
    pub(crate) fn of(so_far: &ProbesSoFar) -> Self {
        let ProbesSoFar { seen, unseen, skipped, failed, .. } = *so_far;
        let accepted_to_queryable = Quantiles::of(&so_far.accepted_to_queryable);
        Self { seen, unseen, skipped, failed, accepted_to_queryable }
    }
}

impl Quantiles {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let at = |quantile| (histogram.count() > 0).then(|| histogram.quantile(quantile));
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

impl Latency {
    fn of(last: &Histogram, phase: &Histogram) -> Self {
        Self { last: Quantiles::of(last), phase: Quantiles::of(phase) }
    }
}

impl Progress {
    /// Before the start.
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::Connect,
            elapsed: Duration::ZERO,
            waits_for: "the receiver".to_owned(),
            totals: Totals::default(),
            last: Counts::default(),
            curve: VecDeque::new(),
            response_time: Latency::default(),
            service_time: Latency::default(),
            send_lateness: Latency::default(),
            connections: 0,
            in_flight: 0,
            probes: None,
            seconds: 0,
        }
    }

    /// Takes in where the run is, `elapsed` after its start. Seconds that nobody has told anything of are empty.
    pub(crate) fn follow(&mut self, stage: Stage, elapsed: Duration) {
        (self.stage, self.elapsed) = (stage, elapsed);
        if let Some(told) = elapsed.as_secs().checked_sub(TOLD_AFTER_S) {
            self.reach(told);
        }
    }

    /// Takes in what a second of the run has added to a phase, and the phase with it. Where several phases add to a second,
    /// the phase that the run is in comes last.
    pub(crate) fn update(&mut self, second: u64, slice: &Tally, phase_so_far: &Tally) {
        self.reach(second);
        let age = self.seconds.saturating_sub(second + 1);
        if age == 0 {
            self.last.add(&slice.events);
        }
        let index = self.curve.len().checked_sub(1 + usize::try_from(age).unwrap_or(usize::MAX));
        if let Some(events) = index.and_then(|index| self.curve.get_mut(index)) {
            *events += slice.events.sent;
        }
        self.totals.add(slice);
        self.response_time = Latency::of(&slice.response_time, &phase_so_far.response_time);
        self.service_time = Latency::of(&slice.service_time, &phase_so_far.service_time);
        self.send_lateness = Latency::of(&slice.send_lateness, &phase_so_far.send_lateness);
    }

    /// Begins the seconds up to this one that are not begun.
    fn reach(&mut self, second: u64) {
        let begun = (second + 1).saturating_sub(self.seconds);
        if begun == 0 {
            return;
        }
        self.seconds = second + 1;
        self.last = Counts::default();
        for latency in [&mut self.response_time, &mut self.service_time, &mut self.send_lateness] {
            latency.last = Quantiles::default();
        }
        let blanks = usize::try_from(begun).unwrap_or(usize::MAX).min(CURVE_LENGTH);
        self.curve.extend(std::iter::repeat_n(0, blanks));
        let surplus = self.curve.len().saturating_sub(CURVE_LENGTH);
        self.curve.drain(..surplus);
    }

    /// The phase that the run is in, or that it was in last.
    pub(crate) fn phase(&self, plan: &Plan) -> usize {
        match self.stage {
            Stage::Connect => 0,
            Stage::Phase(phase) => phase,
            Stage::Drain => plan.phases.len() - 1,
        }
    }

    /// The name of the phase, or what is done outside of one.
    pub(crate) fn stage_name<'a>(&self, plan: &'a Plan) -> &'a str {
        match self.stage {
            Stage::Connect => "connect",
            Stage::Phase(phase) => &plan.phases[phase].name,
            Stage::Drain => "drain",
        }
    }

    /// Time in the phase, and its length; none where it has no end.
    pub(crate) fn phase_time(&self, plan: &Plan) -> (Duration, Option<Duration>) {
        let phase = self.phase(plan);
        let start = plan.phase_start(phase);
        (self.elapsed.saturating_sub(start), plan.phase_end(phase).map(|end| end.saturating_sub(start)))
    }
}

impl Totals {
    fn add(&mut self, slice: &Tally) {
        self.events.add(&slice.events);
        self.repeated_events.add(&slice.repeated_events);
        self.malformed_events.add(&slice.malformed_events);
        self.late_requests += slice.late_requests;
        self.connect_failures += slice.connect_failures;
        for (reasons, more) in [(&mut self.refusals, &slice.refusals), (&mut self.unknowns, &slice.unknowns)]
        {
            more.iter().for_each(|(reason, events)| add_reason(reasons, reason, *events));
        }
    }
}

/// Shows the run until it is dropped, which takes the screen away. `statistics_interval` is that of the log in an endless
/// run.
pub(crate) async fn show(
    progress: watch::Receiver<Progress>,
    plan: &Plan,
    registry: &Registry,
    statistics_interval: Duration,
) {
    let statistics = async {
        if plan.is_endless {
            log_statistics(registry.clone(), statistics_interval).await;
        }
    };
    let picture = async {
        if io::stderr().is_terminal() {
            screen::show(progress, plan).await;
        } else if !plan.is_endless {
            write_lines(progress, plan).await;
        }
    };
    tokio::join!(statistics, picture);
    std::future::pending().await
}

async fn write_lines(progress: watch::Receiver<Progress>, plan: &Plan) {
    let mut ticks = interval_at(Instant::now() + LINE_INTERVAL, LINE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let line = line(&progress.borrow(), plan);
        // A line that nobody can read is no reason to end a run.
        writeln!(io::stderr(), "{line}").ok();
    }
}

/// One line that says how the run is going.
fn line(progress: &Progress, plan: &Plan) -> String {
    let Counts { accepted, refused, unknown, unsent, .. } = progress.totals.events;
    let elapsed_s = progress.elapsed.as_secs();
    let time = plan.duration().map_or_else(
        || format!("{elapsed_s} s"),
        |length| format!("{elapsed_s}/{:.0} s", length.as_secs_f64()),
    );
    let is_closed = plan.phases[progress.phase(plan)].is_closed();
    let (name, latency) = if is_closed {
        ("closed loop, service time", progress.service_time.last)
    } else {
        ("response time", progress.response_time.last)
    };
    format!(
        "{time}  {}  {} events/s  accepted {accepted}  refused {refused}  unknown {unknown}  unsent {unsent}  \
         late {}  {name} p50 {}  p99 {}",
        progress.stage_name(plan),
        events_per_s(progress.last.sent as f64),
        progress.totals.late_requests,
        duration(latency.p50),
        duration(latency.p99),
    )
}

#[cfg(test)]
pub(crate) mod tests;
