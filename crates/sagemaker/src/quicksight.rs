//! Predictions as Amazon `QuickSight` reads them.
//!
//! Amazon `QuickSight` user guide, "Supported formats for Amazon S3 manifest files"; the requests are
//! those of `aws quicksight … --cli-input-json`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// A column of the flat table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether every value that is there is a number.
    pub numeric: bool,
}

/// Predictions as one flat CSV with a header, and how many there are. JSON lines are flattened:
/// `survival[].survival` becomes `survival_365d`; records that could not be scored are left out
/// of no row but have an `error`.
///
/// # Errors
/// When the text is neither, or has no record.
pub fn flat(text: &str, without_ids: bool) -> Result<(String, usize)> {
    let json_lines = text.trim_start().starts_with('{');
    let rows = if json_lines { from_json_lines(text)? } else { from_csv(text)? };
    ensure!(!rows.is_empty(), "there are no predictions in it");
    let mut names: Vec<String> = vec![];
    for name in rows.iter().flat_map(|row| row.iter().map(|(name, _)| name)) {
        let left_out = without_ids && ["id", "patient_id"].contains(&name.as_str());
        if !left_out && !names.contains(name) {
            names.push(name.clone());
        }
    }
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(&names)?;
    for row in &rows {
        let row: BTreeMap<&str, &str> =
            row.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let cell = |name: &String| guarded(row.get(name.as_str()).copied().unwrap_or_default());
        writer.write_record(names.iter().map(cell))?;
    }
    let bytes = writer.into_inner().context("the table cannot be written")?;
    Ok((String::from_utf8(bytes)?, rows.len()))
}

type Row = Vec<(String, String)>;

fn from_csv(text: &str) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers()?.clone();
    ensure!(
        names.iter().any(|name| name == "risk"),
        "expected a header with a column `risk`, as an endpoint answers to CSV with a header"
    );
    reader
        .records()
        .map(|record| {
            let record = record?;
            Ok(names.iter().zip(&record).map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
        })
        .collect()
}

fn from_json_lines(text: &str) -> Result<Vec<Row>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let value: Map<String, Value> = serde_json::from_str(line)
                .with_context(|| format!("line {} is no JSON object", index + 1))?;
            // A joined answer stands beside the record that it belongs to.
            let answer = match value.get("SageMakerOutput") {
                Some(Value::Object(answer)) => answer.clone(),
                _ => value,
            };
            Ok(flattened(&answer))
        })
        .collect()
}

fn flattened(answer: &Map<String, Value>) -> Row {
    let mut row = vec![];
    for (name, value) in answer {
        match value {
            Value::Array(items) if name == "survival" => {
                for item in items {
                    let days = &item["time_days"];
                    for (field, prefix) in [("survival", ""), ("low", "low_"), ("high", "high_")] {
                        if item[field].is_number() {
                            row.push((
                                format!("{prefix}survival_{days}d"),
                                item[field].to_string(),
                            ));
                        }
                    }
                }
            }
            Value::Object(inner) if name == "error" => {
                let code = inner.get("code").and_then(Value::as_str).unwrap_or("error");
                row.push((name.clone(), code.to_owned()));
            }
            Value::Object(inner) if name.starts_with("incidence") => {
                let word = match name.as_str() {
                    "incidence_low" => "low_incidence",
                    "incidence_high" => "high_incidence",
                    _ => "incidence",
                };
                row.extend(incidences(word, inner, answer.get("survival")));
            }
            Value::Object(inner) => {
                let prefix = if name == "class_probabilities" { "probability" } else { name };
                row.extend(
                    inner.iter().map(|(key, value)| (format!("{prefix}_{key}"), cell(value))),
                );
            }
            Value::Array(items) => {
                let texts: Vec<String> = items.iter().map(cell).collect();
                row.push((name.clone(), texts.join(";")));
            }
            other => row.push((name.clone(), cell(other))),
        }
    }
    row
}

