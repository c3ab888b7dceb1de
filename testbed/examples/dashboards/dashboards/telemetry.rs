//! Whether the other dashboards can be believed: what telemetry was exported, refused, dropped, suppressed.

use observability::metrics::Metric;

use crate::dashboard::Dashboard;
use crate::panel::Panel;
use crate::query::{Series, or_zero, ratio};

const BY: &[&str] = &["service_name", "signal"];
const LEGEND: &str = "{{service_name}} {{signal}}";

/// What the collector calls the items of each signal in the names of its own metrics.
const ITEMS: [&str; 3] = ["spans", "metric_points", "log_records"];

pub(crate) fn dashboard() -> Dashboard {
    let description = "Whether the other dashboards can be believed: what the services and the collector \
            exported, refused or dropped.";
    Dashboard::new("testbed-telemetry", "Testbed: telemetry health", description)
        .variable("service", "Service", &Metric::ProcessMemoryUsage.prometheus_name(), "service_name")
        .row("At a glance", glance())
        .row("Services", services())
        .row("Logs", logs())
        .row("Collector", collector())
}

fn series(metric: Metric) -> Series {
    Series::of(metric).like("service_name", "$service")
}

fn glance() -> Vec<Panel> {
    let number = |title: &str, description: &str, metric: Metric| {
        Panel::number(title, description)
            .query(&series(metric).sum_rate(&[]), "")
            .unit("cps")
            .limits(&[0.001, 1.0])
            .value_only()
            .size(6, 4)
    };
    let fullest =
        ratio(&series(Metric::TelemetryQueueItems).sum(BY), &series(Metric::TelemetryQueueLimit).sum(BY));
    vec![
        number(
            "dropped",
            "Spans and log records for which a queue had no room. Above 0: sample less, or raise \
                OTEL_BSP_MAX_QUEUE_SIZE or OTEL_BLRP_MAX_QUEUE_SIZE.",
            Metric::TelemetryDropped,
        ),
        number(
            "failed",
            "Items that could not be exported. Above 0: the collector is down, slow or refuses.",
            Metric::TelemetryFailed,
        ),
        number(
            "log lines suppressed",
            "Lines over the log's rate limit. Above 0: something fails again and again; the log \
                says what.",
            Metric::LogLinesSuppressed,
        ),
        Panel::number("fullest queue", "The fullest queue of all services.")
            .query(&format!("max({fullest})"), "")
            .unit("percentunit")
            .limits(&[0.5, 0.9])
            .value_only()
            .size(6, 4),
    ]
}

fn services() -> Vec<Panel> {
    let full =
        ratio(&series(Metric::TelemetryQueueItems).sum(BY), &series(Metric::TelemetryQueueLimit).sum(BY));
    vec![
        Panel::lines("Exported", "Items that the collector has accepted.")
            .query(&series(Metric::TelemetryExported).sum_rate(BY), LEGEND)
            .unit("cps"),
        Panel::lines(
            "Failed",
            "Items that could not be exported: traces and logs are lost, metrics come with the \
                next export.",
        )
        .query(&series(Metric::TelemetryFailed).sum_rate(BY), LEGEND)
        .unit("cps"),
        Panel::lines("Dropped", "Items for which the queue had no room: they never left the service.")
            .query(&series(Metric::TelemetryDropped).sum_rate(BY), LEGEND)
            .unit("cps"),
        Panel::lines("Queues, how full", "Items that wait for export, as a part of the bound.")
            .query(&full, LEGEND)
            .unit("percentunit")
            .up_to(1.0),
        Panel::lines(
            "Time of an export, p99",
            "From sending to the answer. Seconds: the collector is overloaded or far away.",
        )
        .query(&series(Metric::TelemetryExportDuration).quantile(0.99, BY), LEGEND)
        .unit("s")
        .logarithmic(),
        Panel::lines("Exports a second", "No exports for a minute: the service is gone or cannot export.")
            .query(&series(Metric::TelemetryExportDuration).count_rate(BY), LEGEND)
            .unit("ops"),
    ]
}

fn logs() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Lines",
            "Lines written, by level. The budget in steady state is 100 an hour and service.",
        )
        .query(&series(Metric::LogLines).sum_rate(&["service_name", "level"]), "{{service_name}} {{level}}")
        .unit("cps")
        .size(12, 8),
        Panel::lines("Lines suppressed", "Lines left out because of the rate limit.")
            .query(&series(Metric::LogLinesSuppressed).sum_rate(&["service_name"]), "{{service_name}}")
            .unit("cps")
            .size(12, 8),
    ]
}

fn collector() -> Vec<Panel> {
    let rates = |panel: Panel, prefix: &str, by: &str, legend: &str| {
        ITEMS.iter().fold(panel, |panel, items| {
            let expression = format!("sum by ({by}) (rate({prefix}_{items}[$__rate_interval]))");
            panel.query(&expression, &format!("{items} {legend}")).unit("cps")
        })
    };
    let failures = |panel: Panel, prefix: &str| {
        ITEMS.iter().fold(panel, |panel, items| {
            let expression = or_zero(&format!("sum(rate({prefix}_{items}[$__rate_interval]))"));
            panel.query(&expression, items).unit("cps")
        })
    };
    vec![
        rates(
            Panel::lines("Accepted", "Items that the collector took from the services."),
            "otelcol_receiver_accepted",
            "receiver",
            "{{receiver}}",
        ),
        rates(
            Panel::lines(
                "Refused",
                "Items that the collector did not take because its memory is full. The services try \
                again and then lose them: give it more memory, or find out why its exporters are \
                slow.",
            ),
            "otelcol_receiver_refused",
            "receiver",
            "{{receiver}}",
        ),
        rates(
            Panel::lines("Sent on", "Items that the collector handed to each back end."),
            "otelcol_exporter_sent",
            "exporter",
            "{{exporter}}",
        ),
        failures(
            Panel::lines("Not sent on", "Items that a back end did not take, after all tries."),
            "otelcol_exporter_send_failed",
        ),
        failures(
            Panel::lines(
                "No room to queue",
                "Items for which the queue of an exporter had no room: the back end was away for too \
                long.",
            ),
            "otelcol_exporter_enqueue_failed",
        ),
        Panel::lines(
            "Exporter queues, how full",
            "The queue in front of each back end. 0 also where exporters have none.",
        )
        .query(
            &or_zero("max by (exporter) (otelcol_exporter_queue_size / otelcol_exporter_queue_capacity)"),
            "{{exporter}}",
        )
        .unit("percentunit")
        .up_to(1.0),
        Panel::lines("Memory of the collector", "It refuses data at its limit (180 MiB of heap).")
            .query("max by (instance) (otelcol_process_memory_rss)", "{{instance}}")
            .unit("bytes"),
    ]
}
