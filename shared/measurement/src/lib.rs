//! Histograms, sets of sequence numbers, the ledger of a run and its audit.
//! Pure: nothing here reads a clock, a file or a socket.

mod audit;
mod histogram;
mod ledger;
mod sequence_set;

pub use audit::{AuditOutcome, AuditVerdict, Duplicate, ObservedRun, audit};
pub use histogram::{Histogram, HistogramSummary};
pub use ledger::{LEDGER_VERSION, Ledger, LedgerError, LedgerFile};
pub use sequence_set::{RangeError, SequenceSet};
