//! All dashboards.

mod architecture;
mod node;
mod pipeline;
mod run;
mod telemetry;

use crate::panel::Panel;

/// Name and content of each file.
pub(crate) fn files() -> Vec<(String, String)> {
    let all = [
        pipeline::dashboard(),
        architecture::dashboard(),
        node::dashboard(),
        telemetry::dashboard(),
        run::dashboard(),
    ];
    all.into_iter()
        .map(|dashboard| dashboard.finish())
        .map(|(name, json)| (name, format!("{json:#}\n")))
        .collect()
}

/// What the services complained about, in the time that is shown.
fn warnings() -> Panel {
    let services = r#"service_name=~"ingest-api|process-worker|query-api|simulator""#;
    let expression = format!("{{{services}}} | detected_level=~\"(?i)(warn|error)\"");
    let description =
        "Of all services, in the time that is shown. A failure is logged once, where it is handled.";
    Panel::logs("Warnings and errors", description, &expression).size(12, 10)
}
