//! Tables: each column by what it holds; a column that nobody has declared is left out, and what it
//! seems to hold is said.

mod columns;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    path::Path,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use fs_err::File;
use oncoweave_cohort::{TextError, TextReader, TextWriter};

use crate::{Aside, Error, Role, error::aside, key::Key, linkage::Linkage};
use columns::{Cleaner, Columns};

/// What becomes of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Use {
    Role(Role),
    /// One of these, compared without case; anything else is emptied.
    Levels(BTreeSet<String>),
    /// One of some kinds that nobody has listed.
    Category,
    /// A number, or one with a unit of these behind it.
    Measure(Vec<String>),
}

impl Use {
    /// Whether what stays of a number or date may be a text.
    fn makes_texts(&self) -> bool {
        use Role::{FreeText, Identifier, Patient, Postcode, Sample};
        matches!(self, Self::Role(Patient | Sample | Identifier | Postcode | FreeText))
    }

    /// Whether a pseudonym or token is made of what stands there.
    fn names_somebody(&self) -> bool {
        use Role::{Identifier, Patient, Sample};
        matches!(self, Self::Role(Patient | Sample | Identifier))
    }
}

/// How a table is read.
pub(crate) struct TablePlan {
    /// By name of the column.
    pub(crate) columns: BTreeMap<String, Use>,
    /// Of the other columns.
    pub(crate) undeclared: Role,
    /// Cells that mean "not known", in lower case.
    pub(crate) missing: BTreeSet<String>,
    /// The most days that dates are moved by; `None` where they are emptied.
    pub(crate) max_shift_days: Option<u32>,
    /// Whether dates stay as they are.
    pub(crate) keep_dates: bool,
}

/// What was done to a table.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) actions: Vec<(String, u64)>,
    /// Sentences about columns that were left out or emptied; no value is in them.
    pub(crate) warnings: Vec<String>,
}

/// Cleans a table with a header, separated by commas, tabs or semicolons, or a Parquet file.
///
/// # Errors
/// When the table is damaged, or cannot be read or written.
pub(crate) fn deidentify(
    source: &Path,
    out: &Path,
    key: &Key,
    linkage: &Linkage,
    plan: &TablePlan,
) -> Result<Done, Error> {
    let mut reader = BufReader::new(File::open(source)?);
    let start = reader.fill_buf()?;
    let (compressed, parquet) = (start.starts_with(&[0x1f, 0x8b]), start.starts_with(b"PAR1"));
    let cleaner = Cleaner { key, linkage, plan };
    let mut done = Done::default();
    oncoweave_cohort::write_atomically(out, |file| {
        if parquet {
            done = copy_parquet(source, file, &cleaner)?;
        } else if compressed {
            let mut encoder = GzEncoder::new(file, Compression::default());
            done = copy(Box::new(MultiGzDecoder::new(reader)), &mut encoder, &cleaner)?;
            encoder.finish()?;
        } else {
            done = copy(Box::new(reader), file, &cleaner)?;
        }
        Ok::<(), Error>(())
    })?;
    Ok(done)
}

fn copy(reader: Box<dyn Read>, out: &mut dyn Write, cleaner: &Cleaner) -> Result<Done, Error> {
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let start =
        reader.fill_buf().map_err(|_| aside("broken", "the table is damaged; copy it again"))?;
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |byte: u8| memchr::memchr_iter(byte, header).count();
    let delimiter = [b';', b'\t', b','].into_iter().max_by_key(|&d| count(d)).unwrap_or(b',');
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(reader);
    let names: Vec<String> = rows
        .byte_headers()?
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().trim_start_matches('\u{feff}').to_owned())
        .collect();
    let mut columns = Columns::new(&names, cleaner.plan)?;
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
    writer.write_record(columns.kept().iter().map(|&place| names[place].as_str()))?;
    for row in rows.byte_records() {
        let cells: Vec<String> =
            row?.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
        writer.write_record(columns.clean(&cells, cleaner)?)?;
    }
    writer.flush()?;
    Ok(columns.done())
}

