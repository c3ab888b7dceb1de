//! The summary of a run for people, at most 100 columns wide.

use std::fmt::{self, Write as _};

use measurement::HistogramSummary;

use crate::plan::{Batch, Plan};
use crate::result::{Figures, Pace, PhaseResult, ProbeFigures, RunResult, StagesFigures};
use crate::verdict::{Reason, Severity, Status};

const COLUMNS: usize = 100;

/// The summary: what was planned, what came of it, how long it took, how far it is to be trusted.
pub fn summary(result: &RunResult) -> String {
    let mut text = String::new();
    write_summary(&mut text, result).expect("writing to a String does not fail");
    text
}

fn write_summary(text: &mut String, result: &RunResult) -> fmt::Result {
    let interrupted = if result.interrupted { "  INTERRUPTED" } else { "" };
    writeln!(text, "run {}{interrupted}", result.run_id)?;
    write_wrapped(text, 2, 2, &describe(&result.plan))?;
    write_shards(text, result)?;
    writeln!(text)?;
    write_phases(text, result)?;
    writeln!(text)?;
    write_counts(text, &result.totals)?;
    writeln!(text)?;
    write_latencies(text, result)?;
    write_probes(text, &result.totals)?;
    writeln!(text)?;
    writeln!(text, "  {}", result.directory.display())?;
    write_verdict(text, result)
}

