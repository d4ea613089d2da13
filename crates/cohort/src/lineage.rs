use std::{path::Path, sync::Arc};

use arrow::array::{StringArray, UInt64Array};
use chrono::NaiveDate;
use oncoweave_core::PatientId;

use crate::{
    Error,
    columns::Columns,
    features::{date_array, patient_array},
    parquet_file::{Kind, NamedArray, read_parquet, write_parquet},
};

/// Where one row of a feature table came from, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineageRow {
    /// Whose.
    pub patient_id: PatientId,
    /// The modality's name, or `clinical`.
    pub modality: String,
    /// The file or folder, relative to the manifest; an image and its mask joined by `;`.
    pub source: String,
    /// SHA-256 of the source; `None` where it could not be read.
    pub sha256: Option<String>,
    /// The source's size.
    pub size_bytes: Option<u64>,
    /// The sample within the source, where one was named.
    pub sample_id: Option<String>,
    /// The date that the files list gives.
    pub date: Option<NaiveDate>,
    /// The version of the program.
    pub tool_version: String,
    /// SHA-256 of the modality's settings.
    pub settings_sha256: String,
    /// What became of it.
    pub status: Status,
    /// Why it was set aside, or what was mended in it and left out of it.
    pub reason: Option<String>,
}

/// What became of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is in the feature table.
    Ok,
    /// It is not, and the reason says why.
    SetAside,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::SetAside => "set aside",
        }
    }
}

/// Writes where everything came from: one row a patient and source.
///
/// # Errors
/// When the file cannot be written.
pub fn write_lineage(path: &Path, rows: &[LineageRow]) -> Result<(), Error> {
    let text = |name: &str, value: fn(&LineageRow) -> Option<&str>| -> NamedArray {
        (name.to_owned(), Arc::new(rows.iter().map(value).collect::<StringArray>()))
    };
    let sizes: UInt64Array = rows.iter().map(|row| row.size_bytes).collect();
    let columns: Vec<NamedArray> = vec![
        ("patient_id".to_owned(), patient_array(rows.iter().map(|row| &row.patient_id))),
        text("modality", |row| Some(&row.modality)),
        text("source", |row| Some(&row.source)),
        text("sha256", |row| row.sha256.as_deref()),
        ("size_bytes".to_owned(), Arc::new(sizes)),
        text("sample_id", |row| row.sample_id.as_deref()),
        ("date".to_owned(), date_array(rows.iter().map(|row| row.date))),
        text("tool_version", |row| Some(&row.tool_version)),
        text("settings_sha256", |row| Some(&row.settings_sha256)),
        text("status", |row| Some(row.status.as_str())),
        text("reason", |row| row.reason.as_deref()),
    ];
    write_parquet(path, Kind::Lineage, Vec::new(), columns)
}

/// Reads what [`write_lineage`] wrote.
///
/// # Errors
/// When the file is no such table.
pub fn read_lineage(path: &Path) -> Result<Vec<LineageRow>, Error> {
    let columns = read_parquet(path, Kind::Lineage)?;
    let patients = columns.patients()?;
    let required = |name: &str| required_texts(&columns, name);
    let (modalities, sources, statuses) =
        (required("modality")?, required("source")?, required("status")?);
    let (versions, settings) = (required("tool_version")?, required("settings_sha256")?);
    let (hashes, samples) = (columns.texts("sha256")?, columns.texts("sample_id")?);
    let (dates, reasons) = (columns.dates("date")?, columns.texts("reason")?);
    let sizes = columns.numbers("size_bytes")?;
    let row = |(row, patient_id): (usize, PatientId)| {
        let status = match statuses[row].as_str() {
            "ok" => Status::Ok,
            "set aside" => Status::SetAside,
            other => {
                let problem = format!("`status` must be `ok` or `set aside`, got `{other}`");
                return Err(columns.at_row(row, &problem));
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sizes below 2^53 bytes are exact in float64, and casting saturates"
        )]
        Ok(LineageRow {
            patient_id,
            modality: modalities[row].clone(),
            source: sources[row].clone(),
            sha256: hashes[row].clone(),
            size_bytes: sizes[row].map(|size| size as u64),
            sample_id: samples[row].clone(),
            date: dates[row],
            tool_version: versions[row].clone(),
            settings_sha256: settings[row].clone(),
            status,
            reason: reasons[row].clone(),
        })
    };
    patients.into_iter().enumerate().map(row).collect()
}

fn required_texts(columns: &Columns, name: &str) -> Result<Vec<String>, Error> {
    columns.require(name)?;
    let text = |(row, text): (usize, Option<String>)| {
        text.ok_or_else(|| columns.at_row(row, &format!("`{name}` has no value")))
    };
    columns.texts(name)?.into_iter().enumerate().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::id;

    #[test]
    fn lineage_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lineage.parquet");
        let read = LineageRow {
            patient_id: id("P1"),
            modality: "ct".to_owned(),
            source: "ct/P1".to_owned(),
            sha256: Some("ab".to_owned()),
            size_bytes: Some(1 << 40),
            sample_id: Some("S".to_owned()),
            date: NaiveDate::from_ymd_opt(2020, 1, 2),
            tool_version: "0.1.0".to_owned(),
            settings_sha256: "cd".to_owned(),
            status: Status::Ok,
            reason: None,
        };
        let unread = LineageRow {
            sha256: None,
            size_bytes: None,
            sample_id: None,
            date: None,
            status: Status::SetAside,
            reason: Some("no such file".to_owned()),
            ..read.clone()
        };
        let rows = [read, unread];
        write_lineage(&path, &rows).unwrap();
        assert_eq!(read_lineage(&path).unwrap(), rows);
    }
}
