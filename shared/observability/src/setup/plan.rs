//! What the settings mean: which signals are exported, where to, how, and which traces are sampled.

use std::fmt;
use std::time::Duration;

use super::TelemetryError;
use super::arguments::{BatchArgs, TelemetryArgs, TelemetryMode, given};
use super::destination::Destination;
use super::subscriber::LogOutput;
use crate::delivery::Signal;
use crate::trace::Sampling;

/// Share of the traces in the mode `sampled`: a hundredth shows every hop of some events and costs next to nothing.
const SAMPLED_RATIO: f64 = 0.01;

/// Checked settings of export.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) traces: Option<Destination>,
    pub(super) metrics: Option<Destination>,
    pub(super) logs: Option<Destination>,
    pub(super) sampling: Sampling,
    pub(super) spans: Batches,
    pub(super) records: Batches,
    pub(super) metric_interval: Duration,
}

/// Queue and batches of spans or log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batches {
    pub(super) queue_max: usize,
    pub(super) batch_max: usize,
    pub(super) interval: Duration,
}

impl Plan {
    /// A service exports to the specification's default address; a program that people run by hand only where it is
    /// told an address or a mode, because nobody wants to read that their laptop has no collector.
    pub(super) fn new(args: &TelemetryArgs, output: LogOutput) -> Result<Self, TelemetryError> {
        let selection = Selection::new(args, output)?;
        let destination = |signal, selected: bool| {
            selected.then(|| Destination::new(&args.otlp, &args.batch, signal)).transpose()
        };
        Ok(Self {
            traces: destination(Signal::Traces, selection.traces)?,
            metrics: destination(Signal::Metrics, selection.metrics)?,
            logs: destination(Signal::Logs, selection.logs)?,
            sampling: selection.sampling,
            spans: Batches::of_spans(&args.batch)?,
            records: Batches::of_records(&args.batch)?,
            metric_interval: interval(
                "OTEL_METRIC_EXPORT_INTERVAL",
                args.batch.otel_metric_export_interval.as_ref(),
                60_000,
            )?,
        })
    }

    pub(super) fn exports(&self) -> bool {
        self.traces.is_some() || self.metrics.is_some() || self.logs.is_some()
    }
}

/// What is exported, for the log of the start; no credentials, which stand in headers or before an `@`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals = [("traces", &self.traces), ("metrics", &self.metrics), ("logs", &self.logs)];
        let mut separator = "";
        for (name, destination) in signals {
            let Some(destination) = destination else { continue };
            write!(f, "{separator}{name} to {destination}")?;
            if name == "traces" {
                let Sampling { ratio, parent_based, .. } = self.sampling;
                let parent = if parent_based { ", by their parents" } else { "" };
                write!(f, " (ratio {ratio}{parent})")?;
            }
            separator = "; ";
        }
        if separator.is_empty() { f.write_str("off") } else { Ok(()) }
    }
}

/// The signals and the sampler.
struct Selection {
    traces: bool,
    metrics: bool,
    logs: bool,
    sampling: Sampling,
}

impl Selection {
    fn new(args: &TelemetryArgs, output: LogOutput) -> Result<Self, TelemetryError> {
        let argument = given(args.otel_traces_sampler_arg.as_ref());
        if let Some(mode) = args.telemetry {
            let traces = matches!(mode, TelemetryMode::Sampled | TelemetryMode::Full);
            let ratio = match mode {
                TelemetryMode::Sampled => argument.map(ratio).transpose()?.unwrap_or(SAMPLED_RATIO),
                _ => 1.0,
            };
            let others = mode != TelemetryMode::Off;
            let sampling = Sampling { parent_based: true, ratio };
            return Ok(Self { traces, metrics: others, logs: others, sampling });
        }
        let has_address = output == LogOutput::Stdout || args.otlp.names_an_endpoint();
        let enabled = has_address && !args.otel_sdk_disabled.eq_ignore_ascii_case("true");
        let exports = |variable, value: &str| match value {
            "" | "otlp" => Ok(enabled),
            "none" => Ok(false),
            other => Err(setting(variable, format!("unknown exporter {other:?}, use otlp or none"))),
        };
        Ok(Self {
            traces: exports("OTEL_TRACES_EXPORTER", &args.otel_traces_exporter)?,
            metrics: exports("OTEL_METRICS_EXPORTER", &args.otel_metrics_exporter)?,
            logs: exports("OTEL_LOGS_EXPORTER", &args.otel_logs_exporter)?,
            sampling: sampling(&args.otel_traces_sampler, argument)?,
        })
    }
}

