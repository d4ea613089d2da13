//! Tables of genes: a column for each sample, a row for each gene and sample, or one sample.

use std::collections::BTreeMap;

use super::{
    CopyNumber, GeneUnit, GeneValues, Genes,
    segments::{cells, value},
};
use crate::{
    Error,
    columns::Columns,
    lines::{Lines, text},
};

const GENE: &[&str] = &["Hugo_Symbol", "Gene Symbol", "gene_name", "gene", "Gene"];
const ENTREZ: &[&str] = &["Entrez_Gene_Id", "Locus ID", "Gene ID"];

/// Columns of a matrix that hold no sample.
const NO_SAMPLE: &[&str] = &[
    "Hugo_Symbol",
    "Gene Symbol",
    "Gene",
    "gene_name",
    "Entrez_Gene_Id",
    "Locus ID",
    "Gene ID",
    "gene_id",
    "Cytoband",
];

/// What the rows and columns of a table of genes are.
pub(super) enum Kind {
    /// A gene a row, a sample a column, from GISTIC or cBioPortal.
    Matrix,
    /// One value a row, with a column that names the sample.
    Long { sample: usize, value: usize },
    /// A gene a row, of one tumor: PURPLE and GDC.
    OneTumor { value: usize },
}

impl Kind {
    /// Which of them a table is; `None` where it is no table of genes.
    pub(super) fn of(columns: &Columns) -> Option<Self> {
        let find = |name| columns.find(&[name]);
        if let Some(value) = find("minCopyNumber") {
            return Some(Self::OneTumor { value });
        }
        if let (Some(_), Some(value)) = (find("gene_name"), find("copy_number")) {
            return Some(Self::OneTumor { value });
        }
        let has_place = columns.find(&["chrom", "Chromosome", "chr"]).is_some();
        if has_place || columns.find(GENE).or(columns.find(ENTREZ)).is_none() {
            return None;
        }
        match (find("Sample_Id"), find("Value")) {
            (Some(sample), Some(value)) => Some(Self::Long { sample, value }),
            _ => Some(Self::Matrix),
        }
    }
}

/// Reads the rows below the header.
pub(super) fn read(lines: &mut Lines, columns: &Columns, kind: &Kind) -> Result<CopyNumber, Error> {
    // A column for each sample: its place and name.
    let mut samples: Vec<(usize, String)> = match kind {
        Kind::Matrix => matrix_samples(lines, columns)?,
        Kind::OneTumor { value } => vec![(*value, String::new())],
        Kind::Long { .. } => Vec::new(),
    };
    let symbol = columns.find(GENE);
    let entrez = columns.find(ENTREZ);
    let mut numbers = BTreeMap::new();
    let mut values: BTreeMap<String, GeneValues> =
        samples.iter().map(|(_, name)| (name.clone(), Vec::new())).collect();
    while lines.next()?.is_some() {
        if lines.line().trim_ascii().is_empty() || lines.line().starts_with(b"#") {
            continue;
        }
        let row: Vec<&[u8]> = cells(lines.line()).collect();
        if row.len() < columns.len() {
            return Err(lines.too_few_columns(columns.len(), row.len()));
        }
        let name = |place: Option<usize>| place.map_or_else(String::new, |place| text(row[place]));
        let named = [name(symbol), name(entrez)].into_iter().find(|name| !name.is_empty());
        let Some(gene) = named else {
            return Err(lines.fault(
                "a gene's symbol or its Entrez id",
                "neither",
                "name the gene",
            ));
        };
        // GISTIC writes a gene that stands in two places as `GENE|chr1`.
        let gene = gene.split('|').next().unwrap_or_default().to_owned();
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let place = *numbers.entry(gene).or_insert(next);
        if let Kind::Long { sample, value } = kind {
            samples = vec![(*value, text(row[*sample]))];
        }
        for (column, name) in &samples {
            let value = value(row[*column]).map_err(|()| no_number(lines))?;
            let values = values.entry(name.clone()).or_default();
            values.extend(value.map(|value| (place, single(value))));
        }
    }
    // Of two rows of the same gene the first counts.
    for values in values.values_mut() {
        values.sort_by_key(|&(gene, _)| gene);
        values.dedup_by_key(|&mut (gene, _)| gene);
    }
    let unit = unit(columns, kind, &mut values);
    let only = matches!(kind, Kind::OneTumor { .. }).then(String::new);
    Ok(CopyNumber {
        genes: Genes { unit, numbers, samples: values },
        only,
        ..CopyNumber::default()
    })
}

fn matrix_samples(lines: &Lines, columns: &Columns) -> Result<Vec<(usize, String)>, Error> {
    let names = columns.names().iter().enumerate();
    let of_sample =
        names.filter(|(_, name)| !NO_SAMPLE.iter().any(|other| name.eq_ignore_ascii_case(other)));
    let samples: Vec<_> = of_sample.map(|(place, name)| (place, name.clone())).collect();
    if samples.is_empty() || samples.iter().any(|(_, name)| name.is_empty()) {
        let expected = "the name of a sample above each column of values";
        return Err(lines.fault(expected, "a column without one", "name the sample"));
    }
    Ok(samples)
}

fn no_number(lines: &Lines) -> Error {
    lines.fault("a number or NA as each sample's value", "something else", "correct the row")
}

#[expect(clippy::cast_possible_truncation, reason = "features are stored as float32")]
fn single(value: f64) -> f32 {
    value as f32
}

/// Tells the unit: thresholded values are five whole numbers; GISTIC's others are copies less two,
/// cBioPortal's log2 ratios.
fn unit(columns: &Columns, kind: &Kind, values: &mut BTreeMap<String, GeneValues>) -> GeneUnit {
    const LEVELS: [f32; 6] = [-2.0, -1.5, -1.0, 0.0, 1.0, 2.0];
    if matches!(kind, Kind::OneTumor { .. }) {
        return GeneUnit::Copies;
    }
    if values.values().flatten().all(|(_, value)| LEVELS.contains(value)) {
        return GeneUnit::Level;
    }
    if columns.find(&["Gene Symbol"]).is_none() {
        return GeneUnit::Log2Ratio;
    }
    for (_, value) in values.values_mut().flatten() {
        *value = (*value + 2.0).max(0.0);
    }
    GeneUnit::Copies
}