/// The columns of each event's incidences at the times that survival is given at, as
/// `incidence_<days>d` of the event itself and `incidence_<name>_<days>d` of the others.
fn incidences(word: &str, events: &Map<String, Value>, survival: Option<&Value>) -> Row {
    let times = survival.and_then(Value::as_array);
    let mut row = vec![];
    for (event, values) in events {
        let name = if event == "event" { String::new() } else { format!("{event}_") };
        let values = values.as_array().into_iter().flatten();
        for (at, value) in times.into_iter().flatten().zip(values) {
            if value.is_number() {
                row.push((format!("{word}_{name}{}d", at["time_days"]), value.to_string()));
            }
        }
    }
    row
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text that a spreadsheet would run gets an apostrophe in front.
fn guarded(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@']) && text.parse::<f64>().is_err();
    if risky { format!("'{text}") } else { text.to_owned() }
}

/// The columns of a flat table.
///
/// # Errors
/// When it has no header.
pub fn columns(csv: &str) -> Result<Vec<Column>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut columns: Vec<Column> = reader
        .headers()?
        .iter()
        .map(|name| Column {
            name: name.to_owned(),
            numeric: !["id", "patient_id"].contains(&name),
        })
        .collect();
    let mut seen = vec![false; columns.len()];
    for record in reader.records() {
        for ((column, seen), value) in columns.iter_mut().zip(&mut seen).zip(&record?) {
            if !value.is_empty() {
                *seen = true;
                column.numeric &= value.parse::<f64>().is_ok();
            }
        }
    }
    for (column, seen) in columns.iter_mut().zip(seen) {
        column.numeric &= seen;
    }
    if columns.is_empty() {
        bail!("the table has no header");
    }
    Ok(columns)
}

/// The manifest that names the CSV.
#[must_use]
pub fn manifest(csv: &str) -> Value {
    json!({
        "fileLocations": [{"URIs": [csv]}],
        "globalUploadSettings": {
            "format": "CSV", "delimiter": ",", "textqualifier": "\"", "containsHeader": "true",
        },
    })
}

/// `CreateDataSource`.
///
/// # Errors
/// When the manifest's place is none in S3.
pub fn data_source(name: &str, manifest: &str) -> Result<Value> {
    let place: crate::client::Place = manifest.parse()?;
    Ok(json!({
        "AwsAccountId": "ACCOUNT",
        "DataSourceId": name,
        "Name": name,
        "Type": "S3",
        "DataSourceParameters": {
            "S3Parameters": {"ManifestFileLocation": {"Bucket": place.bucket, "Key": place.key}},
        },
    }))
}

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:quicksight:REGION:ACCOUNT:{kind}/{name}")
}

/// `CreateDataSet`: every column of the file is a text, and those of numbers are read as such.
#[must_use]
pub fn data_set(name: &str, columns: &[Column]) -> Value {
    let text = |column: &Column| json!({"Name": column.name, "Type": "STRING"});
    let numbers: Vec<Value> = columns
        .iter()
        .filter(|column| column.numeric)
        .map(|column| {
            let cast = json!({"ColumnName": column.name, "NewColumnType": "DECIMAL"});
            json!({ "CastColumnTypeOperation": cast })
        })
        .collect();
    let mut table = json!({
        "Alias": "predictions",
        "Source": {"PhysicalTableId": "predictions"},
    });
    if !numbers.is_empty() {
        table["DataTransforms"] = numbers.into();
    }
    json!({
        "AwsAccountId": "ACCOUNT",
        "DataSetId": name,
        "Name": name,
        "ImportMode": "SPICE",
        "PhysicalTableMap": {"predictions": {"S3Source": {
            "DataSourceArn": arn("datasource", name),
            "UploadSettings": {
                "Format": "CSV", "StartFromRow": 1, "ContainsHeader": true,
                "TextQualifier": "DOUBLE_QUOTE", "Delimiter": ",",
            },
            "InputColumns": columns.iter().map(text).collect::<Vec<_>>(),
        }}},
        "LogicalTableMap": {"predictions": table},
    })
}

