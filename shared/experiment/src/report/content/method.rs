//! How it was measured, as far as it differs from experiment to experiment; the rest is in `docs/experiments-method.md`.

use super::super::Report;
use super::{Block, Section};
use crate::analysis::{ALPHA, MARGIN, OUTLIER_DEVIATIONS, PAIRS_MIN};
use crate::metric;
use crate::words;

pub(super) fn method(report: &Report) -> Section {
    let plan = &report.plan;
    let (blocks, timing) = (plan.blocks, plan.timing);
    let number = if blocks.min == blocks.max {
        format!("{} blocks", blocks.max)
    } else {
        format!(
            "{} to {} blocks; they end where the interval of the answer is within ±{} % of it, whatever it says",
            blocks.min,
            blocks.max,
            words::plain(blocks.half_width * 100.0)
        )
    };
    let (alpha, margin) = (words::plain(ALPHA * 100.0), words::plain(MARGIN * 100.0));
    let samples = |statistic: &str| {
        let spec = metric::find(&format!("response-time-{statistic}"));
        spec.map_or_else(String::new, |spec| words::integer(spec.samples_min as f64))
    };
    let list = vec![
        format!(
            "Each block has every cell once, in an order of its own that seed {} gives. Planned: {number}. Cells of a block \
             get the same load, event by event.",
            plan.seed
        ),
        "Each run has fresh services, a fresh Redis and fresh caches. Samples within a run are no repetitions: a run counts as one \
         value."
            .to_owned(),
        format!(
            "A run: {} s of warm-up, {} s that are measured, {} s of cool-down; then everything accepted is awaited, and the \
             events are audited one by one. Within the measured part, figures of requests and costs begin where throughput and median \
             are steady.",
            words::plain(timing.warm_up_s),
            words::plain(timing.measure_s),
            words::plain(timing.cool_down_s)
        ),
        format!(
            "Ratios are Hodges–Lehmann estimates of the logarithms of paired runs, with distribution-free intervals; with fewer \
             than {PAIRS_MIN} pairs there is none. “Differs” is Wilcoxon’s signed-rank test, “same” two one-sided tests against \
             ±{margin} %; each is adjusted by Holm over all claims and held against {alpha} %."
        ),
        format!(
            "Percentiles are those of each run; a percentile is hidden where its runs have too few effective samples for an \
             interval, {} for p99 and {} for p99.9.",
            samples("p99"),
            samples("p999")
        ),
        "An A/A control runs one cell twice in each block. Where its copies differ, no verdict on that metric is given.".to_owned(),
        format!(
            "No run is left out by its figures. What the claims would be without suspect runs and without outliers, pairs further \
             than {} scaled median absolute deviations from the median, is shown beside them.",
            words::plain(OUTLIER_DEVIATIONS)
        ),
        "Negative times, which clocks of several nodes can give, are counted as they are. A difference that is not larger than what \
         the clocks may be apart is inconclusive."
            .to_owned(),
    ];
    Section { id: "method", title: "Method", blocks: vec![Block::List(list)] }
}
