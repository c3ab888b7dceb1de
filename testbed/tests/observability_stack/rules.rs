//! Recording and alerting rules, and the configuration of Prometheus.

use crate::files::{COMPONENT, list, path, read, run};
use crate::promql::unknown;

fn directory() -> String {
    format!("{COMPONENT}/prometheus")
}

#[test]
fn prometheus_accepts_its_configuration_and_rules() {
    let found = run("promtool", &["check", "config", "prometheus.yaml"], &path(&directory()));
    assert!(found.contains("2 rule files found"), "{found}");
}

#[test]
fn alerts_fire_when_they_should_and_stay_silent_otherwise() {
    let tests = format!("{}/rules/tests", directory());
    let names = list(&tests, ".yaml");
    let mut arguments = vec!["test", "rules"];
    arguments.extend(names.iter().map(String::as_str));
    run("promtool", &arguments, &path(&tests));
}

#[test]
fn every_alert_says_what_to_do_and_is_tested_both_ways() {
    let tests = format!("{}/rules/tests", directory());
    let tests: String = list(&tests, ".yaml").iter().map(|name| read(&format!("{tests}/{name}"))).collect();
    let alerts = read(&format!("{}/rules/alerts.yaml", directory()));
    for alert in alerts.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        for field in ["severity: ", "summary: ", "description: "] {
            assert!(alert.contains(field), "{name} has no {field}");
        }
        let cases: Vec<&str> = tests.split("alertname: ").filter(|case| is_about(case, name)).collect();
        let is_silent = |case: &&str| case.split("- ").next().unwrap().contains("exp_alerts: []");
        assert!(cases.iter().any(is_silent), "no test in which {name} stays silent");
        assert!(!cases.iter().all(is_silent), "no test in which {name} fires");
    }
}

fn is_about(case: &str, alert: &str) -> bool {
    case.strip_prefix(alert).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

#[test]
fn rules_read_metrics_that_exist() {
    let directory = format!("{}/rules", directory());
    for name in list(&directory, ".yaml") {
        let expressions = expressions(&read(&format!("{directory}/{name}")));
        assert!(expressions.len() > 2, "{name} has few expressions: {expressions:?}");
        for expression in expressions {
            assert_eq!(unknown(&expression), Vec::<String>::new(), "{name}: {expression}");
        }
    }
}

/// The expressions of a file of rules: on the line of the key, or in the deeper lines below it.
fn expressions(rules: &str) -> Vec<String> {
    let lines: Vec<&str> = rules.lines().collect();
    let mut expressions = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((indentation, rest)) = line.split_once("expr: ") else { continue };
        let is_deeper = |line: &&&str| line.chars().take_while(|c| *c == ' ').count() > indentation.len();
        expressions.push(match rest {
            "|" => lines[index + 1..].iter().take_while(is_deeper).copied().collect(),
            _ => rest.to_owned(),
        });
    }
    expressions
}
