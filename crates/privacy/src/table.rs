//! Tables: each column by what it holds; a column that nobody has declared is left out, and what it
//! seems to hold is said.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    path::Path,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use fs_err::File;

use crate::{
    Error, Identifier, Role,
    dates::shift_iso,
    error::aside,
    key::Key,
    linkage::Linkage,
    scan::{Finding, area, scan},
    words::Words,
};

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

/// Cleans a table with a header, separated by commas, tabs or semicolons.
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
    let compressed = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let reader: Box<dyn Read> =
        if compressed { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    let mut done = Done::default();
    oncoweave_cohort::write_atomically(out, |file| {
        if compressed {
            let mut encoder = GzEncoder::new(file, Compression::default());
            done = copy(reader, &mut encoder, key, linkage, plan)?;
            encoder.finish()?;
            Ok::<(), Error>(())
        } else {
            done = copy(reader, file, key, linkage, plan)?;
            Ok(())
        }
    })?;
    Ok(done)
}

fn copy(
    reader: Box<dyn Read>,
    out: &mut dyn Write,
    key: &Key,
    linkage: &Linkage,
    plan: &TablePlan,
) -> Result<Done, Error> {
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
    let mut columns = Columns::new(&names, plan)?;
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
    let kept = |place: &usize| columns.uses[*place] != Use::Role(Role::Drop);
    let places: Vec<usize> = (0..names.len()).filter(kept).collect();
    writer.write_record(places.iter().map(|&place| names[place].as_str()))?;
    let cleaner = Cleaner { key, linkage, plan };
    for row in rows.byte_records() {
        let row = row?;
        let cells: Vec<String> =
            row.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
        columns.look(&cells);
        let patient = columns.patient.map(|place| Identifier::of(&cells[place]));
        let mut written = Vec::new();
        for &place in &places {
            let cell = cells[place].as_str();
            let safe = cleaner.cell(cell, &columns.uses[place], patient.as_ref())?;
            columns.changed[place] += u64::from(!cell.is_empty() && safe.is_empty());
            written.push(safe);
        }
        writer.write_record(&written)?;
    }
    writer.flush()?;
    Ok(columns.done())
}

struct Columns<'a> {
    names: &'a [String],
    uses: Vec<Use>,
    patient: Option<usize>,
    /// Cells that were emptied, by column.
    changed: Vec<u64>,
    /// What cells of columns nobody declared look like.
    found: Vec<BTreeMap<Finding, u64>>,
    declared: Vec<bool>,
    rows: u64,
}

impl<'a> Columns<'a> {
    fn new(names: &'a [String], plan: &TablePlan) -> Result<Self, Error> {
        let uses: Vec<Use> = names
            .iter()
            .map(|name| plan.columns.get(name).cloned().unwrap_or(Use::Role(plan.undeclared)))
            .collect();
        let patient = uses.iter().position(|one| *one == Use::Role(Role::Patient));
        let has_dates = uses.contains(&Use::Role(Role::Date)) && !plan.keep_dates;
        if has_dates && patient.is_none() {
            return Err(aside(
                "table",
                "the table has dates and no column of patients whose offset could move them; declare \
                 one as \"patient\" in `[table.columns]`",
            ));
        }
        Ok(Self {
            declared: names.iter().map(|name| plan.columns.contains_key(name)).collect(),
            changed: vec![0; names.len()],
            found: vec![BTreeMap::new(); names.len()],
            names,
            uses,
            patient,
            rows: 0,
        })
    }

    /// Looks for identifiers in columns that nobody declared.
    fn look(&mut self, cells: &[String]) {
        self.rows += 1;
        for (place, cell) in cells.iter().enumerate() {
            if !self.declared[place]
                && let Some(finding) = scan(cell)
            {
                *self.found[place].entry(finding).or_default() += 1;
            }
        }
    }

