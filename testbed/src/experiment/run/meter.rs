//! Energy for an event, above what the machine takes when nothing is sent.

use super::outcome::exact;
use super::usage::Growth;
use experiment::environment::{Environments, NodeEnvironment};
use experiment::record::Measured;
use experiment::sample::Sample;

/// More than any processor package takes, watts: what tells how often a counter can have wrapped.
const PACKAGE_WATTS_MAX: f64 = 500.0;

/// Of the whole load, since meters are read before and after it; none where a node has no meter, or one may have wrapped more
/// than once.
pub(super) fn energy_per_event(
    environments: &Environments,
    samples: &[Sample],
) -> Option<(String, Measured)> {
    let Environments { idle, before, after, idle_s, load_s, .. } = environments;
    let idle_watts = joules(idle, before, *idle_s)? / idle_s;
    let above_idle_j = joules(before, after, *load_s)? - idle_watts * load_s;
    let all: Vec<&Sample> = samples.iter().collect();
    let settled = Growth::of(&all, |sample| Some([sample.settled? as f64]))?;
    // In seconds at an end that are not known as many are taken as in the others: the meters counted then as well.
    let events = settled.by[0] / settled.span_s * (samples.last()?.at_s - samples.first()?.at_s);
    (events > 0.0).then(|| ("energy-per-event".into(), exact(above_idle_j * 1e6 / events, 1.0)))
}

/// Kinds of meters, as their names begin; what a kind measures is part of what those before it do.
const KINDS: [&str; 4] = ["usb:", "ina3221:", "rapl:psys", "rapl:"];

/// What the outermost meters of all nodes counted in `seconds`.
fn joules(from: &[NodeEnvironment], to: &[NodeEnvironment], seconds: f64) -> Option<f64> {
    let mut all = 0.0;
    for node in from {
        let later = to.iter().find(|later| later.node == node.node)?;
        let has = |kind: &&str| node.energy_j.keys().any(|meter| meter.starts_with(*kind));
        let kind = KINDS.into_iter().find(has)?;
        for (meter, energy_j) in node.energy_j.iter().filter(|(meter, _)| meter.starts_with(kind)) {
            let counted = later.energy_j.get(meter)? - energy_j;
            all += unwrapped(counted, node.energy_range_j.get(meter).copied(), seconds)?;
        }
    }
    Some(all)
}

/// What a counter that begins again after `range_j` has counted; none where it may have wrapped more often than is seen.
fn unwrapped(counted_j: f64, range_j: Option<f64>, seconds: f64) -> Option<f64> {
    let Some(range_j) = range_j else { return (counted_j >= 0.0).then_some(counted_j) };
    let counted_j = if counted_j < 0.0 { counted_j + range_j } else { counted_j };
    (counted_j + range_j > seconds * PACKAGE_WATTS_MAX && counted_j >= 0.0).then_some(counted_j)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::run::gates::tests::node;

    fn metered(energy_j: f64) -> Vec<NodeEnvironment> {
        vec![NodeEnvironment { energy_j: [("rapl:package-0".to_owned(), energy_j)].into(), ..node() }]
    }

    fn at(at_s: f64, settled: Option<u64>) -> Sample {
        Sample { at_s, settled, ..Sample::default() }
    }

    #[test]
    fn meter_of_the_whole_machine_is_taken_alone() {
        let with = |meters: &[(&str, f64)]| {
            let energy_j = meters.iter().map(|(meter, joules)| ((*meter).to_owned(), *joules)).collect();
            vec![NodeEnvironment { energy_j, ..node() }]
        };
        let from = with(&[("rapl:package-0", 0.0), ("rapl:package-1", 0.0), ("usb:meter", 0.0)]);
        let to = with(&[("rapl:package-0", 3.0), ("rapl:package-1", 4.0), ("usb:meter", 9.0)]);
        assert_eq!(joules(&from, &to, 1.0), Some(9.0));
        let without = |mut nodes: Vec<NodeEnvironment>| {
            nodes[0].energy_j.remove("usb:meter");
            nodes
        };
        assert_eq!(joules(&without(from), &without(to), 1.0), Some(7.0));
        assert_eq!(joules(&[node()], &[node()], 1.0), None);
    }

    #[test]
    fn idle_energy_of_the_same_time_is_taken_off() {
        let mut environments = Environments {
            idle: metered(100.0),
            before: metered(110.0),
            after: metered(410.0),
            idle_s: 2.0,
            load_s: 20.0,
            waited_s: 0.0,
        };
        // 5 W idle; 300 J in 20 s are 200 J more.
        let mut samples = [at(0.0, Some(0)), at(5.0, Some(250)), at(19.0, Some(950)), at(20.0, Some(1000))];
        let (name, energy) = energy_per_event(&environments, &samples).unwrap();
        assert_eq!((name.as_str(), energy.value.round()), ("energy-per-event", 200_000.0));
        (samples[0].settled, samples[3].settled) = (None, None);
        let (_, energy) = energy_per_event(&environments, &samples).unwrap();
        assert_eq!(energy.value.round(), 200_000.0, "answers that are missing change nothing");
        environments.after = metered(1.0);
        assert_eq!(energy_per_event(&environments, &samples), None, "the counter was set back");
    }

    #[test]
    fn counter_that_wrapped_once_goes_on_and_one_that_may_have_wrapped_twice_is_none() {
        let with_range = |energy_j: f64| {
            let mut nodes = metered(energy_j);
            nodes[0].energy_range_j = [("rapl:package-0".to_owned(), 1000.0)].into();
            nodes
        };
        let counted = |from_j: f64, to_j: f64, seconds: f64| {
            joules(&with_range(from_j), &with_range(to_j), seconds).map(f64::round)
        };
        assert_eq!(counted(990.0, 20.0, 2.0), Some(30.0));
        assert_eq!(counted(100.0, 200.0, 2.0), Some(100.0));
        // In 2.2 s a package can take 1,100 J: 100 J may have been 1,100 J.
        assert_eq!(counted(100.0, 200.0, 2.2), None);
        assert_eq!(counted(2000.0, 1.0, 1.0), None, "no counter is beyond its range");
    }
}
