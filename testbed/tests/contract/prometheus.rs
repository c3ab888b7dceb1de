//! A real Prometheus with the configuration that this project ships, and questions to it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testbed::stack::ports;

use crate::programs::{Process, repository};
use crate::run::within;

/// What is different here from the shipped configuration: addresses, a place, and less patience.
const SCRAPE_INTERVALS: [(&str, &str); 2] = [
    ("scrape_interval: 10s", "scrape_interval: 2s"),
    ("evaluation_interval: 15s", "evaluation_interval: 5s"),
];

pub(crate) struct Prometheus {
    url: String,
    client: reqwest::Client,
    _process: Process,
}

impl Prometheus {
    /// Scrapes the collector's ports for the metrics of the services and for its own.
    pub(crate) async fn start(directory: &Path, metrics_port: u16, own_metrics_port: u16) -> Self {
        let shipped = repository("kubernetes/components/observability/prometheus");
        let mut text = fs::read_to_string(shipped.join("prometheus.yaml")).unwrap();
        let rules = shipped.join("rules").canonicalize().unwrap();
        let here = [
            ("otel-collector:8889".to_owned(), format!("127.0.0.1:{metrics_port}")),
            ("otel-collector:8888".to_owned(), format!("127.0.0.1:{own_metrics_port}")),
            ("rules/*.yaml".to_owned(), format!("{}/*.yaml", rules.display())),
        ];
        let patience = SCRAPE_INTERVALS.map(|(shipped, here)| (shipped.to_owned(), here.to_owned()));
        for (shipped, here) in here.into_iter().chain(patience) {
            assert!(text.contains(&shipped), "prometheus.yaml has no {shipped}");
            text = text.replace(&shipped, &here);
        }
        let config = directory.join("prometheus.yaml");
        fs::write(&config, text).unwrap();
        let port = ports::unused(1).unwrap()[0];
        let log = File::create(directory.join("prometheus.log")).unwrap();
        let process = Process::start(
            Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", directory.join("prometheus").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg("--enable-feature=exemplar-storage")
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        let prometheus = Self {
            url: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::new(),
            _process: process,
        };
        within("prometheus is ready (scripts/lib/prometheus gets one)", async || {
            let answer = prometheus.client.get(format!("{}/-/ready", prometheus.url)).send().await;
            answer.is_ok_and(|answer| answer.status() == 200).then_some(())
        })
        .await;
        prometheus
    }

    /// The samples of an instant query.
    ///
    /// # Errors
    /// What Prometheus says of a query that it does not understand.
    pub(crate) async fn query(&self, query: &str) -> Result<Vec<Sample>, String> {
        let answer = self.ask("query", &[("query", query)]).await?;
        let samples = answer["result"].as_array().cloned().unwrap_or_default();
        Ok(samples.into_iter().map(Sample).collect())
    }

    /// The result of any question to the API.
    ///
    /// # Errors
    /// What Prometheus says where it refuses.
    pub(crate) async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let request = self
            .client
            .post(format!("{}/api/v1/{what}", self.url))
            .header("content-type", "application/x-www-form-urlencoded");
        let form: Vec<String> = parameters
            .iter()
            .map(|(name, value)| {
                let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
                format!("{name}={value}")
            })
            .collect();
        let answer: Value = request.body(form.join("&")).send().await.unwrap().json().await.unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["data"].clone()),
        }
    }

    /// The groups of rules as Prometheus has loaded them.
    pub(crate) async fn rules(&self) -> Vec<Value> {
        let answer = self.client.get(format!("{}/api/v1/rules", self.url)).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect()
    }
}

/// A series with its value.
#[derive(Debug)]
pub(crate) struct Sample(Value);

impl Sample {
    pub(crate) fn label(&self, name: &str) -> &str {
        self.0["metric"][name].as_str().unwrap_or_default()
    }

    pub(crate) fn value(&self) -> f64 {
        self.0["value"][1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
    }
}
