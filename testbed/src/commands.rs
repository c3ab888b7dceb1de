//! The commands, one a file.

pub mod audit;
pub mod compare;
pub mod demo;
pub mod deploy;
pub mod doctor;
pub mod experiment;
pub mod forward;
pub mod guard;
pub mod images;
pub mod logs;
pub mod report;
pub mod trace;
pub mod undeploy;
pub mod up;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Runs the testbed on this machine or on a cluster, and checks what it did.
#[derive(Debug, Parser)]
#[command(name = "testbed", version = service::build::VERSION, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start Redis and the services, watch them live, stop them all on q or Ctrl-C
    Up(Box<up::UpArgs>),
    /// Run it all once on this machine: start, load, drain, audit, summary, stop
    Demo(Box<demo::DemoArgs>),
    /// Check that every accepted event of a run can be queried exactly once
    Audit(audit::AuditArgs),
    /// Show the way of one event through the pipeline, hop by hop
    Trace(trace::TraceArgs),
    /// Look into the images in a registry, and pin them by their digests
    Images(images::ImagesArgs),
    /// Put the testbed into a Kubernetes cluster, and wait until it runs
    Deploy(Box<deploy::DeployArgs>),
    /// Take out of a cluster what deploy has put there
    Undeploy(undeploy::UndeployArgs),
    /// Make the services of a cluster reachable from this machine
    Forward(forward::ForwardArgs),
    /// Follow the logs of all pods of a cluster
    Logs(logs::LogsArgs),
    /// Find out why a deployment does not, or will not, run as it should
    Doctor(Box<doctor::DoctorArgs>),
    /// Carry out experiments: plans, campaigns, searches for a capacity, replications
    Experiment(experiment::ExperimentArgs),
    /// Make the report of an experiment from its bundle
    Report(report::ReportArgs),
    /// Say which claims of one bundle hold in another
    Compare(compare::CompareArgs),
    #[command(hide = true)]
    Guard(guard::GuardArgs),
}

impl Cli {
    /// Carries out the command.
    ///
    /// # Errors
    /// What prevented it, in words that say what to do.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            // No runtime: the program that this becomes must not inherit one's threads and descriptors.
            Command::Guard(args) => guard::run(&args).map(|()| ExitCode::FAILURE),
            Command::Up(args) => block_on(up::run(&args)),
            Command::Demo(args) => block_on(demo::run(&args)),
            Command::Audit(args) => block_on(audit::run(&args)),
            Command::Trace(args) => trace::run(&args),
            Command::Images(args) => block_on(images::run(&args)),
            Command::Deploy(args) => block_on(deploy::run(&args)),
            Command::Undeploy(args) => block_on(undeploy::run(&args)),
            Command::Forward(args) => block_on(forward::run(&args)),
            Command::Logs(args) => block_on(logs::run(&args)),
            Command::Doctor(args) => block_on(doctor::run(&args)),
            Command::Experiment(args) => block_on(experiment::run(&args)),
            Command::Report(args) => report::run(&args),
            Command::Compare(args) => compare::run(&args),
        }
    }
}

/// Everything runs on the main thread: parts are bound to the life of the thread that starts them.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
