//! A campaign: the runs of a plan, one after the other, into a bundle. Whatever ends it, what was measured is in the bundle, and
//! the same plan goes on from there.

mod outlook;
mod start;
#[cfg(test)]
mod tests;

use super::attempts::Attempts;
use super::run::RunRequest;
use anyhow::{Context as _, bail};
use experiment::bundle::{BundleWriter, End, Event, Order};
use experiment::order::PlannedRun;
use experiment::plan::Plan;
use experiment::progress::{self, Done, Next, answer, blocks_ended};
use experiment::record::{RunRecord, Status};
use std::pin::Pin;

pub use outlook::Outlook;
pub(super) use start::changes_of_driver;
pub use start::{Resumed, Unresumable, begin, resume};

/// What carries runs out.
#[expect(async_fn_in_trait, reason = "everything runs on the main thread")]
pub trait Runner {
    /// Carries a run out. Its directory is empty, and what stands in it at the end stays in the bundle. May be dropped at any
    /// moment: what it has started ends then.
    ///
    /// # Errors
    /// Where it could not be carried out. A run that is of no use is a record.
    async fn run(&mut self, attempt: RunRequest<'_>) -> anyhow::Result<RunRecord>;
}

/// How a campaign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Ended(End),
    /// By a signal; it can be resumed.
    Interrupted,
}

/// A campaign that is being carried out.
#[derive(Debug)]
pub struct Campaign<'a> {
    plan: &'a Plan,
    order: Order,
    attempts: Attempts<'a>,
}

impl<'a> Campaign<'a> {
    /// Of a plan, with the records that its bundle has already. `accepts_changes` where runs may differ from earlier ones in what
    /// ran: then they are marked, and used.
    #[must_use]
    pub fn new(
        plan: &'a Plan,
        writer: &'a mut BundleWriter,
        records: Vec<RunRecord>,
        accepts_changes: bool,
    ) -> Self {
        let order = writer.order().clone();
        let attempts = Attempts::new(plan, writer, records, |record| &record.cell, accepts_changes);
        Self { plan, order, attempts }
    }

    /// Carries out what is left. `interrupted` ends it at once, without the run that is being carried out. `say` gets a line for
    /// each thing that happens.
    ///
    /// # Errors
    /// A bundle that cannot be written; three runs in a row that could not be carried out; something else that runs than
    /// before. The bundle has what was measured, and the campaign can be resumed.
    pub async fn carry_out(
        &mut self,
        runner: &mut impl Runner,
        mut interrupted: Pin<&mut impl Future<Output = ()>>,
        mut say: impl FnMut(&Outlook),
    ) -> anyhow::Result<Outcome> {
        let order = self.order.clone();
        loop {
            let (run, attempt) = match self.next(&order) {
                Next::Run { run, attempt } => (run, attempt),
                Next::End(reason) => {
                    self.end_blocks(self.plan.blocks.max)?;
                    self.attempts.writer.append(Event::Ended { reason })?;
                    self.attempts.writer.seal()?;
                    return Ok(Outcome::Ended(reason));
                }
            };
            self.end_blocks(run.block - 1)?;
            say(&self.outlook(run, attempt));
            let done = tokio::select! {
                biased;
                () = interrupted.as_mut() => None,
                done = self.attempt(runner, run, attempt) => Some(done),
            };
            match done {
                Some(done) => done?,
                None => {
                    self.attempts.stop("interrupted")?;
                    return Ok(Outcome::Interrupted);
                }
            }
        }
    }

