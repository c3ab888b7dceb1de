//! Every rule at both sides of its limits.

use simulator::RunResult;
use simulator::aggregate::Ending;
use simulator::plan::{Load, Plan};
use simulator::result::{ShardClock, ShardsSummary};
use simulator::verdict::Severity::{self, Invalid, Note, Suspect};
use simulator::verdict::{Origin, Reason, Status, judge};

use crate::fabricate::{ending, open, phase, plan, probes, result, run};

/// A measured phase of 10,000 requests and events, all accepted.
fn valid() -> RunResult {
    let mut result = result(&plan());
    let figures = &mut result.phases[1].figures;
    for counts in [&mut figures.requests, &mut figures.events] {
        (counts.planned, counts.sent, counts.accepted, counts.refused) = (10_000, 10_000, 10_000, 0);
    }
    figures.refusals.clear();
    result.totals = figures.clone();
    result
}

/// The severity of a check after a change, and the reason.
fn judged(check: &str, change: impl FnOnce(&mut RunResult)) -> Option<Reason> {
    let mut result = valid();
    change(&mut result);
    let mut reasons = judge(&result).reasons.into_iter().filter(|reason| reason.check == check);
    let found = reasons.next();
    assert_eq!(reasons.next(), None, "said twice");
    found
}

#[track_caller]
fn assert_limits(check: &str, change: fn(&mut RunResult, f64), cases: &[(f64, Option<Severity>)]) {
    for (value, expected) in cases {
        let reason = judged(check, |result| change(result, *value));
        assert_eq!(
            reason.as_ref().map(|reason| reason.severity),
            *expected,
            "{check} at {value}: {reason:?}"
        );
        if let Some(reason) = reason {
            assert!(reason.measured > reason.limit, "{reason:?}");
            assert!(!reason.message.is_empty() && !reason.remedy.is_empty(), "{reason:?}");
        }
    }
}

#[test]
fn flawless_run_is_valid_without_reasons() {
    let verdict = judge(&valid());
    assert_eq!((verdict.status, verdict.reasons), (Status::Valid, vec![]));
}

#[test]
fn rate_error_is_judged_by_its_size() {
    let change = |result: &mut RunResult, percent: f64| {
        result.phases[1].figures.rates.rate_error = Some(percent / 100.0);
    };
    let cases = [
        (-0.99, None),
        (-1.01, Some(Suspect)),
        (1.01, Some(Suspect)),
        (-4.99, Some(Suspect)),
        (-5.01, Some(Invalid)),
    ];
    assert_limits("rate-error", change, &cases);
}

#[test]
fn any_unsent_request_makes_a_run_suspect() {
    let change = |result: &mut RunResult, unsent: f64| {
        result.phases[1].figures.requests.unsent = unsent as u64;
    };
    assert_limits("unsent", change, &[(0.0, None), (1.0, Some(Suspect))]);
}

#[test]
fn lateness_of_the_generator_itself_is_judged() {
    let change = |result: &mut RunResult, p99_us: f64| {
        if let Some(lateness) = &mut result.phases[1].figures.latency.pacing_lateness {
            lateness.p99_us = p99_us;
        }
    };
    let cases =
        [(1_000.0, None), (1_001.0, Some(Suspect)), (10_000.0, Some(Suspect)), (10_001.0, Some(Invalid))];
    assert_limits("pacing-lateness", change, &cases);
}

#[test]
fn waiting_for_connections_is_noted_only() {
    let change = |result: &mut RunResult, late: f64| {
        result.phases[1].figures.late.requests = late as u64;
    };
    assert_limits("late", change, &[(100.0, None), (101.0, Some(Note))]);
}

#[test]
fn unknown_outcomes_are_judged_by_their_share() {
    let change = |result: &mut RunResult, events: f64| {
        let unknowns = &mut result.phases[1].figures.unknowns;
        unknowns.insert("timeout".to_owned(), events as u64);
        // Nobody waited for these.
        unknowns.insert("interrupted".to_owned(), 5_000);
    };
    let cases = [(10.0, None), (11.0, Some(Suspect)), (1_000.0, Some(Suspect)), (1_001.0, Some(Invalid))];
    assert_limits("unknown", change, &cases);
}

