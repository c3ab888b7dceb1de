//! Where log lines go: to standard output or standard error, and over OTLP.

use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{JsonFields, format};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::TelemetryError;
use super::arguments::{LogFormat, TelemetryArgs};
use super::plan::setting;
use crate::log::{self, RateLimit, WithTrace};
use crate::process_wide::process_wide;

/// Where logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogOutput {
    #[default]
    Stdout,
    /// For programs whose standard output is their result.
    Stderr,
}

/// Starts logging.
pub(super) fn start(
    args: &TelemetryArgs,
    output: LogOutput,
    logger: Option<&SdkLoggerProvider>,
) -> Result<(), TelemetryError> {
    let level = log::reloadable(&args.log_level).map_err(|error| setting("LOG_LEVEL", error.to_string()))?;
    let writer = match output {
        LogOutput::Stdout => BoxMakeWriter::new(std::io::stdout),
        LogOutput::Stderr => BoxMakeWriter::new(|| log::Console),
    };
    // The limit is outermost: what it refuses reaches neither output.
    tracing_subscriber::registry()
        .with(level)
        .with(lines(args.log_format, writer))
        .with(logger.map(Bridge::new))
        .with(RateLimit::global(&process_wide().log))
        .try_init()?;
    Ok(())
}

/// Lines of text or JSON, with the trace that they were written in.
pub(crate) fn lines<S, W>(log_format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match log_format {
        LogFormat::Json => {
            let json = WithTrace::json(format().json().flatten_event(true));
            layer.fmt_fields(JsonFields::new()).event_format(json).boxed()
        }
        LogFormat::Text => layer.event_format(WithTrace::text(format())).boxed(),
    }
}

/// Sends log records over OTLP, except those about sending: they would never come to an end.
struct Bridge(OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>);

impl Bridge {
    fn new(logger: &SdkLoggerProvider) -> Self {
        Self(OpenTelemetryTracingBridge::new(logger))
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Bridge {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !log::is_about_transport(event.metadata().target()) {
            self.0.on_event(event, context);
        }
    }
}
