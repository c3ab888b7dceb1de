//! Claims and what speaks against them.

use super::super::Report;
use super::super::table::{Column, Table};
use super::{NONE, with_bounds};
use crate::analysis::Claim;
use crate::words;
use measurement::statistics::Interval;

/// What is compared: `arm64 ÷ amd64, rate 1000`.
pub(crate) fn compared(claim: &Claim) -> String {
    let others = claim.others.iter().map(|(factor, level)| format!(", {factor} {level}"));
    format!("{} ÷ {}{}", claim.level, claim.baseline, others.collect::<String>())
}

/// The same with its label.
fn comparison(claim: &Claim) -> String {
    words::labelled(&compared(claim), claim.is_emulated)
}

pub(in crate::report) fn claims(report: &Report) -> Table {
    let p = |p: Option<f64>| p.map_or_else(|| NONE.to_owned(), words::p_value);
    let rows = report.analysis.claims.iter().map(|claim| {
        vec![
            comparison(claim),
            claim.metric.clone(),
            with_bounds(claim.ratio.as_ref()),
            claim.verdict.label().to_owned(),
            claim.ratio_with_clock_error.as_ref().map_or_else(|| NONE.to_owned(), words::bounds),
            claim.pairs.to_string(),
            p(claim.p_adjusted),
            p(claim.equivalence_p_adjusted),
            claim.effect.as_ref().map_or_else(|| NONE.to_owned(), effect),
        ]
    });
    Table {
        caption: "Every claim: ratios of paired runs with their 95 % intervals".to_owned(),
        columns: vec![
            Column::text("compared"),
            Column::text("metric"),
            Column::number("ratio"),
            Column::text("verdict"),
            Column::number("with clock error"),
            Column::number("pairs"),
            Column::number("p, differs"),
            Column::number("p, same"),
            Column::number("Cliff’s δ"),
        ],
        rows: rows.collect(),
    }
}

fn effect(delta: &Interval) -> String {
    let [estimate, low, high] =
        [delta.estimate, delta.low, delta.high].map(|value| format!("{value:.2}").replace('-', "−"));
    format!("{estimate} ({low} to {high})")
}

/// What keeps claims from being said with confidence: each reservation once, with the claims that it concerns.
pub(in crate::report) fn reservations(report: &Report) -> Vec<String> {
    let mut known: Vec<(&str, Vec<String>)> = Vec::new();
    for claim in &report.analysis.claims {
        for reservation in &claim.reservations {
            let name = format!("{} {}", comparison(claim), claim.metric);
            match known.iter_mut().find(|(text, _)| text == reservation) {
                Some((_, claims)) => claims.push(name),
                None => known.push((reservation, vec![name])),
            }
        }
    }
    let whole = report.analysis.claims.len();
    let each = known.into_iter().map(|(text, claims)| {
        if claims.len() == whole && whole > 1 {
            format!("All claims: {text}.")
        } else {
            format!("{}: {text}.", claims.join("; "))
        }
    });
    each.collect()
}

/// None where no pair is doubted.
pub(in crate::report) fn sensitivity(report: &Report) -> Option<Table> {
    let rows: Vec<Vec<String>> = report
        .analysis
        .claims
        .iter()
        .flat_map(|claim| claim.sensitivity.iter().map(move |rest| (claim, rest)))
        .map(|(claim, rest)| {
            vec![
                comparison(claim),
                claim.metric.clone(),
                rest.without.label().to_owned(),
                rest.left_out.to_string(),
                with_bounds(claim.ratio.as_ref()),
                with_bounds(rest.ratio.as_ref()),
                rest.agreement.label().to_owned(),
            ]
        })
        .collect();
    (!rows.is_empty()).then(|| Table {
        caption: "The same claims without pairs that could be doubted".to_owned(),
        columns: vec![
            Column::text("compared"),
            Column::text("metric"),
            Column::text("without"),
            Column::number("pairs left out"),
            Column::number("ratio of all"),
            Column::number("ratio without"),
            Column::text("with the verdict"),
        ],
        rows,
    })
}

/// None without a control.
pub(in crate::report) fn control(report: &Report) -> Option<Table> {
    let control = report.analysis.control.as_ref()?;
    let rows = control.ratios.iter().map(|(metric, ratio)| {
        let judgement = match ratio {
            None => "too few pairs, or values without a ratio",
            Some(_) if control.biased.contains(metric) => "biased",
            Some(_) => "sound",
        };
        let level = ratio.map_or_else(|| NONE.to_owned(), |ratio| words::confidence(ratio.confidence));
        vec![metric.clone(), with_bounds(ratio.as_ref()), level, judgement.to_owned()]
    });
    Some(Table {
        caption: format!(
            "The A/A control: {} ÷ its original, which differ by nothing but noise",
            report.cell_name(&control.cell)
        ),
        columns: vec![
            Column::text("metric"),
            Column::number("ratio"),
            Column::number("level of the interval"),
            Column::text("control"),
        ],
        rows: rows.collect(),
    })
}
