use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use chrono::NaiveDate;
use oncoweave_core::{FeatureInfo, FeatureRow, FeatureTable, PatientId};

use crate::{
    Error, RejectedRow, TableSettings, cell,
    source::{self, Source},
};

/// A message names so many faulty columns of a row and counts the rest.
const LISTED_FAULTS: usize = 3;

/// A numeric table with one row a patient, or one a patient and date.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The features, in file order of rows and columns.
    pub features: FeatureTable,
    /// The rows that were set aside, in file order.
    pub rejected: Vec<RejectedRow>,
    /// The columns that were left out because they are not numeric.
    pub skipped: Vec<SkippedColumn>,
}

/// A column that did not become a feature, although nothing asked to leave it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedColumn {
    /// The column's name.
    pub name: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// Reads a numeric table for all patients, at `path`; gzip and the separator are recognised by
/// content.
///
/// Without `columns` and `suffix`, a column becomes a feature when more than half of its known
/// cells are numbers; the nameless column of row numbers that pandas writes does not. A row with a
/// cell that is no number is set aside. Rows of one patient and date that agree in every feature
/// count once (a table may hold a row for each slide); when they differ, all are set aside.
///
/// # Errors
/// When the whole table is useless: no such file, not UTF-8, no rows, a named column absent, or no
/// numeric column left.
pub fn read_table(path: &Path, settings: &TableSettings) -> Result<Table, Error> {
    let source = Source::open(path)?;
    let id_place = source.column(&settings.patient_id)?;
    let date_place = settings.date.as_ref().map(|name| source.column(name)).transpose()?;
    for name in &settings.exclude {
        source.column(name)?;
    }
    let named = [Some(id_place), date_place];
    let candidates = candidates(&source, settings, &named)?;
    let mut places = vec![id_place];
    places.extend(date_place);
    let first = places.len();
    places.extend(&candidates);
    let frame = source.frame(&places)?;

    let declared = settings.columns.is_some() || settings.suffix.is_some();
    let mut table = Table::default();
    let mut rows = Rows::new(&source);
    rows.read_keys(
        source::cells(&frame, 0),
        date_place.map(|_| source::cells(&frame, 1)),
        settings,
    );
    for (offset, &place) in candidates.iter().enumerate() {
        let name = &source.header()[place];
        let cells = || source::cells(&frame, first + offset);
        let reason = unfit(name, cells(), &settings.missing).filter(|_| !declared);
        if let Some(reason) = reason {
            table.skipped.push(SkippedColumn { name: name.clone(), reason });
        } else {
            rows.read_values(name, cells(), &settings.missing);
            table.features.features.push(info(name));
        }
    }
    if table.features.features.is_empty() {
        return Err(Error::NoFeatures { path: path.to_owned() });
    }
    rows.set_aside_contradictions();
    rows.into_table(&mut table);
    table.rejected.extend(source.malformed().iter().map(|row| row.rejected(path, id_place)));
    table.rejected.sort_by_key(|row| row.line);
    Ok(table)
}

fn info(name: &str) -> FeatureInfo {
    FeatureInfo {
        name: name.to_owned(),
        unit: String::new(),
        meaning: format!("table column `{name}`"),
        standard: String::new(),
    }
}

/// The columns that the settings leave to become features, in file order or as `columns` has them.
fn candidates(
    source: &Source,
    settings: &TableSettings,
    named: &[Option<usize>],
) -> Result<Vec<usize>, Error> {
    let exclude: HashSet<&str> = settings.exclude.iter().map(String::as_str).collect();
    let kept = |name: &str| {
        !exclude.contains(name)
            && settings.suffix.as_ref().is_none_or(|suffix| name.ends_with(suffix))
    };
    let header = source.header();
    if let Some(columns) = &settings.columns {
        let columns = columns.iter().filter(|name| kept(name));
        return columns.map(|name| source.column(name)).collect();
    }
    let places: Vec<usize> = (0..header.len())
        .filter(|&place| !named.contains(&Some(place)) && kept(&header[place]))
        .collect();
    let mut seen = HashSet::new();
    match places.iter().find(|&&place| !seen.insert(&header[place])) {
        Some(&place) => Err(Error::DuplicateColumn {
            path: source.path().to_owned(),
            column: header[place].clone(),
        }),
        None => Ok(places),
    }
}

/// Why a column cannot be meant as a feature, if it cannot.
fn unfit<'a>(
    name: &str,
    cells: impl Iterator<Item = &'a str>,
    missing: &[String],
) -> Option<String> {
    if name.is_empty() || name.starts_with("Unnamed: ") {
        return Some("it has no name and is likely a row number".to_owned());
    }
    let (mut numbers, mut others) = (0_usize, 0_usize);
    for cell in cells {
        if cell::number(cell).is_some() {
            numbers += 1;
        } else if !cell::is_missing(cell, missing) {
            others += 1;
        }
    }
    match (numbers, others) {
        (0, 0) => Some("none of its cells is known".to_owned()),
        (numbers, others) if others >= numbers => {
            Some(format!("{others} of its {} known cells are not numbers", numbers + others))
        }
        _ => None,
    }
}

