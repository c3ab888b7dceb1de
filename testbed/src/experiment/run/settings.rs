//! What the settings of a cell come to: each in the place that needs it.

use anyhow::{Context, ensure};
use experiment::cell::Cell;
use experiment::plan::{Key, Service};
use serde_json::Value;
use std::collections::BTreeMap;

/// The settings of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSettings {
    /// Where each service runs, by the names of the target.
    pub placement: BTreeMap<Service, String>,
    /// `off`, `metrics`, `sampled` or `full`.
    pub telemetry: String,
    pub workers: u16,
    pub partitions: u16,
    /// Variables of each service.
    pub services: BTreeMap<Service, BTreeMap<String, String>>,
    /// Lines of `redis.conf`.
    pub redis: BTreeMap<String, String>,
    /// Keys of the workload by their paths, such as `events.payload`.
    pub load: BTreeMap<String, Value>,
}

/// Where a service runs if the plan does not say.
pub const ANYWHERE: &str = "any";

impl CellSettings {
    /// Sorts the settings of a cell.
    ///
    /// # Errors
    /// A value that its key cannot have, which no plan that was read has.
    pub fn of(cell: &Cell) -> anyhow::Result<Self> {
        let mut settings = Self {
            placement: Service::ALL.map(|service| (service, ANYWHERE.to_owned())).into(),
            telemetry: "off".into(),
            workers: 1,
            partitions: 1,
            services: BTreeMap::new(),
            redis: BTreeMap::new(),
            load: BTreeMap::new(),
        };
        for (key, value) in &cell.settings {
            settings.take(key, value).with_context(|| format!("cell {}: {key} = {value}", cell.id))?;
        }
        Ok(settings)
    }

    fn take(&mut self, key: &Key, value: &Value) -> anyhow::Result<()> {
        let number = || value.as_u64().and_then(|number| u16::try_from(number).ok());
        match key {
            Key::Placement => self.place(value)?,
            Key::Telemetry => self.telemetry = text(value),
            Key::Workers => self.workers = number().context("it must be a whole number")?,
            Key::Partitions => self.partitions = number().context("it must be a whole number")?,
            Key::Load(path) => {
                self.load.insert(path.clone(), value.clone());
            }
            Key::Setting(service, variable) => {
                self.services.entry(*service).or_default().insert(variable.clone(), text(value));
            }
            Key::Redis(directive) => {
                self.redis.insert(directive.clone(), text(value));
            }
        }
        Ok(())
    }

    fn place(&mut self, value: &Value) -> anyhow::Result<()> {
        if let Value::String(name) = value {
            self.placement.values_mut().for_each(|place| place.clone_from(name));
            return Ok(());
        }
        for (name, place) in value.as_object().context("it must be a name or a table of services")? {
            let service = Service::from_name(name);
            ensure!(
                service.is_some() && place.is_string(),
                "{name} cannot be placed: there are ingest-api, process-worker and query-api"
            );
            self.placement.extend(service.map(|service| (service, text(place))));
        }
        Ok(())
    }
}

/// A value as it stands in an environment or in `redis.conf`.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cell(settings: &[(&str, Value)]) -> Cell {
        Cell {
            id: "a".into(),
            levels: BTreeMap::new(),
            settings: settings.iter().map(|(key, value)| (key.parse().unwrap(), value.clone())).collect(),
            is_control: false,
        }
    }

    #[test]
    fn each_setting_gets_to_its_place() {
        let settings = CellSettings::of(&cell(&[
            ("workers", json!(2)),
            ("process-worker.WORK_AMOUNT", json!(30)),
            ("redis.appendonly", json!("no")),
            ("load.events.payload", json!(50)),
        ]));
        let settings = settings.unwrap();
        assert_eq!((settings.workers, settings.partitions, settings.telemetry.as_str()), (2, 1, "off"));
        assert_eq!(settings.services[&Service::ProcessWorker]["WORK_AMOUNT"], "30");
        assert_eq!(settings.redis["appendonly"], "no");
        assert_eq!(settings.load["events.payload"], json!(50));
    }

    #[test]
    fn placement_is_for_all_services_or_for_those_of_a_table() {
        let all = CellSettings::of(&cell(&[("placement", json!("arm64"))])).unwrap();
        assert!(all.placement.values().all(|place| place == "arm64"));
        let one = CellSettings::of(&cell(&[("placement", json!({"query-api": "arm64"}))])).unwrap();
        assert_eq!(
            (one.placement[&Service::QueryApi].as_str(), one.placement[&Service::IngestApi].as_str()),
            ("arm64", "any")
        );
        let error = CellSettings::of(&cell(&[("placement", json!({"redis": "arm64"}))])).unwrap_err();
        assert!(
            format!("{error:#}")
                .contains("cell a: placement = {\"redis\":\"arm64\"}: redis cannot be placed"),
            "{error:#}"
        );
    }
}