    fn next<'o>(&self, order: &'o Order) -> Next<'o> {
        let failed = self.attempts.writer.journal().failed();
        let done = Done {
            records: &self.attempts.records,
            failed: &failed,
            spent_s: self.attempts.writer.journal().spent_s(),
            run_s: self.run_s(),
        };
        progress::next(self.plan, order, done)
    }

    /// Seconds that a run takes: on average so far, else as planned.
    fn run_s(&self) -> f64 {
        let taken = |event: &Event| match event {
            Event::RunEnded { took_s, .. } => Some(*took_s),
            _ => None,
        };
        let entries = self.attempts.writer.journal().entries();
        let taken: Vec<f64> = entries.iter().filter_map(|entry| taken(&entry.event)).collect();
        if taken.is_empty() { self.plan.run_s() } else { taken.iter().sum::<f64>() / taken.len() as f64 }
    }

    async fn attempt(
        &mut self,
        runner: &mut impl Runner,
        run: &PlannedRun,
        attempt: u32,
    ) -> anyhow::Result<()> {
        let cell =
            self.order.cell(&run.cell).with_context(|| format!("the plan has no cell {}", run.cell))?;
        let attempted = self.attempts.carry_out(runner, run, cell, attempt).await?;
        if let Some(halt) = attempted.halt {
            self.attempts.stop(&halt)?;
            bail!(halt);
        }
        Ok(())
    }

    /// Says in the journal that blocks are over, once each.
    fn end_blocks(&mut self, last: u32) -> anyhow::Result<()> {
        let said = |event: &Event| match event {
            Event::BlockEnded { block, .. } => Some(*block),
            _ => None,
        };
        let failed = self.attempts.writer.journal().failed();
        let entries = self.attempts.writer.journal().entries();
        let before = entries.iter().filter_map(|entry| said(&entry.event)).max().unwrap_or(0);
        let done = Done { records: &self.attempts.records, failed: &failed, spent_s: 0.0, run_s: 0.0 };
        for block in before + 1..=last.min(blocks_ended(self.plan, &self.order, done)) {
            let answer = answer(self.plan, &self.order, &self.attempts.records, block);
            self.attempts.writer.append(Event::BlockEnded { block, answer })?;
        }
        Ok(())
    }

    /// Why the last attempt cannot be used.
    fn last_trouble(&self) -> Option<String> {
        let entries = self.attempts.writer.journal().entries().iter().rev();
        let mut ends = entries.filter_map(|entry| match &entry.event {
            Event::RunEnded { number, attempt, status: Status::Invalid, .. } => {
                Some(self.trouble(*number, *attempt))
            }
            Event::RunEnded { .. } => Some(None),
            Event::RunFailed { message, .. } => Some(Some(message.clone())),
            _ => None,
        });
        ends.next().flatten()
    }

    fn trouble(&self, number: u32, attempt: u32) -> Option<String> {
        let is_it = |record: &&RunRecord| record.number == number && record.attempt == attempt;
        let reasons = &self.attempts.records.iter().find(is_it)?.verdict.reasons;
        let invalid = reasons.iter().filter(|reason| reason.status == Status::Invalid);
        Some(invalid.map(|reason| reason.message.as_str()).collect::<Vec<_>>().join("; "))
    }

    fn outlook(&self, run: &PlannedRun, attempt: u32) -> Outlook {
        let failed = self.attempts.writer.journal().failed();
        let (spent_s, run_s) = (self.attempts.writer.journal().spent_s(), self.run_s());
        let done = Done { records: &self.attempts.records, failed: &failed, spent_s, run_s };
        // A repetition is a run that is not among those to come.
        let left = progress::runs_left(&self.order, done) + usize::from(attempt > 1);
        Outlook {
            number: run.number,
            runs: self.order.runs.len(),
            block: run.block,
            blocks: self.plan.blocks.max,
            cell: run.cell.clone(),
            attempt,
            unusable: self
                .attempts
                .records
                .iter()
                .filter(|record| record.verdict.status == Status::Invalid)
                .count()
                + failed.values().map(|count| *count as usize).sum::<usize>(),
            last: self.last_trouble(),
            left_s: (left as f64 * run_s).min(self.plan.budget.time_s - spent_s).max(0.0),
            answer: answer(
                self.plan,
                &self.order,
                &self.attempts.records,
                blocks_ended(self.plan, &self.order, done),
            ),
        }
    }
}
