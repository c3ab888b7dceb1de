//! The settings of the services, from the definitions of their command lines.

use clap::{Arg, Command, CommandFactory as _};
use experiment::known::{Kind, Variable};
use std::any::TypeId;
use std::collections::BTreeMap;

/// The text of the list.
///
/// # Errors
/// None that can be expected: it has texts only.
pub(crate) fn render() -> serde_json::Result<String> {
    let services = BTreeMap::from([
        ("ingest-api", variables(&ingest_api::config::Args::command())),
        ("process-worker", variables(&process_worker::config::Args::command())),
        ("query-api", variables(&query_api::config::Args::command())),
    ]);
    serde_json::to_string_pretty(&services).map(|text| text + "\n")
}

fn variables(command: &Command) -> BTreeMap<String, Variable> {
    let named = |argument: &Arg| Some((argument.get_env()?.to_str()?.to_owned(), variable(argument)));
    command.get_arguments().filter_map(named).collect()
}

fn variable(argument: &Arg) -> Variable {
    let values: Vec<String> =
        argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let whole = [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()];
    let is_whole = whole.iter().any(|whole| argument.get_value_parser().type_id() == *whole);
    Variable {
        kind: match (values.is_empty(), is_whole) {
            (false, _) => Kind::Choice { values },
            (true, true) => Kind::Whole,
            (true, false) => Kind::Text,
        },
        default: argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned()),
        help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
    }
}
