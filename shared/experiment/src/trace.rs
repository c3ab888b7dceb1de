//! Recorded traces that a plan replays: files beside the plan, of which its bundle has copies in [`crate::bundle::TRACES`].

use crate::cell::Cell;
use crate::plan::{Key, Plan, Settings};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// What a plan sets them by, and the member of it that names the file.
const KEY: &str = "replay";
const FILE: &str = "file";

/// The traces of a plan, by their paths in its folder.
#[must_use]
pub fn traces(plan: &Plan) -> BTreeSet<&str> {
    let levels = plan.factors.iter().flat_map(|factor| &factor.levels);
    let settings = std::iter::once(&plan.settings).chain(levels.map(|level| &level.settings));
    settings.filter_map(file).collect()
}

/// The cell, with its trace looked for in a folder.
#[must_use]
pub fn located(cell: &Cell, folder: &Path) -> Cell {
    let mut cell = cell.clone();
    if let Some(path) = file(&cell.settings).map(|file| folder.join(file))
        && let Some(replay) = cell.settings.get_mut(&Key::Load(KEY.to_owned()))
    {
        replay[FILE] = Value::from(path.to_string_lossy());
    }
    cell
}

fn file(settings: &Settings) -> Option<&str> {
    settings.get(&Key::Load(KEY.to_owned()))?.get(FILE)?.as_str()
}

/// Whether a trace can be copied into a bundle by the path that a plan gives. Bundles leave out what begins with a dot.
pub(crate) fn check(replay: &Value) -> Result<(), String> {
    let file = replay.get(FILE).and_then(Value::as_str).unwrap_or_default();
    let is_plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
        _ => false,
    };
    if !file.is_empty() && Path::new(file).components().all(is_plain) && !file.contains(['\\', '\n']) {
        return Ok(());
    }
    Err(format!(
        "{file:?} is no file in the folder of the plan: copy or link it there, and give its path from there without .. and \
         names that begin with a dot"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::cells;
    use serde_json::json;
    use std::fs;

    const PLAN: &str = "name = \"a\"\nquestion = \"Is it?\"\n[[factors]]\nname = \"trace\"\nlevels = [\n\
         { name = \"calm\", set = { load.replay = { file = \"calm.csv\" } } },\n\
         { name = \"busy\", set = { load.replay = { file = \"days/busy.csv\", loop = true } } } ]\n";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("days")).unwrap();
        for name in ["calm.csv", "days/busy.csv"] {
            fs::write(folder.path().join(name), "time\n").unwrap();
        }
        folder
    }

    #[test]
    fn traces_are_named_by_the_plan_and_found_where_they_are() {
        let folder = folder();
        let plan = Plan::parse(&folder.path().join("a.toml"), PLAN.to_owned()).unwrap();
        assert_eq!(Vec::from_iter(traces(&plan)), ["calm.csv", "days/busy.csv"]);
        let cell = located(&cells(&plan)[1], Path::new("../traces"));
        let replay = &cell.settings[&Key::Load(KEY.to_owned())];
        assert_eq!(*replay, json!({ "file": "../traces/days/busy.csv", "loop": true }));
    }

    #[test]
    fn trace_that_is_not_there_is_shown_in_the_plan() {
        let folder = folder();
        fs::remove_file(folder.path().join("days/busy.csv")).unwrap();
        let path = folder.path().join("a.toml");
        let error = Plan::parse(&path, PLAN.to_owned()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}:7:", path.display())), "{error}");
        assert!(error.contains("days/busy.csv is not there"), "{error}");
    }

    #[test]
    fn trace_outside_of_the_folder_is_refused() {
        for file in ["../a.csv", "/tmp/a.csv", ".a.csv", "days/.a.csv", ""] {
            assert!(check(&json!({ "file": file })).unwrap_err().contains("copy or link it there"), "{file}");
        }
        assert_eq!(check(&json!({ "file": "days/a.csv" })), Ok(()));
    }
}
