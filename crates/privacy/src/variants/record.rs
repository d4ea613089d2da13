//! The records of a VCF.

use std::cell::Cell;

use super::header::Kept;

/// INFO keys that files use without a header; their values are numbers or of the specification.
const RESERVED: [&str; 26] = [
    "AC",
    "AD",
    "ADF",
    "ADR",
    "AF",
    "AN",
    "BQ",
    "CIEND",
    "CIPOS",
    "CIGAR",
    "CN",
    "DB",
    "DP",
    "END",
    "H2",
    "H3",
    "MQ",
    "MQ0",
    "NS",
    "SB",
    "SOMATIC",
    "VALIDATED",
    "1000G",
    "IMPRECISE",
    "SVLEN",
    "SVTYPE",
];

/// Keys whose values are ids of records, which are replaced with them.
const RECORD_IDS: [&str; 4] = ["MATEID", "PARID", "EVENT", "PID"];

/// A record without what may name a person; `None` for a line that is no record. `names` tells of a
/// text whether it holds a sample's name, as files put together of several do; `emptied` counts the
/// values that went for it.
pub(super) fn clean_record(
    line: &str,
    kept: &Kept,
    token: &dyn Fn(&str) -> String,
    names: &dyn Fn(&str) -> bool,
    emptied: &Cell<u64>,
) -> Option<String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [chromosome, position, id, reference, alternate, quality, filter, info, samples @ ..] =
        fields.as_slice()
    else {
        return None;
    };
    position.parse::<u64>().ok()?;
    let number = |text: &str| text == "." || text.parse::<f64>().is_ok();
    let quality = if number(quality) { quality } else { "." };
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.-:;<>[]*=,+".contains(c);
    for text in [chromosome, reference, alternate, filter] {
        if !text.chars().all(is_word) {
            return None;
        }
    }
    if names(chromosome) || !are_bases(alternate) && names(alternate) {
        return None;
    }
    let clean = Clean { kept, token, names, emptied };
    let filter = if clean.names_somebody(filter) { "." } else { filter };
    let id = record_ids(id, token);
    let info = clean.info(info);
    let mut record =
        [*chromosome, position, &id, reference, alternate, quality, filter, &info].join("\t");
    if let [format, values @ ..] = samples {
        record.push('\t');
        record.push_str(&clean.samples(format, values));
    }
    Some(record)
}

/// Whether alleles are made of bases alone, as a sample's name may be too.
fn are_bases(alleles: &str) -> bool {
    alleles.bytes().all(|byte| b"ACGTN*,.".contains(&byte.to_ascii_uppercase()))
}

/// Ids of public catalogues stay, others may be anything.
fn record_ids(ids: &str, token: &dyn Fn(&str) -> String) -> String {
    let one = |id: &str| {
        let digits = |prefix: &str| {
            id.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
        };
        let is_public =
            ["rs", "ss", "COSM", "COSV", "COSN", "esv", "nsv", "dbVar"].iter().any(|p| digits(p));
        if id == "." || id.is_empty() || is_public { id.to_owned() } else { token(id) }
    };
    ids.split(';').map(one).collect::<Vec<_>>().join(";")
}

/// Whether a genotype tells alleles by their numbers, as a sample's name may be too.
fn are_alleles(genotype: &str) -> bool {
    genotype.bytes().all(|byte| byte.is_ascii_digit() || b"/|.".contains(&byte))
}

/// What values are cleaned with.
struct Clean<'a> {
    kept: &'a Kept,
    token: &'a dyn Fn(&str) -> String,
    names: &'a dyn Fn(&str) -> bool,
    emptied: &'a Cell<u64>,
}

