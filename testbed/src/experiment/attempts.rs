//! Attempts at the runs of a campaign or a search: each goes into the bundle, and is compared with what ran before.

mod changes;

use super::campaign::{Runner, changes_of_driver};
use super::failures::Failures;
use super::run::RunRequest;
use experiment::bundle::{BundleError, BundleWriter, Event, TRACES_OF_RUN};
use experiment::cell::Cell;
use experiment::order::PlannedRun;
use experiment::plan::Plan;
use experiment::record::{Reason, RunRecord, Status};
use experiment::trace::located;
use jiff::Timestamp;
use std::path::{Path, PathBuf};

/// All attempts of a bundle, and what carries out the next one.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    plan: &'a Plan,
    pub(super) writer: &'a mut BundleWriter,
    pub(super) records: Vec<RunRecord>,
    failures: Failures,
    /// Which cell of the plan a record is of.
    cell_of: fn(&RunRecord) -> &str,
    /// Whether runs may differ from earlier ones in what ran: then they are marked, and used.
    accepts_changes: bool,
}

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Attempted {
    /// Where the files of the run are, whose record is the last of all; none where it could not be carried out.
    pub(super) place: Option<PathBuf>,
    /// Why there must not be another one before somebody has looked.
    pub(super) halt: Option<String>,
}

impl<'a> Attempts<'a> {
    /// Of a plan, with the records that its bundle has already.
    pub(super) fn new(
        plan: &'a Plan,
        writer: &'a mut BundleWriter,
        records: Vec<RunRecord>,
        cell_of: fn(&RunRecord) -> &str,
        accepts_changes: bool,
    ) -> Self {
        Self { plan, writer, records, failures: Failures::default(), cell_of, accepts_changes }
    }

    /// Carries out a run of a cell. Where this is dropped before its end, the bundle has nothing of the run.
    ///
    /// # Errors
    /// A bundle that cannot be written.
    pub(super) async fn carry_out(
        &mut self,
        runner: &mut impl Runner,
        planned: &PlannedRun,
        cell: &Cell,
        attempt: u32,
    ) -> Result<Attempted, BundleError> {
        let number = planned.number;
        let staged = self.writer.stage(number, &planned.cell, attempt)?;
        self.writer.append(Event::RunBegun { number, attempt, cell: planned.cell.clone() })?;
        let began = Timestamp::now();
        let directory = staged.directory().to_owned();
        let cell = located(cell, Path::new(TRACES_OF_RUN));
        let request = RunRequest { plan: self.plan, planned, cell: &cell, attempt, directory: &directory };
        let mut record = match runner.run(request).await {
            Ok(record) => record,
            Err(error) => {
                let halt = self.failures.add(self.writer, staged, (number, attempt), &error)?;
                return Ok(Attempted { place: None, halt });
            }
        };
        self.failures.end();
        let changes = self.changes(&record);
        let is_new = !changes.is_empty() && !self.are_accepted(&changes);
        let is_refused = is_new && !self.accepts_changes;
        self.mark(&mut record, &changes, is_refused);
        let place = staged.publish(&record)?;
        let status = record.verdict.status;
        let took_s = Timestamp::now().duration_since(began).as_secs_f64().max(0.0);
        self.writer.append(Event::RunEnded { number, attempt, status, took_s })?;
        self.records.push(record);
        let halt = is_refused.then(|| self.refusal(number, &changes));
        if is_new {
            self.writer.append(Event::EnvironmentChanged { number, attempt, changes })?;
        }
        Ok(Attempted { place: Some(place), halt })
    }

    /// Says in the journal that somebody or something stops it here, and leaves a bundle that is whole.
    ///
    /// # Errors
    /// A bundle that cannot be written.
    pub(super) fn stop(&mut self, reason: &str) -> Result<(), BundleError> {
        self.writer.append(Event::Stopped { reason: reason.to_owned() })?;
        self.writer.seal()
    }

    /// In what services differ from those of the first run of the cell.
    fn changes(&self, record: &RunRecord) -> Vec<String> {
        let cell = (self.cell_of)(record);
        let is_comparable = |earlier: &&RunRecord| {
            (self.cell_of)(earlier) == cell && earlier.verdict.status != Status::Invalid
        };
        let first = self.records.iter().find(is_comparable);
        first.map_or_else(Vec::new, |first| changes::of_services(&first.services, &record.services))
    }

    /// Whether a run with these changes was used before.
    fn are_accepted(&self, changes: &[String]) -> bool {
        let is_used = |number: u32, attempt: u32| {
            let is_it = |record: &&RunRecord| (record.number, record.attempt) == (number, attempt);
            self.records.iter().find(is_it).is_some_and(|record| record.verdict.status != Status::Invalid)
        };
        self.writer.journal().entries().iter().any(|entry| match &entry.event {
            Event::EnvironmentChanged { number, attempt, changes: told } => {
                told == changes && is_used(*number, *attempt)
            }
            _ => false,
        })
    }

    /// Marks a run that is not as the first ones were, by what ran or by what carries it out.
    fn mark(&self, record: &mut RunRecord, changes: &[String], is_refused: bool) {
        let changes = [changes_of_driver(self.writer.journal()), changes.to_owned()].concat();
        if changes.is_empty() {
            return;
        }
        let status = if is_refused { Status::Invalid } else { Status::Suspect };
        record.verdict.status = record.verdict.status.max(status);
        let message = format!("not as in the first runs: {}", changes.join("; "));
        record.verdict.reasons.push(Reason { status, check: "environment-changed".to_owned(), message });
    }

    fn refusal(&self, number: u32, changes: &[String]) -> String {
        format!(
            "in run {number} something else ran than before: {}; what was measured is in {}: put it back and go on with \
             `testbed experiment resume`, add --accept-changes to use such runs with a mark, or begin a new bundle",
            changes.join("; "),
            self.writer.directory().display()
        )
    }
}
