//! Whether a run was sustained: every bound is kept, the audit passes, and the backlog does not grow.

use crate::metric;
use crate::plan::Slo;
use crate::record::{Reason, RunRecord, Status};
use crate::words;
use measurement::statistics::{CONFIDENCE, Residuals, theil_sen};
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

/// What a run says, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judgement {
    pub outcome: Outcome,
    /// None where it was sustained.
    pub reasons: Vec<String>,
}

/// Checks that too high a rate makes fail by itself: these make a rate broken, not a run unusable.
const OF_OVERLOAD: [&str; 3] = ["audit", "unsteady", NOT_SENT];

/// A part of the rate was not sent: because answers came late, or because the simulator was too slow.
const NOT_SENT: &str = "simulator-rate-error";

/// What says that it was the simulator.
const OF_THE_SIMULATOR: [&str; 2] = ["simulator-lane-cpu", "simulator-pacing-lateness"];

/// Judges a run. `backlog` has the seconds since the load began and the events accepted and not settled, of the part that was
/// measured, in the order of time.
#[must_use]
pub fn judge(slos: &[Slo], record: &RunRecord, backlog: &[(f64, f64)]) -> Judgement {
    let reasons = &record.verdict.reasons;
    let not_sent = reasons.iter().find(|reason| reason.check == NOT_SENT && reason.status == Status::Invalid);
    let is_slow = reasons.iter().any(|reason| OF_THE_SIMULATOR.contains(&reason.check.as_str()));
    let is_in_the_way = |reason: &&Reason| {
        let is_of_overload = OF_OVERLOAD.contains(&reason.check.as_str());
        reason.status == Status::Invalid && (!is_of_overload || reason.check == NOT_SENT && is_slow)
    };
    let mut invalid: Vec<String> =
        reasons.iter().filter(is_in_the_way).map(|reason| reason.message.clone()).collect();
    let mut broken: Vec<String> = not_sent.map(|reason| reason.message.clone()).into_iter().collect();
    for slo in slos {
        match record.metrics.get(&slo.metric) {
            Some(measured) if measured.value <= slo.max => {}
            Some(measured) => {
                let text = |value| match metric::find(&slo.metric) {
                    Some(spec) => words::value(spec.unit, value),
                    None => words::number(value),
                };
                broken.push(format!("{} is {}, above {}", slo.metric, text(measured.value), text(slo.max)));
            }
            None => invalid.push(format!("{} was not measured", slo.metric)),
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
        _ => invalid.push("the audit could not tell".to_owned()),
    }
    let (at_s, events): (Vec<f64>, Vec<f64>) = backlog.iter().copied().unzip();
    match theil_sen(&at_s, &events, Residuals::Autocorrelated, CONFIDENCE) {
        Ok(slope) if slope.grows() => broken.push(format!(
            "the backlog grows by {:.1} events a second, from {:.1} to {:.1} with 95 % confidence",
            slope.slope.estimate, slope.slope.low, slope.slope.high
        )),
        Ok(_) => {}
        Err(error) => invalid.push(format!("the backlog's growth is not known: {error}")),
    }
    match (invalid.is_empty(), broken.is_empty()) {
        (false, _) => Judgement { outcome: Outcome::Invalid, reasons: invalid },
        (true, false) => Judgement { outcome: Outcome::Broken, reasons: broken },
        (true, true) => Judgement { outcome: Outcome::Sustained, reasons: Vec::new() },
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

    fn bound() -> Vec<Slo> {
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
        assert_eq!(judge(&bound(), &record(), &backlog(0.0)).reasons, Vec::<String>::new());
        assert_eq!(outcome(&bound(), &record(), -3.0), Outcome::Sustained);
        let at_the_bound = vec![Slo { max: 50_000.0, ..bound()[0].clone() }];
        assert_eq!(outcome(&at_the_bound, &record(), 0.0), Outcome::Sustained);
    }

    #[test]
    fn only_what_makes_a_run_unusable_is_in_the_way_of_a_judgement() {
        let with = |status, check: &str| {
            let reason = Reason { status, check: check.into(), message: "look".into() };
            let verdict = Verdict { status, reasons: vec![reason] };
            outcome(&bound(), &RunRecord { verdict, ..record() }, 0.0)
        };
        assert_eq!(with(Status::Invalid, "steal"), Outcome::Invalid);
        assert_eq!(with(Status::Suspect, "steal"), Outcome::Sustained);
        // Too high a rate does that by itself.
        assert_eq!(with(Status::Invalid, "unsteady"), Outcome::Sustained);
    }

    #[test]
    fn broken_bound_growing_backlog_and_failed_audit_break_a_rate() {
        let lower = vec![Slo { max: 49_999.0, ..bound()[0].clone() }];
        let far = vec![Slo { max: 20_000.0, ..bound()[0].clone() }];
        let reasons = judge(&far, &record(), &backlog(0.0)).reasons;
        assert_eq!(reasons, ["response-time-p99 is 50.0 ms, above 20.0 ms"]);
        assert_eq!(outcome(&lower, &record(), 0.0), Outcome::Broken);
        assert_eq!(outcome(&bound(), &record(), 20.0), Outcome::Broken);
        let mut failed = record();
        failed.audit = AuditFacts { outcome: Some("fail".into()), lost: 1, ..failed.audit };
        // The run is of no use for comparisons, but it tells of its rate.
        let reason =
            Reason { status: Status::Invalid, check: "audit".into(), message: "1 event is lost".into() };
        failed.verdict = Verdict { status: Status::Invalid, reasons: vec![reason] };
        assert_eq!(outcome(&bound(), &failed, 0.0), Outcome::Broken);
        let mut late = record();
        late.audit = AuditFacts { outcome: None, queryable: 7, ..late.audit };
        assert_eq!(outcome(&bound(), &late, 0.0), Outcome::Broken);
    }

    #[test]
    fn rate_that_could_not_be_sent_is_broken_unless_the_simulator_was_too_slow() {
        let reason =
            |status, check: &str| Reason { status, check: check.into(), message: "9 of 10 were sent".into() };
        let mut short = record();
        short.verdict.reasons = vec![reason(Status::Invalid, NOT_SENT)];
        assert_eq!(outcome(&bound(), &short, 0.0), Outcome::Broken);
        for slow in ["simulator-lane-cpu", "simulator-pacing-lateness"] {
            let mut slow_too = short.clone();
            slow_too.verdict.reasons.push(reason(Status::Suspect, slow));
            assert_eq!(outcome(&bound(), &slow_too, 0.0), Outcome::Invalid, "{slow}");
        }
    }

    #[test]
    fn noise_and_missing_figures_say_nothing_of_a_rate() {
        let mut noisy = record();
        let reason = Reason { status: Status::Invalid, check: "steal".into(), message: "9 % stolen".into() };
        noisy.verdict = Verdict { status: Status::Invalid, reasons: vec![reason] };
        assert_eq!(outcome(&bound(), &noisy, 20.0), Outcome::Invalid);
        let mut unmeasured = record();
        unmeasured.metrics.clear();
        assert_eq!(outcome(&bound(), &unmeasured, 0.0), Outcome::Invalid);
        assert_eq!(judge(&bound(), &record(), &backlog(0.0)[..5]).outcome, Outcome::Invalid);
        let mut unaudited = record();
        unaudited.audit.outcome = None;
        assert_eq!(outcome(&bound(), &unaudited, 0.0), Outcome::Invalid);
    }
}
