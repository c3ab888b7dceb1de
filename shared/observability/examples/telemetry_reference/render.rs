//! The tables of `docs/telemetry.md`.

use std::fmt::Write as _;

use observability::metrics::{Kind, Metric, Presence, Spec, prometheus_label};
use observability::trace::{SPANS, SpanSpec};

/// Before and after a table; what is between them is generated.
fn markers(table: &str) -> (String, String) {
    (format!("<!-- generated: {table} -->\n"), format!("<!-- end of generated: {table} -->\n"))
}

/// The document with its tables as the declarations have them.
pub(crate) fn with_tables(document: &str) -> Result<String, String> {
    let document = replaced(document, "metrics", &metrics())?;
    replaced(&document, "spans", &spans())
}

fn replaced(document: &str, table: &str, text: &str) -> Result<String, String> {
    let (begin, end) = markers(table);
    let missing = |marker: &str| format!("docs/telemetry.md has no line {marker:?}");
    let (before, rest) = document.split_once(&begin).ok_or_else(|| missing(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

fn metrics() -> String {
    let mut text = String::new();
    let mut group = "";
    for spec in Metric::all() {
        let prefix = spec.name.split('.').next().unwrap_or_default();
        if prefix != group {
            group = prefix;
            // Writing to a String cannot fail.
            write!(text, "\n**{group}**\n\n| in Prometheus | type | labels | from | exists | meaning |\n|---|---|---|---|---|---|\n")
                .unwrap_or_default();
        }
        text.push_str(&row(spec));
    }
    text.push('\n');
    text
}

fn row(spec: &Spec) -> String {
    let kind = match spec.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let label = |label: &&str| match spec.stage {
        Some(stage) => format!("`{label}=\"{stage}\"`"),
        None => format!("`{}`", prometheus_label(label)),
    };
    let labels: Vec<String> = spec.labels.iter().map(label).collect();
    let services = if spec.services.len() == 4 { "all".to_owned() } else { spec.services.join(", ") };
    let presence = match spec.presence {
        Presence::FromStart => "from the start",
        Presence::WithLease => "on the worker with the lease",
        Presence::OnOccurrence => "once it happened",
        Presence::WhereMeasured => "where the machine measures it",
    };
    format!(
        "| `{}` | {kind} | {} | {services} | {presence} | {} |\n",
        spec.prometheus_name(),
        labels.join(" "),
        spec.description
    )
}

fn spans() -> String {
    let mut text =
        "\n| span | kind | from | parent | links to | meaning |\n|---|---|---|---|---|---|\n".to_owned();
    SPANS.iter().for_each(|spec| text.push_str(&span_row(spec)));
    text.push_str("\nTheir attributes:\n\n");
    for spec in SPANS {
        let constants = spec.constants.iter().map(|(name, value)| format!("`{name}={value}`"));
        let others = spec.attributes.iter().map(|name| format!("`{name}`"));
        let attributes: Vec<String> = constants.chain(others).collect();
        // Writing to a String cannot fail.
        writeln!(text, "- `{}` of {}: {}", name(spec), spec.service, attributes.join(" "))
            .unwrap_or_default();
    }
    text.push('\n');
    text
}

fn span_row(spec: &SpanSpec) -> String {
    let kind = format!("{:?}", spec.kind).to_uppercase();
    let links = if spec.links.is_empty() { "none" } else { spec.links };
    format!(
        "| `{}` | {kind} | {} | {} | {links} | {} |\n",
        name(spec),
        spec.service,
        spec.parent,
        spec.description
    )
}

/// `send {stream}`, or `process results`.
fn name(spec: &SpanSpec) -> String {
    let about = spec.about.split(':').next().unwrap_or_default();
    match about.strip_prefix('`').and_then(|about| about.strip_suffix('`')) {
        Some(fixed) => spec.name_of(fixed),
        None => spec.name_of(&format!("{{{about}}}")),
    }
}