/// Cleans a Parquet file; what its metadata say of it goes.
fn copy_parquet(source: &Path, out: &mut dyn Write, cleaner: &Cleaner) -> Result<Done, Error> {
    let rows = TextReader::open(source).map_err(|error| match error {
        oncoweave_cohort::Error::Io(error) => Error::Io(error),
        _ => UNREADABLE,
    })?;
    let names: Vec<String> =
        rows.columns().iter().map(|column| column.name.trim().to_owned()).collect();
    let mut columns = Columns::new(&names, cleaner.plan)?;
    let mut numbered = BTreeSet::new();
    for (place, column) in rows.columns().iter().enumerate() {
        if !column.has_text() {
            columns.leave_out_nested(place)?;
        }
        // A text stays as it is: `1.0` and `1` may be two samples.
        if column.is_number() && columns.uses[place].names_somebody() {
            numbered.insert(place);
        }
    }
    if columns.kept().is_empty() {
        return Err(aside(
            "undeclared",
            "no column of the Parquet file is declared; name them in `[table.columns]` of the profile",
        ));
    }
    let kept = columns.kept().into_iter().map(|place| {
        let column = rows.columns()[place].clone();
        if columns.uses[place].makes_texts() { column.of_texts() } else { column }
    });
    let mut writer = TextWriter::new(&kept.collect::<Vec<_>>())?;
    for batch in rows {
        for cells in batch? {
            let text = |(place, cell): (usize, &String)| {
                let cell = cell.trim();
                let cell = if numbered.contains(&place) { whole(cell) } else { cell };
                cell.to_owned()
            };
            let cells: Vec<String> = cells.iter().enumerate().map(text).collect();
            writer.write(&columns.clean(&cells, cleaner)?, out)?;
        }
    }
    writer.finish(out)?;
    Ok(columns.done())
}

/// A whole number as CSV has it, so that a patient has one pseudonym: `1017` of `1017.0`.
fn whole(cell: &str) -> &str {
    match cell.split_once('.') {
        Some((digits, fraction))
            if digits.bytes().all(|byte| byte.is_ascii_digit())
                && fraction.bytes().all(|byte| byte == b'0')
                && !digits.is_empty() =>
        {
            digits
        }
        _ => cell,
    }
}

const UNREADABLE: Error = Error::Aside(Aside {
    code: "broken",
    reason: "the Parquet file is damaged, compressed by other means than Snappy and Zstandard, or of \
             columns that cannot be read; write it anew",
});

impl From<TextError> for Error {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Io(error) => Self::Io(error),
            TextError::Damaged => UNREADABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identifier;