#[test]
fn garbage_from_the_target_makes_a_run_suspect() {
    let change = |result: &mut RunResult, events: f64| {
        result.phases[1].figures.unknowns.insert("protocol-error".to_owned(), events as u64);
    };
    assert_limits("protocol-error", change, &[(0.0, None), (1.0, Some(Suspect))]);
}

#[test]
fn accepted_malformed_events_are_the_targets_fault() {
    let change = |result: &mut RunResult, events: f64| {
        let malformed = &mut result.phases[1].figures.malformed_events;
        (malformed.accepted, malformed.refused) = (events as u64, 10);
    };
    assert_limits("malformed-accepted", change, &[(0.0, None), (1.0, Some(Suspect))]);
    let reason = judged("malformed-accepted", |result| change(result, 1.0)).unwrap();
    assert_eq!(reason.origin, Origin::Target);
}

#[test]
fn refusals_are_judged_by_their_share() {
    let change = |result: &mut RunResult, events: f64| {
        let figures = &mut result.phases[1].figures;
        figures.events.refused = events as u64;
        figures.events.accepted = 10_000 - figures.events.refused;
    };
    let cases = [
        (0.0, None),
        (1.0, Some(Note)),
        (100.0, Some(Note)),
        (101.0, Some(Suspect)),
        (9_900.0, Some(Suspect)),
        (9_901.0, Some(Invalid)),
    ];
    assert_limits("refused", change, &cases);
}

#[test]
fn target_that_refuses_everything_is_quoted() {
    let reason = judged("refused", |result| {
        let figures = &mut result.phases[1].figures;
        (figures.events.accepted, figures.events.refused) = (0, 10_000);
        figures.refusals.insert("401 unauthenticated".to_owned(), 9_990);
        figures.refusals.insert("503 redis-unavailable".to_owned(), 10);
    });
    let reason = reason.unwrap();
    assert_eq!((reason.severity, reason.origin), (Invalid, Origin::Target));
    assert_eq!(reason.message, "the target refuses everything: 401 unauthenticated");
    assert!(reason.remedy.contains("token"), "{}", reason.remedy);
}

#[test]
fn failed_connections_make_a_run_suspect() {
    let change = |result: &mut RunResult, attempts: f64| {
        result.phases[1].figures.connect_failures = attempts as u64;
    };
    assert_limits("connect-failures", change, &[(0.0, None), (1.0, Some(Suspect))]);
}

#[test]
fn closed_loop_is_noted() {
    let closed = Plan { phases: vec![phase("a", true, open()), phase("b", true, Load::Closed)], ..plan() };
    let reasons = judge(&result(&closed)).reasons;
    let closed: Vec<_> = reasons.iter().filter(|reason| reason.check == "closed-loop").collect();
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].severity, closed[0].phase.as_deref()), (Note, Some("b")));
}

#[test]
fn probes_that_saw_nothing_or_were_skipped_make_a_run_suspect() {
    let with_probes = || {
        let results = tempfile::tempdir().unwrap();
        run(results.path(), &plan(), Ending { probes: vec![probes(); 2], ..ending(&plan()) })
    };
    for (check, unseen, skipped, failed) in [
        ("", 0, 10, 0),
        ("", 0, 0, 10),
        ("probes-skipped", 0, 12, 0),
        ("probes-skipped", 0, 0, 12),
        ("probes-unseen", 1, 0, 0),
    ] {
        let mut result = with_probes();
        let probes = result.phases[1].figures.probes.as_mut().unwrap();
        (probes.probes, probes.unseen, probes.skipped, probes.failed) = (100, unseen, skipped, failed);
        let reasons = judge(&result).reasons;
        let found: Vec<_> = reasons.iter().filter(|reason| reason.severity == Suspect).collect();
        assert_eq!(found.first().map_or("", |reason| &reason.check), check, "{found:?}");
    }
}

#[test]
fn run_without_requests_is_invalid() {
    let change = |result: &mut RunResult, sent: f64| result.totals.requests.sent = sent as u64;
    assert_limits("nothing-sent", change, &[(1.0, None), (0.0, Some(Invalid))]);
}

