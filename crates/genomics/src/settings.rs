use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::VariantSettings;

/// The options of a modality of `kind = "vcf"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VcfSettings {
    /// What is counted of small variants.
    #[serde(flatten)]
    pub variants: VariantSettings,
    /// Counts only records whose FILTER is `PASS` or `.`.
    #[serde(default = "yes")]
    pub passing_only: bool,
    /// Promises that the caller looked for copy number changes, so that a file without such a
    /// record has none. Without the promise its copy number is unknown.
    #[serde(default)]
    pub copy_number: bool,
    /// Accepts a file that names no consequences although `genes` asks for them; its driver and
    /// class features have no value. Without it such a file is an error.
    #[serde(default)]
    pub unannotated: bool,
    /// How many of a patient's files have to hold a variant for it to count, 1 by default. Where it
    /// is given, several VCFs of one patient and date are one tumor's by several callers.
    #[serde(default = "one", deserialize_with = "at_least_one")]
    pub min_callers: usize,
    /// Genes that get a copy number feature, each with its place: `MYC = "8:127735434-127742951"`.
    #[serde(default)]
    pub gene_positions: BTreeMap<String, Interval>,
}

/// The options of a modality of `kind = "maf"`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MafSettings {
    /// What is counted of small variants.
    #[serde(flatten)]
    pub variants: VariantSettings,
    /// Compares sample ids with only so many first characters of `Tumor_Sample_Barcode`: 12 turns
    /// a TCGA aliquot into its patient.
    #[serde(default)]
    pub barcode_prefix: Option<usize>,
    /// Counts only rows whose `FILTER` is `PASS`, `.` or empty. Off by default, for a published
    /// MAF was filtered already and keeps the column as a note.
    #[serde(default)]
    pub passing_only: bool,
}

impl Default for VcfSettings {
    fn default() -> Self {
        Self {
            variants: VariantSettings::default(),
            passing_only: true,
            copy_number: false,
            unannotated: false,
            min_callers: 1,
            gene_positions: BTreeMap::new(),
        }
    }
}

impl VcfSettings {
    /// Whether a file that names no consequences is an error.
    pub(crate) fn needs_annotation(&self) -> bool {
        let by_interval = self.variants.gene_intervals.is_some();
        !self.variants.genes.is_empty() && !self.unannotated && !by_interval
    }
}

/// A stretch of one chromosome, both ends counted from 1 and included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interval {
    /// The chromosome without `chr` in front.
    pub chromosome: String,
    /// The first base.
    pub start: u64,
    /// The last base, not before `start`.
    pub end: u64,
}

impl TryFrom<String> for Interval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parse = || {
            let (chromosome, range) = text.split_once(':')?;
            let (start, end) = range.split_once('-')?;
            let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
            let chromosome = bare_chromosome(chromosome.trim());
            (!chromosome.is_empty() && start > 0 && start <= end).then(|| Self {
                chromosome: chromosome.to_owned(),
                start,
                end,
            })
        };
        parse().ok_or_else(|| {
            format!("expected a place such as `8:127735434-127742951`, found `{text}`")
        })
    }
}

impl From<Interval> for String {
    fn from(interval: Interval) -> Self {
        format!("{}:{}-{}", interval.chromosome, interval.start, interval.end)
    }
}

/// The name of a chromosome without `chr` in front: builds differ in it, chromosomes do not.
pub(crate) fn bare_chromosome(name: &str) -> &str {
    match name.get(..3) {
        Some(prefix) if prefix.eq_ignore_ascii_case("chr") => &name[3..],
        _ => name,
    }
}

/// Whether a chromosome is one of 1 to 22. The normal copy number of X and Y depends on the
/// patient's sex, so fractions of the genome leave them out.
pub(crate) fn is_autosome(bare: &str) -> bool {
    bare.parse::<u8>().is_ok_and(|number| (1..=22).contains(&number))
}

fn one() -> usize {
    1
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(D::Error::custom("expected `min_callers` of at least 1, found 0")),
        callers => Ok(callers),
    }
}

pub(crate) fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_chromosome_and_a_range() {
        let interval = Interval::try_from("chr8:100-200".to_owned()).unwrap();
        assert_eq!(interval, Interval { chromosome: "8".to_owned(), start: 100, end: 200 });
        assert_eq!(String::from(interval), "8:100-200");
        for text in ["", "8", "8:1", ":1-2", "8:2-1", "8:0-1", "8:a-b"] {
            assert!(Interval::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn only_numbered_chromosomes_are_autosomes() {
        for (name, expected) in
            [("1", true), ("22", true), ("23", false), ("X", false), ("0", false)]
        {
            assert_eq!(is_autosome(name), expected, "{name}");
        }
    }

    #[test]
    fn settings_refuse_what_they_do_not_know() {
        assert_eq!(toml::from_str::<VcfSettings>("").unwrap(), VcfSettings::default());
        assert_eq!(toml::from_str::<MafSettings>("").unwrap(), MafSettings::default());
        for text in [
            "gene = ['TP53']",
            "callable_megabases = 0",
            "min_callers = 0",
            "gene_positions = { MYC = '8' }",
        ] {
            assert!(toml::from_str::<VcfSettings>(text).is_err(), "{text}");
        }
        let message = toml::from_str::<MafSettings>("gene = ['TP53']").unwrap_err().to_string();
        assert!(message.contains("unknown field `gene`"), "{message}");
        for text in ["genes = ['tp53']", "callable_megabases = -1"] {
            assert!(toml::from_str::<MafSettings>(text).is_err(), "{text}");
        }
    }
}
