use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Interval, settings::yes, variant_settings::genes};

/// The options of a modality of `kind = "sv"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SvSettings {
    /// Genes whose events are counted, by the symbol that the annotation uses, each once.
    #[serde(default, deserialize_with = "genes")]
    pub genes: Vec<String>,
    /// Places of genes, for files that name no genes: `ERG = "21:38380027-38661780"`. Those that
    /// `genes` does not name serve `fusions` alone.
    #[serde(default)]
    pub gene_positions: BTreeMap<String, Interval>,
    /// Pairs of genes that get a fusion feature: `EWSR1-FLI1`; `EWSR1::FLI1` where a symbol has a
    /// hyphen. Either gene may come first.
    #[serde(default)]
    pub fusions: Vec<Fusion>,
    /// Counts only events of which a record has `PASS` or `.` as FILTER.
    #[serde(default = "yes")]
    pub passing_only: bool,
    /// Compares sample ids with only so many first characters of the table's sample column.
    #[serde(default)]
    pub barcode_prefix: Option<usize>,
}

impl Default for SvSettings {
    fn default() -> Self {
        Self {
            genes: Vec::new(),
            gene_positions: BTreeMap::new(),
            fusions: Vec::new(),
            passing_only: true,
            barcode_prefix: None,
        }
    }
}

/// Two genes that a break may join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fusion {
    /// The gene named first.
    pub first: String,
    /// The gene named second.
    pub second: String,
}

impl TryFrom<String> for Fusion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let pair = pair(&text).filter(|(first, second)| {
            [first, second].iter().all(|gene| !gene.contains(char::is_whitespace))
        });
        pair.map(|(first, second)| Self { first, second }).ok_or_else(|| {
            format!("expected two genes such as `EWSR1-FLI1` or `EWSR1::FLI1`, found `{text}`")
        })
    }
}

impl From<Fusion> for String {
    fn from(fusion: Fusion) -> Self {
        let separator =
            if (fusion.first.clone() + &fusion.second).contains('-') { "::" } else { "-" };
        format!("{}{separator}{}", fusion.first, fusion.second)
    }
}

/// The two genes of a fusion's name: `A::B`, `A--B`, `A&B`, or `A-B` where neither has a hyphen.
pub(super) fn pair(name: &str) -> Option<(String, String)> {
    let (first, second) = ["::", "--", "&", "-"].iter().find_map(|mark| name.split_once(mark))?;
    let (first, second) = (first.trim(), second.trim());
    let is_gene = |gene: &str| !gene.is_empty() && !gene.contains("::");
    let is_certain = !name.contains("::") && !name.contains("--") && !name.contains('&');
    let is_split = !(is_certain && second.contains('-'));
    (is_gene(first) && is_gene(second) && is_split).then(|| (first.to_owned(), second.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fusion_is_two_genes() {
        for (text, expected) in [
            ("EWSR1-FLI1", Some(("EWSR1", "FLI1"))),
            ("EWSR1::FLI1", Some(("EWSR1", "FLI1"))),
            ("EML4--ALK", Some(("EML4", "ALK"))),
            ("HLA-A::ALK", Some(("HLA-A", "ALK"))),
            ("HLA-A-ALK", None),
            ("EWSR1", None),
            ("EWSR1-", None),
            ("A B-C", None),
        ] {
            let found = Fusion::try_from(text.to_owned()).ok();
            let found = found.as_ref().map(|f| (f.first.as_str(), f.second.as_str()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn settings_are_checked() {
        assert_eq!(toml::from_str::<SvSettings>("").unwrap(), SvSettings::default());
        let settings: SvSettings = toml::from_str("fusions = ['HLA-A::ALK', 'A-B']").unwrap();
        assert_eq!(
            settings.fusions.into_iter().map(String::from).collect::<Vec<_>>(),
            ["HLA-A::ALK", "A-B"]
        );
        for text in ["fusion = []", "fusions = ['ALK']", "genes = ['A', 'A']"] {
            assert!(toml::from_str::<SvSettings>(text).is_err(), "{text}");
        }
    }
}