/// Where the load went and by what means.
fn describe(plan: &Plan) -> String {
    let batch = match plan.batch {
        Batch { min, max } if min == max => min.to_string(),
        Batch { min, max } => format!("{min} to {max}"),
    };
    let Plan { connections, threads, seed, target, .. } = plan;
    let events = if plan.batch.max == 1 { "event" } else { "events" };
    let (connections, threads) = (counted(*connections, "connection"), counted(*threads, "thread"));
    format!("to {target}, {batch} {events} a request, {connections}, {threads}, seed {seed}")
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn write_shards(text: &mut String, result: &RunResult) -> fmt::Result {
    if let Some(shard) = result.shard {
        writeln!(text, "  shard {} (from 0) of {}", shard.index, shard.count)?;
    }
    let Some(shards) = &result.shards else { return Ok(()) };
    if !shards.parts.is_empty() {
        writeln!(text, "  {} of {} shards", shards.present.len(), shards.count)?;
    }
    for clock in &shards.clocks {
        let (sign, offset_us) = (if clock.offset_us < 0.0 { '-' } else { '+' }, clock.offset_us.abs());
        let (offset, uncertainty) = (duration(offset_us), duration(clock.uncertainty_us));
        writeln!(text, "  clock of shard {}: {sign}{offset} ± {uncertainty}", clock.shard)?;
    }
    Ok(())
}

fn write_phases(text: &mut String, result: &RunResult) -> fmt::Result {
    writeln!(
        text,
        "  {:<20} {:<7} {:>8} {:>12} {:>12} {:>12} {:>9} {:>9}",
        "phase", "loop", "length", "planned/s", "sent/s", "accepted/s", "p50", "p99"
    )?;
    for phase in &result.phases {
        let PhaseResult { name, pace, figures, .. } = phase;
        let name = if phase.measured { name.clone() } else { format!("({name})") };
        let planned = match pace {
            Pace::Closed => "-".to_owned(),
            Pace::Open | Pace::Replay => format!("{:.1}", figures.rates.planned_events_per_s),
        };
        let latency = figures.latency.response_time.unwrap_or(figures.latency.service_time);
        let [p50, p99] = [latency.p50_us, latency.p99_us].map(|value_us| shown(&latency, value_us));
        writeln!(
            text,
            "  {name:<20} {:<7} {:>8} {planned:>12} {:>12.1} {:>12.1} {p50:>9} {p99:>9}",
            pace.name(),
            format!("{:.1} s", figures.duration_s),
            figures.rates.sent_events_per_s,
            figures.rates.accepted_events_per_s,
        )?;
    }
    if result.phases.iter().any(|phase| !phase.measured) {
        writeln!(text, "  (in brackets: not measured, not in what follows)")?;
    }
    if result.phases.iter().any(|phase| phase.pace == Pace::Closed) {
        writeln!(text, "  closed loop: p50 and p99 are service times, which hide waiting")?;
    }
    Ok(())
}

fn write_counts(text: &mut String, figures: &Figures) -> fmt::Result {
    let Figures { events, requests, rates, .. } = figures;
    writeln!(text, "  {:<10} {:>14} {:>9} {:>14} {:>12}", "", "events", "share", "requests", "events/s")?;
    let share = |count: u64| format!("{:.2} %", 100.0 * count as f64 / events.planned.max(1) as f64);
    let rows = [
        ("planned", events.planned, requests.planned, Some(rates.planned_events_per_s)),
        ("sent", events.sent, requests.sent, Some(rates.sent_events_per_s)),
        ("accepted", events.accepted, requests.accepted, Some(rates.accepted_events_per_s)),
        ("refused", events.refused, requests.refused, None),
        ("unknown", events.unknown, requests.unknown, None),
        ("unsent", events.unsent, requests.unsent, None),
    ];
    for (name, events, requests, rate) in rows {
        let rate = rate.map_or(String::new(), |rate| format!("{rate:.1}"));
        let row = format!("  {name:<10} {events:>14} {:>9} {requests:>14} {rate:>12}", share(events));
        writeln!(text, "{}", row.trim_end())?;
    }
    for (name, counts) in [("repeated", figures.repeated_events), ("malformed", figures.malformed_events)] {
        if counts.planned > 0 {
            let (planned, accepted, refused) = (counts.planned, counts.accepted, counts.refused);
            writeln!(text, "  {name:<10} {planned:>14} (accepted {accepted}, refused {refused})")?;
        }
    }
    for (outcome, reasons) in [("refused", &figures.refusals), ("unknown", &figures.unknowns)] {
        for (reason, events) in reasons {
            writeln!(text, "  {outcome}: {events} × {reason}")?;
        }
    }
    if figures.connect_failures > 0 {
        writeln!(text, "  {} attempts to connect failed", figures.connect_failures)?;
    }
    Ok(())
}

fn write_latencies(text: &mut String, result: &RunResult) -> fmt::Result {
    let Figures { latency, late, .. } = &result.totals;
    write_latency_header(text, "per request")?;
    if let Some(response_time) = &latency.response_time {
        write_latency(text, "response time", response_time)?;
    }
    write_latency(text, "service time", &latency.service_time)?;
    if let Some(send_lateness) = &latency.send_lateness {
        write_latency(text, "send lateness", send_lateness)?;
    }
    if let Some(pacing_lateness) = &latency.pacing_lateness {
        write_latency(text, "pacing lateness", pacing_lateness)?;
    }
    if late.requests > 0 {
        let over = duration(late.over_us as f64);
        writeln!(text, "  {} requests were sent over {over} late", late.requests)?;
    }
    Ok(())
}

fn write_probes(text: &mut String, figures: &Figures) -> fmt::Result {
    let Some(probes) = &figures.probes else { return Ok(()) };
    writeln!(text)?;
    write_latency_header(text, "until queryable")?;
    write_latency(text, "from acceptance", &probes.accepted_to_queryable)?;
    write_latency(text, "from send time", &probes.intended_to_queryable)?;
    write_latency(text, "uncertainty", &probes.uncertainty)?;
    write_stages(text, probes)?;
    writeln!(
        text,
        "  {} probes: {} seen, {} unseen, {} failed; {} skipped",
        probes.probes, probes.seen, probes.unseen, probes.failed, probes.skipped
    )
}

/// Means, since only these add up.
fn write_stages(text: &mut String, probes: &ProbeFigures) -> fmt::Result {
    let StagesFigures { send, accept, process, publish } = &probes.stages;
    let stages = [("send", send), ("accept", accept), ("process", process), ("publish", publish)];
    if stages.iter().all(|(_, stage)| stage.distribution.count + stage.negative.count == 0) {
        return Ok(());
    }
    let means = stages.map(|(name, stage)| format!("{name} {}", duration(stage.mean_us)));
    writeln!(text, "  on average: {}", means.join(", "))?;
    let negative: u64 = stages.iter().map(|(_, stage)| stage.negative.count).sum();
    if negative > 0 {
        writeln!(text, "  below 0, since clocks disagree: {negative}")?;
    }
    Ok(())
}

fn write_latency_header(text: &mut String, title: &str) -> fmt::Result {
    writeln!(text, "  {title:<16} {:>10} {:>10} {:>10} {:>10} {:>10}", "p50", "p90", "p99", "p99.9", "max")
}

fn write_latency(text: &mut String, name: &str, summary: &HistogramSummary) -> fmt::Result {
    let HistogramSummary { p50_us, p90_us, p99_us, p999_us, max_us, .. } = *summary;
    let [p50, p90, p99, p999, max] =
        [p50_us, p90_us, p99_us, p999_us, max_us].map(|value_us| shown(summary, value_us));
    writeln!(text, "  {name:<16} {p50:>10} {p90:>10} {p99:>10} {p999:>10} {max:>10}")
}

fn write_verdict(text: &mut String, result: &RunResult) -> fmt::Result {
    let (status, meaning) = match result.verdict.status {
        Status::Valid => ("VALID", ""),
        Status::Suspect => ("SUSPECT", ": use the result with this in mind"),
        Status::Invalid => ("INVALID", ": not a measurement of what was planned"),
    };
    writeln!(text)?;
    writeln!(text, "  verdict: {status}{meaning}")?;
    for reason in &result.verdict.reasons {
        let severity = match reason.severity {
            Severity::Note => "note",
            Severity::Suspect => "suspect",
            Severity::Invalid => "invalid",
        };
        write_wrapped(text, 4, 13, &format!("{severity:<8} {}", describe_reason(reason)))?;
        write_wrapped(text, 13, 15, &format!("→ {}", reason.remedy))?;
    }
    Ok(())
}

fn describe_reason(reason: &Reason) -> String {
    let shard = reason.shard.map_or(String::new(), |shard| format!("shard {shard}, "));
    let phase = reason.phase.as_ref().map_or(String::new(), |phase| format!(" in {phase}"));
    format!("{shard}{}{phase}: {}", reason.check, reason.message)
}

/// Writes lines of at most [`COLUMNS`], the first indented by `first`, the others by `rest`. Longer words stay whole.
fn write_wrapped(text: &mut String, first: usize, rest: usize, content: &str) -> fmt::Result {
    let mut line = " ".repeat(first);
    let mut is_empty = true;
    for word in content.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            writeln!(text, "{}", line.trim_end())?;
            (line, is_empty) = (" ".repeat(rest), true);
        }
        let separator = if is_empty { "" } else { " " };
        write!(line, "{separator}{word}")?;
        is_empty = false;
    }
    writeln!(text, "{}", line.trim_end())
}

fn shown(summary: &HistogramSummary, value_us: f64) -> String {
    if summary.count == 0 { "-".to_owned() } else { duration(value_us) }
}

/// Three digits with a unit: `85 µs`, `1.23 ms`, `12.3 s`.
pub(crate) fn duration(value_us: f64) -> String {
    let (value, unit) = match value_us {
        _ if value_us < 999.5 => (value_us, "µs"),
        _ if value_us < 999_500.0 => (value_us / 1e3, "ms"),
        _ => (value_us / 1e6, "s"),
    };
    let decimals = match value {
        _ if value < 9.995 => 2,
        _ if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let cases = [
            (0.0, "0.00 µs"),
            (85.3, "85.3 µs"),
            (999.6, "1.00 ms"),
            (12_345.0, "12.3 ms"),
            (999_600.0, "1.00 s"),
            (123_456_789.0, "123 s"),
        ];
        for (value_us, expected) in cases {
            assert_eq!(duration(value_us), expected);
        }
    }

    #[test]
    fn long_lines_are_wrapped_between_words() {
        let mut text = String::new();
        write_wrapped(&mut text, 2, 4, &"word ".repeat(40)).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("    word"), "{text}");
    }
}
