use super::*;
use crate::fixtures::{plan, record};
use proptest::prelude::*;

/// What a campaign left.
#[derive(Default)]
struct Left {
    records: Vec<RunRecord>,
    failed: BTreeMap<u32, u32>,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    Valid,
    Invalid,
    Failed,
}

/// Carries out a plan; gives the attempts in their order, and why it ended.
fn campaign(
    plan: &Plan,
    left: &mut Left,
    mut ending: impl FnMut(&PlannedRun, u32) -> (Ending, f64),
) -> (Vec<(u32, u32)>, End) {
    let order = Order::of(plan);
    let mut attempts = Vec::new();
    loop {
        let spent_s = attempts.len() as f64 * plan.run_s();
        let done = Done { records: &left.records, failed: &left.failed, spent_s, run_s: plan.run_s() };
        let (run, attempt) = match next(plan, &order, done) {
            Next::Run { run, attempt } => (run, attempt),
            Next::End(end) => return (attempts, end),
        };
        attempts.push((run.number, attempt));
        match ending(run, attempt) {
            (Ending::Valid, value) => left.records.push(record(run, attempt, Status::Valid, value)),
            (Ending::Invalid, value) => left.records.push(record(run, attempt, Status::Invalid, value)),
            (Ending::Failed, _) => *left.failed.entry(run.number).or_default() += 1,
        }
        assert!(attempts.len() < 1000, "the campaign does not end");
    }
}

/// Response times that never become precise.
fn noisy(run: &PlannedRun) -> f64 {
    1000.0 * f64::from(1 + run.number * 7919 % 13)
}

#[test]
fn every_run_is_carried_out_once_in_its_order() {
    let plan = plan();
    let (attempts, end) = campaign(&plan, &mut Left::default(), |run, _| (Ending::Valid, noisy(run)));
    assert_eq!(attempts, (1..=24).map(|number| (number, 1)).collect::<Vec<_>>());
    assert_eq!(end, End::AllBlocks);
}

#[test]
fn invalid_run_is_repeated_at_the_end_of_its_block() {
    let plan = plan();
    let (attempts, _) = campaign(&plan, &mut Left::default(), |run, attempt| {
        let is_bad = run.number == 1 && attempt < 3 || run.number == 2 && attempt == 1;
        (if is_bad { Ending::Invalid } else { Ending::Valid }, noisy(run))
    });
    assert_eq!(attempts[..7], [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3), (4, 1)]);
}

#[test]
fn run_that_is_never_valid_is_tried_thrice_and_repetitions_have_a_budget() {
    let mut plan = plan();
    let always_bad =
        |run: &PlannedRun, _| (if run.cell == "500" { Ending::Failed } else { Ending::Valid }, noisy(run));
    plan.budget.time_s = 1e9;
    plan.budget.repeats = 5;
    let (attempts, end) = campaign(&plan, &mut Left::default(), always_bad);
    // 24 runs and five repetitions: two, two and one.
    assert_eq!((attempts.len(), end), (29, End::AllBlocks));
    assert!(attempts.iter().all(|(_, attempt)| *attempt <= ATTEMPTS_MAX));
}

#[test]
fn campaign_ends_as_soon_as_its_answer_is_narrow() {
    let plan = plan();
    let steady = |run: &PlannedRun, _| {
        let factor = if run.cell == "1000" { 1.5 } else { 1.0 };
        (Ending::Valid, factor * 1000.0 * (1.0 + 0.001 * f64::from(run.number % 5)))
    };
    let mut left = Left::default();
    let (attempts, end) = campaign(&plan, &mut left, steady);
    // Fewer than six pairs have no interval, and tell nothing of one claim.
    assert_eq!((attempts.len(), end), (18, End::Narrow));
    let mut fixed = plan.clone();
    fixed.blocks.min = fixed.blocks.max;
    let (attempts, end) = campaign(&fixed, &mut Left::default(), steady);
    assert_eq!((attempts.len(), end), (24, End::AllBlocks));
    let order = Order::of(&plan);
    assert!(answer(&plan, &order, &left.records, 5).is_empty());
    let ratio = answer(&plan, &order, &left.records, 6)["1000 against 500"];
    assert!(ratio.contains(1.5), "{ratio:?}");
}

#[test]
fn campaign_does_not_end_before_a_verdict_on_its_claims_is_possible() {
    let steady = |run: &PlannedRun, _| (Ending::Valid, 1000.0 + f64::from(run.number % 5));
    let mut plan = plan();
    plan.comparisons[0].metrics =
        ["response-time-p99", "response-time-p50", "throughput", "cpu-per-event"].map(str::to_owned).into();
    plan.blocks.max = 10;
    plan.budget.time_s = 1e9;
    let (attempts, end) = campaign(&plan, &mut Left::default(), steady);
    // Four claims need eight pairs.
    assert_eq!((attempts.len(), end), (3 * 8, End::Narrow));
    plan.blocks.max = 7;
    assert_eq!(campaign(&plan, &mut Left::default(), steady).1, End::AllBlocks);
}

#[test]
fn campaign_goes_on_while_its_answer_has_too_few_samples_to_be_shown() {
    let plan = plan();
    let order = Order::of(&plan);
    let with_samples = |samples: f64| -> Vec<RunRecord> {
        let of = |run: &PlannedRun| {
            let mut record = record(run, 1, Status::Valid, 1000.0 + f64::from(run.number % 5));
            record.metrics.get_mut("response-time-p99").unwrap().samples = samples;
            record
        };
        order.runs.iter().map(of).collect()
    };
    assert!(answer::is_narrow(&plan, &order, &with_samples(368.0), 6));
    assert!(!answer::is_narrow(&plan, &order, &with_samples(367.0), 6));
}

#[test]
fn no_run_is_begun_that_would_end_after_the_budget() {
    let mut plan = plan();
    plan.budget.time_s = 7.5 * plan.run_s();
    let (attempts, end) = campaign(&plan, &mut Left::default(), |run, _| (Ending::Valid, noisy(run)));
    assert_eq!((attempts.len(), end), (7, End::OutOfTime));
}

proptest! {
    /// However runs end and wherever the campaign is interrupted, it goes on as if nothing had been.
    #[test]
    fn interrupted_campaign_goes_on_as_the_other_would(
        endings in prop::collection::vec(prop_oneof![3 => Just(Ending::Valid), 1 => Just(Ending::Invalid), 1 => Just(Ending::Failed)], 80),
        at in 0_usize..80,
    ) {
        let mut plan = plan();
        plan.budget.time_s = 1e9;
        let of = |run: &PlannedRun, attempt: u32| {
            (endings[(run.number as usize * 3 + attempt as usize) % endings.len()], noisy(run))
        };
        let (whole, end) = campaign(&plan, &mut Left::default(), of);
        let order = Order::of(&plan);
        let mut left = Left::default();
        for (number, attempt) in whole.iter().take(at) {
            let run = order.runs.iter().find(|run| run.number == *number).unwrap();
            match of(run, *attempt) {
                (Ending::Failed, _) => *left.failed.entry(*number).or_default() += 1,
                (ending, value) => {
                    let status = if ending == Ending::Valid { Status::Valid } else { Status::Invalid };
                    left.records.push(record(run, *attempt, status, value));
                }
            }
        }
        let (rest, resumed_end) = campaign(&plan, &mut left, of);
        prop_assert_eq!(rest, whole.get(at..).unwrap_or_default().to_vec());
        prop_assert_eq!(resumed_end, end);
    }
}