    fn cleaned(text: &str, columns: &[(&str, Use)], undeclared: Role) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::create(&folder.path().join("a.key")).unwrap();
        let linkage = Linkage::open(&key).unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::write(at("a.csv"), text).unwrap();
        let plan = TablePlan {
            columns: columns
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), kind.clone()))
                .collect(),
            undeclared,
            missing: BTreeSet::from([String::new(), "unknown".to_owned()]),
            max_shift_days: Some(30),
            keep_dates: false,
        };
        let done = deidentify(&at("a.csv"), &at("b.csv"), &key, &linkage, &plan).unwrap();
        (fs_err::read_to_string(at("b.csv")).unwrap(), done.warnings)
    }

    #[test]
    fn every_role_does_its_part() {
        let role = |role| Use::Role(role);
        let levels =
            |levels: &[&str]| Use::Levels(levels.iter().map(|&one| one.to_owned()).collect());
        let (text, warnings) = cleaned(
            "id,born,age,post,notes,sex,hb,site,centre,xqz,score\n\
             Smith,1961-04-03,93,SW1A 2AA,seen by Dr Jones,female,135 g/L,Guy's,A,9434765919,7\n\
             Smith,unknown,61.5,90210,,Mrs Smith,13.5,Guy's,Mr Jones,ab,9434765919\n",
            &[
                ("id", role(Role::Patient)),
                ("born", role(Role::Date)),
                ("age", role(Role::Age)),
                ("post", role(Role::Postcode)),
                ("notes", role(Role::FreeText)),
                ("sex", levels(&["female", "male"])),
                ("hb", Use::Measure(vec!["g/L".to_owned()])),
                ("site", role(Role::Identifier)),
                ("centre", Use::Category),
                ("score", role(Role::Number)),
            ],
            Role::Drop,
        );
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(rows[0].join(","), "id,born,age,post,notes,sex,hb,site,centre,score");
        assert!(rows[1][0].starts_with("OW-") && rows[1][0] == rows[2][0]);
        assert!(rows[1][1].starts_with("1961-0") && rows[1][1] < "1961-04-03");
        assert_eq!(rows[1][2..7], ["90", "SW", "", "female", "135 g/L"]);
        assert_eq!(rows[2][1..7], ["unknown", "61.5", "", "", "", "13.5"]);
        assert_eq!(rows[1][7], rows[2][7]);
        assert_eq!((rows[1][8], rows[2][8]), ("A", ""));
        assert_eq!((rows[1][9], rows[2][9]), ("7", ""));
        for word in ["Smith", "Jones", "Guy", "9434765919", "SW1A"] {
            assert!(!text.contains(word), "{word}");
        }
        assert_eq!(
            warnings,
            ["column 10 is not declared and was left out; 1 of 2 cells look like NHS numbers"]
        );
    }

    #[test]
    fn a_wide_table_keeps_its_numbers() {
        let (text, warnings) = cleaned(
            "id\tTP53_rnaseq\tnote\nSmith\t1.5\tJohn Smith\n",
            &[("id", Use::Role(Role::Patient))],
            Role::Number,
        );
        assert!(
            text.starts_with("id\tTP53_rnaseq\tnote\nOW-") && text.ends_with("\t1.5\t\n"),
            "{text}"
        );
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("look like names"), "{warnings:?}");
    }

    /// An aligned table: texts, dates, numbers, and metadata with the cohort's name.
    fn parquet(path: &Path) {
        use oncoweave_core::{Cohort, CohortColumn, Column, FeatureInfo, PatientId, Survival};
        let column = |name: &str, values: [f32; 2]| CohortColumn {
            modality: "clinical".to_owned(),
            info: FeatureInfo {
                name: name.to_owned(),
                unit: String::new(),
                meaning: "Smith".to_owned(),
                standard: String::new(),
            },
            values: values.into_iter().map(Some).collect::<Column>(),
        };
        let day = |text: &str| Some(text.parse().unwrap());
        let cohort = Cohort {
            patients: ["Smith", "9434765919"].map(|id| PatientId::new(id).unwrap()).to_vec(),
            sites: vec![Some("Guy's".to_owned()), None],
            index_dates: vec![day("1961-04-03"), None],
            survival: vec![Survival::new(100.5, true).ok(), Survival::new(7.25, false).ok()],
            competing: vec![],
            labels: vec![Some("seen by Dr Jones".to_owned()); 2],
            folds: vec![Some(3), None],
            columns: vec![
                column("age", [93.0, 61.5]),
                column("score", [0.1, -2.5e-7]),
                column("undeclared", [7_700_900.0, 1.0]),
            ],
        };
        oncoweave_cohort::write_cohort(path, "Smith's cohort", &cohort).unwrap();
    }

    fn plan(roles: &[(&str, Role)]) -> TablePlan {
        let column = |&(name, role): &(&str, Role)| (name.to_owned(), Use::Role(role));
        TablePlan {
            columns: roles.iter().map(column).collect(),
            undeclared: Role::Drop,
            missing: BTreeSet::new(),
            max_shift_days: Some(30),
            keep_dates: false,
        }
    }

    #[test]
    fn numbers_that_name_somebody_give_one_pseudonym_in_csv_and_parquet() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = Key::create(&at("a.key")).unwrap();
        let linkage = Linkage::open(&key).unwrap();
        parquet(&at("a.parquet"));
        let header = "clinical.age,clinical.score,clinical.undeclared";
        fs_err::write(at("a.csv"), format!("{header}\n93,0.1,7700900\n61.5,-2.5e-7,1\n")).unwrap();
        let plan = plan(&[
            ("clinical.age", Role::Sample),
            ("clinical.score", Role::Identifier),
            ("clinical.undeclared", Role::Patient),
        ]);
        for end in ["csv", "parquet"] {
            let (from, to) = (at(&format!("a.{end}")), at(&format!("b.{end}")));
            deidentify(&from, &to, &key, &linkage, &plan).unwrap();
        }
        let csv = fs_err::read_to_string(at("b.csv")).unwrap();
        let patient = key.pseudonym(&Identifier::of("7700900"));
        assert!(csv.lines().nth(1).unwrap().ends_with(&patient), "{csv}");
        let reader = TextReader::open(&at("b.parquet")).unwrap();
        let rows: Vec<String> =
            reader.flat_map(Result::unwrap).map(|cells| cells.join(",")).collect();
        assert_eq!(rows, csv.lines().skip(1).collect::<Vec<_>>());
    }

    #[test]
    fn only_what_is_a_whole_number_loses_its_fraction() {
        for (cell, expected) in [
            ("1017.0", "1017"),
            ("1017.00", "1017"),
            ("1017.5", "1017.5"),
            ("1017", "1017"),
            ("1e16", "1e16"),
            ("2020-01-01T00:00:00.000", "2020-01-01T00:00:00.000"),
            (".0", ".0"),
            ("", ""),
        ] {
            assert_eq!(whole(cell), expected, "{cell}");
        }
    }

    #[test]
    fn a_nested_column_is_warned_of_and_one_of_patients_refused() {
        let plan = plan(&[("id", Role::Patient), ("tags", Role::Keep)]);
        let names = ["id", "tags", "undeclared"].map(str::to_owned);
        let mut columns = Columns::new(&names, &plan).unwrap();
        for place in [1, 2] {
            columns.leave_out_nested(place).unwrap();
        }
        assert_eq!(columns.kept(), [0]);
        let refused = columns.leave_out_nested(0);
        assert!(matches!(refused, Err(Error::Aside(aside)) if aside.code == "table"));
        let warnings = columns.done().warnings;
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings.iter().all(|one| one.contains("lists or structures")), "{warnings:?}");
    }

    #[test]
    fn a_parquet_file_is_cleaned_as_a_csv_is_and_its_metadata_go() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = Key::create(&at("a.key")).unwrap();
        let linkage = Linkage::open(&key).unwrap();
        parquet(&at("a.parquet"));
        let roles = [
            ("patient_id", Role::Patient),
            ("site", Role::Identifier),
            ("index_date", Role::Date),
            ("time_days", Role::Number),
            ("label", Role::FreeText),
            ("fold", Role::Keep),
            ("clinical.age", Role::Age),
            ("clinical.score", Role::Number),
        ];
        let plan = plan(&roles);
        let clean = |out: &Path| deidentify(&at("a.parquet"), out, &key, &linkage, &plan).unwrap();
        let done = clean(&at("b.parquet"));
        let reader = TextReader::open(&at("b.parquet")).unwrap();
        let names: Vec<String> =
            reader.columns().iter().map(|column| column.name.clone()).collect();
        assert_eq!(names, roles.map(|(name, _)| name));
        let before = TextReader::open(&at("a.parquet")).unwrap();
        // Numbers and dates stay such.
        for column in before.columns() {
            let is_text = ["patient_id", "site", "label", "clinical.undeclared", "event"];
            assert!(is_text.contains(&&*column.name) || reader.columns().contains(column));
        }
        let rows: Vec<Vec<String>> = reader.flat_map(Result::unwrap).collect();
        assert!(rows[0][0].starts_with("OW-") && rows[0][1].starts_with("OI-"), "{rows:?}");
        assert!(rows[0][2].starts_with("1961-0") && *rows[0][2] < *"1961-04-03", "{rows:?}");
        let rest: Vec<&str> = rows.iter().flat_map(|row| &row[3..]).map(String::as_str).collect();
        assert_eq!(rest, ["100.5", "", "3", "90.0", "0.1", "7.25", "", "", "61.5", "-2.5e-7"]);
        assert!(done.warnings.iter().any(|one| one.contains("left out")), "{:?}", done.warnings);
        let bytes = fs_err::read(at("b.parquet")).unwrap();
        let text = format!("{} {}", String::from_utf8_lossy(&bytes), rows.concat().join(" "));
        for word in ["Smith", "Jones", "Guy's", "9434765919", "oncoweave.kind"] {
            assert!(!text.contains(word), "{word}");
        }
        // The same again gives the same bytes; a part of a file is set aside.
        clean(&at("c.parquet"));
        assert_eq!(fs_err::read(at("c.parquet")).unwrap(), bytes);
        fs_err::write(at("a.parquet"), &bytes[..bytes.len() / 2]).unwrap();
        let broken = deidentify(&at("a.parquet"), &at("d.parquet"), &key, &linkage, &plan);
        assert!(matches!(broken, Err(Error::Aside(aside)) if aside.code == "broken"));
        assert!(!at("d.parquet").exists());
    }
}