/// `CreateAnalysis`: how risk is spread, how many are at high risk, and survival by risk group.
#[must_use]
pub fn analysis(name: &str, columns: &[Column]) -> Value {
    let column = |of: &str| json!({"DataSetIdentifier": "predictions", "ColumnName": of});
    let title = |text: &str| json!({"Visibility": "VISIBLE", "FormatText": {"PlainText": text}});
    let has = |of: &str| columns.iter().any(|column| column.name == of);
    let mean = |of: &str| {
        json!({"NumericalMeasureField": {
            "FieldId": of, "Column": column(of),
            "AggregationFunction": {"SimpleNumericalAggregation": "AVERAGE"},
        }})
    };
    let mut visuals = vec![json!({"HistogramVisual": {
        "VisualId": "risk", "Title": title("Risk: log relative hazard, higher is worse"),
        "ChartConfiguration": {"FieldWells": {"HistogramAggregatedFieldWells": {
            "Values": [{"NumericalMeasureField": {"FieldId": "risk", "Column": column("risk")}}],
        }}},
    }})];
    if has("high_risk") {
        let group = json!({"CategoricalDimensionField": {"FieldId": "group", "Column": column("high_risk")}});
        visuals.push(json!({"BarChartVisual": {
            "VisualId": "groups", "Title": title("Patients above the training median risk"),
            "ChartConfiguration": {"FieldWells": {"BarChartAggregatedFieldWells": {
                "Category": [group],
                "Values": [{"CategoricalMeasureField": {
                    "FieldId": "patients", "Column": column("high_risk"), "AggregationFunction": "COUNT",
                }}],
            }}},
        }}));
        let survival = |column: &&Column| column.numeric && column.name.starts_with("survival_");
        let values: Vec<Value> =
            columns.iter().filter(survival).map(|column| mean(&column.name)).collect();
        if !values.is_empty() {
            visuals.push(json!({"BarChartVisual": {
                "VisualId": "survival", "Title": title("Mean predicted survival by risk group"),
                "ChartConfiguration": {"FieldWells": {"BarChartAggregatedFieldWells": {
                    "Category": [group], "Values": values,
                }}},
            }}));
        }
    }
    json!({
        "AwsAccountId": "ACCOUNT",
        "AnalysisId": name,
        "Name": name,
        "Definition": {
            "DataSetIdentifierDeclarations": [
                {"Identifier": "predictions", "DataSetArn": arn("dataset", name)},
            ],
            "Sheets": [{"SheetId": "predictions", "Name": "Predictions", "Visuals": visuals}],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "{\"id\":\"A\",\"risk\":0.5,\"high_risk\":true,\"survival\":[{\"time_days\":365,\
        \"survival\":0.8,\"low\":0.7,\"high\":0.9}],\"class_probabilities\":{\"a\":0.1},\
        \"missing_modalities\":[\"ct\",\"clinical\"],\"flags\":[]}\n\
        {\"id\":\"=B\",\"error\":{\"code\":\"invalid_json\",\"message\":\"no\"}}\n";

    #[test]
    fn json_lines_become_a_table() {
        let (csv, rows) = flat(LINES, false).unwrap();
        assert_eq!(rows, 2);
        assert_eq!(
            csv,
            "id,risk,high_risk,survival_365d,low_survival_365d,high_survival_365d,probability_a,\
             missing_modalities,flags,error\n\
             A,0.5,true,0.8,0.7,0.9,0.1,ct;clinical,,\n\
             '=B,,,,,,,,,invalid_json\n"
        );
        let (csv, _) = flat(LINES, true).unwrap();
        assert!(csv.starts_with("risk,"), "{csv}");
        let numeric: Vec<String> =
            columns(&csv).unwrap().into_iter().filter(|it| it.numeric).map(|it| it.name).collect();
        let expected =
            ["risk", "survival_365d", "low_survival_365d", "high_survival_365d", "probability_a"];
        assert_eq!(numeric, expected);
    }

    #[test]
    fn incidences_beside_competing_events_have_a_column_for_each_event_and_time() {
        let line = r#"{"id":"A","risk":0.5,"survival":[{"time_days":90,"survival":0.5},{"time_days":365,"survival":0.2}],
            "incidence":{"event":[0.3,0.5],"other death":[0.2,0.3]},
            "incidence_low":{"event":[0.2,null],"other death":[null,null]}}"#
            .replace('\n', "");
        assert_eq!(
            flat(&line, false).unwrap().0,
            "id,risk,survival_90d,survival_365d,incidence_90d,incidence_365d,\
             incidence_other death_90d,incidence_other death_365d,low_incidence_90d\n\
             A,0.5,0.5,0.2,0.3,0.5,0.2,0.3,0.2\n"
        );
    }

    #[test]
    fn a_joined_answer_and_a_csv_are_read_too() {
        let joined = "{\"clinical.age\":70,\"SageMakerOutput\":{\"id\":\"A\",\"risk\":-1.5}}";
        assert_eq!(flat(joined, false).unwrap().0, "id,risk\nA,-1.5\n");
        assert_eq!(flat("id,risk\nA,-1.5\n", false).unwrap().0, "id,risk\nA,-1.5\n");
        for (text, part) in [
            ("", "column `risk`"),
            ("a,b\n1,2", "column `risk`"),
            ("{", "line 1"),
            ("risk\n", "no predictions"),
        ] {
            let error = format!("{:#}", flat(text, false).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
