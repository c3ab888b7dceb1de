//! The search for the highest rate that each cell sustains, run by run, into a bundle. The searches of all cells go on in turn,
//! in blocks as those of a campaign, so that what drifts hits all cells alike.

#[cfg(test)]
mod tests;

use super::attempts::{Attempted, Attempts};
use super::campaign::{Outcome, Runner};
use crate::console::clock;
use anyhow::{Context as _, bail};
use experiment::bundle::{BundleWriter, CAPACITY_FILE, End, Event, SAMPLES_FILE};
use experiment::capacity::{self, Answer, Judgement, Next, Results, judge, runs_max, runs_usual};
use experiment::cell::Cell;
use experiment::order::{PlannedRun, order};
use experiment::plan::{Capacity, Key, Plan};
use experiment::record::RunRecord;
use experiment::sample::read_csv;
use std::fs::File;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

/// The searches of a plan.
#[derive(Debug)]
pub struct Searches<'a> {
    plan: &'a Plan,
    settings: Capacity,
    cells: Vec<Cell>,
    /// In which order cells have their turn.
    turns: Vec<PlannedRun>,
    attempts: Attempts<'a>,
}

impl<'a> Searches<'a> {
    /// Of a plan, with the records that its bundle has already. `accepts_changes` where runs may differ from earlier ones in what
    /// ran: then they are marked, and used.
    ///
    /// # Errors
    /// A plan that asks for no capacity.
    pub fn new(
        plan: &'a Plan,
        writer: &'a mut BundleWriter,
        records: Vec<RunRecord>,
        accepts_changes: bool,
    ) -> anyhow::Result<Self> {
        let settings = plan
            .capacity
            .context("the plan asks for no capacity: add [capacity], or use `testbed experiment run`")?;
        let cells: Vec<Cell> =
            experiment::cell::cells(plan).into_iter().filter(|cell| !cell.is_control).collect();
        // Valid and invalid runs have bounds of their own.
        let rounds = u32::try_from(2 * runs_max(&settings)).unwrap_or(u32::MAX);
        let turns = order(&cells, rounds, plan.seed);
        let attempts = Attempts::new(plan, writer, records, searched, accepts_changes);
        Ok(Self { plan, settings, cells, turns, attempts })
    }

    /// Carries out what is left. `interrupted` ends it at once, without the run that is being carried out. `say` gets a line for
    /// each thing that happens.
    ///
    /// # Errors
    /// A bundle that cannot be written; three runs in a row that could not be carried out; something else that runs than
    /// before. The bundle has what was measured, and the search can be resumed.
    pub async fn carry_out(
        &mut self,
        runner: &mut impl Runner,
        mut interrupted: Pin<&mut impl Future<Output = ()>>,
        mut say: impl FnMut(&str),
    ) -> anyhow::Result<(Outcome, Results)> {
        self.judge_the_last()?;
        loop {
            let Some((turn, rate)) = self.next() else {
                return self.end(End::Answered);
            };
            if self.attempts.writer.journal().spent_s() + self.plan.run_s() > self.plan.budget.time_s {
                return self.end(End::OutOfTime);
            }
            let number = self.number();
            say(&format!("run {number} · {} · {rate} events a second{}", turn.cell, self.outlook()));
            let run = PlannedRun { number, ..turn };
            let judged = tokio::select! {
                biased;
                () = interrupted.as_mut() => None,
                judged = self.attempt(runner, run, rate) => Some(judged),
            };
            match judged {
                Some(judged) => {
                    if let Some(judgement) = judged? {
                        say(&line(&judgement));
                    }
                }
                None => {
                    self.stop("interrupted")?;
                    return Ok((Outcome::Interrupted, self.results()));
                }
            }
        }
    }

    /// The first turn of a cell whose search goes on.
    fn next(&self) -> Option<(PlannedRun, f64)> {
        let is_due = |turn: &&PlannedRun| {
            self.attempts.writer.journal().trials(&turn.cell).len() < turn.block as usize
        };
        let rate = |turn: &PlannedRun| match self.search(&turn.cell) {
            Next::Try(rate) => Some((turn.clone(), rate)),
            Next::Answer(_) => None,
        };
        self.turns.iter().filter(is_due).find_map(rate)
    }

    fn search(&self, cell: &str) -> Next {
        capacity::next(&self.settings, &self.attempts.writer.journal().trials(cell))
    }

    fn number(&self) -> u32 {
        let recorded = self.attempts.records.iter().map(|record| record.number);
        let failed = self.attempts.writer.journal().failed();
        recorded.chain(failed.keys().copied()).max().unwrap_or(0) + 1
    }

