//! `samples.csv`: a row a sample, a column a figure, such as `process-worker.cpu-s`. What is not known is an empty field.

use super::{Sample, ServiceSample};
use std::collections::BTreeSet;
use std::io;
use std::str::FromStr;

/// Columns that are not of a service.
const OF_ALL: [&str; 4] = ["at-s", "accepted", "settled", "backlog"];
/// Figures of a service.
const OF_SERVICE: [&str; 6] =
    ["cpu-s", "resident-bytes", "network-bytes", "disk-bytes", "involuntary-switches", "throttled-periods"];

/// A table that is not one of samples.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// A column that nobody writes.
    #[error("there is no column {0:?} in a table of samples")]
    Column(String),
    /// Something else than a number.
    #[error("row {row}, column {column:?}: {text:?} is no such number")]
    Number { row: usize, column: String, text: String },
}

/// Writes samples as a table.
///
/// # Errors
/// What `writer` says.
pub fn write_csv(writer: impl io::Write, samples: &[Sample]) -> Result<(), csv::Error> {
    let services: BTreeSet<&String> = samples.iter().flat_map(|sample| sample.services.keys()).collect();
    let columns = services.iter().flat_map(|service| OF_SERVICE.map(|figure| format!("{service}.{figure}")));
    let mut table = csv::Writer::from_writer(writer);
    table.write_record(OF_ALL.map(str::to_owned).into_iter().chain(columns))?;
    let absent = ServiceSample::default();
    for sample in samples {
        let mut row = vec![
            format!("{:.3}", sample.at_s),
            text(sample.accepted),
            text(sample.settled),
            text(sample.backlog),
        ];
        for service in &services {
            let of = sample.services.get(*service).unwrap_or(&absent);
            row.extend([
                text(of.cpu_s.map(rounded)),
                text(of.resident_bytes),
                text(of.network_bytes),
                text(of.disk_bytes),
                text(of.involuntary_switches),
                text(of.throttled_periods),
            ]);
        }
        table.write_record(row)?;
    }
    Ok(table.flush()?)
}

/// Reads a table of samples.
///
/// # Errors
/// A table that is damaged, or of something else.
pub fn read_csv(reader: impl io::Read) -> Result<Vec<Sample>, TableError> {
    let mut table = csv::Reader::from_reader(reader);
    let columns = table.headers()?.clone();
    let mut samples = Vec::new();
    for (row, record) in table.records().enumerate() {
        let mut sample = Sample::default();
        for (column, text) in columns.iter().zip(&record?) {
            let number = |()| TableError::Number { row: row + 1, column: column.into(), text: text.into() };
            match column.split_once('.') {
                Some((service, figure)) => {
                    let of = sample.services.entry(service.to_owned()).or_default();
                    let known = set(of, figure, text).map_err(number)?;
                    known.ok_or_else(|| TableError::Column(column.to_owned()))?;
                }
                None => match column {
                    "at-s" => sample.at_s = value(text).map_err(number)?.ok_or_else(|| number(()))?,
                    "accepted" => sample.accepted = value(text).map_err(number)?,
                    "settled" => sample.settled = value(text).map_err(number)?,
                    "backlog" => sample.backlog = value(text).map_err(number)?,
                    _ => return Err(TableError::Column(column.to_owned())),
                },
            }
        }
        // A service of which nothing is known was not there.
        sample.services.retain(|_, of| *of != ServiceSample::default());
        samples.push(sample);
    }
    Ok(samples)
}

/// None where there is no such figure.
fn set(of: &mut ServiceSample, figure: &str, text: &str) -> Result<Option<()>, ()> {
    match figure {
        "cpu-s" => of.cpu_s = value(text)?,
        "resident-bytes" => of.resident_bytes = value(text)?,
        "network-bytes" => of.network_bytes = value(text)?,
        "disk-bytes" => of.disk_bytes = value(text)?,
        "involuntary-switches" => of.involuntary_switches = value(text)?,
        "throttled-periods" => of.throttled_periods = value(text)?,
        _ => return Ok(None),
    }
    Ok(Some(()))
}

fn value<T: FromStr>(text: &str) -> Result<Option<T>, ()> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(drop) }
}

/// To microseconds: sums of clock ticks have long tails in binary fractions.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn samples_are_read_as_they_were_written() {
        let worker =
            ServiceSample { cpu_s: Some(0.1 + 0.2), resident_bytes: Some(7), ..ServiceSample::default() };
        let written = ServiceSample { cpu_s: Some(0.3), ..worker.clone() };
        let first = Sample { at_s: -0.5, accepted: Some(1), ..Sample::default() };
        let services = BTreeMap::from([("process-worker".to_owned(), worker)]);
        let second = Sample { at_s: 1.125, backlog: Some(3), services, ..Sample::default() };
        let mut file = Vec::new();
        write_csv(&mut file, &[first.clone(), second.clone()]).unwrap();
        assert!(file.starts_with(b"at-s,accepted,settled,backlog,process-worker.cpu-s,"));
        let mut read = second;
        read.services.insert("process-worker".into(), written);
        assert_eq!(read_csv(file.as_slice()).unwrap(), [first, read]);
    }

    #[test]
    fn other_tables_are_refused_by_their_columns_and_rows() {
        let refusal = |table: &str| read_csv(table.as_bytes()).unwrap_err().to_string();
        assert!(refusal("at-s,size\n1,2\n").contains("\"size\""));
        assert!(refusal("at-s,redis.size\n1,2\n").contains("\"redis.size\""));
        assert_eq!(
            refusal("at-s,backlog\n1,2\n2,-3\n"),
            "row 2, column \"backlog\": \"-3\" is no such number"
        );
        assert!(refusal("at-s,backlog\n,2\n").contains("row 1, column \"at-s\""));
    }
}
