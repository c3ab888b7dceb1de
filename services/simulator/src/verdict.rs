//! The load generator's judgement of its own run: whether the result can be trusted, and what speaks against it.

mod phase;
mod run;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::result::{Figures, PhaseResult, RunResult};

/// How far a result is to be trusted, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The worst of all reasons.
    pub status: Status,
    /// What speaks against the result, the worst first.
    pub reasons: Vec<Reason>,
}

/// How far a result is to be trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing speaks against it.
    #[default]
    Valid,
    /// To be used with the reasons in mind.
    Suspect,
    /// Not a measurement of what was planned.
    Invalid,
}

/// Something that whoever reads the result has to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// How much it matters.
    pub severity: Severity,
    /// The rule, by a bounded name.
    pub check: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The phase concerned; none where it is the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The shard that says it of itself; none where it is true of the whole result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// What was measured.
    pub measured: f64,
    /// What it must not exceed.
    pub limit: f64,
    /// Unit of both.
    pub unit: String,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// How much a reason matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be known; the result stands.
    Note,
    /// The result may be wrong.
    Suspect,
    /// The result is wrong.
    Invalid,
}

/// Where a reason comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The simulator, or the machine that it runs on.
    Generator,
    /// The receiver, or the network before it.
    Target,
    /// How the run was planned, or ended.
    Run,
}

/// Judges a result. Of the result everything counts but its own verdict.
pub fn judge(result: &RunResult) -> Verdict {
    let run = Subject { result, phase: None, figures: &result.totals };
    let mut reasons: Vec<Reason> = run::RULES.iter().filter_map(|rule| rule.apply(&run)).collect();
    for phase in result.judged_phases() {
        let subject = Subject { result, phase: Some(phase), figures: &phase.figures };
        reasons.extend(phase::RULES.iter().filter_map(|rule| rule.apply(&subject)));
    }
    reasons.extend(of_shards(result, &reasons));
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.severity));
    let status = match reasons.first().map(|reason| reason.severity) {
        Some(Severity::Invalid) => Status::Invalid,
        Some(Severity::Suspect) => Status::Suspect,
        Some(Severity::Note) | None => Status::Valid,
    };
    Verdict { status, reasons }
}

/// What shards say against themselves and the merged result does not: a flaw of one must not disappear among many.
/// What they say of the target is judged by all that was sent to it.
fn of_shards(result: &RunResult, merged: &[Reason]) -> Vec<Reason> {
    let is_new = |reason: &Reason| {
        // Which shards there are is known better now.
        reason.severity > Severity::Note
            && reason.origin != Origin::Target
            && reason.check != run::SHARDS_MISSING
            && !merged.iter().any(|known| {
                (&known.check, &known.phase) == (&reason.check, &reason.phase)
                    && known.severity >= reason.severity
            })
    };
    let parts = result.shards.iter().flat_map(|shards| &shards.parts);
    parts
        .flat_map(|part| {
            let reasons = part.verdict.reasons.iter().filter(|reason| is_new(reason));
            reasons.map(|reason| Reason { shard: Some(part.shard), ..reason.clone() })
        })
        .collect()
}

/// A rule: a measure, its limits, and what to say where it exceeds one.
struct Rule {
    check: &'static str,
    unit: &'static str,
    /// The worst first. A measure exceeds a limit where it is greater.
    limits: &'static [(Severity, f64)],
    /// None where the rule does not apply.
    measure: fn(&Subject<'_>) -> Option<f64>,
    explain: fn(&Subject<'_>) -> Finding,
}

/// What a rule looks at: a phase, or the whole run with its totals.
struct Subject<'a> {
    result: &'a RunResult,
    phase: Option<&'a PhaseResult>,
    figures: &'a Figures,
}

/// What there is to say where a limit is exceeded.
struct Finding {
    origin: Origin,
    message: String,
    remedy: &'static str,
}

impl Rule {
    fn apply(&self, subject: &Subject<'_>) -> Option<Reason> {
        let measured = (self.measure)(subject)?;
        let &(severity, limit) = self.limits.iter().find(|(_, limit)| measured > *limit)?;
        let Finding { origin, message, remedy } = (self.explain)(subject);
        Some(Reason {
            severity,
            check: self.check.to_owned(),
            origin,
            phase: subject.phase.map(|phase| phase.name.clone()),
            shard: None,
            measured,
            limit,
            unit: self.unit.to_owned(),
            message,
            remedy: remedy.to_owned(),
        })
    }
}

/// The share of `part` in `whole` in percent; none of nothing.
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}
