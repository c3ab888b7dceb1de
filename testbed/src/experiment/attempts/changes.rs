//! Whether the same ran in two runs.

use experiment::known::is_of_the_testbed;
use experiment::record::ServiceFacts;
use std::collections::BTreeSet;

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
        let facts = facts.map(|(what, was, is)| (format!("the {what}"), was, is));
        let names: BTreeSet<&String> = earlier.settings.keys().chain(service.settings.keys()).collect();
        let names = names.into_iter().filter(|name| !is_of_the_testbed(name));
        let settings = names.map(|name| {
            let of = |facts: &ServiceFacts| facts.settings.get(name).cloned();
            (name.clone(), of(earlier), of(service))
        });
        let differs = facts.into_iter().chain(settings).filter(|(_, was, is)| was != is);
        let shown = |fact: Option<String>| fact.unwrap_or_else(|| "none".to_owned());
        changes.extend(differs.map(|(what, was, is)| {
            let advice = if what == "the node" { PIN_IT } else { "" };
            format!("{what} of {} was {} and is {}{advice}", service.name, shown(was), shown(is))
        }));
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
    use crate::experiment::fixtures;

    fn with(settings: &[(&str, &str)]) -> Vec<ServiceFacts> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        vec![ServiceFacts { settings: settings.collect(), ..fixtures::service("1") }]
    }

    #[test]
    fn service_on_another_node_is_told_with_what_keeps_it_on_one() {
        let on = |node: &str| vec![ServiceFacts { node: node.to_owned(), ..fixtures::service("1") }];
        assert!(of_services(&on("a"), &on("a")).is_empty());
        let changes = of_services(&on("a"), &on("b"));
        let expected = "the node of process-worker-1 was a and is b (a placement in the plan";
        assert!(changes.len() == 1 && changes[0].starts_with(expected), "{changes:?}");
    }

    #[test]
    fn settings_that_are_new_or_gone_are_told_as_those_that_changed() {
        let before = with(&[("READERS", "4"), ("OLD", "1"), ("REDIS_URL", "redis://a")]);
        let now = with(&[("READERS", "8"), ("NEW", "2"), ("REDIS_URL", "redis://b")]);
        let expected = [
            "NEW of process-worker-1 was none and is 2",
            "OLD of process-worker-1 was 1 and is none",
            "READERS of process-worker-1 was 4 and is 8",
        ];
        assert_eq!(of_services(&before, &now), expected);
        assert!(of_services(&before, &before).is_empty());
    }
}
