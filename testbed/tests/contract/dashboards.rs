//! Every query of every panel, asked of the Prometheus that has the load in it.

use std::fs;
use std::time::{Duration, Instant};

use observability::metrics::Metric;
use serde_json::Value;

use crate::metrics::has_throttling;
use crate::programs::repository;
use crate::run::{DEADLINE, Run, within};

/// One query of a panel, with its variables filled in.
struct Query {
    dashboard: String,
    panel: String,
    text: String,
}

/// The panels without data, and the rules that Prometheus could not evaluate.
pub(crate) async fn show_data(run: &Run) -> Vec<String> {
    let started = Instant::now();
    let mut open = queries();
    open.retain(|query| {
        has_throttling() || !query.text.contains(&Metric::ContainerThrottledTime.prometheus_name())
    });
    assert!(open.len() > 50, "only {} queries were found in the dashboards", open.len());
    let mut failures = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    while !open.is_empty() && started.elapsed() < DEADLINE {
        ticks.tick().await;
        let mut still = Vec::new();
        for query in open {
            match run.prometheus.query(&query.text).await {
                Ok(samples) if samples.iter().any(|sample| !sample.value().is_nan()) => {}
                Ok(_) => still.push(query),
                Err(error) => {
                    failures.push(format!("{} / {}: {error}: {}", query.dashboard, query.panel, query.text))
                }
            }
        }
        open = still;
        run.visit().await;
    }
    failures.extend(open.iter().map(|query| {
        format!(
            "{} / {}: no data {} s after the load began: {}",
            query.dashboard,
            query.panel,
            DEADLINE.as_secs(),
            query.text
        )
    }));
    let rules = within("prometheus has evaluated all rules", async || {
        let rules = run.prometheus.rules().await;
        (!rules.is_empty() && rules.iter().all(|rule| rule["health"] != "unknown")).then_some(rules)
    })
    .await;
    let broken = rules.iter().filter(|rule| rule["health"] != "ok");
    failures.extend(broken.map(|rule| format!("rule {}: {}", rule["name"], rule["lastError"])));
    failures
}

fn queries() -> Vec<Query> {
    let directory = repository("kubernetes/components/observability/dashboards");
    let mut queries = Vec::new();
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let name = dashboard["title"].as_str().unwrap().to_owned();
        collect(&dashboard["panels"], &name, &mut queries);
        for annotation in dashboard["annotations"]["list"].as_array().into_iter().flatten() {
            let Some(text) = annotation["expr"].as_str() else { continue };
            let panel = format!("annotation {}", annotation["name"]);
            queries.push(Query { dashboard: name.clone(), panel, text: filled_in(text) });
        }
    }
    queries
}

/// The queries of panels, also of those inside of rows.
fn collect(panels: &Value, dashboard: &str, queries: &mut Vec<Query>) {
    for panel in panels.as_array().into_iter().flatten() {
        collect(&panel["panels"], dashboard, queries);
        for target in panel["targets"].as_array().into_iter().flatten() {
            let is_prometheus = target["datasource"]["type"] == "prometheus";
            let Some(text) = target["expr"].as_str().filter(|_| is_prometheus) else { continue };
            queries.push(Query {
                dashboard: dashboard.to_owned(),
                panel: panel["title"].as_str().unwrap_or("?").to_owned(),
                text: filled_in(text),
            });
        }
    }
}

/// As Grafana asks where nothing is chosen: everything.
fn filled_in(text: &str) -> String {
    let text =
        text.replace("$__rate_interval", "30s").replace("$__range", "1m").replace("$__interval", "15s");
    let mut filled = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        filled.push_str(".*");
        let after =
            after.strip_prefix('{').map_or(after, |after| after.split_once('}').map_or("", |(_, rest)| rest));
        rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    }
    filled + rest
}
