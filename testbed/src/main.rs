//! The command `testbed`.

use clap::Parser;
use std::process::ExitCode;
use testbed::commands::Cli;
use testbed::console::complain;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        let is_refusal = error.use_stderr();
        // Nobody is left to tell where even this cannot be written.
        error.print().unwrap_or_default();
        std::process::exit(if is_refusal { i32::from(service::config::EXIT_USAGE) } else { 0 });
    });
    cli.run().unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}
