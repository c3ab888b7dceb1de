//! What is special about the parts of a role in a testbed that is measured; nothing where somebody only wants to see it run.

use std::ffi::OsString;

/// The nicest that a process can be; nice(1).
pub const NICENESS_MAX: u8 = 19;

/// What is special about the parts of one role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Special {
    /// Variables over all others.
    pub settings: Vec<(String, OsString)>,
    /// Whether it gets no variable of our own environment, in which any setting could be hidden.
    pub is_isolated: bool,
    /// Processors that it is kept to, as `taskset --cpu-list` takes them; needs the guard.
    pub processors: Option<String>,
    /// How much less than others it gets of a processor that they want as well, up to [`NICENESS_MAX`]; needs the guard.
    pub niceness: u8,
    /// A program, with its arguments, that executes the part's program: an emulator.
    pub runner: Vec<OsString>,
    /// Lines of `redis.conf`, name and value, in place of the usual ones of these names. Of Redis only.
    pub directives: Vec<(String, String)>,
}
