//! Starts and stops telemetry: logs on standard output, and OTLP export of all three signals.
//!
//! Where the exporters send to, how and how often comes from the standard `OTEL_*` variables, which the OTLP
//! exporters and the SDK read themselves.

use std::time::Duration;

use opentelemetry::{Context, KeyValue, global};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Runtime;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::trace::{self, Sampling};

/// Longest wait for the last export of one signal; a collector that is down must not hold up a shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Transport crates would feed their own telemetry back into the export.
const TRANSPORTS_OFF: &str = "hyper=off,hyper_util=off,tonic=off,h2=off,tower=off,reqwest=off";

/// Who reports.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The default of `service.name`.
    pub service: &'static str,
    pub version: &'static str,
    /// The default of `service.instance.id`.
    pub instance: String,
    /// Git revision of the build.
    pub revision: Option<&'static str>,
}

/// Where logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogOutput {
    #[default]
    Stdout,
    /// For programs whose standard output is their result.
    Stderr,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// Telemetry settings that the SDK does not read by itself.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// Log level, or filter directives such as `info,redis=debug`
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// Format of the log
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Switch all OTLP export off (true or false)
    #[arg(long, env = "OTEL_SDK_DISABLED", default_value = "false", hide_default_value = true)]
    pub otel_sdk_disabled: String,
    /// Exporter of traces: otlp or none
    #[arg(long, env = "OTEL_TRACES_EXPORTER", default_value = "otlp")]
    pub otel_traces_exporter: String,
    /// Exporter of metrics: otlp or none
    #[arg(long, env = "OTEL_METRICS_EXPORTER", default_value = "otlp")]
    pub otel_metrics_exporter: String,
    /// Exporter of logs: otlp or none
    #[arg(long, env = "OTEL_LOGS_EXPORTER", default_value = "otlp")]
    pub otel_logs_exporter: String,
    /// Sampler of traces, as the OpenTelemetry specification names them
    #[arg(long, env = "OTEL_TRACES_SAMPLER", default_value = "parentbased_always_on")]
    pub otel_traces_sampler: String,
    /// Share of the traces that a ratio sampler keeps, 0 to 1
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value = "1.0")]
    pub otel_traces_sampler_arg: String,
    /// Where the exporters, which read it themselves, send to
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide = true)]
    pub otel_exporter_otlp_endpoint: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", hide = true)]
    pub otel_exporter_otlp_traces_endpoint: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", hide = true)]
    pub otel_exporter_otlp_metrics_endpoint: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", hide = true)]
    pub otel_exporter_otlp_logs_endpoint: Option<String>,
}

/// Telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A variable has a value that is not understood.
    #[error("{variable}: {message}")]
    Setting { variable: &'static str, message: String },
    #[error("telemetry runtime: {0}")]
    Runtime(#[from] std::io::Error),
    #[error("otlp exporter: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("log subscriber: {0}")]
    Subscriber(#[from] tracing_subscriber::util::TryInitError),
}

/// Running telemetry. [`Telemetry::shutdown`] sends what is left.
#[must_use = "dropping it loses what has not been exported"]
#[derive(Debug, Default)]
pub struct Telemetry {
    tracer: Option<SdkTracerProvider>,
    logger: Option<SdkLoggerProvider>,
    meter: Option<SdkMeterProvider>,
    /// Transports run here and not on the service's runtime, so that shutdown can wait for them.
    runtime: Option<Runtime>,
}

/// Which signals are exported, and the sampler.
#[derive(Debug, PartialEq)]
struct Plan {
    traces: bool,
    metrics: bool,
    logs: bool,
    sampling: Sampling,
}

/// Starts logging and export. Call once, before any instrument is made, from outside of async code.
///
/// # Errors
/// A setting that is not understood, or an exporter that cannot be built. A collector that does not answer is no error.
pub fn init(
    identity: &Identity,
    args: &TelemetryArgs,
    output: LogOutput,
) -> Result<Telemetry, TelemetryError> {
    let plan = Plan::new(args, output)?;
    let filter = level_filter(&args.log_level)?;
    let mut telemetry = Telemetry::default();
    if plan.traces || plan.metrics || plan.logs {
        let runtime = telemetry_runtime()?;
        let _entered = runtime.enter();
        telemetry.start_export(&plan, &resource(identity))?;
        drop(_entered);
        telemetry.runtime = Some(runtime);
    }
    let bridge = telemetry.logger.as_ref().map(|logger| {
        let filter = EnvFilter::new(format!("info,opentelemetry=off,{TRANSPORTS_OFF}"));
        OpenTelemetryTracingBridge::new(logger).with_filter(filter)
    });
    let writer = match output {
        LogOutput::Stdout => BoxMakeWriter::new(std::io::stdout),
        LogOutput::Stderr => BoxMakeWriter::new(std::io::stderr),
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let output: Box<dyn Layer<Registry> + Send + Sync> = match args.log_format {
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
        LogFormat::Text => layer.with_filter(filter).boxed(),
    };
    tracing_subscriber::registry().with(output).with(bridge).try_init()?;
    Ok(telemetry)
}

impl Telemetry {
    fn start_export(&mut self, plan: &Plan, resource: &Resource) -> Result<(), TelemetryError> {
        // The meter provider first: the SDK's own metrics bind to it when the processors are made.
        if plan.metrics {
            let exporter = MetricExporter::builder().build()?;
            let provider = SdkMeterProvider::builder()
                .with_periodic_exporter(exporter)
                .with_resource(resource.clone())
                .build();
            global::set_meter_provider(provider.clone());
            self.meter = Some(provider);
        }
        if plan.traces {
            let exporter = SpanExporter::builder().build()?;
            let provider = SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_sampler(Sampler::AlwaysOn)
                .with_max_links_per_span(trace::LINKS_MAX)
                .with_resource(resource.clone())
                .build();
            global::set_tracer_provider(provider.clone());
            trace::enable(plan.sampling);
            self.tracer = Some(provider);
        }
        if plan.logs {
            let exporter = LogExporter::builder().build()?;
            let provider = SdkLoggerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(resource.clone())
                .build();
            self.logger = Some(provider);
        }
        Ok(())
    }

    /// Exports what is left, within a few seconds. Call from outside of async code.
    pub fn shutdown(self) {
        let results = [
            self.tracer.map(|provider| provider.shutdown_with_timeout(FLUSH_TIMEOUT)),
            self.logger.map(|provider| provider.shutdown_with_timeout(FLUSH_TIMEOUT)),
            self.meter.map(|provider| provider.shutdown_with_timeout(FLUSH_TIMEOUT)),
        ];
        for error in results.into_iter().flatten().filter_map(Result::err) {
            tracing::warn!(%error, "telemetry was not flushed");
        }
        if let Some(runtime) = self.runtime {
            runtime.shutdown_background();
        }
    }
}

impl TelemetryArgs {
    fn names_an_endpoint(&self) -> bool {
        let endpoints = [
            &self.otel_exporter_otlp_endpoint,
            &self.otel_exporter_otlp_traces_endpoint,
            &self.otel_exporter_otlp_metrics_endpoint,
            &self.otel_exporter_otlp_logs_endpoint,
        ];
        endpoints.into_iter().flatten().any(|endpoint| !endpoint.is_empty())
    }
}

impl Plan {
    /// A service exports to the specification's default address; a program that people run by hand only where it is
    /// told an address, because nobody wants to read that their laptop has no collector.
    fn new(args: &TelemetryArgs, output: LogOutput) -> Result<Self, TelemetryError> {
        let has_address = output == LogOutput::Stdout || args.names_an_endpoint();
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
            sampling: sampling(&args.otel_traces_sampler, &args.otel_traces_sampler_arg)?,
        })
    }
}

fn sampling(sampler: &str, argument: &str) -> Result<Sampling, TelemetryError> {
    let (parent_based, root) = match sampler.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None if sampler.is_empty() => (true, "always_on"),
        None => (false, sampler),
    };
    let ratio = match root {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" if argument.is_empty() => 1.0,
        "traceidratio" => {
            argument.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| {
                setting("OTEL_TRACES_SAMPLER_ARG", format!("{argument:?} is not a number from 0 to 1"))
            })?
        }
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

fn setting(variable: &'static str, message: String) -> TelemetryError {
    TelemetryError::Setting { variable, message }
}

fn level_filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let directives = format!("{level},{TRANSPORTS_OFF}");
    EnvFilter::try_new(directives).map_err(|error| setting("LOG_LEVEL", error.to_string()))
}

