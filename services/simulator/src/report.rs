//! The summary of a run for people.

use std::fmt::{self, Write as _};

use measurement::HistogramSummary;

use crate::plan::Plan;
use crate::result::RunResult;

/// The summary: what was planned, what came of it, how long it took.
pub fn summary(result: &RunResult) -> String {
    let mut text = String::new();
    write_summary(&mut text, result).expect("writing to a String does not fail");
    text
}

fn write_summary(text: &mut String, result: &RunResult) -> fmt::Result {
    let RunResult { plan, events, requests, rates, latency, .. } = result;
    let interrupted = if result.interrupted { "  INTERRUPTED" } else { "" };
    writeln!(text, "run {}{interrupted}", result.run_id)?;
    writeln!(text, "  {}", describe(plan))?;
    writeln!(text)?;
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
    for (reason, events) in &result.refusals {
        writeln!(text, "  refused: {events} × {reason}")?;
    }
    for (reason, events) in &result.unknowns {
        writeln!(text, "  unknown: {events} × {reason}")?;
    }
    writeln!(text)?;
    writeln!(
        text,
        "  {:<16} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "per request", "p50", "p90", "p99", "p99.9", "max"
    )?;
    write_latency(text, "response time", &latency.response_time)?;
    write_latency(text, "service time", &latency.service_time)?;
    if !plan.is_closed() {
        write_latency(text, "send lateness", &latency.send_lateness)?;
        write_latency(text, "pacing lateness", &latency.pacing_lateness)?;
    }
    if result.late.requests > 0 {
        writeln!(text, "  {} requests were sent over {} µs late", result.late.requests, result.late.over_us)?;
    }
    writeln!(text)?;
    writeln!(text, "  {}", result.directory.display())
}

/// One line that says what the load was.
fn describe(plan: &Plan) -> String {
    let load = match plan.rate_per_s {
        Some(rate) => format!("{rate} events/s {}", format!("{:?}", plan.arrivals).to_lowercase()),
        None => "closed loop".to_owned(),
    };
    let batch = match plan.batch_events {
        1 => String::new(),
        events => format!(", {events} events a request"),
    };
    let Plan { duration_s, connections, seed, target, .. } = plan;
    format!("{load}{batch} for {duration_s} s on {connections} connections to {target}, seed {seed}")
}

fn write_latency(text: &mut String, name: &str, summary: &HistogramSummary) -> fmt::Result {
    let HistogramSummary { p50_us, p90_us, p99_us, p999_us, max_us, .. } = *summary;
    let [p50, p90, p99, p999, max] =
        [p50_us, p90_us, p99_us, p999_us, max_us].map(|value_us| match summary.count {
            0 => "-".to_owned(),
            _ => duration(value_us),
        });
    writeln!(text, "  {name:<16} {p50:>10} {p90:>10} {p99:>10} {p999:>10} {max:>10}")
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
}