    fn done(self) -> Done {
        let mut done = Done::default();
        let mut count = |name: &str, number: u64| {
            if number > 0 {
                done.actions.push((name.to_owned(), number));
            }
        };
        let dropped = self.uses.iter().filter(|one| **one == Use::Role(Role::Drop)).count();
        count("rows", self.rows);
        count("columns left out", dropped as u64);
        count("cells emptied", self.changed.iter().sum());
        for (place, name) in
            self.names.iter().enumerate().filter(|(place, _)| !self.declared[*place])
        {
            let most = self.found[place].iter().max_by_key(|(_, count)| **count);
            let seems = most.map_or(String::new(), |(finding, cells)| {
                format!("; {cells} of {} cells look like {}", self.rows, finding.words())
            });
            // The name of a column is shown unless it may itself be somebody's.
            let is_known = Words::default().clean(name).is_none();
            let shown =
                if is_known { format!("column `{name}`") } else { format!("column {}", place + 1) };
            let fate = match self.uses[place] {
                Use::Role(Role::Drop) => "left out",
                _ => "kept where its cells are numbers",
            };
            if fate == "left out" || !seems.is_empty() {
                done.warnings.push(format!("{shown} is not declared and was {fate}{seems}"));
            }
        }
        done
    }
}

struct Cleaner<'a> {
    key: &'a Key,
    linkage: &'a Linkage,
    plan: &'a TablePlan,
}

impl Cleaner<'_> {
    fn cell(&self, cell: &str, kind: &Use, patient: Option<&Identifier>) -> Result<String, Error> {
        if self.plan.missing.contains(&cell.to_lowercase()) {
            return Ok(cell.to_owned());
        }
        Ok(match kind {
            Use::Role(role) => self.by_role(cell, *role, patient)?,
            Use::Levels(levels) => only(cell, levels.contains(&cell.to_lowercase())),
            Use::Category => only(cell, is_category(cell)),
            Use::Measure(units) => measure(cell, units),
        })
    }

    fn by_role(
        &self,
        cell: &str,
        role: Role,
        patient: Option<&Identifier>,
    ) -> Result<String, Error> {
        if cell.is_empty() {
            return Ok(String::new());
        }
        Ok(match role {
            Role::Patient => {
                let patient = Identifier::of(cell);
                let pseudonym = self.key.pseudonym(&patient);
                self.linkage.add(&pseudonym, &patient)?;
                pseudonym
            }
            Role::Sample => {
                let pseudonym = self.key.sample(cell);
                self.linkage.add(&pseudonym, &Identifier::of(cell))?;
                pseudonym
            }
            Role::Identifier => format!("OI-{}", self.key.token("identifier", cell)),
            Role::Date if self.plan.keep_dates => only(cell, shift_iso(cell, 0).is_some()),
            Role::Date => match (patient, self.plan.max_shift_days) {
                (Some(patient), Some(most)) => {
                    shift_iso(cell, self.key.shift_days(patient, most)).unwrap_or_default()
                }
                _ => String::new(),
            },
            Role::Age => match cell.parse::<f64>() {
                Ok(years) if years >= 90.0 => "90".to_owned(),
                Ok(years) if years >= 0.0 => cell.to_owned(),
                _ => String::new(),
            },
            Role::Postcode => area(cell).map(|(area, _)| area.to_uppercase()).unwrap_or_default(),
            Role::Number => only(cell, is_harmless_number(cell)),
            Role::Keep => cell.to_owned(),
            Role::FreeText | Role::Drop => String::new(),
        })
    }
}

fn only(cell: &str, stays: bool) -> String {
    if stays { cell.to_owned() } else { String::new() }
}

/// A number that is none of those that people and patients are numbered by.
fn is_harmless_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok() && !crate::scan::is_nhs_number(cell)
}

/// A kind of something: short, and nothing that looks like a person's.
fn is_category(cell: &str) -> bool {
    cell.chars().count() <= 40 && scan(cell).is_none()
}

/// A number, or a number with a unit.
fn measure(cell: &str, units: &[String]) -> String {
    let number_end =
        cell.find(|c: char| !(c.is_ascii_digit() || "+-.eE,".contains(c))).unwrap_or(cell.len());
    let (number, unit) = cell.split_at(number_end);
    let unit = unit.trim();
    let known = unit.is_empty() || units.iter().any(|one| one == unit);
    only(cell, known && is_harmless_number(number.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
