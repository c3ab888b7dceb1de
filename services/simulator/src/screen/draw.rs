//! What the screen shows.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Sparkline, Widget as _};

use crate::plan::Plan;
use crate::progress::{CURVE_LENGTH, Latency, Progress, clock, count, duration, events_per_s, planned_rate};
use crate::telemetry::Stage;

/// Lines of a run without faults and probes.
const HEIGHT: u16 = 9;
/// Wider lines are hard to follow.
const WIDTH_MAX: u16 = 120;
/// Before the values of a line.
const NAME_WIDTH: usize = 14;
/// From this lateness at the 99th percentile on the generator itself is the bottleneck.
const LATE_P99: Duration = Duration::from_millis(1);

/// Draws the run for a terminal of so many columns and rows.
pub(super) fn draw(plan: &Plan, progress: &Progress, (columns, rows): (u16, u16)) -> Buffer {
    let more = [faults_of(progress), probes_of(progress)];
    let height = HEIGHT + more.iter().flatten().count() as u16;
    // The cursor has the line below.
    let area = Rect::new(0, 0, columns.min(WIDTH_MAX), height.min(rows.saturating_sub(1)));
    let mut buffer = Buffer::empty(area);
    let mut rows = area.rows();
    draw_title(&mut buffer, rows.next().unwrap_or_default(), plan, progress);
    draw_rates(&mut buffer, rows.next().unwrap_or_default(), plan, progress);
    let mut lines = latencies_of(plan, progress).to_vec();
    lines.extend([events_of(progress), reasons_of(progress), connections_of(progress)].map(Line::from));
    lines.extend(more.into_iter().flatten().map(Line::from));
    for (line, row) in lines.into_iter().zip(rows) {
        line.render(row, &mut buffer);
    }
    buffer
}

/// A table of the latencies.
fn latencies_of(plan: &Plan, progress: &Progress) -> [Line<'static>; 4] {
    let line = |name: &str, values: [&str; 6]| {
        let [last_p50, last_p99, p50, p99, p999, max] = values;
        Line::from(format!(
            "{name:<NAME_WIDTH$}{last_p50:>10}{last_p99:>10}   {p50:>10}{p99:>10}{p999:>10}{max:>10}"
        ))
    };
    let row = |name: &str, latency: &Latency| {
        let Latency { last, phase } = latency;
        let values = [last.p50, last.p99, phase.p50, phase.p99, phase.p999, phase.max].map(duration);
        line(name, values.each_ref().map(String::as_str))
    };
    let heads = line("", ["1 s: p50", "p99", "phase: p50", "p99", "p99.9", "max"]).dim();
    let service = row("service time", &progress.service_time);
    if plan.phases[progress.phase(plan)].is_closed() {
        let text = format!("{:<NAME_WIDTH$}closed loop: service times only, which hide waiting", "");
        let note = Line::from(text.fg(Color::Yellow));
        return [heads, note, service, line("send lateness", ["–"; 6])];
    }
    let lateness = row("send lateness", &progress.send_lateness);
    let is_late = progress.send_lateness.last.p99.is_some_and(|p99| p99 > LATE_P99);
    let lateness = if is_late { lateness.fg(Color::Yellow) } else { lateness };
    [heads, row("response time", &progress.response_time), service, lateness]
}

/// The run, its phase, and how far that is.
fn draw_title(buffer: &mut Buffer, area: Rect, plan: &Plan, progress: &Progress) {
    let mut left = vec![Span::raw("run "), plan.run_id.as_str().bold(), Span::raw("  ")];
    let (time, length) = progress.phase_time(plan);
    let number = match plan.phases.len() {
        1 => String::new(),
        phases => format!(" ({} of {phases})", progress.phase(plan) + 1),
    };
    let mut right = String::new();
    match progress.stage {
        Stage::Connect => left.push(format!("waits for {}", progress.waits_for).into()),
        Stage::Drain => left.push("waits for the last answers".into()),
        Stage::Phase(_) => {
            left.extend([progress.stage_name(plan).bold(), format!("{number}  ").into()]);
            right = match length {
                None => format!("  {}", clock(time)),
                Some(length) => {
                    let share = 100.0 * time.as_secs_f64() / length.as_secs_f64();
                    format!("  {:.0} %  {} left", share.min(100.0), clock(length.saturating_sub(time)))
                }
            };
        }
    }
    let left = Line::from(left);
    let widths = [left.width() as u16, area.width, right.chars().count() as u16];
    let [left_area, bar, right_area] = Layout::horizontal([
        Constraint::Length(widths[0]),
        Constraint::Fill(1),
        Constraint::Length(widths[2]),
    ])
    .areas(area);
    left.render(left_area, buffer);
    if let (Stage::Phase(_), Some(length)) = (progress.stage, length) {
        draw_bar(buffer, bar, time.as_secs_f64() / length.as_secs_f64());
    }
    Line::from(right).render(right_area, buffer);
}

fn draw_bar(buffer: &mut Buffer, area: Rect, share: f64) {
    let done = (share.clamp(0.0, 1.0) * f64::from(area.width)).round() as usize;
    let rest = usize::from(area.width) - done;
    Line::from(vec!["━".repeat(done).fg(Color::Cyan), "─".repeat(rest).dim()]).render(area, buffer);
}

