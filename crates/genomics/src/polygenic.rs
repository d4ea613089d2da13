//! Scoring files of the PGS Catalog.

use std::path::Path;

use crate::{
    Error,
    columns::Columns,
    genotypes::{Alleles, Site},
    lines::{Lines, fields, number, text},
    settings::bare_chromosome,
};

const FORMAT: &str = "a scoring file of the PGS Catalog";

/// Variants whose weights depend on other variants or on phase.
const UNSUPPORTED: [&str; 3] = ["is_interaction", "is_haplotype", "is_diplotype"];

/// A polygenic score: its variants and what each adds.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    pub(crate) id: String,
    pub(crate) title: String,
    /// The genome build of the positions, as the file writes it.
    pub(crate) build: Option<String>,
    pub(crate) variants: Vec<ScoreVariant>,
}

/// One row of a scoring file.
#[derive(Clone, Debug)]
pub(crate) struct ScoreVariant {
    /// `None` where the row gives neither a position nor an rsID.
    pub(crate) site: Option<Site>,
    pub(crate) alleles: Alleles,
    /// What 0, 1 and 2 effect alleles add.
    weights: [f64; 3],
    /// The effect allele's frequency.
    frequency: Option<f64>,
}

impl ScoreVariant {
    /// What a dosage from 0 to 2 adds; between whole numbers in proportion.
    pub(crate) fn adds(&self, dosage: f64) -> f64 {
        let [none, one, two] = self.weights;
        if dosage <= 1.0 {
            none + (one - none) * dosage
        } else {
            one + (two - one) * (dosage - 1.0)
        }
    }

    /// What an unknown genotype adds: the mean over the frequency's genotypes in Hardy-Weinberg
    /// equilibrium, and nothing where the file gives no frequency.
    pub(crate) fn expected(&self) -> f64 {
        let [none, one, two] = self.weights;
        self.frequency.map_or(0.0, |p| {
            let q = 1.0 - p;
            q * q * none + 2.0 * p * q * one + p * p * two
        })
    }
}

/// Where a scoring file has its columns.
struct ScoreColumns {
    rsid: Vec<usize>,
    chromosome: Option<usize>,
    position: Option<usize>,
    effect: usize,
    others: Vec<usize>,
    weight: Option<usize>,
    dosage_weights: Option<[usize; 3]>,
    dominant: Option<usize>,
    recessive: Option<usize>,
    unsupported: Vec<usize>,
    frequency: Option<usize>,
}

impl ScoreColumns {
    fn new(header: &Columns) -> Result<Self, Error> {
        let all = |names: &[&str]| names.iter().filter_map(|name| header.find(&[name])).collect();
        let dosage = |name| header.find(&[name]);
        let dosage_weights =
            match (dosage("dosage_0_weight"), dosage("dosage_1_weight"), dosage("dosage_2_weight"))
            {
                (Some(none), Some(one), Some(two)) => Some([none, one, two]),
                _ => None,
            };
        let weight = header.find(&["effect_weight", "weight"]);
        if weight.is_none() && dosage_weights.is_none() {
            header.need(&["effect_weight"])?;
        }
        // A harmonised file has the positions of its own build beside those of the author.
        let harmonised = header.find(&["hm_chr"]).is_some();
        let place = |own, theirs| header.find(&[if harmonised { theirs } else { own }]);
        Ok(Self {
            rsid: all(&["hm_rsID", "rsID", "snpid"]),
            chromosome: place("chr_name", "hm_chr"),
            position: place("chr_position", "hm_pos"),
            effect: header.need(&["effect_allele"])?,
            others: all(&["other_allele", "reference_allele", "hm_inferOtherAllele"]),
            weight,
            dosage_weights,
            dominant: header.find(&["is_dominant"]),
            recessive: header.find(&["is_recessive"]),
            unsupported: all(&UNSUPPORTED),
            frequency: header.find(&["allelefrequency_effect"]),
        })
    }
}