#[test]
fn interruption_makes_a_run_suspect() {
    let change = |result: &mut RunResult, flag: f64| result.interrupted = flag > 0.0;
    assert_limits("interrupted", change, &[(0.0, None), (1.0, Some(Suspect))]);
}

#[test]
fn busy_thread_makes_a_run_suspect() {
    let change = |result: &mut RunResult, percent: f64| {
        result.generator.lane_cpu_share_max = percent / 100.0;
    };
    assert_limits("lane-cpu", change, &[(89.9, None), (90.1, Some(Suspect))]);
}

#[test]
fn coarse_timer_makes_a_run_suspect_unless_no_timer_matters() {
    let change = |result: &mut RunResult, us: f64| result.generator.timer_resolution_us = us;
    assert_limits("timer-resolution", change, &[(100.0, None), (101.0, Some(Suspect))]);
    let mut closed = result(&Plan { phases: vec![phase("b", true, Load::Closed)], ..plan() });
    closed.generator.timer_resolution_us = 4_000.0;
    assert_eq!(judge(&closed).status, Status::Valid);
}

#[test]
fn step_of_the_clock_makes_a_run_suspect() {
    let change = |result: &mut RunResult, us: f64| result.generator.clock_step_us = us;
    let cases = [(1_000.0, None), (1_001.0, Some(Suspect)), (-1_000.0, None), (-1_001.0, Some(Suspect))];
    assert_limits("clock-step", change, &cases);
}

#[test]
fn uncertain_clocks_of_shards_make_a_run_suspect() {
    let change = |result: &mut RunResult, uncertainty_us: f64| {
        let clock = |uncertainty_us| ShardClock {
            shard: 1,
            // What is known is made up for.
            offset_us: 5e6,
            uncertainty_us,
            drift_us: Some(-4_000.0),
        };
        let clocks = vec![clock(uncertainty_us), clock(1.0)];
        result.shards = Some(ShardsSummary { count: 2, clocks, ..ShardsSummary::default() });
    };
    assert_limits("shard-clocks", change, &[(6_000.0, None), (6_001.0, Some(Suspect))]);
}

#[test]
fn missing_and_lost_shards_make_a_run_invalid() {
    let shards = |missing: Vec<u32>, lost: Vec<u32>| {
        Some(ShardsSummary { count: 4, missing, lost, ..ShardsSummary::default() })
    };
    assert_eq!(judged("shards-missing", |result| result.shards = shards(vec![], vec![])), None);
    let reason = judged("shards-missing", |result| result.shards = shards(vec![3], vec![1, 3])).unwrap();
    assert_eq!((reason.severity, reason.measured), (Invalid, 2.0));
    assert_eq!(reason.message, "the results of shards 1, 3 (from 0) of 4 are missing");
}

#[test]
fn shortfall_is_blamed_on_who_caused_it() {
    let origin = |change: fn(&mut RunResult)| {
        let reason = judged("rate-error", |result| {
            result.phases[1].figures.rates.rate_error = Some(-0.2);
            change(result);
        });
        reason.unwrap().origin
    };
    assert_eq!(origin(|_| {}), Origin::Target);
    assert_eq!(origin(|result| result.generator.lane_cpu_share_max = 0.95), Origin::Generator);
    let late = origin(|result| {
        if let Some(lateness) = &mut result.phases[1].figures.latency.pacing_lateness {
            lateness.p99_us = 2_000.0;
        }
    });
    assert_eq!(late, Origin::Generator);
}

#[test]
fn warm_up_is_not_judged_unless_there_is_nothing_else() {
    let mut result = valid();
    result.phases[0].figures.connect_failures = 1;
    assert_eq!(judge(&result).status, Status::Valid);
    result.phases[1].measured = false;
    assert_eq!(judge(&result).status, Status::Suspect);
}

#[test]
fn worst_reason_comes_first_and_decides() {
    let mut result = valid();
    result.interrupted = true;
    result.phases[1].figures.late.requests = 5_000;
    result.phases[1].figures.rates.rate_error = Some(-0.5);
    let verdict = judge(&result);
    let checks: Vec<_> = verdict.reasons.iter().map(|reason| reason.check.as_str()).collect();
    assert_eq!(checks, ["rate-error", "interrupted", "late"]);
    assert_eq!(verdict.status, Status::Invalid);
}
