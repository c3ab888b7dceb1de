//! Brings values that are written in several ways into the one that serde reads with exact places: a table with the name
//! of the variant as its only key. Serde's own tagged and untagged enums lose where a value stands.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use toml_file::Fault;

/// How the variant of a table is found.
enum Tag {
    /// By the value of a key, one of these.
    Key(&'static str, &'static [&'static str]),
    /// It is this one.
    Always(&'static str),
}

const SHAPE: Tag = Tag::Key("shape", &["burst", "ramp", "step", "sinusoid"]);
const DISTRIBUTION: Tag = Tag::Key("distribution", &["lognormal"]);

/// Rewrites all such values of a workload. Values of the wrong type are left to serde.
pub(super) fn tag_variants(file: &mut DeTable<'_>) -> Result<(), Fault> {
    if let Some(batch) = file.get_mut("batch") {
        tag(batch, "number", &Tag::Always("range"))?;
    }
    let events = file.get_mut("events").and_then(|events| table(events.get_mut()));
    if let Some(payload) = events.and_then(|events| events.get_mut("payload")) {
        let is_list = payload.get_ref().as_table().is_some_and(|table| table.contains_key("file"));
        tag(payload, "constant", if is_list { &Tag::Always("observed") } else { &DISTRIBUTION })?;
    }
    if let Some(DeValue::Array(phases)) = file.get_mut("phases").map(Spanned::get_mut) {
        for phase in phases.iter_mut() {
            if let Some(rate) = table(phase.get_mut()).and_then(|phase| phase.get_mut("rate")) {
                tag(rate, "constant", &SHAPE)?;
            }
        }
    }
    Ok(())
}

fn tag(value: &mut Spanned<DeValue<'_>>, of_number: &'static str, of_table: &Tag) -> Result<(), Fault> {
    let span = value.span();
    let name = match (value.get_mut(), of_table) {
        (DeValue::Table(_), Tag::Always(name)) => name,
        (DeValue::Table(table), Tag::Key(key, names)) => {
            let expected = format!("{key} = one of {}, or a number in place of the table", names.join(", "));
            let found = table.remove(*key).ok_or_else(|| {
                Fault::new(span.clone(), format!("missing key `{key}`, expected {expected}"))
            })?;
            names.iter().find(|name| found.get_ref().as_str() == Some(**name)).ok_or_else(|| {
                let message = match found.get_ref().as_str() {
                    Some(text) => format!("unknown {key} {text:?}, expected {expected}"),
                    None => format!("expected {expected}"),
                };
                Fault::new(found.span(), message)
            })?
        }
        (DeValue::Integer(_) | DeValue::Float(_), _) => of_number,
        (other, _) => {
            let message = format!("expected a number or a table, found {}", other.type_str());
            return Err(Fault::new(span, message));
        }
    };
    let content = std::mem::replace(value.get_mut(), DeValue::Boolean(false));
    let mut tagged = DeTable::new();
    tagged.insert(Spanned::new(span.clone(), name.into()), Spanned::new(span, content));
    *value.get_mut() = DeValue::Table(tagged);
    Ok(())
}

fn table<'a, 'i>(value: &'a mut DeValue<'i>) -> Option<&'a mut DeTable<'i>> {
    match value {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}
