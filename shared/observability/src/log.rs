//! Log lines: their level, which can be changed while the program runs, their limit, and the trace they belong to.

mod console;
mod context;
mod level;
mod limit;

pub(crate) use self::console::Console;
pub use self::console::{TakenOver, take_over};
pub(crate) use self::context::WithTrace;
pub use self::context::in_trace;
pub use self::level::{LevelError, level, set_level};
pub(crate) use self::level::{is_about_transport, reloadable};
pub use self::limit::{LIFECYCLE, STATISTICS};
pub(crate) use self::limit::{LogCounters, OUTAGE, RateLimit, report_suppressed};
