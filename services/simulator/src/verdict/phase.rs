//! The rules for a phase.

use super::Severity::{Invalid, Note, Suspect};
use super::{Finding, Origin, Rule, Subject, percent, run};
use crate::outcome::Unknown;
use crate::result::Pace;
use crate::summary::duration;

/// Above this at the 99th percentile the generator, and not the receiver, is what kept requests from being sent.
const PACING_LATENESS_US: f64 = 1_000.0;

pub(super) const RULES: &[Rule] = &[
    // The load is what an experiment controls. 1 % is below what tells two systems apart (intervals of ±2 %); at 5 %
    // it was another experiment.
    Rule {
        check: "rate-error",
        unit: "%",
        limits: &[(Invalid, 5.0), (Suspect, 1.0)],
        measure: |subject| subject.figures.rates.rate_error.map(|error| 100.0 * error.abs()),
        explain: |subject| {
            let rates = &subject.figures.rates;
            let (planned, sent) = (rates.planned_events_per_s, rates.sent_events_per_s);
            shortfall(subject, &format!("{sent:.1} events/s were sent instead of {planned:.1}"))
        },
    },
    // Requests that were not sent have no latency: the distributions leave out the worst moments.
    Rule {
        check: "unsent",
        unit: "%",
        limits: &[(Suspect, 0.0)],
        measure: |subject| percent(subject.figures.requests.unsent, subject.figures.requests.planned),
        explain: |subject| {
            let requests = &subject.figures.requests;
            shortfall(
                subject,
                &format!("{} of {} requests were never sent", requests.unsent, requests.planned),
            )
        },
    },
    // What the generator adds of its own. 1 ms is of the order of a fast answer; at 10 ms the response time is mostly
    // the generator's.
    Rule {
        check: "pacing-lateness",
        unit: "µs",
        limits: &[(Invalid, 10_000.0), (Suspect, PACING_LATENESS_US)],
        measure: pacing_lateness_us,
        explain: |subject| Finding {
            origin: Origin::Generator,
            message: format!(
                "the generator noticed one request in a hundred {} or more after its time",
                duration(pacing_lateness_us(subject).unwrap_or_default())
            ),
            remedy: "use more --threads, more shards or a lower rate, and keep other work off this machine",
        },
    },
    // No flaw: the response time counts the waiting.
    Rule {
        check: "late",
        unit: "%",
        limits: &[(Note, 1.0)],
        measure: |subject| percent(subject.figures.late.requests, subject.figures.requests.sent),
        explain: |subject| Finding {
            origin: shortfall_origin(subject),
            message: format!(
                "{} requests were sent over {} late; the response time includes it",
                subject.figures.late.requests,
                duration(subject.figures.late.over_us as f64)
            ),
            remedy: "use more --connections where real senders would not wait for each other",
        },
    },
    // A request without an answer counts with its time limit. From 0.1 % that is p99.9, from 10 % it is p90.
    Rule {
        check: "unknown",
        unit: "%",
        limits: &[(Invalid, 10.0), (Suspect, 0.1)],
        measure: |subject| percent(unknown_events(subject), sent_events(subject)),
        explain: |subject| Finding {
            origin: Origin::Target,
            message: format!(
                "{} events have no answer that can be relied on ({})",
                unknown_events(subject),
                most(&subject.figures.unknowns).unwrap_or("for no known reason")
            ),
            remedy: "see the target's log and the network between; raise --timeout if answers only take long",
        },
    },
    // What answers is not the service, or it is broken.
    Rule {
        check: "protocol-error",
        unit: "events",
        limits: &[(Suspect, 0.0)],
        measure: |subject| Some(garbage_events(subject) as f64),
        explain: |subject| Finding {
            origin: Origin::Target,
            message: format!(
                "the answers for {} events are no HTTP, or confirm another number of events than was sent",
                garbage_events(subject)
            ),
            remedy: "check that --target is ingest-api and nothing before it changes answers",
        },
    },
    Rule {
        check: "malformed-accepted",
        unit: "events",
        limits: &[(Suspect, 0.0)],
        measure: |subject| Some(subject.figures.malformed_events.accepted as f64),
        explain: |subject| Finding {
            origin: Origin::Target,
            message: format!(
                "the target accepted {} events that are not valid",
                subject.figures.malformed_events.accepted
            ),
            remedy: "this is a fault of the target: see what its checks let through",
        },
    },
    // Refusals are quick, or at least another path: from 1 % they are in p99, above 99 % they are all that was measured.
    Rule {
        check: "refused",
        unit: "%",
        limits: &[(Invalid, 99.0), (Suspect, 1.0), (Note, 0.0)],
        measure: |subject| percent(subject.figures.events.refused, subject.figures.events.sent),
        explain: refused,
    },
    Rule {
        check: "connect-failures",
        unit: "attempts",
        limits: &[(Suspect, 0.0)],
        measure: |subject| Some(subject.figures.connect_failures as f64),
        explain: |subject| Finding {
            origin: Origin::Target,
            message: format!("{} attempts to connect failed", subject.figures.connect_failures),
            remedy: "see whether the target restarted or limits connections",
        },
    },
    Rule {
        check: "closed-loop",
        unit: "phases",
        limits: &[(Note, 0.0)],
        measure: |subject| Some(f64::from(is_closed(subject))),
        explain: |_| Finding {
            origin: Origin::Run,
            message: "the latencies of a closed loop are service times, which hide waiting".to_owned(),
            remedy: "use an open loop to measure what users wait",
        },
    },
    // The slowest are missing in the distribution.
    Rule {
        check: "probes-unseen",
        unit: "events",
        limits: &[(Suspect, 0.0)],
        measure: |subject| subject.figures.probes.map(|probes| probes.unseen as f64),
        explain: |subject| Finding {
            origin: Origin::Target,
            message: format!(
                "{} accepted events were not queryable in time, and are in no distribution",
                subject.figures.probes.map_or(0, |probes| probes.unseen)
            ),
            remedy: "run `testbed audit` to see whether they are late or lost",
        },
    },
    // Probes are skipped when there is much to do: those that remain are of better moments.
    Rule {
        check: "probes-skipped",
        unit: "%",
        limits: &[(Suspect, 10.0)],
        measure: |subject| {
            let probes = subject.figures.probes?;
            percent(probes.skipped + probes.failed, probes.probes + probes.skipped)
        },
        explain: |subject| Finding {
            origin: Origin::Generator,
            message: format!(
                "{} probes were skipped and {} failed",
                subject.figures.probes.map_or(0, |probes| probes.skipped),
                subject.figures.probes.map_or(0, |probes| probes.failed)
            ),
            remedy: "ask for fewer --probes, and check --query-url",
        },
    },
];