impl Score {
    /// Reads a scoring file, plain or compressed, harmonised or as its authors gave it.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let mut lines = Lines::open(path)?;
        let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut score = Self {
            id: stem.split(['.', '_']).next().unwrap_or_default().to_owned(),
            title: String::new(),
            build: None,
            variants: Vec::new(),
        };
        let header = Columns::read_with_comments(&mut lines, FORMAT, |comment| {
            let Some((key, value)) = comment.trim_start_matches('#').split_once('=') else {
                return;
            };
            match (key.trim(), value.trim()) {
                (_, "" | "NR") => {}
                ("pgs_id", id) => id.clone_into(&mut score.id),
                ("trait_reported", title) => title.clone_into(&mut score.title),
                ("HmPOS_build", build) => score.build = Some(build.to_owned()),
                ("genome_build", build) => {
                    score.build.get_or_insert_with(|| build.to_owned());
                }
                _ => {}
            }
        })?;
        let columns = ScoreColumns::new(&header)?;
        while lines.next()?.is_some() {
            if lines.line().trim_ascii().is_empty() {
                continue;
            }
            let row: Vec<&[u8]> = fields(lines.line()).map(<[u8]>::trim_ascii).collect();
            if row.len() != header.len() {
                return Err(lines.too_few_columns(header.len(), row.len()));
            }
            score.variants.push(columns.variant(&row, &lines)?);
        }
        if score.variants.is_empty() {
            return Err(Error::Empty { path: path.to_owned(), expected: FORMAT });
        }
        Ok(score)
    }
}

impl ScoreColumns {
    fn variant(&self, row: &[&[u8]], lines: &Lines) -> Result<ScoreVariant, Error> {
        let cell = |column: Option<usize>| column.map_or(b"".as_slice(), |column| row[column]);
        let is_true = |column: Option<usize>| cell(column).eq_ignore_ascii_case(b"true");
        if self.unsupported.iter().any(|&column| is_true(Some(column))) {
            return Err(lines.fault(
                "variants that count by themselves",
                "an interaction, haplotype or diplotype",
                "leave this score out: it needs phased genotypes",
            ));
        }
        let weight = |column: usize| {
            number::<f64>(row[column]).filter(|weight| weight.is_finite()).ok_or_else(|| {
                lines.fault("a number as weight", "something else", "correct the row")
            })
        };
        let weights = match (self.dosage_weights, self.weight) {
            (Some([none, one, two]), _) if !row[none].is_empty() => {
                [weight(none)?, weight(one)?, weight(two)?]
            }
            (_, Some(column)) => match weight(column)? {
                weight if is_true(self.dominant) => [0.0, weight, weight],
                weight if is_true(self.recessive) => [0.0, 0.0, weight],
                weight => [0.0, weight, 2.0 * weight],
            },
            _ => return Err(lines.fault("a weight", "none", "complete the row")),
        };
        let effect = text(row[self.effect]).to_ascii_uppercase();
        if effect.is_empty() {
            return Err(lines.fault("an effect allele", "none", "complete the row"));
        }
        let known = |bytes: &[u8]| !matches!(bytes, b"" | b"NA" | b"." | b"NR");
        let other = self.others.iter().map(|&column| row[column]).find(|cell| known(cell));
        // An inferred allele may be a list.
        let other = other.map(|other| text(other).to_ascii_uppercase());
        let chromosome = Some(cell(self.chromosome)).filter(|cell| known(cell)).map(text);
        let place = chromosome.zip(number(cell(self.position)));
        let rsid = self.rsid.iter().map(|&column| row[column]).find(|cell| cell.starts_with(b"rs"));
        let site = place
            .map(|(chromosome, position)| Site::Place {
                chromosome: bare_chromosome(&chromosome).to_owned(),
                position,
            })
            .or_else(|| rsid.map(|rsid| Site::Id(text(rsid))));
        let frequency = number(cell(self.frequency)).filter(|p| (0.0..=1.0).contains(p));
        let other = other.filter(|other| other.bytes().all(|byte| byte.is_ascii_alphabetic()));
        Ok(ScoreVariant { site, alleles: Alleles { effect, other }, weights, frequency })
    }
}
