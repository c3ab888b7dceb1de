//! Where a campaign is, as a line for people.

use crate::console::clock;
use measurement::statistics::Interval;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The run that begins, and what is to come.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    pub number: u32,
    /// Of all blocks.
    pub runs: usize,
    pub block: u32,
    pub blocks: u32,
    pub cell: String,
    pub attempt: u32,
    /// Attempts so far that cannot be used.
    pub unusable: usize,
    /// Why the last attempt cannot be used; none where it can.
    pub last: Option<String>,
    /// Seconds until the end, if it takes all blocks and no run is to be repeated.
    pub left_s: f64,
    /// The answer's ratios so far.
    pub answer: BTreeMap<String, Interval>,
}

impl fmt::Display for Outlook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.last {
            writeln!(formatter, "  unusable: {reason}")?;
        }
        write!(
            formatter,
            "run {} of {} · block {} of {} · {}",
            self.number, self.runs, self.block, self.blocks, self.cell
        )?;
        if self.attempt > 1 {
            write!(formatter, " · attempt {}", self.attempt)?;
        }
        if self.unusable > 0 {
            write!(formatter, " · {} unusable so far", self.unusable)?;
        }
        write!(formatter, " · about {} left", clock(Duration::from_secs_f64(self.left_s)))?;
        for (pair, ratio) in &self.answer {
            write!(formatter, "\n  {pair}: {:.3} ({:.3} to {:.3})", ratio.estimate, ratio.low, ratio.high)?;
        }
        Ok(())
    }
}