/// One thread on which nothing is traced, logged or counted.
fn telemetry_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("telemetry")
        .on_thread_start(|| std::mem::forget(Context::enter_telemetry_suppressed_scope()))
        .enable_all()
        .build()
}

/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over these.
fn resource(identity: &Identity) -> Resource {
    let from_environment = Resource::builder().build();
    let mut defaults = vec![
        KeyValue::new("service.name", identity.service),
        KeyValue::new("service.version", identity.version),
        KeyValue::new("service.instance.id", identity.instance.clone()),
        KeyValue::new("host.arch", host_arch()),
    ];
    if let Some(revision) = identity.revision {
        defaults.push(KeyValue::new("vcs.ref.head.revision", revision));
    }
    let is_default = |pair: &KeyValue| {
        let found = from_environment.get(&pair.key);
        found.is_none_or(|value| value.as_str().starts_with("unknown_service"))
    };
    let defaults: Vec<_> = defaults.into_iter().filter(is_default).collect();
    Resource::builder().with_attributes(defaults).build()
}

/// The architecture as OpenTelemetry, Go and OCI name it.
fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samplers_of_the_specification_are_known() {
        let of = |sampler, argument| sampling(sampler, argument).expect("known");
        assert_eq!(of("parentbased_always_on", ""), Sampling { parent_based: true, ratio: 1.0 });
        assert_eq!(of("parentbased_traceidratio", "0.25"), Sampling { parent_based: true, ratio: 0.25 });
        assert_eq!(of("always_off", "1"), Sampling { parent_based: false, ratio: 0.0 });
        assert_eq!(of("", ""), Sampling { parent_based: true, ratio: 1.0 });
    }

    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        telemetry: TelemetryArgs,
    }

    #[test]
    fn programs_for_people_export_only_where_they_are_told() {
        let exports = |arguments: &[&str], output| {
            let program = <Program as clap::Parser>::parse_from(["program"].iter().chain(arguments));
            Plan::new(&program.telemetry, output).expect("valid").metrics
        };
        // The address is given or cleared, because the environment of the test may have one.
        let (without, with) = (
            ["--otel-exporter-otlp-endpoint", ""],
            ["--otel-exporter-otlp-endpoint", "http://localhost:4318"],
        );
        assert!(exports(&without, LogOutput::Stdout));
        assert!(!exports(&without, LogOutput::Stderr));
        assert!(exports(&with, LogOutput::Stderr));
    }

    #[test]
    fn bad_settings_name_the_variable() {
        let message = |sampler, argument| sampling(sampler, argument).expect_err("unknown").to_string();
        assert!(message("sometimes", "").starts_with("OTEL_TRACES_SAMPLER: "));
        assert!(message("traceidratio", "2").starts_with("OTEL_TRACES_SAMPLER_ARG: "));
        assert!(level_filter("loud=loud=loud").expect_err("no level").to_string().starts_with("LOG_LEVEL: "));
    }
}
