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

fn read_groups(args: &Args) -> Result<Groups> {
    let path = &args.file;
    let delimiter = if path.extension().is_some_and(|end| end == "tsv") { b'\t' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).from_reader(fs_err::File::open(path)?);
    let header = reader.headers().with_context(|| format!("could not read {}", path.display()))?;
    let column = |name: &str| find_column(path, header, name);
    let (risk, time) = (column(&args.risk)?, column(&args.time)?);
    let flag = column(args.censored.as_ref().unwrap_or(&args.event))?;
    let by = args.by.iter().map(|name| column(name)).collect::<Result<Vec<_>>>()?;

    let mut groups = Groups::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("could not read {}", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let place = |what: &str| format!("{}:{line}: column `{what}`", path.display());
        let risk = number(&record[risk]).with_context(|| place(&args.risk))?;
        let days = number(&record[time]).with_context(|| place(&args.time))?;
        let flag = truth(&record[flag])
            .with_context(|| place(args.censored.as_ref().unwrap_or(&args.event)))?;
        let survival = Survival::new(days, flag != args.censored.is_some())
            .with_context(|| place(&args.time))?;
        let key = by.iter().map(|&index| record[index].to_owned()).collect();
        let (outcomes, risks) = groups.entry(key).or_default();
        outcomes.push(survival);
        risks.push(Risk(risk));
    }
    if groups.is_empty() {
        bail!("{} has no rows; expected one row a patient", path.display());
    }
    Ok(groups)
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
