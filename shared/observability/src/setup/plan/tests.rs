//! What settings mean, and which are refused.

use clap::Parser as _;

use super::*;
use crate::setup::destination::Protocol;

#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

/// The plan of a service with these flags. An address is given in any case, because the environment may have one.
fn plan(flags: &[&str]) -> Result<Plan, TelemetryError> {
    plan_of(flags, LogOutput::Stdout)
}

fn plan_of(flags: &[&str], output: LogOutput) -> Result<Plan, TelemetryError> {
    let program = Program::parse_from(["program"].iter().chain(flags));
    Plan::new(&program.telemetry, output)
}

fn refusal(flags: &[&str]) -> String {
    plan(flags).expect_err("refused").to_string()
}

#[test]
fn samplers_of_the_specification_are_known() {
    let of = |sampler, argument| sampling(sampler, argument).expect("known");
    assert_eq!(of("parentbased_always_on", None), Sampling { parent_based: true, ratio: 1.0 });
    assert_eq!(of("parentbased_traceidratio", Some("0.25")), Sampling { parent_based: true, ratio: 0.25 });
    assert_eq!(of("always_off", Some("1")), Sampling { parent_based: false, ratio: 0.0 });
    assert_eq!(of("", None), Sampling { parent_based: true, ratio: 1.0 });
}

#[test]
fn programs_for_people_export_only_where_they_are_told() {
    let exports = |flags: &[&str], output| plan_of(flags, output).expect("valid").metrics.is_some();
    let (without, with) =
        (["--otel-exporter-otlp-endpoint", ""], ["--otel-exporter-otlp-endpoint", "http://localhost:4318"]);
    assert!(exports(&without, LogOutput::Stdout));
    assert!(!exports(&without, LogOutput::Stderr));
    assert!(exports(&with, LogOutput::Stderr));
    assert!(exports(&["--telemetry", "metrics"], LogOutput::Stderr));
}

#[test]
fn mode_wins_over_exporters_and_sampler() {
    let signals = |flags: &[&str]| {
        let plan = plan(flags).expect("valid");
        (plan.traces.is_some(), plan.metrics.is_some(), plan.logs.is_some(), plan.sampling)
    };
    let all = Sampling { parent_based: true, ratio: 1.0 };
    assert_eq!(signals(&["--telemetry", "off"]), (false, false, false, all));
    assert_eq!(signals(&["--telemetry", "metrics"]), (false, true, true, all));
    let full =
        ["--telemetry", "full", "--otel-traces-exporter", "none", "--otel-traces-sampler", "always_off"];
    assert_eq!(signals(&full), (true, true, true, all));
    let sampled = Sampling { parent_based: true, ratio: 0.01 };
    assert_eq!(signals(&["--telemetry", "sampled"]), (true, true, true, sampled));
    let half = ["--telemetry", "sampled", "--otel-traces-sampler-arg", "0.5"];
    assert_eq!(signals(&half).3, Sampling { parent_based: true, ratio: 0.5 });
    assert_eq!(signals(&["--telemetry", "sampled", "--otel-sdk-disabled", "true"]).3, sampled);
}

#[test]
fn each_signal_has_its_own_address_and_protocol() {
    let flags = [
        "--otel-exporter-otlp-endpoint",
        "http://collector:4318/",
        "--otel-exporter-otlp-logs-endpoint",
        "http://user:secret@logs:4317",
        "--otel-exporter-otlp-logs-protocol",
        "grpc",
        "--otel-exporter-otlp-logs-compression",
        "gzip",
    ];
    let plan = plan(&flags).expect("valid");
    assert_eq!(
        plan.traces.as_ref().and_then(|d| d.endpoint.as_deref()),
        Some("http://collector:4318/v1/traces")
    );
    let logs = plan.logs.as_ref().expect("exported");
    assert_eq!((logs.protocol, logs.gzip), (Protocol::Grpc, true));
    let text = plan.to_string();
    assert!(text.contains("traces to http://collector:4318/v1/traces over http/protobuf (ratio 1"), "{text}");
    assert!(text.ends_with("logs to http://logs:4317 over grpc, gzip"), "{text}");
}

#[test]
fn shorter_of_two_timeouts_counts() {
    let timeouts = |flags: &[&str]| {
        let plan = plan(flags).expect("valid");
        [plan.traces, plan.metrics].map(|to| to.expect("exported").timeout.map(|timeout| timeout.as_millis()))
    };
    let flags = ["--otel-exporter-otlp-timeout", "5000", "--otel-bsp-export-timeout", "700"];
    assert_eq!(timeouts(&flags), [Some(700), Some(5000)]);
    assert_eq!(timeouts(&["--otel-exporter-otlp-traces-timeout", "9"]), [Some(9), None]);
}

#[test]
fn bad_settings_name_the_variable_and_say_what_to_write() {
    let endpoint = refusal(&["--otel-exporter-otlp-endpoint", "localhost:4317"]);
    assert!(endpoint.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT: "), "{endpoint}");
    assert!(endpoint.contains("write http://localhost:4317"), "{endpoint}");
    let tls = refusal(&["--otel-exporter-otlp-metrics-endpoint", "https://collector:4318"]);
    assert!(tls.starts_with("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: TLS"), "{tls}");
    let cases = [
        ("--otel-exporter-otlp-protocol", "http/json", "OTEL_EXPORTER_OTLP_PROTOCOL: "),
        ("--otel-exporter-otlp-traces-protocol", "thrift", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "),
        ("--otel-exporter-otlp-compression", "zstd", "OTEL_EXPORTER_OTLP_COMPRESSION: "),
        ("--otel-traces-exporter", "jaeger", "OTEL_TRACES_EXPORTER: "),
        ("--otel-bsp-max-queue-size", "0", "OTEL_BSP_MAX_QUEUE_SIZE: "),
        ("--otel-metric-export-interval", "1s", "OTEL_METRIC_EXPORT_INTERVAL: "),
        ("--otel-exporter-otlp-logs-timeout", "soon", "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "),
        ("--otel-traces-sampler", "sometimes", "OTEL_TRACES_SAMPLER: "),
    ];
    for (flag, value, prefix) in cases {
        let message = refusal(&[flag, value]);
        assert!(message.starts_with(prefix), "{message}");
    }
    let ratio = refusal(&["--otel-traces-sampler", "traceidratio", "--otel-traces-sampler-arg", "2"]);
    assert!(ratio.starts_with("OTEL_TRACES_SAMPLER_ARG: "), "{ratio}");
}

#[test]
fn empty_values_count_as_not_given() {
    let empty = ["--otel-exporter-otlp-protocol", "", "--otel-bsp-max-queue-size", ""];
    let plan = plan(&empty).expect("valid");
    assert_eq!(plan.spans.queue_max, 2048);
    assert_eq!(plan.logs.expect("exported").protocol, Protocol::HttpProtobuf);
}
