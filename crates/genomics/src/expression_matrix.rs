//! Reads tables of gene expression into one vector a sample.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use crate::{
    Error, ExpressionSettings, ExpressionUnit, GeneSets,
    columns::matches_sample,
    lines::{Lines, number, text},
};

const FORMAT: &str = "a table of gene expression";

/// Columns that name a gene, besides the first one.
const GENE_COLUMNS: [&str; 8] = [
    "gene_name",
    "hugo_symbol",
    "gene_symbol",
    "symbol",
    "hgnc_symbol",
    "entrez_gene_id",
    "gene_id",
    "ensembl_gene_id",
];

/// Rows of counters that are no genes: those of STAR and `HTSeq`.
const COUNTERS: [&str; 9] = [
    "N_unmapped",
    "N_multimapping",
    "N_noFeature",
    "N_ambiguous",
    "__no_feature",
    "__ambiguous",
    "__too_low_aQual",
    "__not_aligned",
    "__alignment_not_unique",
];

/// What stands for "not measured" in a cell.
const MISSING: [&[u8]; 6] = [b"", b"NA", b"NaN", b"nan", b"null", b"."];

/// What one table holds of the asked samples and genes.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    path: PathBuf,
    /// Every name of every gene, with its place in the values.
    places: HashMap<String, usize>,
    genes: usize,
    samples: Vec<Sample>,
    /// The table is one sample's and does not say whose.
    is_single: bool,
    /// How many values were averaged, where more than one.
    averaged: HashMap<(usize, usize), u32>,
    /// The first gene of the table, for messages.
    pub(crate) example: Option<String>,
}

/// One sample's values.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    id: String,
    /// One value a gene, in the order of places; shorter where the last ones are missing.
    pub(crate) values: Vec<Option<f32>>,
    /// The sum over all genes of the table.
    pub(crate) total: f64,
}

impl Matrix {
    /// The place of a gene, by any of its names.
    pub(crate) fn place(&self, gene: &str) -> Option<usize> {
        self.places.get(without_version(gene)).copied()
    }

    /// The one sample of an id: the whole barcode, or the only one with its first characters.
    pub(crate) fn sample(&self, id: &str, prefix: Option<usize>) -> Result<&Sample, Error> {
        if self.is_single {
            return Ok(&self.samples[0]);
        }
        let found: Vec<&Sample> =
            self.samples.iter().filter(|sample| matches_sample(&sample.id, id, prefix)).collect();
        match (found.iter().find(|sample| sample.id == id), found.as_slice()) {
            (Some(sample), _) | (None, [sample]) => Ok(sample),
            (None, []) => Err(Error::NoSuchColumn { path: self.path.clone() }),
            (None, several) => {
                Err(Error::SeveralSamples { path: self.path.clone(), samples: several.len() })
            }
        }
    }

    /// The place of a gene with these names, a new one where none of its names is known.
    fn place_of(&mut self, names: &[String]) -> usize {
        let place = self.places.get(&names[0]).copied().unwrap_or(self.genes);
        self.genes = self.genes.max(place + 1);
        for name in names {
            self.places.entry(name.clone()).or_insert(place);
        }
        place
    }

    fn add(&mut self, sample: usize, place: usize, value: f64, is_linear: bool) {
        #[expect(clippy::cast_possible_truncation, reason = "features are float32")]
        let value = value as f32;
        let values = &mut self.samples[sample].values;
        if values.len() <= place {
            values.resize(place + 1, None);
        }
        let Some(before) = values[place] else {
            values[place] = Some(value);
            return;
        };
        values[place] = Some(if is_linear {
            before + value
        } else {
            let count = self.averaged.entry((sample, place)).or_insert(1);
            *count += 1;
            before + (value - before) / *count as f32
        });
    }
}

/// Which way a table lies.
enum Layout {
    /// The columns that name a row's gene, and for each sample its column.
    GenesInRows { names: Vec<usize>, columns: Vec<usize> },
    /// The column and the place of each gene that is kept; the first column names the sample.
    SamplesInRows { columns: Vec<(usize, Option<usize>)> },
}

