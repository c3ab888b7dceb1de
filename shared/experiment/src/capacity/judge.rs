//! Whether a run was sustained: every bound is kept, the audit passes, and the backlog does not grow.

use crate::metric;
use crate::plan::Slo;
use crate::record::{Reason, RunRecord, Status};
use crate::words;
use measurement::statistics::{CONFIDENCE, trend};
use serde::{Deserialize, Serialize};

/// What a run says of its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Sustained,
    Broken,
    /// Nothing: something else than the rate was in the way.
    Invalid,
}

impl Outcome {
    /// For a table.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Sustained => "sustained",
            Self::Broken => "not sustained",
            Self::Invalid => "invalid",
        }
    }
}

/// What a run says, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judgement {
    pub outcome: Outcome,
    /// None where it was sustained.
    pub reasons: Vec<String>,
}

/// Checks that too high a rate makes fail by itself, each with what says that it was not the rate: a part was not sent, because
/// answers came late or the simulator was too slow; many events were refused, or have no answer. These make a rate broken, not
/// a run unusable. The audit is judged by its own figures.
const OF_OVERLOAD: [(&str, &[&str]); 3] = [
    ("simulator-rate-error", &["simulator-lane-cpu", "simulator-pacing-lateness"]),
    ("simulator-unknown", &NOT_THE_TARGET),
    ("simulator-refused", &NOT_THE_TARGET),
];
const NOT_THE_TARGET: [&str; 3] =
    ["simulator-lane-cpu", "simulator-pacing-lateness", "simulator-connect-failures"];

/// Judges a run. `backlog` has the seconds since the load began and the events accepted and not settled, of the part that was
/// measured, in the order of time.
#[must_use]
pub fn judge(slos: &[Slo], record: &RunRecord, backlog: &[(f64, f64)]) -> Judgement {
    let reasons = &record.verdict.reasons;
    let is_of_overload = |reason: &Reason| {
        let other = OF_OVERLOAD.iter().find(|(check, _)| *check == reason.check).map(|(_, other)| other);
        other.is_some_and(|other| reasons.iter().all(|reason| !other.contains(&reason.check.as_str())))
    };
    let invalid = reasons.iter().filter(|reason| reason.status == Status::Invalid && reason.check != "audit");
    let (overload, in_the_way): (Vec<&Reason>, Vec<&Reason>) =
        invalid.partition(|reason| is_of_overload(reason));
    if !in_the_way.is_empty() {
        let reasons = in_the_way.iter().map(|reason| reason.message.clone()).collect();
        return Judgement { outcome: Outcome::Invalid, reasons };
    }
    let mut broken: Vec<String> = overload.iter().map(|reason| reason.message.clone()).collect();
    let mut unknown = Vec::new();
    for slo in slos {
        match bound(slo, record) {
            Bound::Kept => {}
            Bound::Broken(reason) => broken.push(reason),
            Bound::Unknown(reason) => unknown.push(reason),
        }
    }
    let audit = &record.audit;
    match audit.outcome.as_deref() {
        Some("pass") => {}
        Some("fail") => {
            broken.push(format!("the audit fails: {} lost, {} duplicated", audit.lost, audit.duplicated))
        }
        // What was not stored in the time there is to drain.
        _ if audit.accepted > audit.queryable => {
            broken.push(format!(
                "{} accepted events were not stored in time",
                audit.accepted - audit.queryable
            ));
        }
        _ => unknown.push("the audit could not tell".to_owned()),
    }
    let (at_s, events): (Vec<f64>, Vec<f64>) = backlog.iter().copied().unzip();
    match trend(&at_s, &events, CONFIDENCE) {
        Ok(slope) if slope.grows() => broken.push(format!(
            "the backlog grows by {:.1} events a second, from {:.1} to {:.1} with 95 % confidence",
            slope.slope.estimate, slope.slope.low, slope.slope.high
        )),
        Ok(_) => {}
        Err(error) => unknown.push(format!("the backlog's growth is not known: {error}")),
    }
    // What is broken is so, whatever else is not known.
    match (broken.is_empty(), unknown.is_empty()) {
        (false, _) => Judgement { outcome: Outcome::Broken, reasons: broken },
        (true, false) => Judgement { outcome: Outcome::Invalid, reasons: unknown },
        (true, true) => Judgement { outcome: Outcome::Sustained, reasons: Vec::new() },
    }
}

