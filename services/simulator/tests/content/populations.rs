//! Laws that sources, types and sizes follow.

use std::collections::HashMap;

use simulator::PAYLOAD_BYTES_MAX;

use super::*;

/// Shares of the values of an attribute.
fn shares(lines: &[String], attribute: impl Fn(Event<'_>) -> String) -> HashMap<String, f64> {
    let mut shares = HashMap::new();
    for line in lines {
        *shares.entry(attribute(Event::parse(line).unwrap())).or_insert(0.0) += 1.0 / lines.len() as f64;
    }
    shares
}

fn source(event: Event<'_>) -> String {
    event.source.into_owned()
}

/// Five standard deviations of a share.
fn assert_near(found: Option<&f64>, expected: f64, count: usize, what: &str) {
    let tolerance = 5.0 * (expected * (1.0 - expected) / count as f64).sqrt();
    let found = found.copied().unwrap_or_default();
    assert!((found - expected).abs() < tolerance, "{what}: {found}, not {expected}");
}

fn zipf(exponent: f64, shift_every_s: Option<f64>) -> Plan {
    let mut plan = plan();
    plan.events.sources = SourcesPlan { count: 50, popularity: Popularity::Zipf { exponent, shift_every_s } };
    plan
}

fn zipf_share(rank: u32, exponent: f64) -> f64 {
    let weight = |rank: u32| f64::from(rank).powf(-exponent);
    weight(rank) / (1..=50).map(weight).sum::<f64>()
}

#[test]
fn uniform_sources_occur_alike() {
    let found = shares(&lines(&plan(), 100, 200), source);
    assert_eq!(found.len(), 10);
    for number in 1..=10 {
        let name = format!("/sensors/{number:04}");
        assert_near(found.get(&name), 0.1, 20_000, &name);
    }
}

#[test]
fn sources_follow_the_zipf_law() {
    for exponent in [0.0, 1.0, 1.5] {
        let found = shares(&lines(&zipf(exponent, None), 100, 500), source);
        for rank in [1, 2, 5, 20, 50] {
            let share = found.get(&format!("/sensors/{rank:04}"));
            assert_near(share, zipf_share(rank, exponent), 50_000, &format!("zipf {exponent} rank {rank}"));
        }
        assert!(found.len() <= 50);
    }
}

#[test]
fn hot_source_moves_and_the_law_stays() {
    // The requests are a millisecond apart: a hundred of them from one shift to the next.
    let lines = lines(&zipf(1.0, Some(0.1)), 300, 200);
    let mut hottest = Vec::new();
    for period in lines.chunks(100 * 200) {
        let mut found: Vec<_> = shares(period, source).into_iter().collect();
        found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        for rank in [1, 2, 3] {
            let (name, share) = &found[rank as usize - 1];
            assert_near(Some(share), zipf_share(rank, 1.0), 20_000, &format!("rank {rank}, {name}"));
        }
        hottest.push(found[0].0.clone());
    }
    // 29 is the largest number up to 50 · 0.618… that has no divisor in common with 50, except 1.
    assert_eq!(hottest, ["/sensors/0001", "/sensors/0030", "/sensors/0009"]);
}

#[test]
fn types_occur_by_their_weights() {
    let mut plan = plan();
    plan.events.types = vec![
        kind("a", 1.0, Values::Uniform),
        kind("b", 3.0, Values::Counter),
        kind("never", 0.0, Values::Uniform),
        kind("quoted \"c\"", 4.0, Values::Pressure),
    ];
    let found = shares(&lines(&plan, 100, 200), |event| event.kind.into_owned());
    for (name, share) in [("a", 0.125), ("b", 0.375), ("quoted \"c\"", 0.5)] {
        assert_near(found.get(name), share, 20_000, name);
    }
    assert_eq!(found.len(), 3);
}

fn sorted_sizes(payload: PayloadSize) -> Vec<usize> {
    let mut plan = plan();
    plan.events.payload = payload;
    let mut sizes: Vec<_> = lines(&plan, 20, 100).iter().map(|line| data_bytes(line)).collect();
    sizes.sort_unstable();
    sizes
}

#[test]
fn lognormal_sizes_have_median_and_sigma() {
    let sizes = sorted_sizes(PayloadSize::Lognormal { median_bytes: 1000, sigma: 1.0 });
    let (median, sigma_above) = (sizes[1000] as f64, sizes[1683] as f64);
    assert!((median / 1000.0).ln().abs() < 0.15, "median {median}");
    assert!(((sigma_above / median).ln() - 1.0).abs() < 0.15, "one sigma above {sigma_above}");

    let wild = sorted_sizes(PayloadSize::Lognormal { median_bytes: 10_000, sigma: 4.0 });
    assert_eq!((wild[0], wild[1999]), (PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX));
}

#[test]
fn observed_sizes_occur_as_often_as_in_their_list() {
    let observed = |sizes: &[usize]| PayloadSize::Observed { file: "sizes.txt".into(), sizes: sizes.into() };
    let found = sorted_sizes(observed(&[200, 200, 200, 5000]));
    let share = found.iter().filter(|size| **size == 5000).count() as f64 / 2000.0;
    assert_near(Some(&share), 0.25, 2000, "5000");
    assert!(found.iter().all(|size| [200, 5000].contains(size)));

    let mut plan = plan();
    plan.events.payload = observed(&[]);
    let target = Target::new(&plan.target, None).unwrap();
    let error = RequestWriter::new(&plan, &target, START_UNIX_US).unwrap_err();
    assert!(error.to_string().contains("sizes.txt holds no sizes"), "{error}");
}

#[test]
fn impossible_populations_are_refused() {
    let change: [fn(&mut Plan); 5] = [
        |plan| plan.events.types.clear(),
        |plan| plan.events.types[0].weight = -1.0,
        |plan| plan.events.sources.count = 0,
        |plan| {
            plan.events.sources.popularity = Popularity::Zipf { exponent: f64::NAN, shift_every_s: None };
        },
        |plan| {
            plan.events.sources.popularity = Popularity::Zipf { exponent: 1.0, shift_every_s: Some(0.0) };
        },
    ];
    for change in change {
        let mut plan = plan();
        change(&mut plan);
        let target = Target::new(&plan.target, None).unwrap();
        assert!(RequestWriter::new(&plan, &target, START_UNIX_US).is_err(), "{:?}", plan.events);
    }
}
