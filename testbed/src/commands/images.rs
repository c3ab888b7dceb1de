//! `testbed images`: what the images in a registry really hold, and the digests that pin them.

mod pin;
mod selection;
mod verify;

pub(super) use selection::RegistryArgs;

use clap::{Args, Subcommand};
use service::config::{ConfigError, EXIT_USAGE};
use std::process::ExitCode;

use crate::console::complain;

/// Arguments of `testbed images`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ImagesArgs {
    #[command(subcommand)]
    command: ImagesCommand,
}

#[derive(Debug, Subcommand)]
enum ImagesCommand {
    /// Look into images in their registry: does each platform hold programs that run there, and is the tag what it seems?
    Verify(verify::VerifyArgs),
    /// Write the digests of images into a component of kustomize, so that every node runs these images and no others
    Pin(pin::PinArgs),
}

/// Carries the command out. A setting that cannot be used exits with 64, as a bad argument does.
///
/// # Errors
/// Where it cannot be carried out.
pub async fn run(args: &ImagesArgs) -> anyhow::Result<ExitCode> {
    let done = match &args.command {
        ImagesCommand::Verify(args) => verify::run(args).await,
        ImagesCommand::Pin(args) => pin::run(args).await,
    };
    done.or_else(|error| {
        let error = error.downcast::<ConfigError>()?;
        complain(&error.to_string());
        Ok(ExitCode::from(EXIT_USAGE))
    })
}