    /// None where the run could not be carried out.
    async fn attempt(
        &mut self,
        runner: &mut impl Runner,
        run: PlannedRun,
        rate: f64,
    ) -> anyhow::Result<Option<Judgement>> {
        let mut cell = self.cell(&run.cell)?.clone();
        cell.id = format!("{}@{rate}", run.cell);
        cell.settings.insert(Key::Load("rate".to_owned()), rate.into());
        let run = PlannedRun { cell: cell.id.clone(), ..run };
        let Attempted { place, halt } = self.attempts.carry_out(runner, &run, &cell, 1).await?;
        let record = self.attempts.records.last().cloned();
        let judgement = match place.zip(record) {
            Some((place, record)) => Some(self.judge(&record, &place, rate)?),
            None => None,
        };
        if let Some(halt) = halt {
            self.stop(&halt)?;
            bail!(halt);
        }
        Ok(judgement)
    }

    /// How long it takes if no run contradicts another; nothing once more runs than that were needed.
    fn outlook(&self) -> String {
        let runs = |cell: &Cell| {
            let is_answered = matches!(self.search(&cell.id), Next::Answer(_));
            let done = self.attempts.writer.journal().trials(&cell.id).len();
            if is_answered { 0 } else { runs_usual(&self.settings).saturating_sub(done) }
        };
        let left_s = self.cells.iter().map(runs).sum::<usize>() as f64 * self.plan.run_s();
        if left_s > 0.0 {
            format!(" · about {} left", clock(Duration::from_secs_f64(left_s)))
        } else {
            String::new()
        }
    }

    fn cell(&self, id: &str) -> anyhow::Result<&Cell> {
        self.cells.iter().find(|cell| cell.id == id).with_context(|| format!("the plan has no cell {id}"))
    }

    fn judge(&mut self, record: &RunRecord, directory: &Path, rate: f64) -> anyhow::Result<Judgement> {
        let judgement = judge(&self.plan.slos, record, &self.backlog(directory)?);
        let cell = searched(record).to_owned();
        self.attempts.writer.append(Event::Judged {
            number: record.number,
            cell,
            rate,
            judgement: judgement.clone(),
        })?;
        Ok(judgement)
    }

    /// Of the part that was measured.
    fn backlog(&self, directory: &Path) -> anyhow::Result<Vec<(f64, f64)>> {
        let path = directory.join(SAMPLES_FILE);
        let samples = File::open(&path).map_err(anyhow::Error::from).and_then(|file| Ok(read_csv(file)?));
        let samples = samples.with_context(|| format!("cannot read {}", path.display()))?;
        let timing = &self.plan.timing;
        let measured = timing.warm_up_s..=timing.warm_up_s + timing.measure_s;
        let within = samples.iter().filter(|sample| measured.contains(&sample.at_s));
        Ok(within.filter_map(|sample| Some((sample.at_s, sample.backlog? as f64))).collect())
    }

    /// Where the machine stopped after a run was there and before it was judged.
    fn judge_the_last(&mut self) -> anyhow::Result<()> {
        let judged = |number: u32| {
            let is_it = |event: &Event| matches!(event, Event::Judged { number: of, .. } if *of == number);
            self.attempts.writer.journal().entries().iter().any(|entry| is_it(&entry.event))
        };
        let Some(record) = self.attempts.records.iter().find(|record| !judged(record.number)).cloned() else {
            return Ok(());
        };
        let cell = searched(&record);
        // The same runs before it give the same rate.
        let Next::Try(rate) = self.search(cell) else {
            bail!("run {} is not part of the search of {cell}: begin a new bundle", record.number);
        };
        let name = experiment::bundle::run_name(record.number, &record.cell, record.attempt);
        let directory = self.attempts.writer.directory().join(experiment::bundle::RUNS).join(name);
        self.judge(&record, &directory, rate).map(|_| ())
    }

    /// What is known so far.
    fn results(&self) -> Results {
        Results::of(&self.settings, &self.cells, self.attempts.writer.journal())
    }

    fn end(&mut self, reason: End) -> anyhow::Result<(Outcome, Results)> {
        let mut results = self.results();
        for search in results.searches.iter_mut().filter(|search| search.answer.is_none()) {
            let (low, high) = capacity::bounds(&self.settings, &search.trials);
            let reason = "the budget of time was used up".to_owned();
            search.answer = Some(Answer::Inconclusive { low, high, reason });
        }
        self.attempts.writer.write(CAPACITY_FILE, &results)?;
        self.attempts.writer.append(Event::Ended { reason })?;
        self.attempts.writer.seal()?;
        Ok((Outcome::Ended(reason), results))
    }

    fn stop(&mut self, reason: &str) -> anyhow::Result<()> {
        self.attempts.writer.write(CAPACITY_FILE, &self.results())?;
        Ok(self.attempts.stop(reason)?)
    }
}

/// The cell of the plan that a run of a search is of: without its rate.
fn searched(record: &RunRecord) -> &str {
    record.cell.rsplit_once('@').map_or(&record.cell, |(cell, _)| cell)
}

fn line(judgement: &Judgement) -> String {
    let outcome = judgement.outcome.label();
    let reasons = judgement.reasons.join("; ");
    if reasons.is_empty() { format!("  {outcome}") } else { format!("  {outcome}: {reasons}") }
}