/// What a run says of a bound, and why.
enum Bound {
    Kept,
    Broken(String),
    Unknown(String),
}

fn bound(slo: &Slo, record: &RunRecord) -> Bound {
    let name = &slo.metric;
    let spec = metric::find(name);
    let Some(measured) = record.metrics.get(name) else {
        return Bound::Unknown(format!("{name} was not measured"));
    };
    let text = |value| match &spec {
        Some(spec) => words::value(spec.unit, value),
        None => words::number(value),
    };
    // Of few samples the highest percentiles are too low, not too high.
    if measured.value > slo.max {
        return Bound::Broken(format!("{name} is {}, above {}", text(measured.value), text(slo.max)));
    }
    match spec.map(|spec| spec.samples_min as f64).filter(|needed| measured.samples < *needed) {
        None => Bound::Kept,
        Some(needed) => Bound::Unknown(format!(
            "{name} has too few samples to show that it is kept: {} are needed, and there are {}",
            words::integer(needed),
            words::integer(measured.samples.floor())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Order;
    use crate::fixtures;
    use crate::record::{AuditFacts, Verdict};

    fn record() -> RunRecord {
        let order = Order::of(&fixtures::plan());
        fixtures::record(&order.runs[0], 1, Status::Valid, 50_000.0)
    }

    fn bounds() -> Vec<Slo> {
        vec![Slo { metric: "response-time-p99".into(), max: 100_000.0 }]
    }

    /// Seconds 10 to 40, growing by `slope` a second, with some noise.
    fn backlog(slope: f64) -> Vec<(f64, f64)> {
        (10..40)
            .map(|second| (f64::from(second), slope * f64::from(second) + f64::from(second * 7 % 5)))
            .collect()
    }

    fn outcome(slos: &[Slo], record: &RunRecord, slope: f64) -> Outcome {
        judge(slos, record, &backlog(slope)).outcome
    }

    #[test]
    fn run_that_keeps_everything_is_sustained() {
        assert_eq!(judge(&bounds(), &record(), &backlog(0.0)).reasons, Vec::<String>::new());
        assert_eq!(outcome(&bounds(), &record(), -3.0), Outcome::Sustained);
        let at_the_bound = vec![Slo { max: 50_000.0, ..bounds()[0].clone() }];
        assert_eq!(outcome(&at_the_bound, &record(), 0.0), Outcome::Sustained);
    }

    #[test]
    fn only_what_makes_a_run_unusable_is_in_the_way_of_a_judgement() {
        let with = |status, check: &str| {
            let reason = Reason { status, check: check.into(), message: "look".into() };
            let verdict = Verdict { status, reasons: vec![reason] };
            outcome(&bounds(), &RunRecord { verdict, ..record() }, 0.0)
        };
        assert_eq!(with(Status::Invalid, "steal"), Outcome::Invalid);
        assert_eq!(with(Status::Suspect, "steal"), Outcome::Sustained);
    }

    #[test]
    fn broken_bound_growing_backlog_and_failed_audit_break_a_rate() {
        let lower = vec![Slo { max: 49_999.0, ..bounds()[0].clone() }];
        let far = vec![Slo { max: 20_000.0, ..bounds()[0].clone() }];
        let reasons = judge(&far, &record(), &backlog(0.0)).reasons;
        assert_eq!(reasons, ["response-time-p99 is 50.0 ms, above 20.0 ms"]);
        assert_eq!(outcome(&lower, &record(), 0.0), Outcome::Broken);
        assert_eq!(outcome(&bounds(), &record(), 20.0), Outcome::Broken);
        let mut failed = record();
        failed.audit = AuditFacts { outcome: Some("fail".into()), lost: 1, ..failed.audit };
        // The run is of no use for comparisons, but it tells of its rate.
        let reason =
            Reason { status: Status::Invalid, check: "audit".into(), message: "1 event is lost".into() };
        failed.verdict = Verdict { status: Status::Invalid, reasons: vec![reason] };
        assert_eq!(outcome(&bounds(), &failed, 0.0), Outcome::Broken);
        let mut late = record();
        late.audit = AuditFacts { outcome: None, queryable: 7, ..late.audit };
        assert_eq!(outcome(&bounds(), &late, 0.0), Outcome::Broken);
    }

    #[test]
    fn overload_breaks_a_rate_unless_something_speaks_for_the_simulator() {
        let reason =
            |status, check: &str| Reason { status, check: check.into(), message: "9 of 10 were sent".into() };
        let mut short = record();
        let slow = ["simulator-lane-cpu", "simulator-pacing-lateness"].as_slice();
        let unreachable =
            ["simulator-lane-cpu", "simulator-pacing-lateness", "simulator-connect-failures"].as_slice();
        for (check, others) in [
            ("simulator-rate-error", slow),
            ("simulator-unknown", unreachable),
            ("simulator-refused", unreachable),
        ] {
            short.verdict.reasons = vec![reason(Status::Invalid, check)];
            assert_eq!(outcome(&bounds(), &short, 0.0), Outcome::Broken, "{check}");
            for slow in others {
                let mut slow_too = short.clone();
                slow_too.verdict.reasons.push(reason(Status::Suspect, slow));
                assert_eq!(outcome(&bounds(), &slow_too, 0.0), Outcome::Invalid, "{check} {slow}");
            }
        }
        // Where all is refused there may be nothing to measure.
        short.metrics.clear();
        assert_eq!(outcome(&bounds(), &short, 0.0), Outcome::Broken);
    }

    #[test]
    fn bound_is_kept_only_where_there_are_samples_to_show_it() {
        let mut few = record();
        few.metrics.get_mut("response-time-p99").unwrap().samples = 367.5;
        let judgement = judge(&bounds(), &few, &backlog(0.0));
        assert_eq!(judgement.outcome, Outcome::Invalid);
        let reason = "response-time-p99 has too few samples to show that it is kept: 368 are needed, and there are 367";
        assert_eq!(judgement.reasons, [reason]);
        let broken = vec![Slo { max: 49_999.0, ..bounds()[0].clone() }];
        assert_eq!(outcome(&broken, &few, 0.0), Outcome::Broken);
    }

    #[test]
    fn backlog_of_a_day_is_judged() {
        let day = |slope: f64| -> Vec<(f64, f64)> {
            (0..86_400).map(|second| (f64::from(second), slope * f64::from(second))).collect()
        };
        assert_eq!(judge(&bounds(), &record(), &day(0.0)).outcome, Outcome::Sustained);
        assert_eq!(judge(&bounds(), &record(), &day(0.01)).outcome, Outcome::Broken);
    }

    #[test]
    fn noise_and_missing_figures_say_nothing_of_a_rate() {
        let mut noisy = record();
        let reason = Reason { status: Status::Invalid, check: "steal".into(), message: "9 % stolen".into() };
        noisy.verdict = Verdict { status: Status::Invalid, reasons: vec![reason] };
        assert_eq!(outcome(&bounds(), &noisy, 20.0), Outcome::Invalid);
        let mut unmeasured = record();
        unmeasured.metrics.clear();
        assert_eq!(outcome(&bounds(), &unmeasured, 0.0), Outcome::Invalid);
        assert_eq!(judge(&bounds(), &record(), &backlog(0.0)[..5]).outcome, Outcome::Invalid);
        let mut unaudited = record();
        unaudited.audit.outcome = None;
        assert_eq!(outcome(&bounds(), &unaudited, 0.0), Outcome::Invalid);
    }
}
