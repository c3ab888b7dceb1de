//! Whether `docs/experiments-method.md` says what the code does.

use super::evidence::OUTLIER_DEVIATIONS;
use super::notes::ROUNDING;
use super::{ALPHA, MARGIN, PAIRS_MIN, pairs_for_verdicts};
use crate::metric;
use crate::plan::Plan;
use crate::progress::ATTEMPTS_MAX;
use crate::words::{count, integer, plain};
use measurement::statistics::{CONFIDENCE, Criteria, MAD_NORMAL, aa_check, quantile_samples_min};
use std::path::Path;

const PAGE: &str = include_str!("../../../../docs/experiments-method.md");

/// Lines are broken where they are full.
fn says(text: &str) {
    let page: Vec<&str> = PAGE.split_whitespace().collect();
    assert!(page.join(" ").contains(text), "docs/experiments-method.md does not say {text:?}");
}

fn percent(share: f64) -> String {
    format!("{} %", plain(share * 100.0))
}

/// A plan that says as little as it can, with a search.
fn default_plan() -> Plan {
    let text = "name = \"a\"\nquestion = \"b\"\nslos = { refused-share = 0.1 }\ncapacity = { from = 1, to = 9 }\n\
                [[factors]]\nname = \"rate\"\nlevels = [1, 2]\n";
    Plan::parse(Path::new("a.toml"), text.to_owned()).unwrap()
}

#[test]
fn verdicts_are_those_of_the_page() {
    says(&format!("at {} or the next level above", percent(CONFIDENCE)));
    says(&format!(
        "two one-sided tests against ±{}, that is 1 / {m} to {m}",
        percent(MARGIN),
        m = 1.0 + MARGIN
    ));
    says(&format!("false \"differs\" is at most {}", percent(ALPHA)));
    says(&format!("where p of \"differs\" ≤ {ALPHA} and the {} interval excludes 1", percent(CONFIDENCE)));
    says(&format!("≤ {ALPHA} and the {} interval within ±{}", percent(1.0 - 2.0 * ALPHA), percent(MARGIN)));
    says(&format!("Fewer than {} pairs", count(PAIRS_MIN, "").trim_end_matches(" s")));
    says(&format!("{PAIRS_MIN} or more for any verdict"));
    says(&format!("4 claims need {} blocks, 25 need {}", pairs_for_verdicts(4), pairs_for_verdicts(25)));
}

#[test]
fn control_has_the_levels_of_the_page() {
    let level = |pairs: usize| {
        let values: Vec<f64> = (1..=pairs).map(|value| value as f64).collect();
        aa_check(&values, &values).unwrap().ratio.confidence
    };
    says(&format!("the {:.0} % interval of the ratio of its copies", (level(30) * 100.0).floor()));
    says(&format!("(with 6 pairs {:.1} %, with 7 {:.1} %)", level(6) * 100.0, level(7) * 100.0));
}

#[test]
fn percentiles_need_the_samples_of_the_page_and_of_their_intervals() {
    let needed = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)].map(|(name, quantile)| {
        let needed = metric::find(&format!("work-{name}")).unwrap().samples_min;
        assert_eq!(needed, quantile_samples_min(quantile, CONFIDENCE).unwrap(), "{name}");
        integer(needed as f64)
    });
    let [p50, p90, p99, p999] = needed;
    says(&format!("{p50} for p50, {p90} for p90, {p99} for p99, {p999} for p99.9"));
}

#[test]
fn outliers_and_rounding_are_those_of_the_page() {
    says(&format!(
        "further than {} deviations",
        count(OUTLIER_DEVIATIONS as usize, "").trim_end_matches(" s")
    ));
    says(&format!("absolute one times {MAD_NORMAL}"));
    says(&format!("and {} for rounding", percent(ROUNDING)));
}

#[test]
fn campaigns_go_as_on_the_page() {
    let plan = default_plan();
    assert_eq!(plan.blocks.min, plan.blocks.max);
    says(&format!("There are {} blocks where the plan says nothing", plan.blocks.max));
    says(&format!("no further than ±{}", percent(plan.blocks.half_width)));
    says(&format!("up to {ATTEMPTS_MAX} attempts"));
    let steady = Criteria::default();
    says(&format!("differs by more than {}", percent(steady.tolerance)));
    says(&format!("measured phase or {} s", steady.steady_min));
    assert_eq!(steady.steady_share_min, 0.25);
    says("That must be a quarter of warm-up and measured phase");
    let capacity = plan.capacity.unwrap();
    says(&format!("each by {} runs that agree (the plan's `confirm`)", capacity.confirm));
    says(&format!("(the plan's `precision`, {})", percent(capacity.precision)));
    let [steps, accidents] = crate::capacity::DOCUMENTED;
    says(&format!("The rates are steps of a ladder, {steps} to the width"));
    says(&format!("more than {accidents} run outside it says the opposite"));
}
