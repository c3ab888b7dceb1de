//! Whether the same ran in two runs.

use experiment::known::is_of_the_testbed;
use experiment::record::ServiceFacts;

/// A scheduler chooses anew for each run.
const PIN_IT: &str = " (a placement in the plan keeps a service on one, --node redis=NODE keeps redis)";

/// What differs between the services of two runs of a cell, beside addresses and the like, which the testbed chooses anew for
/// each run.
pub(super) fn of_services(before: &[ServiceFacts], now: &[ServiceFacts]) -> Vec<String> {
    let mut changes = Vec::new();
    for service in now {
        let Some(earlier) = before.iter().find(|earlier| earlier.name == service.name) else {
            changes.push(format!("{} is new", service.name));
            continue;
        };
        let facts = [
            ("version", text(&earlier.version), text(&service.version)),
            ("architecture", architecture(earlier), architecture(service)),
            ("node", text(&earlier.node), text(&service.node)),
            ("image", earlier.digest.clone(), service.digest.clone()),
            ("processors", earlier.processors.clone(), service.processors.clone()),
        ];
        for (what, was, is) in facts {
            if was != is {
                let shown = |fact: Option<String>| fact.unwrap_or_else(|| "none".to_owned());
                changes.push(format!(
                    "the {what} of {} was {} and is {}{}",
                    service.name,
                    shown(was),
                    shown(is),
                    if what == "node" { PIN_IT } else { "" }
                ));
            }
        }
        for (name, value) in service.settings.iter().filter(|(name, _)| !is_of_the_testbed(name)) {
            if earlier.settings.get(name).is_some_and(|was| was != value) {
                changes.push(format!(
                    "{name} of {} was {} and is {value}",
                    service.name, earlier.settings[name]
                ));
            }
        }
    }
    let is_gone = |service: &&ServiceFacts| now.iter().all(|other| other.name != service.name);
    changes.extend(before.iter().filter(is_gone).map(|service| format!("{} is gone", service.name)));
    changes
}

fn text(fact: &str) -> Option<String> {
    Some(fact.to_owned())
}

fn architecture(service: &ServiceFacts) -> Option<String> {
    let emulated = if service.is_emulated { ", emulated" } else { "" };
    Some(format!("{}{emulated}", service.architecture))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn worker(node: &str) -> ServiceFacts {
        ServiceFacts {
            name: "process-worker".into(),
            architecture: "arm64".into(),
            is_emulated: false,
            node: node.into(),
            version: "1".into(),
            digest: None,
            processors: None,
            settings: BTreeMap::new(),
            restarts: 0,
        }
    }

    #[test]
    fn service_on_another_node_is_told_with_what_keeps_it_on_one() {
        assert!(of_services(&[worker("a")], &[worker("a")]).is_empty());
        let changes = of_services(&[worker("a")], &[worker("b")]);
        assert!(
            changes.len() == 1
                && changes[0].starts_with("the node of process-worker was a and is b (a placement"),
            "{changes:?}"
        );
    }
}
