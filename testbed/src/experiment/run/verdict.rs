//! How far a run is to be trusted, by fixed rules.

use super::outcome::Outcome;
use super::steadiness::Judgement;
use super::usage::THROUGHPUT;
use experiment::record::{Gate, Measured, Reason, Status, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// The verdict; `trouble` is what went wrong at the stop.
pub(super) fn verdict(
    outcome: &Outcome,
    gates: &[Gate],
    steadiness: &Judgement,
    metrics: &BTreeMap<String, Measured>,
    trouble: Option<String>,
) -> Verdict {
    let mut reasons = outcome.unseen.clone();
    let mut add = |status, check: &str, message: String| {
        reasons.push(Reason { status, check: check.to_owned(), message });
    };
    for death in &outcome.deaths {
        add(Status::Invalid, "ended", death.clone());
    }
    for facts in outcome.services.iter().filter(|facts| facts.restarts > 0) {
        let message = format!("{} was restarted {} times", facts.name, facts.restarts);
        add(Status::Invalid, "restarts", message);
    }
    match outcome.audit.facts.outcome.as_deref() {
        Some("pass") => {}
        Some("inconclusive") => add(Status::Suspect, "audit", outcome.audit.report.clone()),
        Some(_) => add(Status::Invalid, "audit", outcome.audit.report.clone()),
        None => {
            add(Status::Invalid, "audit", format!("it could not be carried out: {}", outcome.audit.report));
        }
    }
    for (facts, wanted) in outcome.services.iter().zip(&outcome.wanted) {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| **wanted != facts.architecture) {
            let message = format!("{} is {} and should be {wanted}", facts.name, facts.architecture);
            add(Status::Invalid, "wrong-architecture", message);
        }
    }
    let of_this_project = outcome.services.iter().filter(|facts| facts.name != "redis");
    let versions: BTreeSet<&str> = of_this_project.map(|facts| facts.version.as_str()).collect();
    if versions.len() > 1 {
        let versions: Vec<&str> = versions.into_iter().collect();
        add(
            Status::Invalid,
            "wrong-version",
            format!("services are of several builds: {}", versions.join(", ")),
        );
    }
    for reason in &outcome.result.verdict.reasons {
        let status = match reason.severity.as_str() {
            "invalid" => Status::Invalid,
            "suspect" => Status::Suspect,
            _ => continue,
        };
        add(status, &format!("simulator-{}", reason.check), reason.message.clone());
    }
    for gate in gates.iter().filter(|gate| gate.status != Status::Valid) {
        add(gate.status, &gate.name, gate.to_string());
    }
    if let Some((name, measured)) = metrics.iter().find(|(_, measured)| measured.negative > 0) {
        let message = format!(
            "{} samples of {name} are below 0: clocks disagree by at least as much",
            measured.negative
        );
        add(Status::Suspect, "clock", message);
    }
    if let Some(reason) = &steadiness.reason {
        add(Status::Suspect, "unsteady", reason.clone());
    }
    if !metrics.contains_key(THROUGHPUT) {
        let message = "the measured part has no two moments at which it is known how much was stored: throughput and what an event \
                       costs are missing";
        add(Status::Suspect, "throughput-unknown", message.to_owned());
    }
    if let Some(trouble) = trouble {
        add(Status::Suspect, "stop", trouble);
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.status));
    Verdict { status: reasons.iter().map(|reason| reason.status).max().unwrap_or_default(), reasons }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::exact;
    use super::super::outcome::tests::outcome;
    use super::super::simulator_result::SimulatorReason;
    use super::super::verdict;
    use super::*;

    fn judged(change: impl FnOnce(&mut Outcome)) -> (Status, Vec<String>) {
        let mut outcome = outcome();
        change(&mut outcome);
        let steady = Judgement { from_s: Some(0.0), reason: None };
        let metrics = BTreeMap::from([(THROUGHPUT.to_owned(), exact(200.0, 10.0))]);
        let verdict = verdict::verdict(&outcome, &[], &steady, &metrics, None);
        (verdict.status, verdict.reasons.into_iter().map(|reason| reason.check).collect())
    }

    #[test]
    fn run_against_which_nothing_speaks_is_valid() {
        assert_eq!(judged(|_| {}), (Status::Valid, Vec::new()));
    }

    #[test]
    fn each_fault_makes_a_run_invalid_by_its_name() {
        let invalid = |check: &str| (Status::Invalid, vec![check.to_owned()]);
        assert_eq!(
            judged(|run| run.services[0].architecture = "arm64".into()),
            invalid("wrong-architecture")
        );
        assert_eq!(judged(|run| run.services[1].version = "1.1".into()), invalid("wrong-version"));
        assert_eq!(judged(|run| run.services[1].restarts = 1), invalid("restarts"));
        assert_eq!(judged(|run| run.deaths.push("query-api ended".into())), invalid("ended"));
        assert_eq!(judged(|run| run.audit.facts.outcome = Some("fail".into())), invalid("audit"));
        assert_eq!(judged(|run| run.audit.facts.outcome = None), invalid("audit"));
        let reason = |severity: &str| SimulatorReason {
            severity: severity.into(),
            check: "unsent".into(),
            message: String::new(),
        };
        assert_eq!(
            judged(|run| run.result.verdict.reasons.push(reason("invalid"))),
            invalid("simulator-unsent")
        );
        assert_eq!(
            judged(|run| run.result.verdict.reasons.push(reason("note"))),
            (Status::Valid, Vec::new())
        );
    }

    #[test]
    fn run_whose_throughput_is_not_known_is_suspect() {
        let steady = Judgement { from_s: Some(0.0), reason: None };
        let verdict = verdict::verdict(&outcome(), &[], &steady, &BTreeMap::new(), None);
        assert_eq!(
            (verdict.status, verdict.reasons[0].check.as_str()),
            (Status::Suspect, "throughput-unknown")
        );
    }

    #[test]
    fn redis_is_of_another_build_and_what_is_worst_comes_first() {
        assert_eq!(judged(|run| run.services[2].version = "redis 7".into()), (Status::Valid, Vec::new()));
        let several = judged(|run| {
            run.audit.facts.outcome = Some("inconclusive".into());
            run.services[0].architecture = "arm64".into();
        });
        assert_eq!(several, (Status::Invalid, vec!["wrong-architecture".into(), "audit".into()]));
    }
}
