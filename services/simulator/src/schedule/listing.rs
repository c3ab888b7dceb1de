//! A plan and its schedule as text, to look at before a run.

use std::io::{self, Write};

use super::Schedule;
use crate::arrival::Kind;
use crate::plan::{Load, PhasePlan, Plan, RateShape, Spacing};

/// Writes each request of the schedule as a line of CSV, the first line with names: `offset_ns` counts from the start of
/// the run, `first` is the first sequence number. Closed loops have no schedule. Without end for an endless plan.
///
/// # Errors
/// Those of `output`.
pub fn write_csv(plan: &Plan, mut output: impl Write) -> io::Result<()> {
    writeln!(output, "index,offset_ns,phase,kind,first,events")?;
    for arrival in Schedule::new(plan) {
        let phase = &plan.phases[usize::from(arrival.phase)].name;
        let kind = match arrival.kind {
            Kind::New => "new",
            Kind::Repeat => "repeat",
            Kind::Malformed => "malformed",
        };
        let (index, offset_ns) = (arrival.index, arrival.offset.as_nanos());
        let (first, events) = (arrival.content.first, arrival.content.events);
        writeln!(output, "{index},{offset_ns},{phase},{kind},{first},{events}")?;
    }
    Ok(())
}

/// Writes the phases with the requests and events that are expected of them, without computing the schedule.
///
/// # Errors
/// Those of `output`.
pub fn write_summary(plan: &Plan, mut output: impl Write) -> io::Result<()> {
    let name_width = plan.phases.iter().map(|phase| phase.name.len()).max().unwrap_or(0).max(5);
    writeln!(
        output,
        "{:name_width$}  {:>9}  {:>9}  {:>12}  {:>13}  pace",
        "phase", "begins", "lasts", "requests", "events"
    )?;
    for (index, phase) in plan.phases.iter().enumerate() {
        let begins = format!("{:.1} s", plan.phase_start(index).as_secs_f64());
        let end = plan.phase_end(index);
        let lasts = end.map_or("forever".to_owned(), |_| format!("{:.1} s", phase.duration_s));
        let (requests, events) = match phase.expected_events() {
            Some(events) if end.is_some() => {
                let repeats = (1.0 - plan.faults.malformed) * plan.faults.duplicates;
                let requests = events / plan.batch.mean() * (1.0 + repeats);
                (format!("{requests:.0}"), format!("{:.0}", events * (1.0 + repeats)))
            }
            _ => ("?".to_owned(), "?".to_owned()),
        };
        let pace = pace(phase);
        let measured = if phase.is_measured { "" } else { ", not measured" };
        writeln!(
            output,
            "{:name_width$}  {begins:>9}  {lasts:>9}  {requests:>12}  {events:>13}  {pace}{measured}",
            phase.name
        )?;
    }
    let (seed, lanes) = (plan.seed, plan.lanes());
    writeln!(output, "seed {seed}, sent by {lanes} lane{}", if lanes == 1 { "" } else { "s" })
}

fn pace(phase: &PhasePlan) -> String {
    let (rate, spacing) = match &phase.load {
        Load::Closed => return "closed loop: as fast as answers come".to_owned(),
        Load::Replay(replay) => {
            let file = replay.file.display();
            let repeats = if replay.repeats { ", again and again" } else { "" };
            return format!("replay of {file}, {} times as fast{repeats}", replay.speed);
        }
        Load::Open { rate, spacing } => (rate, spacing),
    };
    let rate = match rate {
        RateShape::Constant { rate_per_s } => format!("{rate_per_s}/s"),
        RateShape::Burst { high_per_s, low_per_s, on_s, off_s } => {
            format!("{high_per_s}/s for {on_s} s and {low_per_s}/s for {off_s} s in turn")
        }
        RateShape::Ramp { from_per_s, to_per_s } => format!("from {from_per_s}/s to {to_per_s}/s"),
        RateShape::Step { rates_per_s } => {
            let rates: Vec<_> = rates_per_s.iter().map(|rate| format!("{rate}/s")).collect();
            rates.join(", then ")
        }
        RateShape::Sinusoid { mean_per_s, amplitude_per_s, period_s, .. } => {
            format!("{mean_per_s}/s, more or less {amplitude_per_s}/s in {period_s} s")
        }
    };
    match spacing {
        Spacing::Even => format!("{rate}, evenly"),
        Spacing::Poisson => format!("{rate}, Poisson"),
    }
}
