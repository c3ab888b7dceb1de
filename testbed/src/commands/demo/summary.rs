//! What a demo shows at its end: the proof, the figures, and an event as the query API gives it.

use crate::audit::AuditReport;
use crate::console::{UNKNOWN, mebibytes, or_unknown, rate, seconds};
use crate::http_client::HttpClient;
use crate::stack::Stack;
use crate::statz::Pipeline;
use crate::watch::board::{Board, Stage};
use crate::watch::observe::Observation;
use serde::Deserialize;
use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

/// What each part used during the load.
#[derive(Debug, Default)]
pub(super) struct Resources(Vec<Use>);

#[derive(Debug)]
struct Use {
    name: String,
    first: (Instant, Duration),
    last: (Instant, Duration),
    resident_bytes_max: u64,
}

/// What is shown of the simulator's `result.json`.
#[derive(Debug, Deserialize)]
struct RunResult {
    elapsed_s: f64,
    rates: Rates,
    verdict: Verdict,
}

/// Whether the simulator's figures can be relied on.
#[derive(Debug, Deserialize)]
struct Verdict {
    /// `valid`, `suspect` or `invalid`.
    status: String,
    reasons: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    /// `invalid`, `suspect` or `note`.
    severity: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Rates {
    planned_events_per_s: f64,
    sent_events_per_s: f64,
    accepted_events_per_s: f64,
}

/// The end of a demo, to be printed.
#[derive(Debug)]
pub(super) struct Summary(String);

impl Resources {
    /// Takes in what the parts use now.
    pub(super) fn take_in(&mut self, observation: &Observation) {
        for part in &observation.parts {
            let Some(usage) = part.usage else { continue };
            let now = (observation.at, usage.cpu);
            match self.0.iter_mut().find(|one| one.name == part.name) {
                Some(one) => {
                    one.last = now;
                    one.resident_bytes_max = one.resident_bytes_max.max(usage.resident_bytes);
                }
                None => self.0.push(Use {
                    name: part.name.clone(),
                    first: now,
                    last: now,
                    resident_bytes_max: usage.resident_bytes,
                }),
            }
        }
    }
}

impl Use {
    /// Share of one processor over the load.
    fn cpu(&self) -> Option<f64> {
        let elapsed_s = self.last.0.duration_since(self.first.0).as_secs_f64();
        (elapsed_s > 0.0).then(|| (self.last.1.saturating_sub(self.first.1)).as_secs_f64() / elapsed_s)
    }
}

impl Summary {
    /// Puts together what is known; asks the query API for what it has of the run.
    pub(super) async fn new(
        stack: &Stack,
        client: &HttpClient,
        report: &AuditReport,
        board: &Board,
        resources: &Resources,
    ) -> Self {
        let pipeline: Option<Pipeline> =
            client.get_json(&format!("{}/v1/pipeline", stack.query_url()), &[]).await.ok();
        let result_path = stack.directory().results().join(&report.run).join("result.json");
        let result: Option<RunResult> =
            std::fs::read(result_path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let url = format!("{}/v1/events?runid={}&limit=1", stack.query_url(), report.run);
        let sample: Option<serde_json::Value> = client.get_json(&url, &[]).await.ok();
        let token = stack.plan().token.as_ref().map(|(path, _)| path.display().to_string());
        let mut text = String::new();
        // Writing to a String cannot fail.
        // The proof comes last, where it stays in sight.
        write_rates(&mut text, result.as_ref())
            .and_then(|()| write_stages(&mut text, &board.stages))
            .and_then(|()| write_resources(&mut text, resources))
            .and_then(|()| write_sample(&mut text, &url, token.as_deref(), sample.as_ref()))
            .and_then(|()| write_proof(&mut text, report, pipeline.as_ref()))
            .unwrap_or_default();
        Self(text)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.trim_end())
    }
}

/// All counts in one line, for people and for scripts; what went wrong below it.
fn write_proof(text: &mut String, report: &AuditReport, pipeline: Option<&Pipeline>) -> fmt::Result {
    let verdict = &report.verdict;
    // The Redis is fresh, so all that was settled belongs to this run.
    let processed = or_unknown(pipeline.and_then(Pipeline::settled), |events| events.to_string());
    write!(
        text,
        "\n{} sent, {} accepted, {processed} processed, {} queryable, {} lost, {} duplicated",
        verdict.sent,
        verdict.accepted,
        verdict.queryable,
        verdict.lost.len(),
        verdict.duplicated
    )?;
    let others = [
        (verdict.refused, "refused"),
        (verdict.unknown, "unknown"),
        (verdict.unsent, "unsent"),
        (verdict.dead_lettered.len(), "dead-lettered"),
    ];
    for (events, name) in others.into_iter().filter(|(events, _)| *events > 0) {
        write!(text, ", {events} {name}")?;
    }
    writeln!(text)?;
    let details = report.to_string();
    // The first line of the report has the same counts.
    details.lines().skip(1).try_for_each(|line| writeln!(text, "{line}"))
}

fn write_rates(text: &mut String, result: Option<&RunResult>) -> fmt::Result {
    let Some(RunResult { elapsed_s, rates, verdict }) = result else {
        return writeln!(text, "rates             {UNKNOWN}");
    };
    writeln!(
        text,
        "rates             planned {}/s, sent {}/s, accepted {}/s, over {elapsed_s:.1} s",
        rate(rates.planned_events_per_s),
        rate(rates.sent_events_per_s),
        rate(rates.accepted_events_per_s)
    )?;
    let judgement = match verdict.status.as_str() {
        "suspect" => "suspect: judge rates and latencies with this in mind; the audit does not depend on it",
        "invalid" => "invalid: the load was not the planned one; the audit does not depend on it",
        other => other,
    };
    writeln!(text, "measurement       {judgement}")?;
    // A note changes nothing.
    let mut reasons = verdict.reasons.iter().filter(|reason| reason.severity != "note");
    reasons.try_for_each(|reason| writeln!(text, "{:<18}- {}", "", reason.message))
}

fn write_stages(text: &mut String, stages: &[Stage]) -> fmt::Result {
    writeln!(text, "\n{:<20}{:>10}{:>11}   at the end of the load", "latency", "p50", "p99")?;
    for stage in stages {
        let (p50, p99) = (or_unknown(stage.p50_s, seconds), or_unknown(stage.p99_s, seconds));
        writeln!(text, "  {:<18}{p50:>10}{p99:>11}", stage.name)?;
    }
    Ok(())
}

fn write_resources(text: &mut String, resources: &Resources) -> fmt::Result {
    writeln!(text, "\n{:<20}{:>10}{:>11}   mean share of a processor, peak", "part", "cpu", "memory")?;
    for part in &resources.0 {
        let cpu = or_unknown(part.cpu(), |share| format!("{:.1} %", share * 100.0));
        writeln!(text, "  {:<18}{cpu:>10}{:>11}", part.name, mebibytes(part.resident_bytes_max))?;
    }
    Ok(())
}

fn write_sample(
    text: &mut String,
    url: &str,
    token_file: Option<&str>,
    sample: Option<&serde_json::Value>,
) -> fmt::Result {
    let header =
        token_file.map(|path| format!(" -H \"authorization: Bearer $(cat '{path}')\"")).unwrap_or_default();
    writeln!(
        text,
        "\none of the events (with --stay, everything stays up for you to ask):\n  curl -s{header} '{url}'"
    )?;
    let event = sample.and_then(|answer| answer.get("events")?.get(0));
    let pretty = event.and_then(|event| serde_json::to_string_pretty(event).ok());
    pretty.as_deref().unwrap_or(UNKNOWN).lines().try_for_each(|line| writeln!(text, "  {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::{Fates, Ledger, ObservedRun, SequenceSet, audit};

    fn report() -> AuditReport {
        let accepted: SequenceSet = (1..=9).collect();
        let ranges: SequenceSet = (1..=8).collect();
        let refused = [10].into_iter().collect();
        let first = Fates { accepted, refused, ..Fates::default() };
        let ledger = Ledger { first, ..Ledger::default() };
        let observed =
            ObservedRun { events: 8, distinct: 8, ranges, complete: true, ..ObservedRun::default() };
        AuditReport {
            run: "demo".into(),
            verdict: audit(&ledger, &observed),
            findings: Vec::new(),
            notes: vec!["a note".into()],
        }
    }

    #[test]
    fn proof_is_one_line_that_scripts_can_read() {
        let pipeline: Pipeline =
            serde_json::from_str(r#"{"caught_up":true,"partitions":[{"partition":0,"settled":9}]}"#).unwrap();
        let mut text = String::new();
        write_proof(&mut text, &report(), Some(&pipeline)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "10 sent, 9 accepted, 9 processed, 8 queryable, 1 lost, 0 duplicated, 1 refused"
        );
        assert_eq!(lines[2..], ["note: a note", "the audit is violated"]);
    }

    #[test]
    fn doubts_about_the_measurement_are_not_about_the_proof() {
        let result: RunResult = serde_json::from_str(
            r#"{"elapsed_s":30.0,"rates":{"planned_events_per_s":2000,"sent_events_per_s":1900,
                "accepted_events_per_s":1900},"verdict":{"status":"suspect","reasons":[{"severity":"suspect",
                "check":"rate-error","message":"5 % below the plan","remedy":"use more threads"},
                {"severity":"note","check":"late","message":"some were late","remedy":"none"}]}}"#,
        )
        .unwrap();
        let mut text = String::new();
        write_rates(&mut text, Some(&result)).unwrap();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let judgement =
            "suspect: judge rates and latencies with this in mind; the audit does not depend on it";
        let expected = [&format!("measurement       {judgement}"), "                  - 5 % below the plan"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_unknown_is_not_shown_as_zero() {
        let mut text = String::new();
        write_proof(&mut text, &report(), None).unwrap();
        write_rates(&mut text, None).unwrap();
        write_stages(&mut text, &[Stage { name: "commit", p50_s: None, p99_s: Some(0.001) }]).unwrap();
        write_sample(&mut text, "http://host/v1/events", Some("/token"), None).unwrap();
        assert!(text.contains("9 accepted, – processed"), "{text}");
        assert!(text.contains("  commit                     –    1.00 ms"), "{text}");
        assert!(
            text.contains(
                "curl -s -H \"authorization: Bearer $(cat '/token')\" 'http://host/v1/events'\n  –"
            )
        );
    }
}
