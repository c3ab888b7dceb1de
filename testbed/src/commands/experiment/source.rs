//! Where a plan is: a file, a folder, or the name of a folder in `experiments`.

use super::place::PlaceName;
use experiment::cell::{Cell, cells};
use experiment::known::check_cell;
use experiment::plan::Plan;
use experiment::trace::located;
use std::path::{Path, PathBuf};

const FILE: &str = "experiment.toml";
/// The same question, small enough for one machine.
const LOCAL_FILE: &str = "local.toml";
/// Where the experiments are that come with the testbed.
const SHELF: &str = "experiments";

/// A plan and its text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) plan: Plan,
    pub(super) text: String,
    /// Where it is: its traces are there.
    pub(super) folder: PathBuf,
}

/// The cells of a plan, with their traces found in a folder.
///
/// # Errors
/// A working directory that does not exist any more.
pub(super) fn cells_with_traces(plan: &Plan, folder: &Path) -> anyhow::Result<Vec<Cell>> {
    // A plan in the working directory has an empty one.
    let folder = std::path::absolute(Path::new(".").join(folder))?;
    Ok(cells(plan).iter().map(|cell| located(cell, &folder)).collect())
}

/// A plan that is well written and cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub(super) struct UnusablePlan {
    pub(super) path: PathBuf,
    pub(super) message: String,
}

/// Reads a plan. `is_search` where its capacity is searched for.
///
/// # Errors
/// A plan that is not there, cannot be read, has an impossible cell, or is one for the other command.
pub(super) fn read(named: &Path, place: PlaceName, is_search: bool) -> anyhow::Result<Source> {
    let path = find(named, place)?;
    let file = toml_file::TomlFile::read(&path)?;
    let text = file.text().to_owned();
    let plan = Plan::parse(&path, text.clone())?;
    check(&plan, is_search).map_err(|message| UnusablePlan { path, message })?;
    Ok(Source { plan, text, folder: file.directory().to_owned() })
}

/// Whether a plan can be carried out.
pub(super) fn check(plan: &Plan, is_search: bool) -> Result<(), String> {
    match (plan.capacity.is_some(), is_search) {
        (true, false) => return Err("it asks for a capacity: use `testbed experiment capacity`".to_owned()),
        (false, true) => {
            return Err(
                "it asks for no capacity: add [capacity] and [slos], or use `testbed experiment run`"
                    .to_owned(),
            );
        }
        _ => {}
    }
    cells(plan).iter().try_for_each(|cell| check_cell(cell, is_search))
}

fn find(named: &Path, place: PlaceName) -> Result<PathBuf, UnusablePlan> {
    let unusable = |path: &Path, message: String| UnusablePlan { path: path.to_owned(), message };
    let on_the_shelf = Path::new(SHELF).join(named);
    let path = if !named.exists() && on_the_shelf.is_dir() { on_the_shelf } else { named.to_owned() };
    if !path.exists() {
        let shelf = shelf();
        let known =
            if shelf.is_empty() { String::new() } else { format!(", or one of {}", shelf.join(", ")) };
        return Err(unusable(
            &path,
            format!("there is no such plan: give a file or a folder with {FILE}{known}"),
        ));
    }
    if !path.is_dir() {
        return Ok(path);
    }
    let names: &[&str] = if place == PlaceName::Local { &[LOCAL_FILE, FILE] } else { &[FILE] };
    let found = names.iter().map(|name| path.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        unusable(&path, format!("this folder has no {}: give one with a plan", names.join(" or ")))
    })
}

/// The plans that come with the testbed, where this is a checkout of it.
fn shelf() -> Vec<String> {
    let folders = std::fs::read_dir(SHELF).into_iter().flatten().flatten();
    let mut names: Vec<String> = folders
        .filter(|folder| folder.path().join(FILE).is_file())
        .filter_map(|folder| folder.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// As [`read`], for either command.
///
/// # Errors
/// As [`read`].
pub(super) fn read_any(named: &Path, place: PlaceName) -> anyhow::Result<Source> {
    let path = find(named, place)?;
    let is_search = Plan::read(&path)?.capacity.is_some();
    read(&path, place, is_search)
}

#[cfg(test)]
mod tests {
    use super::*;
    use experiment::capacity::runs_usual;

    /// What a local variant may take.
    const LOCAL_MAX_S: f64 = 600.0;

    fn expected_s(plan: &Plan) -> f64 {
        let searched = cells(plan).iter().filter(|cell| !cell.is_control).count();
        let of_search = |capacity| (searched * runs_usual(&capacity)) as f64 * plan.run_s();
        plan.capacity.map_or_else(|| plan.expected_s(), of_search)
    }

    #[test]
    fn plans_that_come_with_the_testbed_can_be_carried_out_and_local_ones_in_ten_minutes() {
        let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(SHELF);
        let mut plans = 0;
        for folder in std::fs::read_dir(shelf).unwrap() {
            let folder = folder.unwrap().path();
            let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            for place in [PlaceName::Local, PlaceName::Cluster] {
                let plan = read_any(&folder, place).unwrap().plan;
                assert!(plan.name.starts_with(&name), "{}", folder.display());
                if place == PlaceName::Local {
                    let took_s = expected_s(&plan);
                    assert!(took_s <= LOCAL_MAX_S, "{} takes {took_s} s", plan.name);
                } else {
                    assert!(readme.contains(plan.question.trim_end_matches('?')), "{name}");
                }
                plans += 1;
            }
        }
        assert_eq!(plans, 12);
    }
}
