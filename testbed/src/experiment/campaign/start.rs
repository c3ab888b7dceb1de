//! How the bundle of a campaign is begun, and how it is gone on with.

use anyhow::Context as _;
use experiment::bundle::{BUNDLE_VERSION, Bundle, BundleWriter, Driver, Event, Head, Journal, TargetKind};
use experiment::plan::Plan;
use experiment::record::RunRecord;
use std::path::{Path, PathBuf};

/// Begins the bundle of a plan.
///
/// # Errors
/// A directory that is there already, or cannot be written.
pub fn begin(
    directory: &Path,
    source: &str,
    plan: &Plan,
    target: TargetKind,
) -> anyhow::Result<BundleWriter> {
    let driver = driver()?;
    let head = Head {
        version: BUNDLE_VERSION,
        name: plan.name.clone(),
        created_at: jiff::Timestamp::now(),
        testbed: driver.testbed.clone(),
        target,
        host: driver.host.clone(),
    };
    let mut writer = BundleWriter::create(directory, &head, source, plan)?;
    writer.append(Event::Begun { driver })?;
    Ok(writer)
}

/// A campaign that goes on.
#[derive(Debug)]
pub struct Resumed {
    pub head: Head,
    pub plan: Plan,
    pub records: Vec<RunRecord>,
    pub writer: BundleWriter,
    /// What is no longer as it was, and was accepted.
    pub changes: Vec<String>,
}

/// A bundle that is whole, and cannot be gone on with.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct Unresumable {
    pub path: PathBuf,
    /// Why, and what to do instead.
    pub message: String,
}

/// Goes on with the bundle of a campaign that was interrupted.
///
/// # Errors
/// A bundle that cannot be read, was changed, or has ended; another testbed or machine than before, where that is not
/// accepted.
pub fn resume(directory: &Path, accepts_changes: bool) -> anyhow::Result<Resumed> {
    let unresumable = |message: String| Unresumable { path: directory.to_owned(), message };
    if directory.is_file() {
        return Err(unresumable("it is an archive: unpack it, and resume the directory".to_owned()).into());
    }
    let bundle = Bundle::open(directory)?;
    if let Some(end) = bundle.journal.end() {
        let end = serde_json::to_string(&end)?;
        let message = format!(
            "it has come to its end ({}): there is nothing to resume; see `testbed report {}`",
            end.trim_matches('"'),
            directory.display()
        );
        return Err(unresumable(message).into());
    }
    let driver = driver()?;
    let before = bundle.journal.driver().context("the journal does not say how the campaign was begun")?;
    let changes = changes(before, &driver);
    if !changes.is_empty() && !accepts_changes {
        let message = format!(
            "{}, and runs before and after could not be told apart from the effect: go on where it was begun, add \
             --accept-changes to have it recorded and such runs marked, or begin a new bundle",
            changes.join("; ")
        );
        return Err(unresumable(message).into());
    }
    let mut writer = BundleWriter::open(directory)?;
    for path in writer.unfinished()? {
        std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    writer.append(Event::Resumed { driver, changes: changes.clone() })?;
    let records = bundle.records();
    Ok(Resumed { head: bundle.head, plan: bundle.plan, records, writer, changes })
}

/// In what the testbed or the machine that carries a campaign out differs from that of its first run.
pub(in crate::experiment) fn changes_of_driver(journal: &Journal) -> Vec<String> {
    let (mut first, mut now) = (None, None);
    for entry in journal.entries() {
        match &entry.event {
            Event::Begun { driver } | Event::Resumed { driver, .. } => now = Some(driver),
            Event::RunEnded { .. } => first = first.or(now),
            _ => {}
        }
    }
    first.zip(now).map_or_else(Vec::new, |(first, now)| changes(first, now))
}

fn changes(before: &Driver, now: &Driver) -> Vec<String> {
    let facts = [
        ("testbed", &before.testbed, &now.testbed),
        ("machine", &before.host, &now.host),
        ("kernel", &before.kernel, &now.kernel),
    ];
    let differs = facts.into_iter().filter(|(_, was, is)| was != is);
    differs.map(|(what, was, is)| format!("the {what} was {was} and is {is}")).collect()
}

/// This command on this machine.
fn driver() -> anyhow::Result<Driver> {
    use service::build::{REVISION, VERSION};
    let read = |name: &str| {
        let path = Path::new("/proc/sys/kernel").join(name);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        anyhow::Ok(text.trim().to_owned())
    };
    Ok(Driver {
        testbed: REVISION.map_or_else(|| VERSION.to_owned(), |revision| format!("{VERSION} {revision}")),
        host: read("hostname")?,
        kernel: read("osrelease")?,
    })
}
