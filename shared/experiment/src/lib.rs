//! Experiments as data: the plan that somebody writes, the cells and the order that follow from it, the records that runs
//! leave, the bundle that holds all of it, and what can be concluded. Nothing here starts a process or asks a cluster: that
//! is done by the command `testbed`, and a bundle can be read and reported where it was not made.

pub mod analysis;
pub mod bundle;
pub mod capacity;
pub mod cell;
pub mod clocks;
pub mod compare;
pub mod environment;
#[cfg(test)]
mod fixtures;
pub mod known;
pub mod metric;
pub mod order;
pub mod plan;
pub mod progress;
pub mod record;
pub mod report;
pub mod sample;
pub mod trace;
mod words;
