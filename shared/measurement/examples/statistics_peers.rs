//! Writes random data sets and what the statistics make of them as JSON to the standard output. Run by
//! `scripts/lib/statistics-peers`, which compares them with those of SciPy and statsmodels.

use measurement::statistics::{
    Alternative, Bootstrap, CONFIDENCE, Interval, Residuals, Zeros, batch_means, bootstrap, cliffs_delta,
    equivalence, hodges_lehmann, holm, initial_monotone_sequence, quantile_interval, sign_flip, theil_sen,
    wilcoxon_signed_rank,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

const SEED: u64 = 20_261_121;
/// Data sets of each kind.
const SETS: usize = 60;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut sets = Vec::new();
    for index in 0..SETS {
        let differences = 6 + index % 80;
        sets.push(signed_ranks(&values(&mut random, differences))?);
        // Ties and zeros.
        sets.push(signed_ranks(&rounded(&values(&mut random, differences)))?);
        sets.push(quantiles(&values(&mut random, 40 + 17 * index), 0.1 + 0.013 * index as f64)?);
        sets.push(slope(&values(&mut random, 12 + index), index % 2 == 1)?);
        sets.push(adjusted(&mut random, 1 + index % 12)?);
        sets.push(series(&values(&mut random, 10 + 7 * index))?);
        sets.push(delta(&rounded(&values(&mut random, 4 + index % 9)), &values(&mut random, 5 + index % 7))?);
        if index % 6 == 0 {
            sets.push(drawn(&values(&mut random, 20 + index))?);
        }
    }
    println!("{}", serde_json::to_string(&sets)?);
    Ok(())
}

/// Skewed and around 0.2.
fn values(random: &mut Xoshiro256PlusPlus, count: usize) -> Vec<f64> {
    let mut value = || {
        let (left, right): (f64, f64) = (random.random(), random.random());
        left * left - right + 0.35
    };
    (0..count).map(|_| value()).collect()
}

/// To a tenth, of which there are few.
fn rounded(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| (value * 10.0).round() / 10.0).collect()
}

fn bounds(interval: Interval) -> Value {
    json!([interval.estimate, interval.low, interval.high])
}

fn signed_ranks(differences: &[f64]) -> Result<Value, Box<dyn std::error::Error>> {
    let mut tests = Vec::new();
    for (zeros, name) in [(Zeros::Pratt, "pratt"), (Zeros::Wilcox, "wilcox")] {
        for (alternative, side) in [
            (Alternative::TwoSided, "two-sided"),
            (Alternative::Greater, "greater"),
            (Alternative::Less, "less"),
        ] {
            let test = wilcoxon_signed_rank(differences, alternative, zeros)?;
            tests.push(json!({
                "zeros": name, "side": side, "statistic": test.statistic, "p": test.p, "exact": test.exact,
            }));
        }
    }
    let interval = hodges_lehmann(differences, CONFIDENCE)?;
    let same = equivalence(differences, 0.3, 0.05)?;
    let flipped = sign_flip(differences, 20_000, SEED)?;
    Ok(json!({
        "kind": "signed ranks", "differences": differences, "tests": tests, "interval": bounds(interval),
        "confidence": interval.confidence, "margin": 0.3, "equivalence_p": same.p,
        "flipped_p": flipped.p, "flipped_exact": flipped.exact,
    }))
}

fn quantiles(samples: &[f64], quantile: f64) -> Result<Value, Box<dyn std::error::Error>> {
    let interval = quantile_interval(samples, samples.len() as f64, quantile, CONFIDENCE)?;
    Ok(json!({
        "kind": "quantile", "samples": samples, "quantile": quantile, "interval": bounds(interval),
        "confidence": interval.confidence,
    }))
}

fn slope(y: &[f64], tied: bool) -> Result<Value, Box<dyn std::error::Error>> {
    let x: Vec<f64> = (0..y.len()).map(|index| (if tied { index / 2 } else { index }) as f64).collect();
    let y = if tied { rounded(y) } else { y.to_vec() };
    let line = theil_sen(&x, &y, Residuals::Independent, CONFIDENCE)?;
    Ok(json!({ "kind": "slope", "x": x, "y": y, "interval": bounds(line.slope) }))
}

/// Moving means of three, which are alike.
fn series(values: &[f64]) -> Result<Value, Box<dyn std::error::Error>> {
    let series: Vec<f64> = values.windows(3).map(|window| window.iter().sum()).chain([0.1, 0.2]).collect();
    Ok(json!({
        "kind": "series", "series": series, "monotone": initial_monotone_sequence(&series)?.effective,
        "batches": batch_means(&series)?.effective,
    }))
}

fn adjusted(random: &mut Xoshiro256PlusPlus, count: usize) -> Result<Value, Box<dyn std::error::Error>> {
    let mut p: Vec<f64> = (0..count).map(|_| random.random::<f64>().powi(3)).collect();
    if count > 3 {
        p[1] = p[0];
    }
    Ok(json!({ "kind": "holm", "p": p, "adjusted": holm(&p)? }))
}

fn delta(candidate: &[f64], baseline: &[f64]) -> Result<Value, Box<dyn std::error::Error>> {
    let delta = cliffs_delta(baseline, candidate, CONFIDENCE)?;
    Ok(json!({ "kind": "delta", "candidate": candidate, "baseline": baseline, "estimate": delta.estimate }))
}

fn drawn(samples: &[f64]) -> Result<Value, Box<dyn std::error::Error>> {
    let mean = |samples: &[f64]| samples.iter().sum::<f64>() / samples.len() as f64;
    let interval = |method| bootstrap(samples, mean, method, CONFIDENCE, 10_000, SEED).map(bounds);
    Ok(json!({
        "kind": "bootstrap", "samples": samples, "percentile": interval(Bootstrap::Percentile)?,
        "corrected": interval(Bootstrap::BiasCorrected)?,
    }))
}
