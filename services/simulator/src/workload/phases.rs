//! Makes the phases of a plan from those of a file.

use std::sync::Arc;

use super::file::{Arrivals, PhaseTable, RateValue, ReplayTable};
use toml_file::{Fault, Located, Seconds};

use super::Workload;
use crate::plan::load::{DURATION_MAX_S, PHASES_MAX, RATE_MAX_PER_S, is_phase_name};
use crate::plan::{Load, PhasePlan, RateShape, ReplayPlan, Spacing};
use crate::trace::{Trace, TraceColumns};

/// What flags say in place of the file, of its only measured phase.
#[derive(Debug, Default, Clone, Copy)]
pub struct PhaseOverrides {
    /// Events a second.
    pub rate_per_s: Option<f64>,
    /// How requests follow each other.
    pub arrivals: Option<Arrivals>,
    /// Length of the phase.
    pub duration: Option<Seconds>,
    /// Whether the last phase goes on until it is stopped.
    pub is_endless: bool,
}

impl PhaseOverrides {
    fn has_any(&self) -> bool {
        self.rate_per_s.is_some() || self.arrivals.is_some() || self.duration.is_some()
    }
}

impl Workload {
    /// The phases, with traces read.
    pub(crate) fn phases(&self, overrides: PhaseOverrides) -> Result<Vec<PhasePlan>, Fault> {
        let tables = &self.file().phases;
        if !(1..=PHASES_MAX).contains(&tables.len()) {
            return Err(Fault::new(tables.span(), format!("a run has 1 to {PHASES_MAX} [[phases]]")));
        }
        if overrides.has_any() && tables.iter().filter(|phase| phase.measure).count() != 1 {
            let message =
                "--rate, --arrivals and --duration need exactly one measured phase, change the file instead";
            return Err(Fault::new(tables.span(), message));
        }
        let mut phases: Vec<PhasePlan> = Vec::with_capacity(tables.len());
        for (index, table) in tables.iter().enumerate() {
            let name = &table.name;
            if !is_phase_name(name) {
                let message =
                    "a name of a phase has 1 to 32 of a-z 0-9 -, and is neither \"connect\" nor \"drain\"";
                return Err(Fault::new(name.span(), message));
            }
            if phases.iter().any(|phase| phase.name == **name) {
                return Err(Fault::new(
                    name.span(),
                    format!("two phases are called {:?}, rename one", **name),
                ));
            }
            let is_endless = overrides.is_endless && index + 1 == tables.len();
            let overrides = if table.measure { overrides } else { PhaseOverrides::default() };
            phases.push(Phase { workload: self, table, overrides, is_endless }.plan()?);
        }
        Ok(phases)
    }
}

/// A phase and what decides on it.
struct Phase<'a> {
    workload: &'a Workload,
    table: &'a PhaseTable,
    overrides: PhaseOverrides,
    is_endless: bool,
}

