//! The settings of telemetry, as command lines and environments give them.

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// How much telemetry leaves the process over OTLP. Logs on standard output and `/statz` are there in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TelemetryMode {
    /// Nothing
    Off,
    /// Metrics and logs
    Metrics,
    /// Also the share of the traces that OTEL_TRACES_SAMPLER_ARG says, 0.01 by default
    Sampled,
    /// Also all traces
    Full,
}

/// Settings of telemetry.
///
/// An empty value counts as not given, as the specification says. What is missing here is read by others: headers
/// (`OTEL_EXPORTER_OTLP_HEADERS`, and those of one signal) by the exporters, because they are secret; `OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES` and the limits of spans by the SDK.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// Log level, or filter directives such as `info,redis=debug`
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// Format of the log
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// How much is sent over OTLP; wins over the OTEL_* choice of exporters and sampler
    #[arg(long, env = "TELEMETRY", value_enum)]
    pub telemetry: Option<TelemetryMode>,
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
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG")]
    pub otel_traces_sampler_arg: Option<String>,
    #[command(flatten)]
    pub otlp: OtlpArgs,
    #[command(flatten)]
    pub batch: BatchArgs,
    #[command(flatten)]
    pub kubernetes: KubernetesArgs,
}

/// Where and how the exporters send; those of one signal win.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OtlpArgs {
    /// Where all signals are sent to [default: http://localhost:4318, with grpc http://localhost:4317]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide = true)]
    pub otel_exporter_otlp_endpoint: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", hide = true)]
    pub otel_exporter_otlp_traces_endpoint: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", hide = true)]
    pub otel_exporter_otlp_metrics_endpoint: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", hide = true)]
    pub otel_exporter_otlp_logs_endpoint: Option<String>,
    /// http/protobuf or grpc [default: http/protobuf]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", hide = true)]
    pub otel_exporter_otlp_protocol: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", hide = true)]
    pub otel_exporter_otlp_traces_protocol: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", hide = true)]
    pub otel_exporter_otlp_metrics_protocol: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", hide = true)]
    pub otel_exporter_otlp_logs_protocol: Option<String>,
    /// gzip or none [default: none]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_COMPRESSION", hide = true)]
    pub otel_exporter_otlp_compression: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", hide = true)]
    pub otel_exporter_otlp_traces_compression: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", hide = true)]
    pub otel_exporter_otlp_metrics_compression: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", hide = true)]
    pub otel_exporter_otlp_logs_compression: Option<String>,
    /// Longest wait for one export, in milliseconds [default: 10000]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TIMEOUT", hide = true)]
    pub otel_exporter_otlp_timeout: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", hide = true)]
    pub otel_exporter_otlp_traces_timeout: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", hide = true)]
    pub otel_exporter_otlp_metrics_timeout: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", hide = true)]
    pub otel_exporter_otlp_logs_timeout: Option<String>,
}

/// Queues and intervals of export.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct BatchArgs {
    /// Spans that may wait for export [default: 2048]
    #[arg(long, env = "OTEL_BSP_MAX_QUEUE_SIZE", hide = true)]
    pub otel_bsp_max_queue_size: Option<String>,
    /// Most spans in one export [default: 512]
    #[arg(long, env = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", hide = true)]
    pub otel_bsp_max_export_batch_size: Option<String>,
    /// Milliseconds between two exports of spans [default: 5000]
    #[arg(long, env = "OTEL_BSP_SCHEDULE_DELAY", hide = true)]
    pub otel_bsp_schedule_delay: Option<String>,
    /// Longest wait for one export of spans, in milliseconds; the shorter of two timeouts counts
    #[arg(long, env = "OTEL_BSP_EXPORT_TIMEOUT", hide = true)]
    pub otel_bsp_export_timeout: Option<String>,
    /// Log records that may wait for export [default: 2048]
    #[arg(long, env = "OTEL_BLRP_MAX_QUEUE_SIZE", hide = true)]
    pub otel_blrp_max_queue_size: Option<String>,
    /// Most log records in one export [default: 512]
    #[arg(long, env = "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", hide = true)]
    pub otel_blrp_max_export_batch_size: Option<String>,
    /// Milliseconds between two exports of log records [default: 1000]
    #[arg(long, env = "OTEL_BLRP_SCHEDULE_DELAY", hide = true)]
    pub otel_blrp_schedule_delay: Option<String>,
    /// Longest wait for one export of log records, in milliseconds
    #[arg(long, env = "OTEL_BLRP_EXPORT_TIMEOUT", hide = true)]
    pub otel_blrp_export_timeout: Option<String>,
    /// Milliseconds between two exports of metrics [default: 60000]
    #[arg(long, env = "OTEL_METRIC_EXPORT_INTERVAL", hide = true)]
    pub otel_metric_export_interval: Option<String>,
    /// Longest wait for one export of metrics, in milliseconds
    #[arg(long, env = "OTEL_METRIC_EXPORT_TIMEOUT", hide = true)]
    pub otel_metric_export_timeout: Option<String>,
}

/// Where the process runs, from the downward API.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct KubernetesArgs {
    #[arg(long, env = "K8S_NODE_NAME", hide = true)]
    pub k8s_node_name: Option<String>,
    #[arg(long, env = "K8S_POD_NAME", hide = true)]
    pub k8s_pod_name: Option<String>,
    #[arg(long, env = "K8S_POD_UID", hide = true)]
    pub k8s_pod_uid: Option<String>,
    #[arg(long, env = "K8S_NAMESPACE_NAME", hide = true)]
    pub k8s_namespace_name: Option<String>,
}

/// A value that is given and not empty.
pub(super) fn given(value: Option<&String>) -> Option<&str> {
    value.map(|text| text.trim()).filter(|text| !text.is_empty())
}
