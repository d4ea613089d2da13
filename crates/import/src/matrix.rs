//! Checks of data files, read line by line for they may be large.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    Error,
    findings::Findings,
    table::{Lines, QUOTED, cells, is_missing, is_quoted},
};

/// Columns of a gene matrix that are no samples.
const GENE_COLUMNS: [&str; 3] = ["Hugo_Symbol", "Entrez_Gene_Id", "Cytoband"];

/// What the cells of a matrix may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cells {
    Numbers,
    /// -2, -1.5, -1, 0, 1 or 2.
    Levels,
}

impl Cells {
    fn expected(self) -> &'static str {
        match self {
            Self::Numbers => "expected numbers or NA, found something else",
            Self::Levels => "expected -2, -1.5, -1, 0, 1, 2 or NA, found something else",
        }
    }

    fn holds(self, cell: &str) -> bool {
        match self {
            _ if cell.is_empty() => false,
            _ if is_missing(cell) => true,
            Self::Numbers => cell.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Levels => ["-2", "-1.5", "-1", "0", "1", "2"].contains(&cell),
        }
    }
}

/// Checks a matrix of genes by samples and returns its samples.
pub(crate) fn samples_of_matrix(
    study: &Path,
    file: &str,
    kind: Cells,
    known: &BTreeSet<&str>,
    findings: &mut Findings,
) -> Result<BTreeSet<String>, Error> {
    let mut lines = Lines::open(study, file)?;
    let Some((line, header)) = lines.next(findings)? else {
        findings.fault(file, "expected a table with a header, found none");
        return Ok(BTreeSet::new());
    };
    let header = cells(&header);
    if !header.iter().any(|name| GENE_COLUMNS[..2].contains(&name.as_str())) {
        let message = "expected a column `Hugo_Symbol` or `Entrez_Gene_Id`, found neither";
        findings.fault_at(file, line, message);
    }
    let is_sample = |name: &&String| !GENE_COLUMNS.contains(&name.as_str());
    let mut samples = BTreeSet::new();
    for name in header.iter().filter(is_sample) {
        if name.is_empty() {
            findings.fault_at(file, line, "expected a sample in every column, found an empty name");
        } else if is_quoted(name) {
            findings.fault_at(file, line, QUOTED);
        } else if !known.contains(name.as_str()) {
            let message = "a column's sample is not in the clinical sample table";
            findings.fault_at(file, line, message);
        } else if !samples.insert(name.clone()) {
            findings.fault_at(file, line, "a sample is there twice; remove one column");
        }
    }
    let first = header.iter().take_while(|name| !is_sample(name)).count();
    while let Some((number, line)) = lines.next(findings)? {
        let row: Vec<&str> = line.split('\t').map(str::trim).collect();
        if row.len() != header.len() {
            let message = format!("expected {} cells, found {}", header.len(), row.len());
            findings.fault_at(file, number, message);
        } else if row.iter().any(|cell| is_quoted(cell)) {
            findings.fault_at(file, number, QUOTED);
        } else if !row.iter().skip(first).all(|cell| kind.holds(cell)) {
            findings.fault_at(file, number, kind.expected());
        }
    }
    Ok(samples)
}

/// Whether a matrix that was checked holds a number below zero.
pub(crate) fn has_negative_numbers(study: &Path, file: &str) -> Result<bool, Error> {
    let mut lines = Lines::open(study, file)?;
    let mut ignored = Findings::default();
    lines.next(&mut ignored)?;
    while let Some((_, line)) = lines.next(&mut ignored)? {
        if line.split('\t').any(|cell| cell.trim().parse::<f64>().is_ok_and(|value| value < 0.0)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One row of a table that has its sample in a column.
pub(crate) struct Row<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: u64,
    header: &'a BTreeMap<String, usize>,
    cells: &'a [&'a str],
}

impl<'a> Row<'a> {
    /// The cell of a column, its name without regard to case; `None` where it is empty or absent.
    pub(crate) fn get(&self, column: &str) -> Option<&'a str> {
        let place = *self.header.get(&column.to_ascii_lowercase())?;
        self.cells.get(place).copied().filter(|cell| !cell.is_empty())
    }
}

/// What a table with a sample in a column must have.
pub(crate) struct Rules<'c> {
    /// The column of the sample.
    pub(crate) sample: &'c str,
    /// Other columns that must be there.
    pub(crate) columns: &'c [&'c str],
    /// Checks one row.
    pub(crate) check: &'c dyn Fn(&Row<'_>, &mut Findings),
}

/// Checks a table that has its sample in a column, and returns its samples; lines that begin with
/// `#` are comments.
pub(crate) fn samples_of_list(
    study: &Path,
    file: &str,
    rules: &Rules<'_>,
    known: &BTreeSet<&str>,
    findings: &mut Findings,
) -> Result<BTreeSet<String>, Error> {
    let mut lines = Lines::open(study, file)?;
    let mut header: Option<BTreeMap<String, usize>> = None;
    let mut samples = BTreeSet::new();
    while let Some((number, line)) = lines.next(findings)? {
        if line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        let Some(header) = &header else {
            header = Some(read_header(&cells, file, number, rules, findings));
            continue;
        };
        if cells.iter().any(|cell| is_quoted(cell)) {
            findings.fault_at(file, number, QUOTED);
            continue;
        }
        let row = Row { file, line: number, header, cells: &cells };
        match row.get(rules.sample) {
            Some(sample) if known.contains(sample) => {
                samples.insert(sample.to_owned());
            }
            _ => {
                let message = "expected a sample of the clinical sample table, found another";
                findings.fault_in(file, number, rules.sample, message);
            }
        }
        (rules.check)(&row, findings);
    }
    if header.is_none() {
        findings.fault(file, "expected a table with a header, found none");
    }
    Ok(samples)
}

fn read_header(
    cells: &[&str],
    file: &str,
    line: u64,
    rules: &Rules<'_>,
    findings: &mut Findings,
) -> BTreeMap<String, usize> {
    let names = cells.iter().enumerate();
    let header: BTreeMap<String, usize> =
        names.map(|(place, name)| (name.to_ascii_lowercase(), place)).collect();
    for name in std::iter::once(&rules.sample).chain(rules.columns) {
        if !header.contains_key(&name.to_ascii_lowercase()) {
            let message = format!("expected a column `{name}` in the header, found none");
            findings.fault_at(file, line, message);
        }
    }
    header
}