fn is_closed(subject: &Subject<'_>) -> bool {
    subject.phase.is_some_and(|phase| phase.pace == Pace::Closed)
}

fn pacing_lateness_us(subject: &Subject<'_>) -> Option<f64> {
    subject.figures.latency.pacing_lateness.map(|lateness| lateness.p99_us)
}

/// Who kept requests from being sent in time.
fn shortfall_origin(subject: &Subject<'_>) -> Origin {
    let is_late = pacing_lateness_us(subject).is_some_and(|lateness_us| lateness_us > PACING_LATENESS_US);
    let is_busy = 100.0 * subject.result.generator.lane_cpu_share_max > run::LANE_CPU_PERCENT;
    if is_late || is_busy { Origin::Generator } else { Origin::Target }
}

fn shortfall(subject: &Subject<'_>, what: &str) -> Finding {
    let origin = shortfall_origin(subject);
    let (why, remedy) = match origin {
        Origin::Generator => {
            ("the generator did not keep up", "use more --threads, more shards, or a lower rate")
        }
        _ => (
            "the generator was in time, but every connection was waiting for the target",
            "lower the rate, or use more --connections and a longer --queue if the target should have had more",
        ),
    };
    Finding { origin, message: format!("{what}: {why}"), remedy }
}

fn sent_events(subject: &Subject<'_>) -> u64 {
    let figures = subject.figures;
    figures.events.sent + figures.repeated_events.sent + figures.malformed_events.sent
}

/// Without those whose answer nobody waited for.
fn unknown_events(subject: &Subject<'_>) -> u64 {
    let unknowns = &subject.figures.unknowns;
    unknowns
        .iter()
        .filter(|(reason, _)| *reason != Unknown::Interrupted.kind())
        .map(|(_, events)| events)
        .sum()
}

fn garbage_events(subject: &Subject<'_>) -> u64 {
    subject.figures.unknowns.get(Unknown::Protocol.kind()).copied().unwrap_or(0)
}

fn refused(subject: &Subject<'_>) -> Finding {
    let figures = subject.figures;
    let reason = most(&figures.refusals).unwrap_or("for no known reason");
    let message = if figures.events.accepted == 0 {
        format!("the target refuses everything: {reason}")
    } else {
        format!("{} of {} events were refused: mostly {reason}", figures.events.refused, figures.events.sent)
    };
    let remedy = match reason {
        _ if reason.starts_with("401") || reason.starts_with("403") => "check the token (--auth-token-file)",
        _ if reason.starts_with("429") => "lower the rate: the target is full",
        "not-connected" => "check that the target is up and reachable at --target",
        _ => "see the target's log for why it refuses",
    };
    Finding { origin: Origin::Target, message, remedy }
}

/// The reason with the most events.
fn most(reasons: &std::collections::BTreeMap<String, u64>) -> Option<&str> {
    reasons.iter().max_by_key(|(_, events)| **events).map(|(reason, _)| reason.as_str())
}