impl Clean<'_> {
    fn info(&self, info: &str) -> String {
        let entries: Vec<String> = info
            .split(';')
            .filter_map(|entry| {
                let (key, value) =
                    entry.split_once('=').map_or((entry, None), |(k, v)| (k, Some(v)));
                let must_be_numbers = match self.kept.info.get(key) {
                    Some(&numbers) => numbers,
                    None if RESERVED.contains(&key) => !matches!(key, "SVTYPE" | "CIGAR"),
                    None => return None,
                };
                let Some(value) = value else { return Some(key.to_owned()) };
                Some(format!("{key}={}", self.value(key, value, must_be_numbers)?))
            })
            .collect();
        if entries.is_empty() { ".".to_owned() } else { entries.join(";") }
    }

    /// A value that its type allows; `None` for one that may be anything.
    fn value(&self, key: &str, value: &str, must_be_numbers: bool) -> Option<String> {
        if RECORD_IDS.contains(&key) {
            let ids: Vec<String> = value.split(',').map(|id| record_ids(id, self.token)).collect();
            return Some(ids.join(","));
        }
        let is_number = |text: &str| text == "." || text.is_empty() || text.parse::<f64>().is_ok();
        let fits = if must_be_numbers {
            value.split([',', '|']).all(is_number)
        } else {
            value.len() < 1 << 20
                && value.bytes().all(|byte| byte.is_ascii_graphic())
                && (key == "GT" && are_alleles(value) || !self.names_somebody(value))
        };
        fits.then(|| value.to_owned())
    }

    /// Whether a value holds a sample's name, for which it is emptied.
    fn names_somebody(&self, value: &str) -> bool {
        let names = (self.names)(value);
        self.emptied.set(self.emptied.get() + u64::from(names));
        names
    }

    fn samples(&self, format: &str, values: &[&str]) -> String {
        let keys: Vec<&str> = format.split(':').collect();
        let places: Vec<usize> = (0..keys.len())
            .filter(|&place| keys[place] == "GT" || self.kept.format.contains_key(keys[place]))
            .collect();
        if places.is_empty() {
            return std::iter::once(".")
                .chain(values.iter().map(|_| "."))
                .collect::<Vec<_>>()
                .join("\t");
        }
        let format: Vec<&str> = places.iter().map(|&place| keys[place]).collect();
        let columns = values.iter().map(|column| {
            let parts: Vec<&str> = column.split(':').collect();
            let cleaned = places.iter().filter_map(|&place| {
                let value = *parts.get(place)?;
                let numbers = self.kept.format.get(keys[place]).copied().unwrap_or(false);
                let cleaned = self.value(keys[place], value, numbers);
                Some(cleaned.unwrap_or_else(|| ".".to_owned()))
            });
            cleaned.collect::<Vec<_>>().join(":")
        });
        std::iter::once(format.join(":")).chain(columns).collect::<Vec<_>>().join("\t")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_be_anything_go() {
        let mut kept = Kept::default();
        for (key, numbers) in [("DP", true), ("CSQ", false), ("MATEID", false)] {
            kept.info.insert(key.to_owned(), numbers);
        }
        kept.format.insert("AD".to_owned(), true);
        let token = |id: &str| format!("v{}", id.len());
        for (line, expected) in [
            (
                "1\t7\trs5;smith\tC\tT\t9.5\tPASS\tDP=3;NOTE=smith;DB\tGT:AD:XX\t0/1:3,4:smith",
                Some("1\t7\trs5;v5\tC\tT\t9.5\tPASS\tDP=3;DB\tGT:AD\t0/1:3,4"),
            ),
            ("1\t7\t.\tC\tT\tsmith\t.\tDP=smith", Some("1\t7\t.\tC\tT\t.\t.\t.")),
            (
                "1\t7\tbnd_U\tC\t]2:5]C\t.\t.\tMATEID=bnd_V",
                Some("1\t7\tv5\tC\t]2:5]C\t.\t.\tMATEID=v5"),
            ),
            ("1\t7\t.\tC\tT\t.\t.\t.\tXX\tsmith", Some("1\t7\t.\tC\tT\t.\t.\t.\t.\t.")),
            (
                "1\t7\t.\tC\tT\t.\tJones_T\tDP=3;CSQ=jones_t-jones_n",
                Some("1\t7\t.\tC\tT\t.\t.\tDP=3"),
            ),
            ("Jones_T_1\t7\t.\tC\tT\t.\t.\t.", None),
            ("1\tsmith\t.\tC\tT\t.\t.\t.", None),
            ("1\t7\t.\tMr Smith\tT\t.\t.\t.", None),
            ("smith", None),
        ] {
            let names = |text: &str| text.to_lowercase().contains("jones");
            let cleaned = clean_record(line, &kept, &token, &names, &Cell::new(0));
            assert_eq!(cleaned.as_deref(), expected, "{line}");
        }
    }
}
