//! What a deployment changes and what goes wrong with it, as text.

use crate::cluster::apply::{Change, Plan};
use crate::cluster::watch::Fault;
use std::fmt::Write as _;

/// Fields that are shown of one object; a dashboard that is new would fill screens.
const FIELDS_MAX: usize = 20;

/// What would change, an object a line, its fields below it.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    let mut unchanged = 0;
    // Writing to a String cannot fail.
    for (object, change) in &plan.changes {
        match change {
            Change::Added => writeln!(text, "+ {}", object.key).unwrap_or_default(),
            Change::Unchanged => unchanged += 1,
            Change::LeftAlone => {
                writeln!(text, "= {}: was there before, and stays as it is", object.key).unwrap_or_default();
            }
            Change::Replaced(reason) => {
                writeln!(text, "± {}: deleted and made anew, {reason}", object.key).unwrap_or_default();
            }
            Change::Changed(fields) => {
                writeln!(text, "~ {}", object.key).unwrap_or_default();
                for field in fields.iter().take(FIELDS_MAX) {
                    writeln!(text, "    {field}").unwrap_or_default();
                }
                if fields.len() > FIELDS_MAX {
                    writeln!(text, "    and {} more", fields.len() - FIELDS_MAX).unwrap_or_default();
                }
            }
        }
    }
    for key in &plan.pruned {
        writeln!(text, "- {key}").unwrap_or_default();
    }
    if plan.is_empty() {
        return format!("{text}nothing to change: {unchanged} objects are as they are to be");
    }
    if unchanged > 0 {
        writeln!(text, "{unchanged} objects stay as they are").unwrap_or_default();
    }
    text.trim_end().to_owned()
}

/// What a dry run has seen, and what it could not.
pub(super) fn checked(plan: &Plan) -> String {
    let checked = "nothing was changed: --dry-run\nchecked: kinds, your rights, placement on the nodes there are, the form of each object";
    let unseen = "whether nodes can pull the images and pods get ready (`testbed doctor` looks at that)";
    if plan.is_new_namespace {
        return format!(
            "{checked}\nnot checked: what only the namespace itself can refuse, as it is still to be created: quotas, limits, \
             webhooks, pod security; {unseen}"
        );
    }
    format!(
        "{checked}, conflicts with others' changes\nnot checked: pod security and quotas, which see only pods; {unseen}"
    )
}

/// What is waited for, and what is known to be wrong.
pub(super) fn waiting(waiting: &[String], faults: &[Fault]) -> String {
    let lines: String = waiting.iter().map(|line| format!("  {line}\n")).collect();
    format!("{lines}{}", self::faults(faults))
}

/// Faults with what shows them and what helps.
pub(super) fn faults(faults: &[Fault]) -> String {
    if faults.is_empty() {
        return "  nothing says why: see `testbed logs`".to_owned();
    }
    let mut text = String::new();
    for Fault { name, diagnosis } in faults {
        // Writing to a String cannot fail.
        writeln!(text, "  {name}: {}", diagnosis.cause).unwrap_or_default();
        for line in diagnosis.evidence.lines() {
            writeln!(text, "    | {line}").unwrap_or_default();
        }
        writeln!(text, "    → {}", diagnosis.remedy).unwrap_or_default();
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::diff::FieldChange;
    use crate::cluster::objects::parse;
    use crate::cluster::pods::Diagnosis;

    #[test]
    fn plan_shows_each_change_and_counts_the_rest() {
        let objects = ["a", "b", "c"].map(|name| {
            parse(&format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n")).unwrap().remove(0)
        });
        let [a, b, c] = objects;
        let field =
            FieldChange { path: "spec.replicas".into(), old: Some("1".into()), new: Some("2".into()) };
        let pruned = vec![c.key.clone()];
        let shown = plan(&Plan {
            changes: vec![(a, Change::Added), (b, Change::Changed(vec![field])), (c, Change::Unchanged)],
            pruned,
            is_new_namespace: false,
            is_of_experiment: false,
        });
        assert_eq!(
            shown,
            "+ Service/a\n~ Service/b\n    spec.replicas: 1 → 2\n- Service/c\n1 objects stay as they are"
        );
    }

    #[test]
    fn fault_shows_evidence_and_remedy() {
        let diagnosis = Diagnosis {
            cause: "its program is for another architecture".into(),
            evidence: "exec /app: exec format error".into(),
            remedy: "build it again".into(),
            is_final: true,
        };
        let shown = faults(&[Fault { name: "ingest-api-1".into(), diagnosis }]);
        assert_eq!(
            shown,
            "  ingest-api-1: its program is for another architecture\n    | exec /app: exec format error\n    → build it again"
        );
    }
}
