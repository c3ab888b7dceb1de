//! What Prometheus sees at the collector.

use std::collections::BTreeMap;

use test_support::eventually;

use crate::process::{Collector, Port};

/// One line of the OpenMetrics text format.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
    /// As it is written, after the `#`.
    pub(crate) exemplar: Option<String>,
}

impl Sample {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

/// Scrapes until a sample is there.
pub(crate) async fn sample(collector: &Collector, what: &str, matches: impl Fn(&Sample) -> bool) -> Sample {
    eventually(what, async || samples(collector).await.into_iter().find(&matches)).await
}

/// One scrape.
pub(crate) async fn samples(collector: &Collector) -> Vec<Sample> {
    let request = reqwest::Client::new()
        .get(collector.url(Port::Prometheus, "/metrics"))
        .header("accept", "application/openmetrics-text; version=1.0.0");
    let text = request.send().await.unwrap().text().await.unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(parse).collect()
}

/// Label values of these tests hold neither quotes nor braces.
fn parse(line: &str) -> Sample {
    let (series, exemplar) = match line.split_once(" # ") {
        Some((series, exemplar)) => (series, Some(exemplar.to_owned())),
        None => (line, None),
    };
    let (series, value) = series.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\""));
    let labels =
        labels.map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned())).collect();
    Sample { name: name.to_owned(), labels, value: value.parse().unwrap(), exemplar }
}