/// Reads what was asked for.
pub(crate) fn read(
    path: &Path,
    asked: &[&str],
    settings: &ExpressionSettings,
    gene_sets: &GeneSets,
) -> Result<Matrix, Error> {
    let mut lines = Lines::open(path)?;
    let mut rows = Rows::open(&mut lines)?;
    let wanted = Wanted::new(asked, settings, gene_sets);
    let mut matrix = Matrix { path: path.to_owned(), ..Matrix::default() };
    let layout = wanted.layout(&rows, &mut matrix)?;
    if matrix.is_single && wanted.ids.len() > 1 {
        return Err(Error::SeveralAsked { path: path.to_owned(), samples: wanted.ids.len() });
    }
    while rows.next()? {
        match &layout {
            Layout::GenesInRows { names, columns } => {
                wanted.add_gene(&rows, names, columns, &mut matrix)?;
            }
            Layout::SamplesInRows { columns } => wanted.add_sample(&rows, columns, &mut matrix)?,
        }
    }
    Ok(matrix)
}

/// The rows of a delimited table, its header read.
struct Rows<'a> {
    lines: &'a mut Lines,
    delimiter: u8,
    header: Vec<String>,
    /// The first row waits, for it tells whether the header lacks a name for its first column.
    waiting: bool,
}

impl<'a> Rows<'a> {
    fn open(lines: &'a mut Lines) -> Result<Self, Error> {
        let mut skip_after: u64 = 0;
        loop {
            let Some(line) = lines.next()? else {
                return Err(Error::Empty { path: lines.path().to_owned(), expected: FORMAT });
            };
            // GCT says its version, then its size; version 1.3 has rows about its samples.
            let is_gct = lines_start(line, b"#1.");
            if is_gct {
                let size = text(lines.next()?.unwrap_or_default());
                skip_after =
                    size.split('\t').nth(3).and_then(|rows| rows.parse().ok()).unwrap_or(0);
                continue;
            }
            if !line.trim_ascii().is_empty() && !line.starts_with(b"#") {
                break;
            }
        }
        let line = lines.line();
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let delimiter =
            *[b'\t', b',', b';'].iter().find(|byte| line.contains(byte)).unwrap_or(&b'\t');
        let mut header: Vec<String> = cells(line, delimiter).map(text).collect();
        for _ in 0..skip_after {
            if lines.next()?.is_none() {
                break;
            }
        }
        let waiting = next_row(lines)?;
        // R's write.table leaves out the name of the row names' column.
        if waiting && cells(lines.line(), delimiter).count() == header.len() + 1 {
            header.insert(0, String::new());
        }
        Ok(Self { lines, delimiter, header, waiting })
    }

    /// Goes to the next row; false at the end.
    fn next(&mut self) -> Result<bool, Error> {
        Ok(std::mem::take(&mut self.waiting) || next_row(self.lines)?)
    }

    fn cells(&self) -> Result<Vec<&[u8]>, Error> {
        let cells: Vec<&[u8]> = cells(self.lines.line(), self.delimiter).collect();
        if cells.len() == self.header.len() {
            return Ok(cells);
        }
        let expected = format!("{} cells as in the header", self.header.len());
        Err(self.lines.fault(expected, cells.len().to_string(), "complete the row"))
    }

    /// The number in a cell; `None` where it is not known.
    fn value(&self, cell: &[u8], column: usize, is_linear: bool) -> Result<Option<f64>, Error> {
        if MISSING.contains(&cell) {
            return Ok(None);
        }
        match number::<f64>(cell).filter(|value| value.is_finite()) {
            Some(value) if value < 0.0 && is_linear => Err(self.lines.fault(
                format!("an amount of 0 or more in column {}", column + 1),
                cell_shown(cell),
                "are these logarithms or z-scores? set `unit` accordingly",
            )),
            Some(value) => Ok(Some(value)),
            None => Err(self.lines.fault(
                format!("a number in column {}", column + 1),
                cell_shown(cell),
                "correct the cell, or leave it empty where the value is not known",
            )),
        }
    }
}

