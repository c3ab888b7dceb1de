//! `testbed experiment schema`: for editors that check what is typed.

use crate::console::say;
use experiment::plan::Plan;
use std::process::ExitCode;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    say(&serde_json::to_string_pretty(&Plan::schema())?);
    Ok(ExitCode::SUCCESS)
}
