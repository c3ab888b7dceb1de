//! The exporters and providers of the three signals.

use opentelemetry::global;
use opentelemetry_otlp::{
    Compression, ExporterBuildError, LogExporter, MetricExporter, Protocol as OtlpProtocol, SpanExporter,
    WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{Aggregation, Instrument, PeriodicReader, SdkMeterProvider, Stream};
use opentelemetry_sdk::trace::{self as sdk_trace, BatchSpanProcessor, Sampler, SdkTracerProvider};

use super::destination::{Destination, Protocol};
use super::plan::Plan;
use crate::delivery::{BoundedQueue, CountingExporter, Signal};
use crate::process_wide::process_wide;
use crate::trace;

/// Providers of the signals that are exported.
#[derive(Debug, Default)]
pub(super) struct Providers {
    pub(super) tracer: Option<SdkTracerProvider>,
    pub(super) logger: Option<SdkLoggerProvider>,
    pub(super) meter: Option<SdkMeterProvider>,
}

/// Builds exporters; call it inside the runtime that their transports are to use.
pub(super) fn start(plan: &Plan, resource: &Resource) -> Result<Providers, ExporterBuildError> {
    // The meter provider first: instruments bind to the global one when they are made.
    let meter = plan.metrics.as_ref().map(|to| metrics(plan, to, resource)).transpose()?;
    if let Some(meter) = &meter {
        global::set_meter_provider(meter.clone());
    }
    process_wide();
    let tracer = plan.traces.as_ref().map(|to| traces(plan, to, resource)).transpose()?;
    if let Some(tracer) = &tracer {
        global::set_tracer_provider(tracer.clone());
        trace::enable(plan.sampling);
    }
    let logger = plan.logs.as_ref().map(|to| logs(plan, to, resource)).transpose()?;
    Ok(Providers { tracer, logger, meter })
}

fn metrics(
    plan: &Plan,
    to: &Destination,
    resource: &Resource,
) -> Result<SdkMeterProvider, ExporterBuildError> {
    let builder = MetricExporter::builder();
    let exporter = match to.protocol {
        Protocol::HttpProtobuf => http(builder.with_http(), to).build(),
        Protocol::Grpc => grpc(builder.with_tonic(), to).build(),
    }?;
    let exporter = CountingExporter::new(exporter, Signal::Metrics);
    let reader = PeriodicReader::builder(exporter).with_interval(plan.metric_interval).build();
    Ok(SdkMeterProvider::builder()
        .with_reader(reader)
        .with_view(without_metrics_of_the_sdk)
        .with_resource(resource.clone())
        .build())
}

fn traces(
    plan: &Plan,
    to: &Destination,
    resource: &Resource,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let builder = SpanExporter::builder();
    let exporter = match to.protocol {
        Protocol::HttpProtobuf => http(builder.with_http(), to).build(),
        Protocol::Grpc => grpc(builder.with_tonic(), to).build(),
    }?;
    let config = sdk_trace::BatchConfigBuilder::default()
        .with_max_queue_size(plan.spans.queue_max)
        .with_max_export_batch_size(plan.spans.batch_max)
        .with_scheduled_delay(plan.spans.interval)
        .build();
    let exporter = CountingExporter::new(exporter, Signal::Traces);
    let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(BoundedQueue::new(batches, Signal::Traces, plan.spans.queue_max))
        .with_sampler(Sampler::AlwaysOn)
        .with_max_links_per_span(trace::LINKS_MAX)
        .with_resource(resource.clone())
        .build())
}

fn logs(plan: &Plan, to: &Destination, resource: &Resource) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let builder = LogExporter::builder();
    let exporter = match to.protocol {
        Protocol::HttpProtobuf => http(builder.with_http(), to).build(),
        Protocol::Grpc => grpc(builder.with_tonic(), to).build(),
    }?;
    let config = logs::BatchConfigBuilder::default()
        .with_max_queue_size(plan.records.queue_max)
        .with_max_export_batch_size(plan.records.batch_max)
        .with_scheduled_delay(plan.records.interval)
        .build();
    let exporter = CountingExporter::new(exporter, Signal::Logs);
    let batches = BatchLogProcessor::builder(exporter).with_batch_config(config).build();
    Ok(SdkLoggerProvider::builder()
        .with_log_processor(BoundedQueue::new(batches, Signal::Logs, plan.records.queue_max))
        .with_resource(resource.clone())
        .build())
}

/// The SDK's own metrics count an item as processed before it is sent; ours say what became of it.
fn without_metrics_of_the_sdk(instrument: &Instrument) -> Option<Stream> {
    let is_of_sdk = instrument.name().starts_with("otel.sdk.");
    is_of_sdk.then(|| Stream::builder().with_aggregation(Aggregation::Drop).build().ok()).flatten()
}

fn http<B: WithExportConfig + WithHttpConfig>(builder: B, to: &Destination) -> B {
    let builder = sending(builder.with_protocol(OtlpProtocol::HttpBinary), to);
    if to.gzip { WithHttpConfig::with_compression(builder, Compression::Gzip) } else { builder }
}

fn grpc<B: WithExportConfig + WithTonicConfig>(builder: B, to: &Destination) -> B {
    let builder = sending(builder, to);
    if to.gzip { WithTonicConfig::with_compression(builder, Compression::Gzip) } else { builder }
}

fn sending<B: WithExportConfig>(builder: B, to: &Destination) -> B {
    let builder = match &to.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint),
        None => builder,
    };
    match to.timeout {
        Some(timeout) => builder.with_timeout(timeout),
        None => builder,
    }
}
