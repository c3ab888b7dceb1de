//! The same stage on amd64 beside arm64.

use observability::metrics::Metric;

use super::pipeline::STAGES;
use crate::dashboard::Dashboard;
use crate::panel::{Panel, WHERE_MEASURED};
use crate::query::{Series, aggregate, ratio, stages};

const BY: &[&str] = &["host_arch"];
const EVERY: &str = ".*";

pub(crate) fn dashboard() -> Dashboard {
    let description = "The same stage on each architecture: what a board costs and what it gives.";
    Dashboard::new("testbed-architecture", "Testbed: per architecture", description)
        .variable("service", "Service", &Metric::ProcessMemoryUsage.prometheus_name(), "service_name")
        .row("What each gives", overview())
        .row("Stages, median and p99", STAGES.map(stage).into())
        .row("What it costs", costs())
}

fn overview() -> Vec<Panel> {
    let processed = Series::of(Metric::WorkerEventsProcessed).sum_rate(BY);
    let cpu = Series::of(Metric::ProcessCpuTime).with("service_name", "process-worker").sum_rate(BY);
    let workers = aggregate("count", BY, &Series::of(Metric::WorkerLeaseHeld).value());
    vec![
        Panel::lines(
            "Events a second",
            "Events processed by the workers of each architecture, all together.",
        )
        .query(&processed, "{{host_arch}}")
        .unit("eps")
        .architecture_colours()
        .size(6, 9),
        Panel::lines(
            "Events a second and worker",
            "The mean of the workers of each architecture. Fair only while there is a backlog: an \
                idle worker is not a slow one.",
        )
        .query(&ratio(&processed, &workers), "{{host_arch}}")
        .unit("eps")
        .architecture_colours()
        .size(6, 9),
        Panel::lines(
            "Events for a second of processor time",
            "Work that a worker gets out of its processor; independent of how busy it is.",
        )
        .query(&ratio(&processed, &cpu), "{{host_arch}}")
        .architecture_colours()
        .size(6, 9),
        Panel::matrix(
            "Stages, p99",
            "The slowest hundredth of each stage, one column for each architecture.",
            "stage",
            "host_arch",
        )
        .query(&stages(&STAGES, 0.99, BY, EVERY), "")
        .unit("s")
        .size(6, 9),
    ]
}

/// One stage; half-width panels, so that two stages are compared at a glance.
fn stage(metric: Metric) -> Panel {
    let spec = metric.spec();
    let title = spec.stage.unwrap_or(spec.name);
    let mut description = format!("{}.", spec.description);
    if let Some(first) = description.get(..1) {
        description = first.to_uppercase() + &description[1..];
    }
    let series = Series::of(metric);
    Panel::lines(title, &description)
        .query(&series.quantile(0.5, BY), "{{host_arch}} median")
        .query(&series.quantile(0.99, BY), "{{host_arch}} p99")
        .dashed(".* median")
        .architecture_colours()
        .unit("s")
        .logarithmic()
        .size(8, 7)
}

fn costs() -> Vec<Panel> {
    let of_service = |metric: Metric| Series::of(metric).like("service_name", "$service");
    let busy =
        ratio(&of_service(Metric::TokioBusyTime).sum_rate(BY), &of_service(Metric::TokioWorkers).sum(BY));
    let throttled = of_service(Metric::ContainerThrottledTime).sum_rate(BY);
    vec![
        Panel::lines("Processors in use", "Processor time of the chosen services, in processors.")
            .query(&of_service(Metric::ProcessCpuTime).sum_rate(BY), "{{host_arch}}")
            .architecture_colours()
            .size(6, 8),
        Panel::lines("Resident memory", "Memory of the chosen services, all together.")
            .query(&of_service(Metric::ProcessMemoryUsage).sum(BY), "{{host_arch}}")
            .architecture_colours()
            .unit("bytes")
            .size(6, 8),
        Panel::lines(
            "Runtime busy",
            "How busy the worker threads of the runtime are. Near 1: the service is short of \
                threads or blocks them.",
        )
        .query(&busy, "{{host_arch}}")
        .architecture_colours()
        .unit("percentunit")
        .up_to(1.0)
        .size(6, 8),
        Panel::lines(
            "Held back by the CPU limit",
            &format!(
                "Time that processes stood still because of the limit of their container. Above 0 a \
                measurement says more about the limit than about the board. {WHERE_MEASURED}"
            ),
        )
        .query(&throttled, "{{host_arch}}")
        .architecture_colours()
        .unit("percentunit")
        .size(6, 8),
    ]
}
