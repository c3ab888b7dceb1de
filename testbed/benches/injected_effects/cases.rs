//! The cases: a plan, what is done to its runs, and what must be found.

mod delays;
mod equal;
mod stalled;
mod work;

use crate::injection::Injection;
use experiment::analysis::Claim;
use experiment::analysis::ClaimVerdict::{Better, Inconclusive, Same, Worse};

/// The cells of every plan: `plain` twice, and the level that is compared with it.
pub(crate) const PLAIN: &str = "plain";
pub(crate) const CONTROL: &str = "plain#2";
pub(crate) const INJECTED: &str = "injected";

/// A percentile of a histogram is within 0.1 % of what was recorded, and a ratio has two of them.
const RESOLUTION: f64 = 0.002;

/// A case.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What is done, for the table.
    pub(crate) injected: String,
    /// `experiment.toml`, without its blocks.
    pub(crate) plan: String,
    pub(crate) injection: Injection,
    /// By the metrics that the plan compares.
    pub(crate) effects: Vec<Effect>,
}

/// What must be found in one metric.
pub(crate) struct Effect {
    pub(crate) metric: &'static str,
    pub(crate) expected: Expected,
    /// What the metric should be in the injected run of a block, from what the plain run of that block has in this and other
    /// metrics. None where one is missing.
    pub(crate) truth: Truth,
    /// How exactly that is known, as a share.
    pub(crate) known_to: f64,
}

type Truth = Box<dyn Fn(&dyn Fn(&str) -> Option<f64>) -> Option<f64>>;

/// A verdict that is right.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    Worse,
    Better,
    /// Whatever says no difference.
    NoDifference,
    /// Inconclusive, because the control is biased, and the answer says so.
    BiasedControl,
}

impl Expected {
    /// Whether a claim is judged so, in an experiment with this answer.
    pub(crate) fn is_met(self, claim: &Claim, answer: &str) -> bool {
        const BIASED: &str = "the A/A control is biased";
        match self {
            Self::Worse => claim.verdict == Worse,
            Self::Better => claim.verdict == Better,
            Self::NoDifference => matches!(claim.verdict, Same | Inconclusive),
            Self::BiasedControl => {
                let is_told = claim.reservations.iter().any(|reason| reason.starts_with(BIASED));
                claim.verdict == Inconclusive && is_told && answer.contains(BIASED)
            }
        }
    }
}

/// All cases.
///
/// # Errors
/// Where the speed of this machine cannot be found out.
pub(crate) fn all() -> anyhow::Result<Vec<Case>> {
    let amount = work::amount()?;
    Ok(vec![
        work::slower(amount),
        stalled::stalled(),
        stalled::stalled_longer(),
        work::exchanged(amount),
        delays::delayed(),
        work::biased_control(amount),
        equal::equal(amount),
    ])
}

/// The text of a plan: settings that all cells have, those of either level, and what is compared. Lines of TOML, inline tables.
fn plan(name: &str, settings: &str, levels: [&str; 2], effects: &[Effect]) -> String {
    let metrics: Vec<String> = effects.iter().map(|effect| format!("{:?}", effect.metric)).collect();
    let [plain, injected] = levels;
    format!(
        r#"name = "injected-{name}"
question = "Is a known effect found?"

[timing]
warm-up = "1s"
measure = "10s"
cool-down = "500ms"

[settings]
payload = 200
{settings}

[[factors]]
name = "arm"
levels = [
  {{ name = "{PLAIN}", set = {{ {plain} }} }},
  {{ name = "{INJECTED}", set = {{ {injected} }} }},
]

[[comparisons]]
factor = "arm"
baseline = "{PLAIN}"
metrics = [{}]
"#,
        metrics.join(", ")
    )
}
