//! What the nodes and the processes on them do: frequency, temperature, throttling, pressure.

use observability::metrics::Metric;

use crate::dashboard::Dashboard;
use crate::panel::{Panel, WHERE_MEASURED};
use crate::query::{INSTANCE_NODE, Series, aggregate, on_nodes, or_zero, ratio};

pub(crate) fn dashboard() -> Dashboard {
    let description = "Processor, heat, pressure and processes of each node. Workers report for the node \
            they run on.";
    Dashboard::new("testbed-node", "Testbed: nodes", description)
        .variable("node", "Node", INSTANCE_NODE, "node")
        .row("Processor", processor())
        .row("Frequency and heat", heat())
        .row("Pressure and memory", pressure())
        .row("Processes", processes())
}

/// Of the nodes; of several workers on a node any one will do.
fn node(operator: &str, by: &[&str], expression: &str) -> String {
    aggregate(operator, &[&["node"], by].concat(), &on_nodes(expression))
}

fn measured(text: &str) -> String {
    format!("{text} {WHERE_MEASURED}")
}

fn processor() -> Vec<Panel> {
    let time = Series::of(Metric::SystemCpuTime);
    let by_mode = node("max", &["cpu_mode"], &time.rate());
    let steal = node("max", &[], &time.clone().with("cpu_mode", "steal").rate());
    let used = node("max", &["cpu_mode"], &time.rate());
    let busy = format!(
        "1 - sum by (node) (max by (node, cpu_mode) ({})) / sum by (node) ({used})",
        on_nodes(&time.like("cpu_mode", "idle|iowait").rate())
    );
    vec![
        Panel::lines(
            "Busy",
            &measured(
                "Part of the node's processors that works. At 100 % everything on the node waits for \
                it.",
            ),
        )
        .query(&busy, "{{node}}")
        .unit("percentunit")
        .up_to(1.0),
        Panel::lines(
            "Modes",
            &measured(
                "Processors in each mode. Much iowait: slow storage. Much system: many small \
                operations.",
            ),
        )
        .query(&by_mode, "{{node}} {{cpu_mode}}")
        .stacked(),
        Panel::lines(
            "Steal",
            &measured(
                "Processors that the hypervisor gave to somebody else. Above 0 a measurement depends \
                on the neighbours.",
            ),
        )
        .query(&steal, "{{node}}"),
    ]
}

fn heat() -> Vec<Panel> {
    let frequency = Series::of(Metric::SystemCpuFrequency).value();
    let throttles = Series::of(Metric::SystemThermalThrottles).rate();
    vec![
        Panel::lines(
            "Frequency",
            &measured(
                "Mean and lowest of the logical processors. Falls under heat, under-voltage or a \
                power-saving governor.",
            ),
        )
        .query(&node("avg", &[], &frequency), "{{node}} mean")
        .query(&node("min", &[], &frequency), "{{node}} lowest")
        .unit("hertz"),
        Panel::lines(
            "Temperature",
            &measured("The hottest zone of the node. Boards slow down at about 80 to 85 °C."),
        )
        .query(&node("max", &[], &Series::of(Metric::SystemTemperature).value()), "{{node}}")
        .unit("celsius")
        .limits(&[75.0, 85.0]),
        Panel::lines(
            "Slowed down by heat",
            &measured("How often cores were slowed down because of their temperature."),
        )
        .query(&node("max", &[], &throttles), "{{node}}")
        .unit("cps"),
        Panel::states(
            "Held back by the firmware",
            &measured(
                "Of a Raspberry Pi: under-voltage (a better power supply), frequency capped, \
                throttled, temperature limit (better cooling).",
            ),
        )
        .query(&node("max", &["reason"], &Series::of(Metric::SystemThrottled).value()), "{{node}} {{reason}}")
        .words("no", "held back")
        .limits(&[1.0, 1.0])
        .size(24, 6),
    ]
}

fn pressure() -> Vec<Panel> {
    let stall = |resource: &str| {
        let rate = Series::of(Metric::SystemPressureStallTime).with("resource", resource).rate();
        node("max", &["share"], &rate)
    };
    let panel = |title: &str, description: &str, resource: &str| {
        Panel::lines(title, &measured(description))
            .query(&stall(resource), "{{node}} {{share}}")
            .unit("percentunit")
            .size(6, 8)
    };
    vec![
        panel(
            "Waiting for the processor",
            "Part of the time that some tasks were ready and did not run.",
            "cpu",
        ),
        panel(
            "Waiting for memory",
            "Part of the time that some, or all, tasks waited for memory. Above 0: the node is \
                short of it.",
            "memory",
        ),
        panel(
            "Waiting for storage",
            "Part of the time that some, or all, tasks waited for storage. Caches and Redis \
                write: SD cards show here.",
            "io",
        ),
        Panel::lines("Memory available", &measured("Memory that can be had without swapping."))
            .query(&node("max", &[], &Series::of(Metric::SystemMemoryAvailable).value()), "{{node}}")
            .unit("bytes")
            .size(6, 8),
    ]
}

fn processes() -> Vec<Panel> {
    let by = &["service_name"];
    let rate = |metric: Metric| node("sum", by, &Series::of(metric).rate());
    let value = |metric: Metric| node("sum", by, &Series::of(metric).value());
    let legend = "{{node}} {{service_name}}";
    vec![
        Panel::lines("Processor time", "Processors that each service uses.")
            .query(&rate(Metric::ProcessCpuTime), legend),
        Panel::lines("Resident memory", "Every queue has a bound: memory that only grows is a fault.")
            .query(&value(Metric::ProcessMemoryUsage), legend)
            .unit("bytes"),
        Panel::lines(
            "Runtime busy",
            "How busy the worker threads of each runtime are. Near 1: the service is short of \
                threads or blocks them.",
        )
        .query(&ratio(&rate(Metric::TokioBusyTime), &value(Metric::TokioWorkers)), legend)
        .unit("percentunit")
        .up_to(1.0),
        Panel::lines("Tasks", "Tasks of each runtime, and those that wait for a thread.")
            .query(&value(Metric::TokioTasks), "{{node}} {{service_name}}")
            .query(&value(Metric::TokioQueue), "{{node}} {{service_name}} waiting"),
        Panel::lines("Context switches a second", "Involuntary ones: more runnable threads than processors.")
            .query(
                &node(
                    "sum",
                    &["service_name", "process_context_switch_type"],
                    &Series::of(Metric::ProcessContextSwitches).rate(),
                ),
                "{{node}} {{service_name}} {{process_context_switch_type}}",
            )
            .unit("cps"),
        Panel::lines("Files and threads", "Open file descriptors, mostly connections, and threads.")
            .query(&value(Metric::ProcessFileDescriptors), "{{node}} {{service_name}} files")
            .query(&value(Metric::ProcessThreads), "{{node}} {{service_name}} threads"),
        Panel::lines(
            "Held back by the CPU limit",
            "Time that the processes of a container stood still because of its limit. 0 also \
                where there is no limit to measure.",
        )
        .query(&or_zero(&node("sum", by, &Series::of(Metric::ContainerThrottledTime).rate())), legend)
        .unit("percentunit")
        .limits(&[0.05, 0.25]),
    ]
}
