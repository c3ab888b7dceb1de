//! Histograms and their logs, sets of sequence numbers, the ledger of a run and its audit, the offset of a clock, and
//! statistics of experiments.
//! Pure: nothing here reads a clock, a file or a socket.

mod audit;
pub mod clock;
mod histogram;
pub mod hlog;
mod ledger;
mod sequence_set;
pub mod statistics;

pub use audit::{AuditOutcome, AuditVerdict, Duplicate, ObservedRun, RepeatCounts, audit};
pub use histogram::{Histogram, HistogramSummary};
pub use ledger::{Fates, LEDGER_VERSION, Ledger, LedgerError, LedgerFile, LedgerFileError};
pub use sequence_set::{RangeError, SequenceSet};
