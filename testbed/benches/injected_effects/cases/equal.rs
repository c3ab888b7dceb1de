//! Two arms between which there is no difference.

use super::{Case, Effect, Expected, Injection, Truth, plan, work};

pub(super) fn equal(amount: u32) -> Case {
    let effect = |metric: &'static str| {
        let truth: Truth = Box::new(move |plain| plain(metric));
        Effect { metric, expected: Expected::NoDifference, truth, known_to: 0.0 }
    };
    let effects: Vec<Effect> =
        ["work-p50", "cpu-per-event-process-worker", "response-time-p50"].map(effect).into();
    let level = work::level(amount);
    let plan = plan("equal", &work::settings(), [&level, &level], &effects);
    Case { name: "equal", injected: "nothing".into(), plan, injection: Injection::default(), effects }
}