/// The rows of the table while columns are read one by one.
struct Rows<'a> {
    source: &'a Source,
    /// The patient and date of each row; `None` where the row is faulty.
    keys: Vec<Option<(PatientId, Option<NaiveDate>)>>,
    values: Vec<Vec<Option<f32>>>,
    faults: Vec<Vec<String>>,
}

impl<'a> Rows<'a> {
    fn new(source: &'a Source) -> Self {
        let rows = source.lines().len();
        Self {
            source,
            keys: vec![None; rows],
            values: vec![Vec::new(); rows],
            faults: vec![Vec::new(); rows],
        }
    }

    fn read_keys<'c>(
        &mut self,
        ids: impl Iterator<Item = &'c str>,
        dates: Option<impl Iterator<Item = &'c str>>,
        settings: &TableSettings,
    ) {
        let is_missing = |cell| cell::is_missing(cell, &settings.missing);
        for (row, cell) in ids.enumerate() {
            match PatientId::new(if is_missing(cell) { "" } else { cell }) {
                Ok(id) => self.keys[row] = Some((id, None)),
                Err(error) => self.faults[row]
                    .push(format!("column `{}`: {error}; fill it in", settings.patient_id)),
            }
        }
        for (row, cell) in dates.into_iter().flatten().enumerate() {
            match cell::date(cell) {
                Some(date) => {
                    if let Some((_, of_row)) = &mut self.keys[row] {
                        *of_row = Some(date);
                    }
                }
                None if is_missing(cell) => {}
                None => self.faults[row].push(format!(
                    "column `{}`: expected a date as YYYY-MM-DD, found something else; rewrite it",
                    settings.date.as_deref().unwrap_or_default()
                )),
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "features are stored as float32")]
    fn read_values<'c>(
        &mut self,
        name: &str,
        cells: impl Iterator<Item = &'c str>,
        missing: &[String],
    ) {
        for (row, cell) in cells.enumerate() {
            let value =
                cell::number(cell).map(|value| value as f32).filter(|value| value.is_finite());
            if value.is_none() && !cell::is_missing(cell, missing) {
                self.faults[row].push(format!(
                    "column `{name}`: expected a number, found {}; correct the cell or leave it empty",
                    cell::kind(cell)
                ));
            }
            self.values[row].push(value);
        }
    }

    /// Leaves one of the rows that say the same of a patient and date, and none of those that
    /// contradict each other.
    fn set_aside_contradictions(&mut self) {
        let mut rows_of: HashMap<_, Vec<usize>> = HashMap::new();
        for (row, key) in self.keys.iter().enumerate() {
            if let Some(key) = key {
                rows_of.entry(key.clone()).or_default().push(row);
            }
        }
        for rows in rows_of.into_values().filter(|rows| rows.len() > 1) {
            let agree = rows.iter().all(|&row| {
                self.values[row] == self.values[rows[0]] && self.faults[row].is_empty()
            });
            if agree {
                for &row in &rows[1..] {
                    self.keys[row] = None;
                }
                continue;
            }
            let lines: Vec<String> =
                rows.iter().map(|&row| self.source.lines()[row].to_string()).collect();
            for &row in &rows {
                self.faults[row].push(format!(
                    "expected one row a patient and date, found lines {} that differ; \
                     keep the right one",
                    lines.join(", ")
                ));
            }
        }
    }

    fn into_table(self, table: &mut Table) {
        let path = self.source.path().display();
        let rows = self.keys.into_iter().zip(self.values).zip(self.faults);
        for (((key, values), faults), &line) in rows.zip(self.source.lines()) {
            if faults.is_empty() {
                // A row without a key and without a fault repeats an earlier one.
                if let Some((patient_id, date)) = key {
                    table.features.rows.push(FeatureRow { patient_id, date, values });
                }
                continue;
            }
            let more = faults.len().saturating_sub(LISTED_FAULTS);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            let listed = faults[..faults.len().min(LISTED_FAULTS)].join("; also ");
            table.rejected.push(RejectedRow {
                line,
                patient_id: key.map(|(id, _)| id.into()),
                reason: format!("{path}:{line}: {listed}{more}"),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &[u8], settings: &str) -> Result<Table, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs_err::write(&path, text).unwrap();
        let settings = format!("patient_id = 'id'\n{settings}");
        read_table(&path, &toml::from_str(&settings).unwrap())
    }

    fn names(table: &Table) -> Vec<&str> {
        table.features.features.iter().map(|info| info.name.as_str()).collect()
    }

    fn rows(table: &Table) -> Vec<(&str, Vec<Option<f32>>)> {
        let rows = table.features.rows.iter();
        rows.map(|row| (row.patient_id.as_str(), row.values.clone())).collect()
    }

    /// The reasons without the folder in front.
    fn reasons(table: &Table) -> Vec<&str> {
        let rows = table.rejected.iter();
        rows.map(|row| row.reason.split_once("t.csv:").unwrap().1).collect()
    }

    #[test]
    fn all_numeric_columns_are_features() {
        let text = b",id,a,site,b_rna,void\n0,P1,1,north,2.5,\n1,P2,NA,south,-1e3,NA\n";
        let table = read(text, "").unwrap();
        assert_eq!(names(&table), ["a", "b_rna"]);
        assert_eq!(
            rows(&table),
            [("P1", vec![Some(1.0), Some(2.5)]), ("P2", vec![None, Some(-1000.0)])]
        );
        let skipped: Vec<String> = table
            .skipped
            .iter()
            .map(|column| format!("{}: {}", column.name, column.reason))
            .collect();
        assert_eq!(
            skipped,
            [
                ": it has no name and is likely a row number",
                "site: 2 of its 2 known cells are not numbers",
                "void: none of its cells is known",
            ]
        );
    }

    #[test]
    fn columns_are_chosen_by_name_suffix_and_exclusion() {
        let text = b"id,a_rna,b_rna,c_cnv,d\nP1,1,2,3,x\n";
        for (settings, expected) in [
            ("", vec!["a_rna", "b_rna", "c_cnv"]),
            ("suffix = '_rna'", vec!["a_rna", "b_rna"]),
            ("suffix = '_rna'\nexclude = ['a_rna']", vec!["b_rna"]),
            ("columns = ['c_cnv', 'a_rna']", vec!["c_cnv", "a_rna"]),
        ] {
            assert_eq!(names(&read(text, settings).unwrap()), expected, "{settings}");
        }
        for (settings, expected) in [
            ("columns = ['e']", "no column `e`"),
            ("exclude = ['e']", "no column `e`"),
            ("suffix = '_dna'", "no numeric column is left"),
            ("columns = []", "no numeric column is left"),
        ] {
            let message = read(text, settings).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn rows_that_agree_count_once_and_rows_that_differ_are_set_aside() {
        let text = b"id,slide,a\nP1,s1,1\nP2,s2,2\nP1,s3,1\nP2,s4,3\nP3,s5,\nP3,s6,\n";
        let table = read(text, "").unwrap();
        assert_eq!(rows(&table), [("P1", vec![Some(1.0)]), ("P3", vec![None])]);
        let reason = "expected one row a patient and date, found lines 3, 5 that differ; \
                      keep the right one";
        assert_eq!(reasons(&table), [format!("3: {reason}"), format!("5: {reason}")]);
    }

    #[test]
    fn rows_of_one_patient_on_two_dates_stay() {
        let text = b"id,date,a\nP1,2020-01-01,1\nP1,2020-02-01,2\nP2,,3\nP3,1.2.2020,4\n";
        let table = read(text, "date = 'date'").unwrap();
        let dates: Vec<_> = table.features.rows.iter().map(|row| row.date).collect();
        assert_eq!(
            dates,
            [NaiveDate::from_ymd_opt(2020, 1, 1), NaiveDate::from_ymd_opt(2020, 2, 1), None]
        );
        assert_eq!(
            reasons(&table),
            ["5: column `date`: expected a date as YYYY-MM-DD, found something else; rewrite it"]
        );
    }

    #[test]
    fn a_faulty_row_is_set_aside_alone() {
        let text = b"id,a,b,c,d\nP1,1,1,1,1\nP2,x,y,z,w\n,1,1,1,1\nP4,1\nP5,2,2,2,2\nP6,3,3,3,3\n";
        let table = read(text, "").unwrap();
        assert_eq!(
            rows(&table),
            [1.0, 2.0, 3.0]
                .map(|value| vec![Some(value); 4])
                .into_iter()
                .zip(["P1", "P5", "P6"])
                .map(|(values, id)| (id, values))
                .collect::<Vec<_>>()
        );
        let advice = "correct the cell or leave it empty";
        assert_eq!(
            reasons(&table),
            [
                &format!(
                    "3: column `a`: expected a number, found text that is no number; {advice}; \
                     also column `b`: expected a number, found text that is no number; {advice}; \
                     also column `c`: expected a number, found text that is no number; {advice}; and 1 more"
                ),
                "4: column `id`: a patient id must not be empty; fill it in",
                "5: expected 5 cells, found 2; correct the row",
            ]
        );
        let ids: Vec<_> = table.rejected.iter().map(|row| row.patient_id.as_deref()).collect();
        assert_eq!(ids, [Some("P2"), None, Some("P4")]);
    }

    #[test]
    fn gzip_is_recognised_by_content() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"id,a\nP1,1\n").unwrap();
        let compressed = encoder.finish().unwrap();
        assert_eq!(rows(&read(&compressed, "").unwrap()), [("P1", vec![Some(1.0)])]);
        let cut = read(&compressed[..compressed.len() - 6], "").unwrap_err();
        assert!(matches!(cut, Error::Damaged { .. }));
    }
}
