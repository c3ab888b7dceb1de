//! Whether the collector takes its configuration.

use super::findings::{Findings, said};
use crate::doctor::facts::{CollectorFacts, Facts};
use crate::images::check::Failure;

/// Components that are not in the version that the testbed runs any more, and what took their place. Source: the Go module
/// proxy, which has none of their modules at v0.155.0; that of `logging` ends before v0.111.0, where the core's changelog says
/// that it was removed, and that of `memory_ballast` before v0.108.0.
const REMOVED: [(&str, &str); 4] = [
    ("exporters/logging", "use the exporter `debug`, which took the place of `logging`"),
    ("exporters/jaeger", "use the exporter `otlp_grpc`: Jaeger takes OTLP"),
    ("exporters/loki", "use the exporter `otlp_http` with Loki's endpoint /otlp"),
    ("extensions/memory_ballast", "set GOMEMLIMIT in its place"),
];

const SUBJECT: &str = "otel-collector";

/// By `otelcol validate`, else by what is known of removed components.
pub(super) fn configuration(facts: &Facts, findings: &mut Findings) {
    if let Some(collector) = findings.known(SUBJECT, &facts.collector) {
        look(collector, findings);
    }
    findings.symptoms(facts, |pod, container| {
        let is_crash = pod.service == SUBJECT && container.waiting.as_deref() == Some("CrashLoopBackOff");
        let cause = "the collector ends again and again, as a rule as soon as it has read its configuration";
        let remedy = "look at `testbed logs --previous otel-collector`, and at what `otelcol validate` says of the configuration";
        // What was killed for its memory has read it.
        (is_crash && container.ended.as_deref() != Some("OOMKilled"))
            .then(|| Failure::new(cause, said(container), remedy))
    });
}

fn look(collector: &CollectorFacts, findings: &mut Findings) {
    for (removed, remedy) in REMOVED {
        if collector.components.iter().any(|component| component == removed) {
            let cause = "the configuration uses a component that the collector does not have any more";
            let evidence = format!("{removed}, with {}", collector.image);
            findings.error(SUBJECT, Failure::new(cause, evidence, remedy));
        }
    }
    if let Some(undefined) = collector.undefined.first() {
        let remedy = "configure it, or take it out of the pipeline";
        let cause = "a pipeline names a component that is not configured";
        findings.error(SUBJECT, Failure::new(cause, undefined, remedy));
    }
    if let Some(name) = collector.unset.first() {
        let cause = "the configuration reads a variable that the collector's container is not given";
        let evidence = format!("${{env:{name}}}, which is empty then");
        let remedy = format!("set {name} in its Deployment, or write ${{env:{name}:-DEFAULT}}");
        findings.error(SUBJECT, Failure::new(cause, evidence, remedy));
    }
    // What was found is what the program complains of as well.
    if findings.has_found() {
        return;
    }
    match &collector.validation {
        Some(validation) if !collector.image.contains(&validation.version) => {
            let (version, image) = (&validation.version, &collector.image);
            findings.leave(
                SUBJECT,
                format!("the program is of version {version}, but {image} will read the configuration"),
            );
        }
        Some(validation) => match &validation.error {
            None => findings.pass(SUBJECT, format!("otelcol {} accepts it", validation.version)),
            Some(error) => findings.error(SUBJECT, refused(error)),
        },
        None => {
            let count = collector.components.len();
            findings.pass(SUBJECT, format!("none of its {count} components is known to be removed"));
            findings
                .leave("otel-collector validate", "there is no otelcol here: scripts/lib/collector gets one");
        }
    }
}

/// What its complaint means (texts of the collector's confmap and of its service).
fn refused(error: &str) -> Failure {
    let (cause, remedy) = if error.contains("has invalid keys") {
        (
            "the configuration has a key that its component does not know",
            "correct it or take it away: the component's README of this version names the keys",
        )
    } else if error.contains("unknown type") {
        (
            "the configuration uses a component that this collector does not have",
            "take one of the valid values, or the image opentelemetry-collector-contrib, which has all components",
        )
    } else if error.contains("deprecated") {
        (
            "the configuration uses a component that the collector does not have any more",
            "use what it names in its place",
        )
    } else {
        (
            "the collector refuses its configuration",
            "change kubernetes/components/observability/collector until `otelcol validate` accepts it",
        )
    };
    Failure::new(cause, error, remedy)
}
