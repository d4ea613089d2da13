//! `oncoweave concordance`: Harrell's C of any model's risks in a table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oncoweave_core::concordance::harrell_c;
use oncoweave_core::{Risk, Survival};
use serde_json::{Map, Value, json};

use crate::{Outcome, output};

/// Harrell's C of the risks in a CSV or TSV file, for every group of rows
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The table, one row a patient; separated by tabs when its name ends in .tsv, else by commas
    file: PathBuf,
    /// Column of the risk; higher is worse
    #[arg(long, default_value = "risk")]
    risk: String,
    /// Column of the follow-up time, in any unit
    #[arg(long, default_value = "time_days")]
    time: String,
    /// Column that is 1 or true where the event was observed
    #[arg(long, default_value = "event", conflicts_with = "censored")]
    event: String,
    /// Column that is 1 or true where the patient was censored, instead of --event
    #[arg(long)]
    censored: Option<String>,
    /// Column of the begin of observation where that was late, in the unit of --time; an empty cell is
    /// observed from the start
    #[arg(long)]
    entry: Option<String>,
    /// Columns whose values make the groups, separated by commas
    #[arg(long, value_delimiter = ',')]
    by: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

type Groups = BTreeMap<Vec<String>, (Vec<Survival>, Vec<Risk>)>;

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let groups = read_groups(args)?;
    let rows: Vec<Map<String, Value>> =
        groups.iter().map(|(key, (outcomes, risks))| row(&args.by, key, outcomes, risks)).collect();
    if args.json {
        output::data(&serde_json::to_string_pretty(&rows)?)?;
    } else {
        output::data(&table(&rows))?;
    }
    Ok(Outcome::Complete)
}

fn row(by: &[String], key: &[String], outcomes: &[Survival], risks: &[Risk]) -> Map<String, Value> {
    let mut row: Map<String, Value> =
        by.iter().zip(key).map(|(name, value)| (name.clone(), json!(value))).collect();
    row.insert("patients".into(), json!(outcomes.len()));
    row.insert("events".into(), json!(outcomes.iter().filter(|outcome| outcome.event).count()));
    match harrell_c(outcomes, risks) {
        Ok(value) => row.insert("c_index".into(), json!(value)),
        Err(undefined) => {
            row.insert("c_index".into(), Value::Null);
            row.insert("note".into(), json!(undefined.to_string()))
        }
    };
    row
}

fn table(rows: &[Map<String, Value>]) -> String {
    let mut lines = Vec::new();
    if let Some(first) = rows.first() {
        lines.push(first.keys().map(String::as_str).collect::<Vec<_>>().join("\t"));
    }
    for row in rows {
        let cells = row.values().map(|value| match value {
            Value::String(text) => text.clone(),
            Value::Number(number) if number.is_f64() => {
                format!("{:.4}", number.as_f64().unwrap_or_default())
            }
            Value::Null => "undefined".to_owned(),
            other => other.to_string(),
        });
        lines.push(cells.collect::<Vec<_>>().join("\t"));
    }
    lines.join("\n")
}

/// Where a row of the table has what.
struct Places {
    risk: usize,
    time: usize,
    flag: usize,
    entry: Option<usize>,
    by: Vec<usize>,
}

impl Places {
    fn find(args: &Args, header: &csv::StringRecord) -> Result<Self> {
        let column = |name: &String| find_column(&args.file, header, name);
        Ok(Self {
            risk: column(&args.risk)?,
            time: column(&args.time)?,
            flag: column(args.censored.as_ref().unwrap_or(&args.event))?,
            entry: args.entry.as_ref().map(column).transpose()?,
            by: args.by.iter().map(column).collect::<Result<_>>()?,
        })
    }
}