impl Phase<'_> {
    fn plan(&self) -> Result<PhasePlan, Fault> {
        let load = self.load()?;
        let duration_s = match (self.duration()?, &load) {
            (Some(duration_s), _) => duration_s,
            (None, Load::Replay(replay)) if !replay.repeats => replay.round_s(),
            (None, _) => {
                let message = "a phase needs a duration, such as duration = \"30s\"";
                return Err(Fault::new(self.table.name.span(), message));
            }
        };
        Ok(PhasePlan { name: self.table.name.to_string(), duration_s, is_measured: self.table.measure, load })
    }

    fn duration(&self) -> Result<Option<f64>, Fault> {
        if let Some(Seconds(duration_s)) = self.overrides.duration {
            return Ok(Some(duration_s));
        }
        self.table.duration.as_ref().map(time).transpose()
    }

    fn load(&self) -> Result<Load, Fault> {
        let (table, overrides) = (self.table, &self.overrides);
        if let Some(replay) = &table.replay {
            let has_pace = table.rate.is_some()
                || table.arrivals.is_some()
                || overrides.rate_per_s.is_some()
                || overrides.arrivals.is_some();
            if has_pace {
                let message = "a replay has neither rate nor arrivals, leave out one or the other";
                return Err(Fault::new(replay.span(), message));
            }
            return self.replay(replay).map(Load::Replay);
        }
        let arrivals =
            overrides.arrivals.or(table.arrivals.as_deref().copied()).unwrap_or(Arrivals::Constant);
        let spacing = match arrivals {
            Arrivals::Constant => Spacing::Even,
            Arrivals::Poisson => Spacing::Poisson,
            Arrivals::Closed => return self.closed(),
        };
        let rate = match (overrides.rate_per_s, &table.rate) {
            (Some(rate_per_s), _) => RateShape::Constant { rate_per_s },
            (None, Some(rate)) => self.shape(rate)?,
            (None, None) => {
                let message = "a phase needs a rate, a replay, or arrivals = \"closed\"";
                return Err(Fault::new(table.name.span(), message));
            }
        };
        Ok(Load::Open { rate, spacing })
    }

    /// In a closed loop a rate of the file has no effect: refused, unless it was a flag that closed the loop.
    fn closed(&self) -> Result<Load, Fault> {
        let is_by_flag = self.overrides.arrivals.is_some();
        let span = match &self.table.rate {
            Some(rate) if !is_by_flag => rate.span(),
            _ if self.overrides.rate_per_s.is_some() && !is_by_flag => self.table.name.span(),
            _ => return Ok(Load::Closed),
        };
        Err(Fault::new(span, "a closed loop has no rate, leave it out or choose other arrivals"))
    }

    fn shape(&self, rate: &Located<RateValue>) -> Result<RateShape, Fault> {
        let is_of_length = matches!(**rate, RateValue::Ramp(_) | RateValue::Step(_));
        if self.is_endless && is_of_length {
            let message =
                "a ramp or step depends on the length of its phase, which is without end; use another shape";
            return Err(Fault::new(rate.span(), message));
        }
        Ok(match &**rate {
            RateValue::Constant(rate_per_s) => {
                RateShape::Constant { rate_per_s: checked_rate(*rate_per_s, rate.span())? }
            }
            RateValue::Burst(burst) => RateShape::Burst {
                high_per_s: rate_of(&burst.high)?,
                low_per_s: burst.low.as_ref().map(rate_of).transpose()?.unwrap_or(0.0),
                on_s: time(&burst.on)?,
                off_s: time(&burst.off)?,
            },
            RateValue::Ramp(ramp) => {
                RateShape::Ramp { from_per_s: rate_of(&ramp.from)?, to_per_s: rate_of(&ramp.to)? }
            }
            RateValue::Step(step) => {
                if !(1..=1000).contains(&step.rates.len()) {
                    return Err(Fault::new(step.rates.span(), "give 1 to 1000 rates"));
                }
                RateShape::Step { rates_per_s: step.rates.iter().map(rate_of).collect::<Result<_, _>>()? }
            }
            RateValue::Sinusoid(wave) => {
                let mean_per_s = rate_of(&wave.mean)?;
                if !(0.0..=mean_per_s).contains(&*wave.amplitude) {
                    let message = "must be 0 to the mean: rates are not negative";
                    return Err(Fault::new(wave.amplitude.span(), message));
                }
                let phase = wave.phase.as_deref().copied().unwrap_or(0.0);
                if !(0.0..=1.0).contains(&phase) {
                    let span = wave.phase.as_ref().map_or(rate.span(), Located::span);
                    return Err(Fault::new(span, "must be 0 to 1, a part of the period"));
                }
                let period_s = time(&wave.period)?;
                RateShape::Sinusoid { mean_per_s, amplitude_per_s: *wave.amplitude, period_s, phase }
            }
        })
    }

    fn replay(&self, table: &Located<ReplayTable>) -> Result<ReplayPlan, Fault> {
        let columns = TraceColumns {
            kind: table.kind,
            time: table.time.clone().unwrap_or_else(|| "time".to_owned()),
            time_unit: table.unit_of_time,
            time_format: table.format.clone(),
            value: table.value.clone(),
            unit: table.unit.clone(),
            source: table.source.clone(),
            event_type: table.event_type.clone(),
            data: table.data.clone(),
        };
        let speed = table.speed.as_deref().copied().unwrap_or(1.0);
        if !(1e-6..=1e9).contains(&speed) {
            let span = table.speed.as_ref().map_or(table.span(), Located::span);
            return Err(Fault::new(span, "must be above 0, from 1e-6 to 1e9: 60 plays an hour in a minute"));
        }
        let file = self.workload.directory().join(&*table.file);
        let trace =
            Trace::read(&file, &columns).map_err(|error| Fault::new(table.file.span(), error.to_string()))?;
        if table.repeats && trace.span().is_zero() {
            let message =
                "all records have the same time: nothing says when a loop begins again, leave loop out";
            return Err(Fault::new(table.file.span(), message));
        }
        if self.is_endless && !table.repeats {
            let message = "a run without end cannot end with a trace, add loop = true";
            return Err(Fault::new(table.span(), message));
        }
        Ok(ReplayPlan { file, columns, speed, repeats: table.repeats, trace: Arc::new(trace) })
    }
}

fn rate_of(rate: &Located<f64>) -> Result<f64, Fault> {
    checked_rate(**rate, rate.span())
}

fn checked_rate(rate_per_s: f64, span: std::ops::Range<usize>) -> Result<f64, Fault> {
    if (0.0..=RATE_MAX_PER_S).contains(&rate_per_s) {
        Ok(rate_per_s)
    } else {
        Err(Fault::new(span, format!("a rate must be 0 to 1e8 events a second, not {rate_per_s}")))
    }
}

fn time(duration: &Located<Seconds>) -> Result<f64, Fault> {
    let Seconds(duration_s) = **duration;
    if duration_s > 0.0 && duration_s <= DURATION_MAX_S {
        Ok(duration_s)
    } else {
        Err(Fault::new(duration.span(), "must be above 0 and at most a year, such as \"30s\""))
    }
}
