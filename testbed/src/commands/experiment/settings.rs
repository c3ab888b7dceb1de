//! `testbed experiment settings`: for those who write plans.

use crate::console::say;
use experiment::known::listing;
use std::process::ExitCode;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    say(listing().map_err(anyhow::Error::msg)?.trim_end());
    Ok(ExitCode::SUCCESS)
}