fn lines_start(line: &[u8], start: &[u8]) -> bool {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).starts_with(start)
}

fn cell_shown(cell: &[u8]) -> String {
    format!("`{}`", text(cell).chars().take(20).filter(|c| !c.is_control()).collect::<String>())
}

fn next_row(lines: &mut Lines) -> Result<bool, Error> {
    while let Some(line) = lines.next()? {
        if !line.trim_ascii().is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn cells(line: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    line.split(move |&byte| byte == delimiter).map(|cell| {
        let cell = cell.trim_ascii();
        cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
    })
}

/// What is asked of a table.
struct Wanted<'a> {
    ids: HashSet<&'a str>,
    prefixes: HashSet<String>,
    prefix: usize,
    unit: ExpressionUnit,
    genes: HashSet<&'a str>,
    gene_sets: &'a GeneSets,
}

impl<'a> Wanted<'a> {
    fn new(asked: &[&'a str], settings: &'a ExpressionSettings, gene_sets: &'a GeneSets) -> Self {
        let prefix = settings.barcode_prefix.unwrap_or(0);
        let start = |id: &&str| id.chars().take(prefix).collect::<String>();
        Self {
            ids: asked.iter().copied().collect(),
            prefixes: asked.iter().filter(|_| prefix > 0).map(start).collect(),
            prefix,
            unit: settings.unit,
            genes: settings.genes.iter().map(|gene| without_version(gene)).collect(),
            gene_sets,
        }
    }

    fn is_asked(&self, sample: &str) -> bool {
        let start = || sample.chars().take(self.prefix).collect::<String>();
        self.ids.contains(sample) || (self.prefix > 0 && self.prefixes.contains(&start()))
    }

    /// Ranks need every gene of a sample, single genes only themselves.
    fn keeps(&self, names: &[String]) -> bool {
        !self.gene_sets.sets.is_empty()
            || names.iter().any(|name| self.genes.contains(name.as_str()))
    }

    fn layout(&self, rows: &Rows, matrix: &mut Matrix) -> Result<Layout, Error> {
        let header = &rows.header;
        // The description of a GCT is a symbol where the name is an Ensembl id, else anything.
        let by_ensembl = rows.waiting && is_ensembl(&text(rows.cells()?[0]));
        let is_name = |column: usize| match header[column].to_ascii_lowercase().as_str() {
            _ if column == 0 => true,
            "description" => by_ensembl,
            name => GENE_COLUMNS.contains(&name),
        };
        let names: Vec<usize> = (0..header.len()).filter(|&column| is_name(column)).collect();
        let columns: Vec<usize> =
            (1..header.len()).filter(|&column| self.is_asked(&header[column])).collect();
        let sample = |id: &str| Sample { id: id.to_owned(), ..Sample::default() };
        if !columns.is_empty() {
            matrix.samples = columns.iter().map(|&column| sample(&header[column])).collect();
            return Ok(Layout::GenesInRows { names, columns });
        }
        if let Some(column) = self.value_column(header) {
            matrix.samples = vec![Sample::default()];
            matrix.is_single = true;
            return Ok(Layout::GenesInRows { names, columns: vec![column] });
        }
        let gene_names: Vec<(usize, Vec<String>)> = (1..header.len())
            .map(|column| (column, gene_names([header[column].as_str()].into_iter())))
            .filter(|(_, names)| !names.is_empty())
            .collect();
        let known = |name: &String| self.genes.contains(name.as_str()) || self.gene_sets.has(name);
        if gene_names.iter().flat_map(|(_, names)| names).any(known) {
            let columns = gene_names.iter().map(|(column, names)| {
                matrix.example.get_or_insert_with(|| names[0].clone());
                (*column, self.keeps(names).then(|| matrix.place_of(names)))
            });
            return Ok(Layout::SamplesInRows { columns: columns.collect() });
        }
        Err(Error::NeitherSamplesNorGenes {
            path: matrix.path.clone(),
            line: rows.lines.number() - u64::from(rows.waiting),
            samples: self.ids.len(),
        })
    }

    /// The column of values in a file of one sample.
    fn value_column(&self, header: &[String]) -> Option<usize> {
        let names: &[&str] = match self.unit {
            ExpressionUnit::Tpm => &["tpm_unstranded", "tpm"],
            ExpressionUnit::Fpkm => &["fpkm_unstranded", "fpkm"],
            ExpressionUnit::Counts => {
                &["unstranded", "expected_count", "numreads", "est_counts", "counts", "count"]
            }
            ExpressionUnit::Log2 => &["log2", "log2_tpm", "log2_fpkm"],
            ExpressionUnit::Zscore => &["zscore", "z_score"],
        };
        names.iter().find_map(|name| header.iter().position(|cell| cell.eq_ignore_ascii_case(name)))
    }

    fn add_gene(
        &self,
        rows: &Rows,
        name_columns: &[usize],
        columns: &[usize],
        matrix: &mut Matrix,
    ) -> Result<(), Error> {
        let cells = rows.cells()?;
        let texts: Vec<String> = name_columns.iter().map(|&column| text(cells[column])).collect();
        if COUNTERS.contains(&texts[0].as_str()) {
            return Ok(());
        }
        let names = gene_names(texts.iter().map(String::as_str));
        let Some(first) = names.first() else { return Ok(()) };
        matrix.example.get_or_insert_with(|| first.clone());
        let keeps = self.keeps(&names);
        if !keeps && self.unit != ExpressionUnit::Counts {
            return Ok(());
        }
        let place = keeps.then(|| matrix.place_of(&names));
        let is_linear = self.unit.is_linear();
        for (sample, &column) in columns.iter().enumerate() {
            if let Some(value) = rows.value(cells[column], column, is_linear)? {
                matrix.samples[sample].total += value;
                if let Some(place) = place {
                    matrix.add(sample, place, value, is_linear);
                }
            }
        }
        Ok(())
    }

    fn add_sample(
        &self,
        rows: &Rows,
        columns: &[(usize, Option<usize>)],
        matrix: &mut Matrix,
    ) -> Result<(), Error> {
        let cells = rows.cells()?;
        let id = text(cells[0]);
        if !self.is_asked(&id) {
            return Ok(());
        }
        if matrix.samples.iter().any(|sample| sample.id == id) {
            let expected = "each sample in one row";
            return Err(rows.lines.fault(expected, "one that was there before", "remove one"));
        }
        let sample = matrix.samples.len();
        matrix.samples.push(Sample { id, ..Sample::default() });
        let is_linear = self.unit.is_linear();
        for &(column, place) in columns {
            if place.is_none() && self.unit != ExpressionUnit::Counts {
                continue;
            }
            if let Some(value) = rows.value(cells[column], column, is_linear)? {
                matrix.samples[sample].total += value;
                if let Some(place) = place {
                    matrix.add(sample, place, value, is_linear);
                }
            }
        }
        Ok(())
    }
}

/// All names of a gene, its symbol first.
fn gene_names<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<String> {
    let usable = |name: &&str| !matches!(*name, "" | "?" | "NA" | "na" | "---" | "null" | "0");
    let mut names: Vec<String> = Vec::new();
    for cell in cells {
        for name in cell.split('|').map(|name| without_version(name.trim())).filter(usable) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    names.sort_by_key(|name| !is_symbol(name));
    names
}

fn is_ensembl(name: &str) -> bool {
    name.strip_prefix("ENS").is_some_and(|rest| rest.len() >= 12 && rest.contains("G0"))
}

fn is_symbol(name: &str) -> bool {
    !is_ensembl(name) && !name.bytes().all(|byte| byte.is_ascii_digit())
}

/// An Ensembl id without its version; anything else as it is.
fn without_version(name: &str) -> &str {
    if is_ensembl(name) { name.split('.').next().unwrap_or(name) } else { name }
}

#[cfg(test)]
mod tests;
