//! How it was measured, as far as it differs from experiment to experiment; the rest is in `docs/experiments-method.md`.

use super::super::Report;
use super::{Block, Section};
use crate::analysis::{ALPHA, MARGIN, OUTLIER_DEVIATIONS, PAIRS_MIN};
use crate::capacity::STEPS;
use crate::metric;
use crate::progress;
use crate::words;

pub(super) fn method(report: &Report) -> Section {
    let list = if report.capacity.is_some() { of_search(report) } else { of_campaign(report) };
    Section { id: "method", title: "Method", blocks: vec![Block::List(list)] }
}

fn of_campaign(report: &Report) -> Vec<String> {
    let plan = &report.plan;
    let blocks = plan.blocks;
    let number = if blocks.min == blocks.max {
        format!("{} blocks", blocks.max)
    } else {
        format!(
            "{} to {} blocks; they end where the interval of the answer is within ±{} % of it, whatever it says. Intervals of \
             campaigns that end so hold the truth somewhat less often than they say: those of 95 % in 93 % of all campaigns \
             at worst, and in 91 % of those that end early where pairs vary by 5 %",
            progress::blocks_min(plan, &report.cells),
            blocks.max,
            words::plain(blocks.half_width * 100.0)
        )
    };
    let (alpha, margin) = (words::plain(ALPHA * 100.0), words::plain(MARGIN * 100.0));
    vec![
        format!(
            "Each block has every cell once, in an order of its own that seed {} gives. Planned: {number}. Cells of a block \
             get the same load, event by event.",
            plan.seed
        ),
        fresh(),
        run(report),
        format!(
            "Ratios are Hodges–Lehmann estimates of the logarithms of paired runs, with distribution-free intervals; with fewer \
             than {PAIRS_MIN} pairs there is none. “Differs” is Wilcoxon’s signed-rank test, “same” two one-sided tests against \
             ±{margin} %; each is adjusted by Holm over all claims and held against {alpha} %."
        ),
        percentiles(),
        "An A/A control runs one cell twice in each block. Where its copies differ, no verdict on that metric is given.".to_owned(),
        format!(
            "No run is left out by its figures. What the claims would be without suspect runs and without outliers, pairs further \
             than {} scaled median absolute deviations from the median, is shown beside them.",
            words::plain(OUTLIER_DEVIATIONS)
        ),
        "Negative times, which clocks of several nodes can give, are counted as they are. A difference that is not larger than what \
         the clocks may be apart is inconclusive."
            .to_owned(),
    ]
}

fn of_search(report: &Report) -> Vec<String> {
    let plan = &report.plan;
    let mut list = Vec::new();
    if let Some(capacity) = &plan.capacity {
        list.push(format!(
            "Rates are the steps of a ladder from {} to {} events a second, {STEPS} to {} %, which is how wide an answer may be. \
             The rate is doubled until it is not sustained, the bracket is halved, and each end is confirmed by runs that agree: \
             {} or, after one that does not, twice as many of which all the others agree.",
            words::number(capacity.from),
            words::number(capacity.to),
            words::plain(capacity.precision * 100.0),
            words::integer(f64::from(capacity.confirm))
        ));
    }
    list.extend([
        format!("The searches of all cells take turns, in an order that seed {} gives.", plan.seed),
        "Single runs are pooled so that the share of sustained ones does not rise with the rate (isotonic regression). Where runs \
         contradict each other, or too many are invalid, the search is inconclusive."
            .to_owned(),
        "A run that is invalid, but not by what too high a rate does, says nothing of its rate; nor does one that has too few \
         samples to show that a bound on a percentile is kept."
            .to_owned(),
        fresh(),
        run(report),
        percentiles(),
        "Negative times, which clocks of several nodes can give, are counted as they are.".to_owned(),
    ]);
    list
}

fn fresh() -> String {
    "Each run has fresh services, a fresh Redis and fresh caches. Samples within a run are no repetitions: a run counts as one \
     value."
        .to_owned()
}

fn run(report: &Report) -> String {
    let timing = report.plan.timing;
    format!(
        "A run: {} s of warm-up, {} s that are measured, {} s of cool-down; then everything accepted is awaited, and the \
         events are audited one by one. Within the measured part, figures of requests and costs begin where throughput and median \
         are steady.",
        words::plain(timing.warm_up_s),
        words::plain(timing.measure_s),
        words::plain(timing.cool_down_s)
    )
}

fn percentiles() -> String {
    let samples = |statistic: &str| {
        let spec = metric::find(&format!("response-time-{statistic}"));
        spec.map_or_else(String::new, |spec| words::integer(spec.samples_min as f64))
    };
    format!(
        "Percentiles are those of each run; a percentile is hidden where its runs have too few effective samples for an \
         interval, {} for p99 and {} for p99.9.",
        samples("p99"),
        samples("p999")
    )
}