fn read_groups(args: &Args) -> Result<Groups> {
    let path = &args.file;
    let delimiter = if path.extension().is_some_and(|end| end == "tsv") { b'\t' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).from_reader(fs_err::File::open(path)?);
    let header = reader.headers().with_context(|| format!("could not read {}", path.display()))?;
    let places = Places::find(args, header)?;

    let mut groups = Groups::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("could not read {}", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let place = |what: &str| format!("{}:{line}: column `{what}`", path.display());
        let risk = number(&record[places.risk]).with_context(|| place(&args.risk))?;
        let survival = survival(args, &places, &record, &place)?;
        let key = places.by.iter().map(|&index| record[index].to_owned()).collect();
        let (outcomes, risks) = groups.entry(key).or_default();
        outcomes.push(survival);
        risks.push(Risk(risk));
    }
    if groups.is_empty() {
        bail!("{} has no rows; expected one row a patient", path.display());
    }
    Ok(groups)
}

fn survival(
    args: &Args,
    places: &Places,
    record: &csv::StringRecord,
    place: &dyn Fn(&str) -> String,
) -> Result<Survival> {
    let days = number(&record[places.time]).with_context(|| place(&args.time))?;
    let flag = truth(&record[places.flag])
        .with_context(|| place(args.censored.as_ref().unwrap_or(&args.event)))?;
    let survival =
        Survival::new(days, flag != args.censored.is_some()).with_context(|| place(&args.time))?;
    let Some((name, cell)) = args.entry.as_ref().zip(places.entry.map(|entry| &record[entry]))
    else {
        return Ok(survival);
    };
    if cell.trim().is_empty() {
        return Ok(survival);
    }
    let entry = number(cell).with_context(|| place(name))?;
    // The error's own words show the times.
    survival.entered_late(Some(entry)).ok().with_context(|| {
        format!("{}: the begin of observation must lie before the end of follow-up", place(name))
    })
}

fn find_column(path: &Path, header: &csv::StringRecord, name: &str) -> Result<usize> {
    header.iter().position(|column| column == name).with_context(|| {
        let columns: Vec<&str> = header.iter().take(20).collect();
        format!("{} has no column `{name}`; it has: {}", path.display(), columns.join(", "))
    })
}

fn number(cell: &str) -> Result<f64> {
    match cell.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => bail!("expected a finite number, found {}", output::cell_in_words(cell)),
    }
}

fn truth(cell: &str) -> Result<bool> {
    match cell.trim() {
        "1" | "1.0" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "0.0" | "false" | "False" | "FALSE" => Ok(false),
        _ => bail!("expected 0, 1, true or false, found {}", output::cell_in_words(cell)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str, entry: Option<&str>) -> Result<(Vec<Survival>, Vec<Risk>)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("risks.csv");
        fs_err::write(&file, format!("risk,time_days,event,begin\n{rows}")).unwrap();
        let name = |name: &str| name.to_owned();
        let args = Args {
            file,
            risk: name("risk"),
            time: name("time_days"),
            event: name("event"),
            censored: None,
            entry: entry.map(name),
            by: vec![],
            json: false,
        };
        Ok(read_groups(&args)?.into_values().next().expect("one group"))
    }

    #[test]
    fn who_came_late_makes_no_pair_with_who_left_before() {
        let rows = "1,2,1,\n5,9,0,3\n";
        for (entry, entries, c_index) in
            [(None, [None, None], json!(0.0)), (Some("begin"), [None, Some(3.0)], Value::Null)]
        {
            let (outcomes, risks) = read(rows, entry).unwrap();
            let found: Vec<Option<f64>> = outcomes.iter().map(|one| one.entry_days).collect();
            assert_eq!(found, entries);
            assert_eq!(row(&[], &[], &outcomes, &risks)["c_index"], c_index);
        }
    }

    #[test]
    fn a_begin_at_fault_is_told_by_its_place() {
        for (cell, expected) in [
            ("9", "the begin of observation must lie before the end of follow-up"),
            ("Smith", "expected a finite number, found another text of 5 characters"),
        ] {
            let error = read(&format!("1,2,1,0\n5,9,0,{cell}\n"), Some("begin")).unwrap_err();
            let message = format!("{error:#}");
            assert!(
                message.ends_with(&format!("risks.csv:3: column `begin`: {expected}")),
                "{message}"
            );
        }
    }
}
