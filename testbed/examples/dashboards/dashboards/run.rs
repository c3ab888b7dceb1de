//! One experiment run: what the simulator sent, what became of it, and what the pipeline did meanwhile.

use observability::metrics::Metric;

use super::{pipeline::STAGES, warnings};
use crate::dashboard::Dashboard;
use crate::panel::Panel;
use crate::query::{Series, or_zero, stages};

pub(crate) fn dashboard() -> Dashboard {
    let description = "One run of the simulator, with its phases. Choose the run, then the time in which it \
            ran.";
    let phase = series(Metric::SimulatorPhase).max(&["testbed_run_id", "phase"]);
    Dashboard::new("testbed-run", "Testbed: experiment run", description)
        .variable("run", "Run", &Metric::SimulatorEventsSent.prometheus_name(), "testbed_run_id")
        .annotation("Phases", &format!("{phase} == 1"), "{{testbed_run_id}}: {{phase}}")
        .row("Ledger", ledger())
        .row("Load", load())
        .row("Probes and faults", probes_and_faults())
        .row("Pipeline meanwhile", pipeline())
        .folded_row("Traces and logs", traces_and_logs())
}

fn series(metric: Metric) -> Series {
    Series::of(metric).like("testbed_run_id", "$run")
}

/// Totals of the run; `testbed audit` says whether every single event is where it should be.
fn ledger() -> Vec<Panel> {
    let total = |title: &str, description: &str, metric: Metric, limits: &[f64]| {
        let sum = format!("sum({})", series(metric).last());
        let is_rare = matches!(metric, Metric::SimulatorEventsRefused | Metric::SimulatorEventsUnknown);
        let expression = if is_rare { or_zero(&sum) } else { sum };
        Panel::number(title, description).query(&expression, "").limits(limits).value_only().size(4, 4)
    };
    vec![
        total("sent", "Events whose request was started.", Metric::SimulatorEventsSent, &[]),
        total(
            "accepted",
            "Events answered with 202: each must become queryable exactly once.",
            Metric::SimulatorEventsAccepted,
            &[],
        ),
        total(
            "refused",
            "Events refused by the server. Not a loss: the sender knows.",
            Metric::SimulatorEventsRefused,
            &[1.0],
        ),
        total(
            "unknown",
            "Events whose fate the sender does not know: they may be queryable once or not at \
                all.",
            Metric::SimulatorEventsUnknown,
            &[1.0],
        ),
        total(
            "unsent",
            "Planned events that were never sent: the simulator or its connections were the \
                bottleneck, and the run does not say what the pipeline can do.",
            Metric::SimulatorEventsUnsent,
            &[1.0, 1.0],
        ),
        Panel::number(
            "lateness p99",
            "From the intended to the actual send time. More than a few ms: the simulator's \
                machine is too slow for this load.",
        )
        .query(&series(Metric::SimulatorSendLateness).quantile(0.99, &[]), "")
        .unit("s")
        .limits(&[0.005, 0.05])
        .value_only()
        .size(4, 4),
    ]
}

