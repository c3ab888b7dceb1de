//! Experiments, carried out: the campaign of a plan, run by run, on this machine or on a cluster.

pub mod campaign;
pub mod capacity;
mod failures;
pub mod on_target;
pub mod outline;
pub mod run;
pub mod target;
