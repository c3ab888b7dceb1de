//! Puts effects of known size into runs of real processes, and looks whether experiments find them: the direction, the size
//! within the interval, the verdict. What is not there must not be found either.
//!
//! `scripts/bench effects` runs it; it needs redis-server and a release build of the programs.

mod cases;
mod findings;
mod injection;
mod proxy;
mod stalls;
mod table;

use crate::cases::Case;
use crate::findings::{Finding, findings, joint_confidence};
use crate::injection::InjectedTarget;
use anyhow::{Context as _, ensure};
use clap::Parser;
use experiment::analysis::{Analysis, analyse};
use experiment::bundle::{Bundle, TargetKind};
use experiment::cell::cells;
use experiment::plan::Plan;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;
use testbed::experiment::campaign::{Campaign, Outcome, begin};
use testbed::experiment::on_target::{Noise, OnTarget};
use testbed::experiment::target::Target as _;
use testbed::experiment::target::local::LocalTarget;
use testbed::experiment::target::local::arguments::LocalArgs;
use testbed::interrupts::Interrupts;
use testbed::processors::ProcessorSet;

/// Puts known effects into experiments on this machine, and looks whether they are found.
#[derive(Parser)]
#[command(
    after_help = "Exit status: 0 all effects were found, 1 some were not, or a case could not be carried out. With the default of \
                  8 blocks a case takes six minutes."
)]
struct Arguments {
    /// Cases: slower, stalled, stalled-longer, exchanged, delayed, biased-control, equal [default: all]
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Blocks of each experiment; with fewer than 7 no verdict is possible on several metrics
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(7..=100))]
    blocks: u32,
    /// Most seconds that a load waits for others on the machine to be quiet
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    quiet_wait: u64,
    /// Use runs that the gates for noise refuse, with a mark: for trials on a machine that others use as well; loads then do not
    /// wait for quiet
    #[arg(long)]
    accept_noise: bool,
    /// Keep the bundles here, and do not carry out again those that are there [default: they are removed]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    local: LocalArgs,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::parse();
    let own = std::env::current_exe()?;
    // This program is target/release/deps/injected_effects-….
    let programs = own.ancestors().nth(2).context("this program is in no target directory")?;
    arguments.local.programs.get_or_insert_with(|| programs.to_owned());
    // As the command does: parts are bound to the life of the thread that starts them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before the first case keeps this thread to some of them.
    let allowed = ProcessorSet::allowed().context("cannot see which processors may be used")?;
    let here = Here { arguments: &arguments, testbed: &programs.join("testbed"), allowed: &allowed };
    runtime.block_on(run(here))
}

/// With what cases are carried out.
#[derive(Clone, Copy)]
struct Here<'a> {
    arguments: &'a Arguments,
    testbed: &'a Path,
    allowed: &'a ProcessorSet,
}

async fn run(here: Here<'_>) -> anyhow::Result<ExitCode> {
    let cases = selected(cases::all()?, &here.arguments.cases)?;
    let mut rows = vec![table::head().to_owned()];
    let outcome = look(here, &cases, &mut rows).await;
    // Also where a case could not be carried out: those before it took their time.
    println!("{}", rows.join("\n"));
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Carries out the cases, adds a row for each effect, and says whether all were found.
async fn look(here: Here<'_>, cases: &[Case], rows: &mut Vec<String>) -> anyhow::Result<bool> {
    let confidence = joint_confidence(cases.iter().map(|case| case.effects.len()).sum());
    let temporary = tempfile::tempdir()?;
    let out = here.arguments.out.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut is_everything_found = true;
    for case in cases {
        eprintln!("{}: {}", case.name, case.injected);
        let analysis = analysis(here, case, &out.join(case.name)).await;
        let analysis = analysis.with_context(|| format!("the case {}", case.name))?;
        eprintln!("  {}", analysis.answer);
        for note in &analysis.notes {
            eprintln!("  note: {note}");
        }
        let findings = findings(case, &analysis, confidence);
        is_everything_found &= findings.iter().all(Finding::is_found);
        rows.extend(findings.iter().map(|finding| table::row(case.name, &case.injected, finding)));
    }
    Ok(is_everything_found)
}

fn selected(cases: Vec<Case>, names: &[String]) -> anyhow::Result<Vec<Case>> {
    let known: Vec<&str> = cases.iter().map(|case| case.name).collect();
    for name in names {
        ensure!(known.contains(&name.as_str()), "there is no case {name:?}: there are {}", known.join(", "));
    }
    let is_wanted = |case: &Case| names.is_empty() || names.iter().any(|name| name == case.name);
    Ok(cases.into_iter().filter(is_wanted).collect())
}

/// Carries a case out, unless its bundle is there already, and says what can be concluded.
async fn analysis(here: Here<'_>, case: &Case, directory: &Path) -> anyhow::Result<Analysis> {
    if !directory.exists() {
        carry_out(here, case, directory).await?;
    }
    let bundle = Bundle::open(directory)?;
    let is_whole = bundle.journal.end().is_some();
    ensure!(is_whole, "{} has not come to its end: remove it, and begin the case again", directory.display());
    Ok(analyse(&bundle.plan, &bundle.order.cells, &bundle.records()))
}

/// Carries a case out as `testbed experiment run` would.
async fn carry_out(here: Here<'_>, case: &Case, directory: &Path) -> anyhow::Result<()> {
    let Here { arguments, testbed, allowed } = here;
    let source = format!("blocks = {}\n{}", arguments.blocks, case.plan);
    let plan = Plan::parse(Path::new(case.name), source.clone())?;
    let options = arguments.local.options()?.guarded_by(testbed);
    let target = LocalTarget::keeping_aside(options, allowed)?;
    let mut target = InjectedTarget { target, injection: case.injection.clone() };
    target.check(&cells(&plan)).await?;
    let noise = if arguments.accept_noise {
        Noise::Accepted
    } else {
        Noise::Awaited(Duration::from_secs(arguments.quiet_wait))
    };
    let mut runner = OnTarget::new(target, noise, |_| {});
    let mut writer = begin(directory, &source, &plan, TargetKind::Local)?;
    let mut interrupts = Interrupts::listen()?;
    let interrupted = pin!(interrupts.next());
    let mut campaign = Campaign::new(&plan, &mut writer, Vec::new(), false);
    let outcome = campaign.carry_out(&mut runner, interrupted, |outlook| eprintln!("  {outlook}")).await?;
    ensure!(outcome != Outcome::Interrupted, "interrupted");
    Ok(())
}
