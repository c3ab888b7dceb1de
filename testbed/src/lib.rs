//! The control command of the testbed: brings the pipeline up on one machine, loads it, watches it, and audits
//! that nothing it accepted was lost.

pub mod audit;
pub mod cluster;
pub mod commands;
pub mod console;
pub mod doctor;
pub mod experiment;
pub mod http_client;
pub mod images;
pub mod interrupts;
pub mod processors;
pub mod procfs;
pub mod spans;
pub mod stack;
pub mod statz;
pub mod watch;
