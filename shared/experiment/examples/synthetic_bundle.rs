//! Writes a bundle of runs that never were, from a seed, and its reports beside it: for looking at them.
//! `cargo run -p experiment --example synthetic_bundle -- target/synthetic`

#![expect(clippy::unwrap_used, reason = "it is shared with tests, and nothing here goes on without it")]

#[path = "../tests/conclusions/directories.rs"]
mod directories;
#[path = "../tests/conclusions/synthetic.rs"]
mod synthetic;

use experiment::bundle::Bundle;
use experiment::cell::Cell;
use experiment::record::Status;
use experiment::report::Report;
use std::fs;
use std::path::PathBuf;
use synthetic::{NOTHING, PLACEMENTS, Truth, doubt, runs};

/// As an arm64 node could be.
fn slower_arm64(cell: &Cell, metric: &str) -> f64 {
    match metric {
        _ if cell.levels["placement"] == "amd64" => 1.0,
        "throughput" => 1.0,
        "stage-process-mean" => 2.1,
        "energy-per-event" => 0.4,
        _ => 1.84,
    }
}

fn main() {
    let directory = PathBuf::from(std::env::args().nth(1).expect("a directory to write into"));
    let truth = Truth { effect: slower_arm64, clock_error: 400.0, ..NOTHING };
    let (plan, _, mut records) = runs(PLACEMENTS, &truth, 3);
    let mut invalid = records[11].clone();
    doubt(
        &mut invalid,
        Status::Invalid,
        "steal",
        "another machine took 4.1 % of the processor, at most 1.0 %",
    );
    records[11].attempt = 2;
    records.insert(11, invalid);
    doubt(&mut records[20], Status::Suspect, "pressure-cpu", "31 %, at most 20 %");
    records[30].steady_from_s = None;
    directories::write(&directory, PLACEMENTS, &plan, &records);
    let bundle = Bundle::open(&directory).expect("what was written is read");
    let report = Report::of(&bundle).expect("what was written is read");
    fs::write(directory.with_extension("html"), report.html()).expect("a directory that can be written");
    fs::write(directory.with_extension("md"), report.markdown()).expect("a directory that can be written");
}
