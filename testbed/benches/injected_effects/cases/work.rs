//! A worker that works more on each event, by a tenth.

use super::{CONTROL, Case, Effect, Expected, INJECTED, Injection, PLAIN, RESOLUTION, Truth, plan};
use anyhow::ensure;
use experiment::plan::{Key, Service, Settings};
use process_worker::work::{Work, WorkConfig, WorkKind};
use std::collections::BTreeMap;

/// Work on an event: far more than what else the worker does with it, and so little that none waits for another at [`RATE`].
const WORK_NS: u64 = 3_000_000;
/// Events a second.
const RATE: u32 = 100;
/// Bytes of an event; only how long the work takes depends on it.
const EVENT_BYTES: usize = 400;
const VARIABLE: &str = "WORK_AMOUNT";

/// How many rounds of the work kind `hash` take [`WORK_NS`] here. A multiple of ten, of which a tenth is a whole number.
pub(super) fn amount() -> anyhow::Result<u32> {
    const ROUNDS: u32 = 2000;
    let work = Work::new(&WorkConfig { kind: WorkKind::Hash, amount: ROUNDS, chase_bytes: 0 });
    let event = "x".repeat(EVENT_BYTES);
    let mut shortest_ns = u64::MAX;
    for _ in 0..10 {
        shortest_ns = shortest_ns.min(work.perform(&event)?.work_ns);
    }
    ensure!(shortest_ns > 0, "the clock of this machine cannot measure work");
    let rounds = WORK_NS * u64::from(ROUNDS) / shortest_ns;
    Ok(u32::try_from(rounds / 10)? * 10)
}

fn more(amount: u32) -> u32 {
    amount / 10 * 11
}

pub(super) fn settings() -> String {
    format!(
        "rate = {RATE}\narrivals = \"constant\"\nredis.appendonly = \"no\"\nprocess-worker.WORK_KIND = \"hash\""
    )
}

pub(super) fn level(amount: u32) -> String {
    format!("\"process-worker.{VARIABLE}\" = {amount}")
}

fn set(amount: u32) -> Settings {
    Settings::from([(Key::Setting(Service::ProcessWorker, VARIABLE.to_owned()), amount.into())])
}

/// What the worker's work and its processor time should be where it works `factor` as much as in the plain runs. The work takes
/// the factor exactly; of the processor time only what is work does, which the worker itself measures.
fn effects(factor: f64, expected: Expected) -> Vec<Effect> {
    let work: Truth = Box::new(move |plain| Some(plain("work-p50")? * factor));
    let processor: Truth = Box::new(move |plain| {
        Some(plain("cpu-per-event-process-worker")? + plain("work-p50")? * (factor - 1.0))
    });
    vec![
        Effect { metric: "work-p50", expected, truth: work, known_to: RESOLUTION },
        Effect { metric: "cpu-per-event-process-worker", expected, truth: processor, known_to: RESOLUTION },
    ]
}

fn case(name: &'static str, injected: &str, amount: u32, injection: Injection, effects: Vec<Effect>) -> Case {
    let levels = [level(amount), level(more(amount))];
    let plan = plan(name, &settings(), [&levels[0], &levels[1]], &effects);
    Case { name, injected: injected.to_owned(), plan, injection, effects }
}

/// By the plan itself: nothing is done to the runs.
pub(super) fn slower(amount: u32) -> Case {
    let effects = effects(1.1, Expected::Worse);
    case("slower", "10 % more work on each event", amount, Injection::default(), effects)
}

/// The arms are exchanged: what the plan calls plain is slow.
pub(super) fn exchanged(amount: u32) -> Case {
    let (slow, fast) = (set(more(amount)), set(amount));
    let settings =
        BTreeMap::from([(PLAIN.into(), slow.clone()), (CONTROL.into(), slow), (INJECTED.into(), fast)]);
    let injection = Injection { settings, ..Injection::default() };
    let effects = effects(1.0 / 1.1, Expected::Better);
    case("exchanged", "the same, with the arms exchanged", amount, injection, effects)
}

/// Only the second copy of the control is slowed, beside the injected arm: no verdict on the work holds.
pub(super) fn biased_control(amount: u32) -> Case {
    let settings = BTreeMap::from([(CONTROL.into(), set(more(amount)))]);
    let injection = Injection { settings, ..Injection::default() };
    let mut effects = effects(1.1, Expected::BiasedControl);
    // Of the processor time, which varies more, a bias of this size is not always seen.
    effects.truncate(1);
    case(
        "biased-control",
        "the same, and as much in the second copy of the A/A control",
        amount,
        injection,
        effects,
    )
}
