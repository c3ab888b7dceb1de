//! The workload file of a run: the load of its cell in three phases.

use super::settings::CellSettings;
use anyhow::{Context, bail};
use experiment::plan::Timing;
use serde_json::{Map, Value, json};

/// Phases of a run, which are the tags of the lines in its `.hlog` files.
pub const WARM_UP: &str = "warm-up";
pub const MEASURE: &str = "measure";
pub const COOL_DOWN: &str = "cool-down";

/// Keys that belong to each phase; the others are of the whole file.
const OF_PHASES: [&str; 3] = ["rate", "arrivals", "replay"];

/// Events a second where the plan says nothing, as the simulator has it.
const RATE_DEFAULT: f64 = 200.0;

/// Events that are to be looked for in the measured phase: twice what a 99th percentile needs, for neighbours are alike.
const PROBES_WANTED: f64 = 800.0;
/// And a second, so that few are looked for in a long phase, and looking is no load of its own in a short one.
const PROBES_PER_S: std::ops::RangeInclusive<f64> = 10.0..=40.0;

/// The text of the file.
///
/// # Errors
/// What cannot be written as TOML, or a key that is set twice, once as a table.
pub fn text(settings: &CellSettings, timing: &Timing, seed: u64) -> anyhow::Result<String> {
    let mut file = Map::new();
    let mut of_phases = Map::new();
    for (path, value) in &settings.load {
        if OF_PHASES.contains(&path.as_str()) {
            of_phases.insert(path.clone(), value.clone());
        } else {
            insert(&mut file, path, value).with_context(|| format!("load.{path} cannot be set"))?;
        }
    }
    let has_rate = of_phases.contains_key("replay") || of_phases.get("arrivals") == Some(&json!("closed"));
    if !has_rate {
        of_phases.entry("rate").or_insert(json!(RATE_DEFAULT));
    }
    file.insert("seed".into(), json!(seed));
    let lengths = [(WARM_UP, timing.warm_up_s), (MEASURE, timing.measure_s), (COOL_DOWN, timing.cool_down_s)];
    let phases = lengths.into_iter().filter(|(_, length_s)| *length_s > 0.0).map(|(name, length_s)| {
        let mut phase = of_phases.clone();
        phase.insert("name".into(), json!(name));
        phase.insert("duration".into(), json!(format!("{}ms", (length_s * 1e3).round())));
        phase.insert("measure".into(), json!(name == MEASURE));
        Value::Object(phase)
    });
    let phases = phases.collect();
    file.insert("phases".into(), Value::Array(phases));
    toml::to_string(&file).context("the load of this cell cannot be written as a workload file")
}

/// Events a second that are looked for at the query API.
#[must_use]
pub fn probes_per_s(timing: &Timing) -> f64 {
    (PROBES_WANTED / timing.measure_s).clamp(*PROBES_PER_S.start(), *PROBES_PER_S.end())
}

fn insert(table: &mut Map<String, Value>, path: &str, value: &Value) -> anyhow::Result<()> {
    let Some((first, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), value.clone());
        return Ok(());
    };
    match table.entry(first).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(inner) => insert(inner, rest, value),
        _ => bail!("{first} is set as a whole as well"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use experiment::cell::Cell;
    use std::collections::BTreeMap;

    fn settings(load: &[(&str, Value)]) -> CellSettings {
        let settings = load.iter().map(|(key, value)| (key.parse().unwrap(), value.clone())).collect();
        CellSettings::of(&Cell { id: "a".into(), levels: BTreeMap::new(), settings, is_control: false })
            .unwrap()
    }

    const TIMING: Timing =
        Timing { warm_up_s: 2.5, measure_s: 10.0, cool_down_s: 0.0, overhead_s: 4.0, drain_timeout_s: 60.0 };

    #[test]
    fn load_of_a_cell_is_sent_in_phases_of_which_one_is_measured() {
        let settings = settings(&[
            ("rate", json!(5000)),
            ("load.events.sources.count", json!(3)),
            ("payload", json!({"distribution": "lognormal", "median": 100, "sigma": 0.5})),
            ("batch", json!(10)),
        ]);
        let file: toml::Table = text(&settings, &TIMING, 7).unwrap().parse().unwrap();
        let phases = file["phases"].as_array().unwrap();
        let of = |key: &str| phases.iter().map(|phase| phase[key].to_string()).collect::<Vec<_>>();
        assert_eq!(of("name"), ["\"warm-up\"", "\"measure\""]);
        assert_eq!(of("measure"), ["false", "true"]);
        assert_eq!(of("duration"), ["\"2500ms\"", "\"10000ms\""]);
        assert_eq!(of("rate"), ["5000", "5000"]);
        assert_eq!(file["seed"].as_integer(), Some(7));
        assert_eq!(file["events"]["sources"]["count"].as_integer(), Some(3));
        assert_eq!(file["events"]["payload"]["median"].as_integer(), Some(100));
    }

    #[test]
    fn closed_loop_has_no_rate() {
        let file: toml::Table =
            text(&settings(&[("arrivals", json!("closed"))]), &TIMING, 7).unwrap().parse().unwrap();
        assert!(file["phases"][0].get("rate").is_none(), "{file}");
    }

    #[test]
    fn few_events_are_looked_for_in_a_long_phase() {
        let of = |measure_s| probes_per_s(&Timing { measure_s, ..TIMING });
        assert_eq!((of(5.0), of(40.0), of(600.0)), (40.0, 20.0, 10.0));
    }
}
