//! Claims in words.

use super::{Claim, ClaimVerdict};
use crate::metric::MetricSpec;
use crate::words;
use measurement::statistics::Interval;

/// What may be said; `is_emulated` where both sides were.
pub(super) fn sentence(claim: &Claim, spec: &MetricSpec, is_emulated: bool) -> String {
    let [level, baseline] =
        [&claim.level, &claim.baseline].map(|level| side(&claim.factor, level, is_emulated));
    let others: Vec<String> =
        claim.others.iter().map(|(factor, level)| format!("{factor} {level}")).collect();
    let others = if others.is_empty() { String::new() } else { format!(" at {}", words::list(&others)) };
    let (title, blocks) = (&spec.title, words::count(claim.pairs, "block"));
    let known = |ratio: &Interval| {
        let confidence = words::confidence(ratio.confidence);
        format!("({confidence} interval {}, {blocks})", words::bounds(ratio))
    };
    let reason = || claim.reservations.first().map(|reason| format!(": {reason}")).unwrap_or_default();
    let text = match (claim.verdict, &claim.ratio) {
        (ClaimVerdict::Better | ClaimVerdict::Worse, Some(ratio)) => {
            let times = words::estimate(ratio);
            let verdict = claim.verdict.label();
            format!(
                "{level}{others} the {title} is {times} times that {baseline} {}: {verdict}",
                known(ratio)
            )
        }
        (ClaimVerdict::Same, Some(ratio)) => format!(
            "{level}{others} the {title} is the same as {baseline} within 3 %: {} times {}",
            words::estimate(ratio),
            known(ratio)
        ),
        (ClaimVerdict::NotComparable, _) => {
            format!("{level}{others} the {title} cannot be compared with that {baseline}{}", reason())
        }
        (_, Some(ratio)) => format!(
            "{level}{others} it is not known whether the {title} differs from that {baseline}: {} times {}{}",
            words::estimate(ratio),
            known(ratio),
            reason().replacen(": ", "; ", 1)
        ),
        (_, None) => {
            let reason = reason();
            format!(
                "{level}{others} it is not known whether the {title} differs from that {baseline}{reason}"
            )
        }
    };
    format!("{}.", words::capital(&text))
}

/// `on arm64`, `with telemetry full`.
fn side(factor: &str, level: &str, is_emulated: bool) -> String {
    let name = match level {
        "amd64" | "arm64" if factor == "placement" => format!("on {level}"),
        _ => format!("with {factor} {level}"),
    };
    words::labelled(&name, is_emulated)
}