/// A panel with the median and the slow end of each run.
fn quantiles(panel: Panel, metric: Metric) -> Panel {
    [(0.5, "median"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")].into_iter().fold(
        panel,
        |panel, (quantile, name)| {
            let expression = series(metric).quantile(quantile, &["testbed_run_id"]);
            panel.query(&expression, &format!("{{{{testbed_run_id}}}} {name}"))
        },
    )
}

fn load() -> Vec<Panel> {
    let run = &["testbed_run_id"];
    vec![
        Panel::states("Phase", "The phase that the run is in. Compare only values of the same phase.")
            .query(
                &series(Metric::SimulatorPhase).max(&["testbed_run_id", "phase"]),
                "{{testbed_run_id}} {{phase}}",
            )
            .words("no", "in this phase")
            .size(24, 4),
        Panel::lines("Events a second", "What was planned and sent, and what came of it.")
            .query(
                &or_zero(&series(Metric::SimulatorRatePlanned).sum(run)),
                "{{testbed_run_id}} planned",
            )
            .query(&series(Metric::SimulatorEventsSent).sum_rate(run), "{{testbed_run_id}} sent")
            .query(&series(Metric::SimulatorEventsAccepted).sum_rate(run), "{{testbed_run_id}} accepted")
            .query(
                &or_zero(&series(Metric::SimulatorEventsRefused).sum_rate(&["http_response_status_code"])),
                "refused {{http_response_status_code}}",
            )
            .query(
                &or_zero(&series(Metric::SimulatorEventsUnknown).sum_rate(&["error_type"])),
                "unknown {{error_type}}",
            )
            .unit("eps"),
        quantiles(
            Panel::lines(
                "Response",
                "From the intended send time to the answer: what a client that keeps its schedule \
                would see.",
            ),
            Metric::SimulatorResponseDuration,
        )
        .unit("s")
        .logarithmic(),
        quantiles(
            Panel::lines(
                "Service",
                "From the actual send time to the answer. Far below the response: requests waited in \
                the simulator for a free connection.",
            ),
            Metric::SimulatorServiceDuration,
        )
        .unit("s")
        .logarithmic(),
        Panel::lines(
            "Requests in flight",
            "Requests without an answer. At the number of connections: the server is the bound.",
        )
        .query(&series(Metric::SimulatorRequestsInFlight).sum(run), "{{testbed_run_id}} in flight")
        .query(&series(Metric::SimulatorConnections).sum(run), "{{testbed_run_id}} connections"),
        quantiles(
            Panel::lines("Lateness", "From the intended to the actual send time."),
            Metric::SimulatorSendLateness,
        )
        .unit("s")
        .logarithmic(),
        Panel::lines(
            "Late and unsent",
            "Requests sent over 1 ms after their time, and events that were never sent. Above 0 the simulator or its \
                connections are a bottleneck.",
        )
        .query(&series(Metric::SimulatorRequestsLate).sum_rate(run), "{{testbed_run_id}} late requests")
        .query(&series(Metric::SimulatorEventsUnsent).sum_rate(run), "{{testbed_run_id}} unsent events")
        .unit("cps"),
        Panel::heat_map("Response, distribution", "The whole distribution of the response time.")
            .query(&series(Metric::SimulatorResponseDuration).heat(), "{{le}}"),
    ]
}

/// What only some runs have.
fn probes_and_faults() -> Vec<Panel> {
    let outcome = &["testbed_run_id", "outcome"];
    let by_outcome = |name: &str| format!("{{{{testbed_run_id}}}} {name} {{{{outcome}}}}");
    vec![
        quantiles(
            Panel::lines(
                "Accepted to queryable",
                "From the answer that accepted an event until the query API has it, seen by probes from outside: no \
                    clocks are compared. Empty in a run without probes.",
            ),
            Metric::SimulatorProbeDuration,
        )
        .unit("s")
        .logarithmic(),
        Panel::lines(
            "Probes",
            "What became of them. Unseen: accepted, and not queryable in time. Skipped: there was no room.",
        )
        .query(&series(Metric::SimulatorProbes).sum_rate(outcome), "{{testbed_run_id}} {{outcome}}")
        .unit("cps"),
        Panel::lines(
            "Faults on purpose",
            "Events that were sent once more, and malformed ones. A malformed one that is accepted is a fault of the \
                receiver.",
        )
        .query(&series(Metric::SimulatorEventsRepeated).sum_rate(outcome), &by_outcome("repeated"))
        .query(&series(Metric::SimulatorEventsMalformed).sum_rate(outcome), &by_outcome("malformed"))
        .unit("eps"),
    ]
}

fn pipeline() -> Vec<Panel> {
    let service = &["service_name"];
    vec![
        Panel::lines("Stages, p99", "The slowest hundredth of each stage.")
            .query(&stages(&STAGES, 0.99, &[], ".*"), "{{stage}}")
            .unit("s")
            .logarithmic(),
        Panel::lines("Events a second", "Processed, by architecture, and queryable.")
            .query(
                &Series::of(Metric::WorkerEventsProcessed).sum_rate(&["host_arch"]),
                "processed {{host_arch}}",
            )
            .query(
                &format!("avg({})", Series::of(Metric::QueryEventsStored).sum_rate(&["service_instance_id"])),
                "queryable",
            )
            .architecture_colours()
            .unit("eps"),
        Panel::lines(
            "Backlog",
            "Accepted events that no worker has settled. Still there after the run: wait for it \
                to drain before the audit.",
        )
        .query(&Series::of(Metric::IngestBacklogEvents).max(&[]), "backlog"),
        Panel::lines("Processors in use", "Processor time of each service.")
            .query(&Series::of(Metric::ProcessCpuTime).sum_rate(service), "{{service_name}}"),
        Panel::lines("Resident memory", "Memory of each service.")
            .query(&Series::of(Metric::ProcessMemoryUsage).sum(service), "{{service_name}}")
            .unit("bytes"),
        Panel::lines(
            "Telemetry lost",
            "Dropped or failed items. Above 0 the panels of this run may have gaps.",
        )
        .query(&Series::of(Metric::TelemetryDropped).sum_rate(service), "{{service_name}} dropped")
        .query(&Series::of(Metric::TelemetryFailed).sum_rate(service), "{{service_name}} failed")
        .unit("cps"),
    ]
}

fn traces_and_logs() -> Vec<Panel> {
    let description = "Sampled requests that took longer than 50 ms, from the simulator's side.";
    let expression = r#"{ resource.testbed.run.id =~ "$run" && kind = client && duration > 50ms }"#;
    vec![Panel::traces("Slowest requests of the run", description, expression).size(12, 10), warnings()]
}
