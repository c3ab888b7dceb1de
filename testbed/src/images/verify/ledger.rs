//! The outcomes of one image's checks, until all of them are told.

use crate::images::check::{Check, CheckResult, Failure, Outcome};
use crate::images::platform::Platform;

/// Where a check stands that is not done for a platform.
pub(super) const WHOLE: Option<&Platform> = None;

#[derive(Debug)]
pub(super) struct Ledger {
    image: String,
    platforms: Vec<Platform>,
    results: Vec<CheckResult>,
    /// What stopped the image, or one platform of it.
    stops: Vec<(Option<Platform>, Check)>,
}

impl Ledger {
    pub(super) fn new(image: &str, platforms: &[Platform]) -> Self {
        Self {
            image: image.to_owned(),
            platforms: platforms.to_vec(),
            results: Vec::new(),
            stops: Vec::new(),
        }
    }

    pub(super) fn pass(&mut self, check: Check, platform: Option<&Platform>, evidence: impl Into<String>) {
        self.add(check, platform, Outcome::Passed { evidence: evidence.into() });
    }

    pub(super) fn fail(&mut self, check: Check, platform: Option<&Platform>, failure: Failure) {
        self.add(check, platform, Outcome::Failed(failure));
    }

    pub(super) fn skip(&mut self, check: Check, platform: Option<&Platform>, reason: impl Into<String>) {
        self.add(check, platform, Outcome::Skipped { reason: reason.into() });
    }

    /// What a check gave: evidence, or a failure.
    pub(super) fn record(
        &mut self,
        check: Check,
        platform: Option<&Platform>,
        outcome: Result<String, Failure>,
    ) {
        match outcome {
            Ok(evidence) => self.pass(check, platform, evidence),
            Err(failure) => self.fail(check, platform, failure),
        }
    }

    /// A failure without which nothing further can be looked at.
    pub(super) fn stop(&mut self, check: Check, platform: Option<&Platform>, failure: Failure) {
        self.fail(check, platform, failure);
        self.stops.push((platform.cloned(), check));
    }

    /// All checks in their order; those that were not reached say which one stopped them.
    pub(super) fn finish(mut self) -> Vec<CheckResult> {
        let mut all = Vec::new();
        for check in Check::ALL {
            if check.is_per_platform() {
                for platform in self.platforms.clone().iter().filter(|platform| check.concerns(platform)) {
                    all.push(self.take(check, Some(platform)));
                }
            } else {
                all.push(self.take(check, WHOLE));
            }
        }
        all
    }

    fn take(&mut self, check: Check, platform: Option<&Platform>) -> CheckResult {
        let is_it = |result: &CheckResult| result.check == check && result.platform.as_ref() == platform;
        if let Some(index) = self.results.iter().position(is_it) {
            return self.results.swap_remove(index);
        }
        let concerns = |scope: &Option<Platform>| scope.is_none() || scope.as_ref() == platform;
        let stop = self.stops.iter().rev().find(|(scope, _)| concerns(scope));
        let reason = stop.map_or_else(|| "not reached".to_owned(), |(_, stop)| format!("{stop} failed"));
        self.result(check, platform, Outcome::Skipped { reason })
    }

    fn add(&mut self, check: Check, platform: Option<&Platform>, outcome: Outcome) {
        let result = self.result(check, platform, outcome);
        self.results.push(result);
    }

    fn result(&self, check: Check, platform: Option<&Platform>, outcome: Outcome) -> CheckResult {
        CheckResult { check, image: self.image.clone(), platform: platform.cloned(), outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_that_were_not_reached_say_what_stopped_them() {
        let (amd64, arm64) = (Platform::linux("amd64"), Platform::linux("arm64"));
        let mut ledger = Ledger::new("host:5000/a:1", &[amd64.clone(), arm64.clone()]);
        ledger.pass(Check::Tag, WHOLE, "1");
        ledger.stop(Check::Machine, Some(&arm64), Failure::new("cause", "evidence", "remedy"));
        let results = ledger.finish();
        let reason = |check, platform: Option<&Platform>| {
            let found =
                results.iter().find(|result| result.check == check && result.platform.as_ref() == platform);
            match &found.unwrap().outcome {
                Outcome::Skipped { reason } => reason.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(reason(Check::Libraries, Some(&arm64)), "machine failed");
        assert_eq!(reason(Check::Libraries, Some(&amd64)), "not reached");
    }

    #[test]
    fn every_check_is_told_once_for_what_it_concerns() {
        let platforms = [Platform::linux("amd64"), Platform::linux("arm64")];
        let results = Ledger::new("host:5000/a:1", &platforms).finish();
        // 6 of the image, 8 of each platform, 2 of arm64 alone.
        assert_eq!(results.len(), 6 + 2 * 8 + 2);
        assert!(results.iter().map(|result| result.check).is_sorted());
    }
}
