//! The search against simulated systems whose limit is known.

use super::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

const SETTINGS: Capacity = Capacity { from: 100.0, to: 100_000.0, precision: 0.05, confirm: 3 };

/// A system that sustains a rate with a probability that falls from 1 to 0 around its limit.
struct System {
    limit: f64,
    /// Width of the fall: at a rate e^`softness` times the limit 27 % of runs are sustained. 0 is a wall.
    softness: f64,
    /// Share of runs that break for no reason, and share that is invalid.
    accidents: f64,
    invalid: f64,
    random: Xoshiro256PlusPlus,
}

impl System {
    fn new(limit: f64, softness: f64, seed: u64) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { limit, softness, accidents: 0.0, invalid: 0.0, random }
    }

    fn run(&mut self, rate: f64) -> Outcome {
        if self.random.random_bool(self.invalid) {
            return Outcome::Invalid;
        }
        let above = (rate / self.limit).ln();
        let share = if self.softness > 0.0 {
            1.0 / (1.0 + (above / self.softness).exp())
        } else {
            f64::from(u8::from(above <= 0.0))
        };
        let is_sustained = self.random.random_bool(share) && !self.random.random_bool(self.accidents);
        if is_sustained { Outcome::Sustained } else { Outcome::Broken }
    }

    /// The answer, and the runs that it took.
    fn search(&mut self, settings: &Capacity) -> (Answer, Vec<Trial>) {
        let mut trials = Vec::new();
        loop {
            match next(settings, &trials) {
                Next::Answer(answer) => return (answer, trials),
                Next::Try(rate) => trials.push(Trial { rate, outcome: self.run(rate) }),
            }
            assert!(trials.len() <= 2 * runs_max(settings), "the search does not end");
        }
    }
}

fn covers(answer: &Answer, limit: f64) -> bool {
    match *answer {
        Answer::Between { low, high, .. } => low <= limit && limit <= high,
        Answer::AtLeast { rate } => limit >= rate,
        Answer::Below { rate } => limit <= rate,
        Answer::Inconclusive { .. } => true,
    }
}

/// Shares of `systems` that are covered or said to be inconclusive, and of those that are inconclusive; and runs on average.
fn shares(systems: u64, system: impl Fn(&mut Xoshiro256PlusPlus, u64) -> System) -> (f64, f64, f64) {
    let (mut covered, mut inconclusive, mut runs) = (0, 0, 0);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
    for seed in 0..systems {
        let mut system = system(&mut random, seed);
        let (answer, trials) = system.search(&SETTINGS);
        covered += u32::from(covers(&answer, system.limit));
        inconclusive += u32::from(matches!(answer, Answer::Inconclusive { .. }));
        runs += trials.len();
    }
    let share = |count: u32| f64::from(count) / systems as f64;
    (share(covered), share(inconclusive), runs as f64 / systems as f64)
}

fn limit(random: &mut Xoshiro256PlusPlus) -> f64 {
    (random.random_range(150_f64.ln()..90_000_f64.ln())).exp()
}

#[test]
fn sharp_limit_takes_no_more_runs_than_are_usual() {
    for step in 0..60 {
        let limit = 120.0 * 1.12_f64.powi(step);
        let (answer, trials) = System::new(limit, 0.0, 1).search(&SETTINGS);
        assert!(covers(&answer, limit), "{limit}: {answer:?}");
        assert!(trials.len() <= runs_usual(&SETTINGS), "{limit}: {} runs", trials.len());
    }
}

#[test]
fn limit_with_a_soft_knee_and_noise_is_covered_or_called_inconclusive() {
    let (covered, inconclusive, runs) = shares(2000, |random, seed| System {
        accidents: random.random_range(0.0..0.05),
        invalid: 0.05,
        ..System::new(limit(random), random.random_range(0.0..0.03), seed)
    });
    assert!(covered >= 0.95, "{covered}");
    assert!(inconclusive <= 0.55 && runs < 30.0, "{inconclusive} {runs}");
}

#[test]
fn wall_is_found_within_the_precision_by_few_runs() {
    let (covered, inconclusive, runs) = shares(500, |random, seed| System::new(limit(random), 0.0, seed));
    assert_eq!((covered, inconclusive), (1.0, 0.0));
    assert!(runs < 24.0, "{runs}");
    let (answer, _) = System::new(7_000.0, 0.0, 1).search(&SETTINGS);
    let Answer::Between { low, high, estimate } = answer else { panic!("{answer:?}") };
    assert!(high / low <= 1.0501 && low < estimate && estimate < high, "{low} {high}");
}

#[test]
fn limit_outside_the_search_is_said_to_be_there() {
    assert_eq!(System::new(50.0, 0.01, 1).search(&SETTINGS).0, Answer::Below { rate: 100.0 });
    assert_eq!(System::new(200_000.0, 0.01, 1).search(&SETTINGS).0, Answer::AtLeast { rate: 100_000.0 });
}

#[test]
fn limit_that_is_softer_than_the_precision_is_inconclusive_with_what_is_known() {
    let (covered, inconclusive, _) = shares(500, |random, seed| System::new(limit(random), 0.2, seed));
    assert!(inconclusive >= 0.8, "{inconclusive}");
    assert!(covered >= 0.9, "{covered}");
}

#[test]
fn system_that_answers_at_random_ends_inconclusive() {
    let mut system = System { invalid: 1.0, ..System::new(1000.0, 0.0, 1) };
    let (answer, _) = system.search(&SETTINGS);
    assert!(
        matches!(answer, Answer::Inconclusive { ref reason, .. } if reason.contains("invalid")),
        "{answer:?}"
    );
    for seed in 0..50 {
        let (answer, trials) = System::new(1000.0, 1e9, seed).search(&SETTINGS);
        assert!(trials.len() <= runs_max(&SETTINGS), "{answer:?}");
    }
}

#[test]
fn search_goes_on_where_it_was_interrupted() {
    let (answer, trials) = System::new(7_000.0, 0.01, 3).search(&SETTINGS);
    for (done, trial) in trials.iter().enumerate() {
        assert_eq!(next(&SETTINGS, &trials[..done]), Next::Try(trial.rate));
    }
    assert_eq!(next(&SETTINGS, &trials), Next::Answer(answer));
}

#[test]
fn narrow_searches_end_too() {
    for (from, to) in [(100.0, 101.0), (100.0, 150.0), (0.5, 3.0)] {
        let settings = Capacity { from, to, precision: 0.02, confirm: 1 };
        for seed in 0..100 {
            let mut system = System::new(from * 1.01, 0.01, seed);
            let (answer, trials) = system.search(&settings);
            assert!(trials.iter().all(|trial| (from..=to).contains(&trial.rate)), "{answer:?} {trials:?}");
        }
    }
}
