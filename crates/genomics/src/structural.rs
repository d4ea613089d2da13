//! Structural variants as events, whatever program called them.

mod breakends;
mod features;
#[cfg(test)]
mod golden;
mod settings;
mod table;
mod vcf;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

pub use features::sv_features;
pub use settings::{Fusion, SvSettings};

use crate::{Error, columns::matches_sample, copy_number::is_vcf, lines::Lines};

/// What an event does to the genome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Deletion,
    Duplication,
    Inversion,
    Insertion,
    Translocation,
    /// One side of a break whose other side cannot be placed.
    SingleBreakend,
    /// A change of copy number without its direction, or of a kind of the caller's own.
    Other,
}

/// One side of a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The chromosome without `chr` in front.
    pub(crate) chromosome: String,
    pub(crate) position: u64,
}

/// A structural variant: both sides of a break, however many records tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) class: Class,
    pub(crate) ends: [Option<Place>; 2],
    /// Bases between the ends, or inserted.
    pub(crate) length: Option<u64>,
    /// The genes at each end; those of an event of one record all stand at the first.
    pub(crate) genes: [BTreeSet<String>; 2],
    /// Pairs of genes that the file calls fused.
    pub(crate) fusions: Vec<(String, String)>,
    pub(crate) passes: bool,
    /// Which samples have it, by the number of the sample.
    pub(crate) carriers: BTreeSet<usize>,
}

/// The structural variants of one or many tumors as one file gives them.
#[derive(Clone, Debug, Default)]
pub struct StructuralVariants {
    path: PathBuf,
    events: Vec<Event>,
    /// The number of each sample.
    samples: BTreeMap<String, usize>,
    /// The sample that a file of one tumor is about.
    only: Option<usize>,
    /// The file lists all events of a kind, not fusions alone.
    tells_classes: bool,
    /// The file names genes.
    tells_genes: bool,
    is_vcf: bool,
}

impl StructuralVariants {
    /// Reads a file of structural variants, plain or compressed; what wrote it is found from its
    /// content: a VCF, BEDPE, cBioPortal's `data_structural_variants` and `data_fusions`, and the
    /// fusion tables of STAR-Fusion, Arriba and PCGR.
    ///
    /// The two breakends of a VCF are one event: they are paired by `MATEID` or `PARID`, else where
    /// each names the other's position, else as the only two of an `EVENT`. A breakend whose mate is
    /// missing is an event too.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated or damaged, lacks a column, or has a row that
    /// cannot be understood.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let is_vcf = is_vcf(&mut Lines::open(path)?)?;
        let mut lines = Lines::open(path)?;
        let found = if is_vcf { vcf::read(&mut lines) } else { table::read(&mut lines) };
        found.map(|found| Self { path: path.to_owned(), is_vcf, ..found })
    }

    /// The sample names of a table of many, sorted; none for a VCF or a table of one tumor.
    pub fn samples(&self) -> impl Iterator<Item = &str> {
        let is_of_many = !self.is_vcf && self.only.is_none();
        self.samples.keys().filter(move |_| is_of_many).map(String::as_str)
    }

    /// Whether the file is of one tumor, so that it speaks of whoever names it in files.csv.
    #[must_use]
    pub fn is_of_one_tumor(&self) -> bool {
        self.is_vcf || self.only.is_some()
    }

    /// The numbers that a sample id stands for.
    ///
    /// A table without a row for a sample has no event of it; a VCF must hold the tumor.
    fn matching(&self, sample_id: &str, prefix: Option<usize>) -> Result<BTreeSet<usize>, Error> {
        let matching =
            self.samples.iter().filter(|(name, _)| matches_sample(name, sample_id, prefix));
        let found: BTreeSet<usize> = matching.map(|(_, &number)| number).collect();
        match self.only {
            Some(only) if found.is_empty() => Ok(BTreeSet::from([only])),
            None if found.is_empty() && self.is_vcf => {
                Err(Error::UnknownTumor { path: self.path.clone(), samples: self.samples.len() })
            }
            _ => Ok(found),
        }
    }
}
