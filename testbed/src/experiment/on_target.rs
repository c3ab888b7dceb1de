//! Runs on a target.

use super::campaign::Runner;
use super::run::{self, Progress, RunRequest};
use super::target::Target;
use experiment::record::{RunRecord, Status};
use std::time::Duration;

/// Of the simulator's own checks, the one that fails where others use its processor.
const LATENESS: &str = "simulator-pacing-lateness";

/// Carries runs out on a target.
#[derive(Debug)]
pub struct OnTarget<T, F> {
    target: T,
    noise: Noise,
    progress: F,
}

/// What is done about others who use the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// A load waits for them to be quiet, this long at most; runs that the gates refuse are invalid.
    Awaited(Duration),
    /// Nothing: runs that the gates refuse are used, with a mark. For trials.
    Accepted,
}

impl<T: Target, F: FnMut(Progress<'_>)> OnTarget<T, F> {
    /// `progress` is told how each run goes on.
    pub fn new(target: T, noise: Noise, progress: F) -> Self {
        Self { target, noise, progress }
    }
}

impl<T: Target, F: FnMut(Progress<'_>)> Runner for OnTarget<T, F> {
    async fn run(&mut self, request: RunRequest<'_>) -> anyhow::Result<RunRecord> {
        let patience = match self.noise {
            Noise::Awaited(patience) => patience,
            Noise::Accepted => Duration::ZERO,
        };
        let mut record = run::run(&mut self.target, request, patience, &mut self.progress).await?;
        if self.noise == Noise::Accepted {
            accept_noise(&mut record);
        }
        Ok(record)
    }
}

/// Makes noise a reason for suspicion, and says so. What was measured stays as it is.
fn accept_noise(record: &mut RunRecord) {
    let RunRecord { verdict, gates, .. } = record;
    let is_noise = |check: &str| check == LATENESS || gates.iter().any(|gate| gate.name == check);
    for reason in &mut verdict.reasons {
        if reason.status == Status::Invalid && is_noise(&reason.check) {
            reason.status = Status::Suspect;
            reason.message.push_str("; accepted by --accept-noise");
        }
    }
    verdict.status = verdict.reasons.iter().map(|reason| reason.status).max().unwrap_or_default();
}
