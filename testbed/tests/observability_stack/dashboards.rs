//! What holds for every dashboard, whatever is on it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use observability::metrics::{Metric, Presence};
use serde_json::Value;

use crate::files::{COMPONENT, list, read, run};
use crate::promql::{metric_names, unknown};

const COLUMNS: u64 = 24;

/// How a panel's description ends whose data need not be there; the generator has the same sentences.
const WHERE_MEASURED: &str = "Empty on machines that do not measure it.";
const WITH_TRACES: &str = "Empty while no traces are sampled.";

fn dashboards() -> Vec<(String, Value)> {
    let directory = format!("{COMPONENT}/dashboards");
    let parse = |name: String| {
        let json = serde_json::from_str(&read(&format!("{directory}/{name}"))).unwrap();
        (name, json)
    };
    list(&directory, ".json").into_iter().map(parse).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// All panels, also those of folded rows.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = array(&dashboard["panels"]);
    top.iter().chain(top.iter().flat_map(|panel| array(&panel["panels"]))).collect()
}

/// Each panel that asks Prometheus, and one of its expressions.
fn queries(dashboard: &Value) -> Vec<(&Value, &str)> {
    let all = panels(dashboard)
        .into_iter()
        .flat_map(|panel| array(&panel["targets"]).iter().map(move |target| (panel, target)));
    all.filter(|(_, target)| target["datasource"]["type"] == "prometheus")
        .map(|(panel, target)| (panel, text(&target["expr"])))
        .collect()
}

#[test]
fn ids_are_unique_and_panels_do_not_overlap() {
    let mut uids = BTreeSet::new();
    for (name, dashboard) in dashboards() {
        assert_eq!(format!("{}.json", text(&dashboard["uid"])), name);
        assert!(uids.insert(name.clone()));
        let mut ids = BTreeSet::new();
        let mut cells = BTreeSet::new();
        for panel in panels(&dashboard) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {}", panel["id"]);
            let place = |field: &str| panel["gridPos"][field].as_u64().unwrap();
            assert!(place("x") + place("w") <= COLUMNS, "{name}: {}", panel["title"]);
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(cells.insert((x, y)), "{name}: {} overlaps", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn panels_say_what_they_mean_and_ask_a_source_that_can_be_chosen() {
    for (name, dashboard) in dashboards() {
        let variables = array(&dashboard["templating"]["list"]);
        let is_source = |uid: &str| {
            let named = |variable: &&Value| format!("${{{}}}", text(&variable["name"])) == uid;
            variables.iter().find(named).is_some_and(|variable| variable["type"] == "datasource")
        };
        for panel in panels(&dashboard) {
            let title = &panel["title"];
            if panel["type"] == "row" || panel["type"] == "text" {
                continue;
            }
            assert!(text(title).len() > 2, "{name}: {title}");
            assert!(text(&panel["description"]).ends_with('.'), "{name}: {title} has no description");
            assert!(!array(&panel["targets"]).is_empty(), "{name}: {title} asks nothing");
            let references: BTreeSet<&str> =
                array(&panel["targets"]).iter().map(|target| text(&target["refId"])).collect();
            assert_eq!(references.len(), array(&panel["targets"]).len(), "{name}: {title}: refId");
            for target in array(&panel["targets"]) {
                assert!(is_source(text(&target["datasource"]["uid"])), "{name}: {title}");
            }
        }
    }
}

#[test]
fn variables_in_queries_are_defined_and_mean_everything_at_first() {
    for (name, dashboard) in dashboards() {
        let mut defined = vec!["__rate_interval".to_owned(), "__range".to_owned()];
        for variable in array(&dashboard["templating"]["list"]) {
            defined.push(text(&variable["name"]).to_owned());
            if variable["type"] == "query" {
                assert_eq!(variable["allValue"], ".*", "{name}: {}", variable["name"]);
                assert_eq!(variable["current"]["value"][0], "$__all", "{name}: {}", variable["name"]);
            }
        }
        for (panel, expression) in queries(&dashboard) {
            for used in expression.split('$').skip(1) {
                let end = used.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(used.len());
                assert!(
                    defined.iter().any(|known| known == &used[..end]),
                    "{name}: {}: {used}",
                    panel["title"]
                );
            }
        }
    }
}

#[test]
fn queries_read_metrics_that_exist() {
    for (name, dashboard) in dashboards() {
        let annotations = array(&dashboard["annotations"]["list"]).iter().map(|it| text(&it["expr"]));
        let variables = array(&dashboard["templating"]["list"]).iter().map(|it| text(&it["definition"]));
        let variables = variables.filter_map(|it| it.strip_prefix("label_values(")?.split(',').next());
        let panels = queries(&dashboard).into_iter().map(|(_, expression)| expression);
        for expression in panels.chain(annotations).chain(variables) {
            assert_eq!(unknown(expression), Vec::<String>::new(), "{name}: {expression}");
        }
    }
}

#[test]
fn every_metric_is_on_a_dashboard() {
    let dashboards = dashboards();
    let queries = dashboards.iter().flat_map(|(_, dashboard)| queries(dashboard));
    let shown: BTreeSet<String> = queries.flat_map(|(_, expression)| metric_names(expression)).collect();
    let is_shown = |name: &str| shown.iter().any(|other| other.starts_with(name));
    let names = Metric::all().iter().map(|spec| spec.prometheus_name());
    let missing: Vec<String> = names.filter(|name| !is_shown(name)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// A query that nothing guarantees an answer to must be on a panel that says so, or answer 0 instead.
#[test]
fn panels_that_may_be_empty_say_so() {
    for (name, dashboard) in dashboards() {
        for (panel, expression) in queries(&dashboard) {
            if expression.contains("vector(0)") {
                continue;
            }
            let names = metric_names(expression);
            let has = |presence: Presence| {
                let mut specs = Metric::all().iter().filter(|spec| spec.presence == presence);
                specs.any(|spec| names.iter().any(|name| name.starts_with(&spec.prometheus_name())))
            };
            let is_of_spans = names.iter().any(|name| name.starts_with("traces_"));
            let description = text(&panel["description"]);
            let says = |sentence: &str| description.ends_with(sentence);
            assert_eq!(says(WITH_TRACES), is_of_spans, "{name}: {}", panel["title"]);
            assert_eq!(says(WHERE_MEASURED), has(Presence::WhereMeasured), "{name}: {}", panel["title"]);
            // Requests do occur under load; nothing else that only may occur is asked for without a fallback.
            let occurs = names.iter().all(|name| name.starts_with("http_")) || !has(Presence::OnOccurrence);
            assert!(occurs, "{name}: {}: {expression}", panel["title"]);
        }
    }
}

#[test]
fn prometheus_can_parse_every_query() {
    let mut rules = "groups:\n  - name: queries\n    rules:\n".to_owned();
    let mut count = 0;
    for (_, dashboard) in dashboards() {
        let annotations = array(&dashboard["annotations"]["list"]).iter().map(|it| text(&it["expr"]));
        let panels = queries(&dashboard).into_iter().map(|(_, expression)| expression);
        for expression in panels.chain(annotations) {
            let expression = expression.replace("$__rate_interval", "30s").replace("$__range", "1m");
            let quoted = Value::from(expression).to_string();
            writeln!(rules, "      - record: query:number:{count}\n        expr: {quoted}").unwrap();
            count += 1;
        }
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("queries.yaml"), rules).unwrap();
    let found = run("promtool", &["check", "rules", "queries.yaml"], directory.path());
    assert!(found.contains(&format!("{count} rules found")), "{found}");
}
