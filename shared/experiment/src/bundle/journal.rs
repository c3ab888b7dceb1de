//! What happened in a campaign, a line each, appended as it happens and never changed.

use super::{BundleError, JOURNAL_FILE};
use crate::capacity::{Judgement, Trial};
use crate::record::Status;
use jiff::Timestamp;
use measurement::statistics::Interval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What carries a campaign out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Driver {
    /// Version and git revision of the command.
    pub testbed: String,
    /// Name of the machine.
    pub host: String,
    pub kernel: String,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    Begun {
        driver: Driver,
    },
    /// `changes` of the driver since the campaign was begun or last resumed.
    Resumed {
        driver: Driver,
        changes: Vec<String>,
    },
    RunBegun {
        number: u32,
        attempt: u32,
        cell: String,
    },
    /// Its record is in the bundle.
    RunEnded {
        number: u32,
        attempt: u32,
        status: Status,
        took_s: f64,
    },
    /// What a run of a search says of its rate.
    Judged {
        number: u32,
        /// [`crate::cell::Cell::id`], without the rate.
        cell: String,
        rate: f64,
        judgement: Judgement,
    },
    /// It could not be carried out, and left no record.
    RunFailed {
        number: u32,
        attempt: u32,
        message: String,
    },
    /// What runs is no more what ran before, in runs of the same cell.
    EnvironmentChanged {
        number: u32,
        attempt: u32,
        changes: Vec<String>,
    },
    /// All runs of a block are there, or cannot be had. `answer` has the ratios that the plan's question asks for.
    BlockEnded {
        block: u32,
        answer: BTreeMap<String, Interval>,
    },
    /// The campaign was interrupted and can be resumed.
    Stopped {
        reason: String,
    },
    Ended {
        reason: End,
    },
}

/// Why a campaign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All blocks were run.
    AllBlocks,
    /// The answer's interval is narrow enough.
    Narrow,
    /// The next run would have ended after the time of the budget.
    OutOfTime,
    /// A search for a capacity has its answer.
    Answered,
}

/// How many bytes are of whole lines. What is torn may not even be text.
fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// The journal of a bundle, as far as it goes.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    entries: Vec<Entry>,
}

impl Journal {
    /// Reads it. A last line without its end was being written when the machine stopped: it is left out.
    ///
    /// # Errors
    /// A line that is no entry.
    pub fn read(directory: &Path) -> Result<Self, BundleError> {
        let path = directory.join(JOURNAL_FILE);
        let bytes = fs::read(&path).map_err(BundleError::io(&path))?;
        let whole = std::str::from_utf8(&bytes[..whole(&bytes)])
            .map_err(|error| BundleError::malformed(&path, error))?;
        let entry = |(index, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|error| BundleError::Malformed {
                path: path.clone(),
                line: Some(index + 1),
                message: error.to_string(),
            })
        };
        let entries = whole.lines().enumerate().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { path, entries })
    }

    /// All of it, in the order in which it happened.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Removes what was being written when the machine stopped.
    pub(super) fn repair(&self) -> Result<(), BundleError> {
        let length = whole(&fs::read(&self.path).map_err(BundleError::io(&self.path))?);
        let file = OpenOptions::new().write(true).open(&self.path).map_err(BundleError::io(&self.path))?;
        file.set_len(length as u64).and_then(|()| file.sync_all()).map_err(BundleError::io(&self.path))
    }

    pub(super) fn append(&mut self, event: Event) -> Result<(), BundleError> {
        let entry = Entry { at: Timestamp::now(), event };
        let mut line =
            serde_json::to_string(&entry).map_err(|error| BundleError::malformed(&self.path, error))?;
        line.push('\n');
        let written = || {
            let mut file: File = OpenOptions::new().append(true).create(true).open(&self.path)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()
        };
        written().map_err(BundleError::io(&self.path))?;
        self.entries.push(entry);
        Ok(())
    }

    /// Seconds that the campaign has taken so far, without those between a stop and a resumption.
    #[must_use]
    pub fn spent_s(&self) -> f64 {
        let mut spent_s = 0.0;
        let mut before: Option<Timestamp> = None;
        for entry in &self.entries {
            let begins = matches!(entry.event, Event::Begun { .. } | Event::Resumed { .. });
            if let Some(before) = before.filter(|_| !begins) {
                spent_s += entry.at.duration_since(before).as_secs_f64().max(0.0);
            }
            before = Some(entry.at);
        }
        spent_s
    }

    /// Attempts that could not be carried out, by the number of the run.
    #[must_use]
    pub fn failed(&self) -> BTreeMap<u32, u32> {
        let mut failed = BTreeMap::new();
        for entry in &self.entries {
            if let Event::RunFailed { number, .. } = entry.event {
                *failed.entry(number).or_default() += 1;
            }
        }
        failed
    }

    /// The runs of the search of a cell, in their order.
    #[must_use]
    pub fn trials(&self, cell: &str) -> Vec<Trial> {
        let trial = |entry: &Entry| match &entry.event {
            Event::Judged { cell: of, rate, judgement, .. } if of == cell => {
                Some(Trial { rate: *rate, outcome: judgement.outcome })
            }
            _ => None,
        };
        self.entries.iter().filter_map(trial).collect()
    }

    /// What carried it out last.
    #[must_use]
    pub fn driver(&self) -> Option<&Driver> {
        self.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Begun { driver } | Event::Resumed { driver, .. } => Some(driver),
            _ => None,
        })
    }

    /// Why it ended, if it did.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.entries.iter().rev().find_map(|entry| match entry.event {
            Event::Ended { reason } => Some(reason),
            _ => None,
        })
    }
}
