//! Experiments, carried out: the campaign of a plan, run by run, on this machine or on a cluster.

mod attempts;
pub mod campaign;
pub mod capacity;
mod failures;
#[cfg(test)]
mod fixtures;
pub mod on_target;
pub mod outline;
pub mod run;
pub mod target;
