use std::collections::BTreeMap;

use cache::{Aggregate, SummaryBy, SummaryRange};
use proptest::prelude::*;

use crate::fixture::{Fixture, ModelEvent, any_entry, deadline, entry, event};

const MINUTE_US: i64 = 60_000_000;

/// Count, values as (count, sum, min, max), and latencies of a group.
#[derive(Default)]
struct Expected {
    events: u64,
    values: Vec<f64>,
    latencies_us: Vec<i64>,
}

impl Expected {
    fn add(&mut self, event: &ModelEvent) {
        self.events += 1;
        self.values.extend(event.event.value);
        self.latencies_us.push(event.processed_us - event.accepted_us);
    }

    fn check(&mut self, found: &Aggregate) -> Result<(), TestCaseError> {
        prop_assert_eq!(found.events, self.events);
        prop_assert_eq!(found.values.count, self.values.len() as u64);
        if !self.values.is_empty() {
            prop_assert!((found.values.sum - self.values.iter().sum::<f64>()).abs() < 1e-6);
            prop_assert_eq!(found.values.min, self.values.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(found.values.max, self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        }
        self.latencies_us.sort_unstable();
        prop_assert_eq!(Some(&found.latency_max_us), self.latencies_us.last());
        prop_assert_eq!(
            found.latency.negative(),
            self.latencies_us.iter().filter(|&&us| us < 0).count() as u64
        );
        for quantile in [0.5_f64, 0.9, 0.99] {
            let rank = (self.latencies_us.len() as f64 * quantile).ceil() as usize;
            let exact = self.latencies_us[rank.max(1) - 1].max(0) as f64;
            let found = found.latency.quantile_us(quantile).expect("there are latencies");
            prop_assert!((found - exact).abs() <= 0.06 * exact, "p{quantile}: {found}, not {exact}");
        }
        Ok(())
    }
}

fn key(by: SummaryBy, event: &ModelEvent) -> String {
    match by {
        SummaryBy::Source => event.event.source.clone(),
        SummaryBy::Type => event.event.kind.clone(),
        SummaryBy::Worker => event.worker.clone(),
        SummaryBy::Arch => if event.worker.ends_with('0') { "amd64" } else { "arm64" }.to_owned(),
        SummaryBy::Minute => {
            events::rfc3339_from_unix_us(event.accepted_us.div_euclid(MINUTE_US) * MINUTE_US)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn summaries_are_those_of_the_events(
        transactions in prop::collection::vec(prop::collection::vec(any_entry(), 1..4), 1..20),
        by in prop::sample::select(vec![SummaryBy::Source, SummaryBy::Type, SummaryBy::Worker, SummaryBy::Arch, SummaryBy::Minute]),
        since_us in prop::option::of(1_699_999_900_000_000..1_700_009_100_000_000_i64),
        until_us in prop::option::of(1_699_999_900_000_000..1_700_009_100_000_000_i64),
    ) {
        let mut fixture = Fixture::new();
        transactions.iter().for_each(|entries| { fixture.store(entries); });
        let range = SummaryRange { since_us, until_us };
        let summary = fixture.reader.snapshot(deadline()).unwrap().summary(by, range, 1000).unwrap();

        let since = since_us.map_or(i64::MIN, |since| since.div_euclid(MINUTE_US) * MINUTE_US);
        let until = until_us.map_or(i64::MAX, |until| (until + MINUTE_US - 1).div_euclid(MINUTE_US) * MINUTE_US);
        let mut groups: BTreeMap<String, Expected> = BTreeMap::new();
        let mut total = Expected::default();
        for event in fixture.model.values().filter(|event| (since..until).contains(&event.accepted_us)) {
            groups.entry(key(by, event)).or_default().add(event);
            total.add(event);
        }
        prop_assert_eq!(summary.groups.len(), groups.len());
        prop_assert_eq!(summary.groups_total, groups.len() as u64);
        for group in &summary.groups {
            groups.get_mut(&group.key).expect("a group of the model").check(&group.aggregate)?;
        }
        if total.events > 0 {
            total.check(&summary.total)?;
        }
        let is_sorted = match by {
            SummaryBy::Minute => summary.groups.is_sorted_by_key(|group| group.minute_us),
            _ => summary.groups.is_sorted_by_key(|group| std::cmp::Reverse(group.aggregate.events)),
        };
        prop_assert!(is_sorted);
    }
}

#[test]
fn covered_time_is_stated() {
    let mut fixture = Fixture::new();
    let summary = |fixture: &mut Fixture, since_us, until_us| {
        let range = SummaryRange { since_us, until_us };
        fixture.reader.snapshot(deadline()).unwrap().summary(SummaryBy::Minute, range, 10).unwrap()
    };
    assert_eq!(summary(&mut fixture, None, None).covered_us, None);

    let minute = 28_333_333 * MINUTE_US;
    for at_us in [minute + 5, minute + 3 * MINUTE_US + 7] {
        let ms = at_us as u64 / 1000;
        fixture.store(&[crate::fixture::TestEntry {
            accepted_us: at_us,
            ..entry(ms, 0, vec![event("/a", ms)])
        }]);
    }
    let last = minute + 3 * MINUTE_US + 7;
    assert_eq!(summary(&mut fixture, None, None).covered_us, Some((minute + 5, last)));
    let range = summary(&mut fixture, Some(minute + MINUTE_US + 1), Some(minute + 2 * MINUTE_US + 1));
    assert_eq!(
        (range.covered_us, range.total.events),
        (Some((minute + MINUTE_US, minute + 3 * MINUTE_US)), 0)
    );
    let all = summary(&mut fixture, Some(0), None);
    assert_eq!((all.total.events, all.groups.len()), (2, 2));
}

#[test]
fn groups_beyond_the_limit_are_counted() {
    let mut fixture = Fixture::new();
    let events = (0..100).flat_map(|n| vec![event(&format!("/{n}"), n); n as usize % 5 + 1]).collect();
    fixture.store(&[entry(1000, 0, events)]);
    let snapshot = fixture.reader.snapshot(deadline()).unwrap();
    let summary = snapshot.summary(SummaryBy::Source, SummaryRange::default(), 3).unwrap();
    let counts: Vec<_> = summary.groups.iter().map(|group| group.aggregate.events).collect();
    assert_eq!((counts, summary.groups_total, summary.total.events), (vec![5, 5, 5], 100, 300));
}