/// Events a second, and the curve of what was sent.
fn draw_rates(buffer: &mut Buffer, area: Rect, plan: &Plan, progress: &Progress) {
    let planned = match progress.stage {
        Stage::Phase(phase) => planned_rate(plan, phase, progress.phase_time(plan).0),
        _ => None,
    };
    let mut text = format!("{:<NAME_WIDTH$}", "events/s");
    if let Some(planned) = planned {
        text.push_str(&format!("planned {}   ", events_per_s(planned)));
    }
    let (sent, accepted) = (progress.last.sent as f64, progress.last.accepted as f64);
    text.push_str(&format!("sent {}   accepted {}   ", events_per_s(sent), events_per_s(accepted)));
    let [left, _, right] = Layout::horizontal([
        Constraint::Length(text.chars().count() as u16),
        Constraint::Fill(1),
        Constraint::Max(CURVE_LENGTH as u16),
    ])
    .areas(area);
    Line::from(text).render(left, buffer);
    let values = progress.curve.iter().rev().take(usize::from(right.width)).rev().copied();
    // Blanks before the first value put the newest one at the right.
    let blanks = usize::from(right.width).saturating_sub(progress.curve.len());
    let data: Vec<Option<u64>> = std::iter::repeat_n(None, blanks).chain(values.map(Some)).collect();
    let style = Style::new().fg(Color::Cyan);
    Sparkline::default().data(data).style(style).absent_value_symbol(" ").render(right, buffer);
}

/// What became of the events so far.
fn events_of(progress: &Progress) -> Vec<Span<'static>> {
    let totals = &progress.totals;
    let mut spans = vec![Span::raw(format!("{:<NAME_WIDTH$}", "events"))];
    let mut push = |name: &str, number: u64, color| {
        let text = format!("{name} {}  ", count(number));
        spans.push(if number > 0 { text.fg(color) } else { Span::raw(text) });
    };
    push("accepted", totals.events.accepted, Color::Reset);
    push("refused", totals.events.refused, Color::Yellow);
    push("unknown", totals.events.unknown, Color::Red);
    push("unsent", totals.events.unsent, Color::Red);
    push("late", totals.late_requests, Color::Yellow);
    spans
}

/// Why events were refused or are unknown, the most frequent reasons first.
fn reasons_of(progress: &Progress) -> Vec<Span<'static>> {
    let mut spans = vec![Span::raw(format!("{:<NAME_WIDTH$}", "reasons"))];
    for (reasons, color) in
        [(&progress.totals.unknowns, Color::Red), (&progress.totals.refusals, Color::Yellow)]
    {
        spans.extend(
            by_frequency(reasons)
                .into_iter()
                .map(|(reason, events)| format!("{} × {reason}  ", count(events)).fg(color)),
        );
    }
    if spans.len() == 1 {
        spans.push("nothing was refused, nothing is unknown".dim());
    }
    spans
}

fn by_frequency(reasons: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut reasons: Vec<_> = reasons.iter().map(|(reason, events)| (reason.as_str(), *events)).collect();
    reasons.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    reasons
}

fn connections_of(progress: &Progress) -> Vec<Span<'static>> {
    let Progress { connections, in_flight, .. } = progress;
    let text = format!("{:<NAME_WIDTH$}{connections} up, {in_flight} busy", "connections");
    let mut spans = vec![Span::raw(text)];
    let failures = progress.totals.connect_failures;
    if failures > 0 {
        spans.push(format!(", {} attempts failed", count(failures)).fg(Color::Yellow));
    }
    spans
}

/// What was wrong on purpose; none where nothing was.
fn faults_of(progress: &Progress) -> Option<Vec<Span<'static>>> {
    let (repeated, malformed) = (progress.totals.repeated_events, progress.totals.malformed_events);
    (repeated.planned + malformed.planned > 0).then(|| {
        let text = format!(
            "{:<NAME_WIDTH$}{} repeated, {} of them accepted   {} malformed, ",
            "on purpose",
            count(repeated.sent),
            count(repeated.accepted),
            count(malformed.sent)
        );
        let accepted = format!("{} of them accepted", count(malformed.accepted));
        let color = if malformed.accepted > 0 { Color::Red } else { Color::Reset };
        vec![Span::raw(text), accepted.fg(color)]
    })
}

/// How long events take until they are queryable; none without probes.
fn probes_of(progress: &Progress) -> Option<Vec<Span<'static>>> {
    let probes = progress.probes.as_ref()?;
    let latency = &probes.accepted_to_queryable;
    let text = format!(
        "{:<NAME_WIDTH$}{} queryable, after p50 {}, p99 {}",
        "probes",
        count(probes.seen),
        duration(latency.p50),
        duration(latency.p99)
    );
    let others = [("not in time", probes.unseen), ("failed", probes.failed), ("skipped", probes.skipped)];
    let others = others.into_iter().filter(|(_, number)| *number > 0);
    let others = others.map(|(name, number)| format!("  {} {name}", count(number)).fg(Color::Yellow));
    Some(std::iter::once(Span::raw(text)).chain(others).collect())
}

#[cfg(test)]
mod tests;
