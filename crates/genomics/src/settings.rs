use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The options of a modality of `kind = "vcf"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VcfSettings {
    /// The genes that get driver features, by the symbol that the annotation uses, each once.
    #[serde(default, deserialize_with = "genes")]
    pub genes: Vec<String>,
    /// The size of the region that was sequenced well enough to call variants, in megabases.
    /// Tumor mutational burden is given only with it.
    #[serde(default, deserialize_with = "positive")]
    pub callable_megabases: Option<f64>,
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
    /// Genes that get a copy number feature, each with its place: `MYC = "8:127735434-127742951"`.
    #[serde(default)]
    pub gene_positions: BTreeMap<String, Interval>,
}

/// The options of a modality of `kind = "maf"`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MafSettings {
    /// The genes that get driver features, by `Hugo_Symbol`, each once.
    #[serde(default, deserialize_with = "genes")]
    pub genes: Vec<String>,
    /// The size of the region that was sequenced well enough to call variants, in megabases.
    /// Tumor mutational burden is given only with it.
    #[serde(default, deserialize_with = "positive")]
    pub callable_megabases: Option<f64>,
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
            genes: Vec::new(),
            callable_megabases: None,
            passing_only: true,
            copy_number: false,
            unannotated: false,
            gene_positions: BTreeMap::new(),
        }
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

pub(crate) fn yes() -> bool {
    true
}

/// Symbols are compared exactly, so that one that cannot match is refused here and not read as
/// "no patient has this driver".
pub(crate) fn genes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let genes = Vec::<String>::deserialize(deserializer)?;
    for (place, gene) in genes.iter().enumerate() {
        let fault = if gene.trim().is_empty() {
            "`genes` holds an empty name; remove it".to_owned()
        } else if gene.trim() != gene {
            format!("`genes` names `{gene}` with spaces around it; remove them")
        } else if genes[..place].contains(gene) {
            format!("`genes` names {gene} twice; remove one")
        } else if gene.chars().any(char::is_lowercase) && !gene.chars().any(char::is_uppercase) {
            format!("`genes` names `{gene}`; did you mean `{}`?", gene.to_uppercase())
        } else {
            continue;
        };
        return Err(D::Error::custom(fault));
    }
    Ok(genes)
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match Option::<f64>::deserialize(deserializer)? {
        Some(value) if !(value > 0.0 && value.is_finite()) => {
            Err(D::Error::custom(format!("expected megabases above 0, found {value}")))
        }
        value => Ok(value),
    }
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
    fn genes_that_cannot_match_are_refused() {
        for (genes, expected) in [
            ("['TP53', 'KRAS', 'TP53']", "`genes` names TP53 twice; remove one"),
            ("['TP53', ' ']", "`genes` holds an empty name; remove it"),
            ("['TP53 ']", "`genes` names `TP53 ` with spaces around it; remove them"),
            ("['tp53']", "`genes` names `tp53`; did you mean `TP53`?"),
        ] {
            let text = format!("genes = {genes}");
            for message in [
                toml::from_str::<VcfSettings>(&text).unwrap_err().to_string(),
                toml::from_str::<MafSettings>(&text).unwrap_err().to_string(),
            ] {
                assert!(message.contains(expected), "{message}");
            }
        }
        let settings: VcfSettings =
            toml::from_str("genes = ['C9orf72', 'HLA-A', 'Trp53']").unwrap();
        assert_eq!(settings.genes, ["C9orf72", "HLA-A", "Trp53"]);
    }

    #[test]
    fn settings_refuse_what_they_do_not_know() {
        assert_eq!(toml::from_str::<VcfSettings>("").unwrap(), VcfSettings::default());
        assert_eq!(toml::from_str::<MafSettings>("").unwrap(), MafSettings::default());
        for text in ["gene = ['TP53']", "callable_megabases = 0", "gene_positions = { MYC = '8' }"]
        {
            assert!(toml::from_str::<VcfSettings>(text).is_err(), "{text}");
        }
    }
}