impl Batches {
    fn of_spans(args: &BatchArgs) -> Result<Self, TelemetryError> {
        let queue = count("OTEL_BSP_MAX_QUEUE_SIZE", args.otel_bsp_max_queue_size.as_ref(), 2048)?;
        let (name, value) = ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", args.otel_bsp_max_export_batch_size.as_ref());
        let (batch, delay) = (count(name, value, 512)?, args.otel_bsp_schedule_delay.as_ref());
        let interval = interval("OTEL_BSP_SCHEDULE_DELAY", delay, 5_000)?;
        Ok(Self { queue_max: queue, batch_max: batch.min(queue), interval })
    }

    fn of_records(args: &BatchArgs) -> Result<Self, TelemetryError> {
        let queue = count("OTEL_BLRP_MAX_QUEUE_SIZE", args.otel_blrp_max_queue_size.as_ref(), 2048)?;
        let (name, value) =
            ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", args.otel_blrp_max_export_batch_size.as_ref());
        let (batch, delay) = (count(name, value, 512)?, args.otel_blrp_schedule_delay.as_ref());
        let interval = interval("OTEL_BLRP_SCHEDULE_DELAY", delay, 1_000)?;
        Ok(Self { queue_max: queue, batch_max: batch.min(queue), interval })
    }
}

pub(super) fn sampling(sampler: &str, argument: Option<&str>) -> Result<Sampling, TelemetryError> {
    let (parent_based, root) = match sampler.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None if sampler.is_empty() => (true, "always_on"),
        None => (false, sampler),
    };
    let ratio = match root {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => argument.map(ratio).transpose()?.unwrap_or(1.0),
        _ => {
            let known = "always_on, always_off, traceidratio, each also with parentbased_";
            return Err(setting(
                "OTEL_TRACES_SAMPLER",
                format!("unknown sampler {sampler:?}, use one of {known}"),
            ));
        }
    };
    Ok(Sampling { parent_based, ratio })
}

fn ratio(argument: &str) -> Result<f64, TelemetryError> {
    argument.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| {
        setting("OTEL_TRACES_SAMPLER_ARG", format!("{argument:?} is not a number from 0 to 1"))
    })
}

fn count(variable: &'static str, value: Option<&String>, default: usize) -> Result<usize, TelemetryError> {
    let Some(text) = given(value) else { return Ok(default) };
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or_else(|| setting(variable, format!("{text:?} is not a number from 1 to 1000000")))
}

fn interval(
    variable: &'static str,
    value: Option<&String>,
    default_ms: u64,
) -> Result<Duration, TelemetryError> {
    given(value).map_or(Ok(Duration::from_millis(default_ms)), |text| milliseconds(variable, text))
}

pub(super) fn milliseconds(variable: &'static str, text: &str) -> Result<Duration, TelemetryError> {
    let ms = text.parse().ok().filter(|ms| *ms > 0);
    ms.map(Duration::from_millis)
        .ok_or_else(|| setting(variable, format!("{text:?} is not a number of milliseconds over 0")))
}

pub(super) fn setting(variable: &'static str, message: String) -> TelemetryError {
    TelemetryError::Setting { variable, message }
}

#[cfg(test)]
mod tests;
