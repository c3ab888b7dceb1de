//! Finds out why a deployment does not, or will not, run as it should: facts are collected, or read from a folder that
//! somebody recorded, checks are functions of the facts, and a report tells what they found.

pub mod check;
mod checks;
pub mod collect;
pub mod facts;
pub mod report;

pub use checks::examine;
