//! Which sample of a VCF is the tumor and which its normal.
//!
//! The tumor is the sample that files.csv names. Without it the first of these that names a tumor
//! decides, and more than one tumor there is an error, never a guess; the same holds for the
//! normal, for which of several the one counts that shares the tumor's name but for its role:
//!
//! 1. `##tumor_sample` and `##normal_sample` (Mutect2);
//! 2. `##SAMPLE=<ID=..>`, by its ID or Description (`SomaticSniper`, `CaVEMan`, RADIA, TCGA);
//! 3. `##PEDIGREE=<Derived=..,Original=..>`, in VCF 4.3 `<ID=..,Original=..>`;
//! 4. the command line: `--tumor-sample`, `--tumorBam` and the like (Mutect2, Strelka, Manta);
//! 5. a name of or with the word tumor, primary, normal or germline: `TUMOR`, `P1-normal`;
//! 6. a TCGA barcode: sample types 01 to 09 are tumors, 10 to 19 normals;
//! 7. names that differ in a last `T` or `N`: `P1_T` beside `P1_N`.
//!
//! After that the tumor is the only sample, or the one of two that is not the normal.

use crate::{Error, header::attributes, lines::Lines};

/// The sample columns that a record is read from, counted from 0; `None` in a VCF without samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) tumor: Option<usize>,
    pub(crate) normal: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Tumor,
    Normal,
}

/// What a header says of samples: their names and roles, by each of the first four rules.
#[derive(Debug, Default)]
pub(crate) struct Roles([Vec<(String, Role)>; 4]);

impl Roles {
    /// Takes what a line of meta-information says of samples, if it does.
    pub(crate) fn read_meta(&mut self, key: &str, value: &str) {
        let Self([named, declared, derived, commanded]) = self;
        match key {
            "tumor_sample" => named.push((value.trim().to_owned(), Role::Tumor)),
            "normal_sample" => named.push((value.trim().to_owned(), Role::Normal)),
            "SAMPLE" => declared.extend(declared_roles(value)),
            "PEDIGREE" => derived.extend(derived_roles(value)),
            "cmdline" | "inputs" => commanded.extend(commanded_roles(value)),
            _ if key.contains("CommandLine") => commanded.extend(commanded_roles(value)),
            _ => {}
        }
    }

    /// The tumor and the normal among a file's samples.
    pub(crate) fn pair(
        &self,
        samples: &[String],
        sample_id: Option<&str>,
        lines: &mut Lines,
    ) -> Result<Pair, Error> {
        if samples.is_empty() {
            return Ok(Pair::default());
        }
        let path = || lines.path().to_owned();
        let levels = self.levels(samples);
        let named = match sample_id {
            Some(id) => Some(
                samples
                    .iter()
                    .position(|sample| sample == id)
                    .ok_or_else(|| Error::NoSuchSample { path: path(), samples: samples.len() })?,
            ),
            None => None,
        };
        let unknown_tumor = || Error::UnknownTumor { path: path(), samples: samples.len() };
        let tumor = match (named, first_with(&levels, Role::Tumor, None).as_slice()) {
            (Some(tumor), _) | (None, &[tumor]) => Some(tumor),
            (None, []) => None,
            (None, _) => return Err(unknown_tumor()),
        };
        let mut normals = first_with(&levels, Role::Normal, tumor);
        if let (Some(tumor), true) = (tumor, normals.len() > 1) {
            normals.retain(|&normal| stem(&samples[normal]) == stem(&samples[tumor]));
            if normals.len() != 1 {
                return Err(Error::UnknownNormal { path: path(), samples: samples.len() });
            }
        }
        let rest = || match (samples.len(), normals.as_slice()) {
            (1, []) => Some(0),
            (2, &[normal]) => Some(1 - normal),
            _ => None,
        };
        let tumor = tumor.or_else(rest).ok_or_else(unknown_tumor)?;
        if samples.len() > 1 && normals.is_empty() {
            lines.note(
                "expected the matched normal to be told, found no sign of it; \
                 no variant is left out as one of the germline",
            );
        }
        Ok(Pair { tumor: Some(tumor), normal: normals.first().copied() })
    }

    /// The role of each sample by each rule.
    fn levels(&self, samples: &[String]) -> Vec<Vec<Option<Role>>> {
        let by_header = self.0.iter().map(|named| {
            let role = |sample: &String| {
                named.iter().find(|(name, _)| is_name_of(name, sample)).map(|&(_, role)| role)
            };
            samples.iter().map(role).collect()
        });
        let by_name =
            |role: fn(&str) -> Option<Role>| samples.iter().map(|sample| role(sample)).collect();
        let by_letter = samples.iter().map(|sample| {
            let role = letter_role(sample)?;
            let is_counterpart = |other: &String| {
                letter_role(other).is_some_and(|found| found != role) && stem(other) == stem(sample)
            };
            samples.iter().any(is_counterpart).then_some(role)
        });
        let mut levels: Vec<Vec<Option<Role>>> = by_header.collect();
        levels.extend([by_name(word_role), by_name(barcode_role), by_letter.collect()]);
        levels
    }
}

/// The samples of a role by the first rule that knows any, but for one sample.
fn first_with(levels: &[Vec<Option<Role>>], role: Role, except: Option<usize>) -> Vec<usize> {
    let of_level = |level: &Vec<Option<Role>>| -> Vec<usize> {
        let places = level.iter().enumerate().filter(|(_, found)| **found == Some(role));
        places.map(|(place, _)| place).filter(|&place| Some(place) != except).collect()
    };
    levels.iter().map(of_level).find(|found| !found.is_empty()).unwrap_or_default()
}

/// Whether a name of the header is a sample's: the name, or a file that is called after it.
fn is_name_of(name: &str, sample: &str) -> bool {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let rest = file.strip_prefix(sample);
    !sample.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn declared_roles(value: &str) -> Vec<(String, Role)> {
    let get = |wanted: &str| {
        attributes(value).find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    let role = get("ID").and_then(word_role).or_else(|| get("Description").and_then(phrase_role));
    let names = ["ID", "SampleName", "SampleTCGABarcode"].into_iter().filter_map(get);
    role.map(|role| names.map(|name| (name.to_owned(), role)).collect()).unwrap_or_default()
}

fn derived_roles(value: &str) -> Vec<(String, Role)> {
    let role = |key: &str| match key.to_ascii_lowercase().as_str() {
        "derived" | "id" => Some(Role::Tumor),
        "original" => Some(Role::Normal),
        _ => None,
    };
    let roles: Vec<(String, Role)> =
        attributes(value).filter_map(|(key, name)| Some((name.to_owned(), role(key)?))).collect();
    // `<ID=child,Father=..,Mother=..>` tells of a family, not of a tumor.
    let has_both = roles.iter().any(|(_, role)| *role == Role::Normal);
    if has_both { roles } else { Vec::new() }
}

/// The values of options that name the tumor or the normal.
fn commanded_roles(value: &str) -> Vec<(String, Role)> {
    let role = |option: &str| match option {
        "tumor-sample" | "tumor_sample_name" | "tumor" | "tumorBam" | "tumourBam"
        | "tumor-name" => Some(Role::Tumor),
        "normal-sample" | "normal_sample_name" | "normal" | "normalBam" | "normal-name" => {
            Some(Role::Normal)
        }
        _ => None,
    };
    let mut roles = Vec::new();
    let mut words = value.split([' ', '=', '"', ',', '<', '>']).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let option = word.starts_with('-').then(|| word.trim_start_matches('-'));
        if let Some(role) = option.and_then(role)
            && let Some(name) = words.next()
        {
            roles.push((name.to_owned(), role));
        }
    }
    roles
}

fn tokens(name: &str) -> impl Iterator<Item = &str> {
    name.split(['-', '_', '.', ' ']).filter(|token| !token.is_empty())
}

fn is_one_of(token: &str, words: &[&str]) -> bool {
    words.iter().any(|word| token.eq_ignore_ascii_case(word))
}

const TUMOR_WORDS: [&str; 3] = ["tumor", "tumour", "primary"];
const NORMAL_WORDS: [&str; 2] = ["normal", "germline"];

/// The role by a whole word of a name; RNA of a tumor is not the sample whose variants are asked.
fn word_role(name: &str) -> Option<Role> {
    let has = |words: &[&str]| tokens(name).any(|token| is_one_of(token, words));
    match (has(&TUMOR_WORDS), has(&NORMAL_WORDS)) {
        _ if has(&["rna"]) => None,
        (true, false) => Some(Role::Tumor),
        (false, true) => Some(Role::Normal),
        _ => None,
    }
}

/// The role by a phrase such as `TumorDNASample`.
fn phrase_role(phrase: &str) -> Option<Role> {
    let phrase = phrase.to_ascii_lowercase().replace("abnormal", "");
    let has = |words: &[&str]| words.iter().any(|word| phrase.contains(word));
    match (has(&TUMOR_WORDS[..2]), has(&NORMAL_WORDS)) {
        _ if has(&["rna"]) => None,
        (true, false) => Some(Role::Tumor),
        (false, true) => Some(Role::Normal),
        _ => None,
    }
}

/// The patient and the sample type of a TCGA barcode: `TCGA-N5-A4R8` and 1 of `TCGA-N5-A4R8-01A`.
fn barcode(name: &str) -> Option<(&str, u8)> {
    let start = name.find("TCGA-")?;
    let code = name.get(start..start + 15)?;
    let is_only = !name[start + 5..].contains("TCGA-");
    let (patient, sample_type) = (code.get(..12)?, code.get(12..)?.strip_prefix('-')?);
    is_only.then_some((patient, sample_type.parse().ok()?))
}

fn barcode_role(name: &str) -> Option<Role> {
    match barcode(name)?.1 {
        1..=9 => Some(Role::Tumor),
        10..=19 => Some(Role::Normal),
        _ => None,
    }
}

/// The role by a last `T` or `N`, which digits may follow: `P1_T`, `P1-N2`.
fn letter_role(name: &str) -> Option<Role> {
    let last = tokens(name).last().filter(|last| last.len() < name.len())?;
    match last.trim_end_matches(|character: char| character.is_ascii_digit()) {
        "T" | "t" => Some(Role::Tumor),
        "N" | "n" => Some(Role::Normal),
        _ => None,
    }
}

/// A name without what tells the role.
fn stem(name: &str) -> Vec<&str> {
    if let Some((patient, _)) = barcode(name) {
        return vec![patient];
    }
    let is_role = |token: &str| is_one_of(token, &TUMOR_WORDS) || is_one_of(token, &NORMAL_WORDS);
    let mut stem: Vec<&str> = tokens(name).filter(|token| !is_role(token)).collect();
    if letter_role(name).is_some() {
        stem.pop();
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Header;

    const CHROM: &str = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";

    /// The pair, and the last note.
    fn pair(
        meta: &str,
        samples: &str,
        sample_id: Option<&str>,
    ) -> Result<(Pair, Option<String>), Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        let columns = if samples.is_empty() { "" } else { "\tFORMAT\t" };
        let meta = if meta.is_empty() { String::new() } else { format!("{meta}\n") };
        let samples = samples.replace(' ', "\t");
        let text =
            format!("##fileformat=VCFv4.2\n##contig=<ID=1>\n{meta}{CHROM}{columns}{samples}\n");
        fs_err::write(&path, text).unwrap();
        let mut lines = Lines::open(&path)?;
        let header = Header::read(&mut lines)?;
        let pair = header.pair(sample_id, &mut lines)?;
        let note = lines.finish(0)?.pop().map(|note| note.message);
        Ok((pair, note))
    }

    #[test]
    fn the_tumor_and_the_normal_are_found() {
        let declared = "##SAMPLE=<ID=NORMAL,SampleName=A>\n##SAMPLE=<ID=TUMOR,SampleName=B>";
        let described = "##SAMPLE=<ID=B,Description=\"Tumor, primary\">\n##SAMPLE=<ID=A,Description=\"Germline DNA\">";
        let manta = "##cmdline=/opt/configManta.py --normalBam=/x/A.sorted.bam --tumorBam /x/B.bam";
        let mutect =
            "##GATKCommandLine=<ID=Mutect2,CommandLine=\"Mutect2 --normal-sample A --input x\">";
        let (ab, b) = ((Some(1), Some(0)), (Some(1), None));
        for (name, meta, samples, sample_id, expected) in [
            ("named by files.csv", "", "A B", Some("B"), b),
            ("against the header", "##tumor_sample=A", "A B", Some("B"), b),
            ("named by the header", "##tumor_sample=B\n##normal_sample=A", "A B", None, ab),
            ("tumor named alone", "##tumor_sample=B", "A B", None, b),
            ("normal named alone", "##normal_sample=A", "A B", None, ab),
            ("files.csv and the normal", "##normal_sample=A", "A B C", Some("B"), ab),
            ("declared", declared, "A B", None, ab),
            ("described", described, "A B", None, ab),
            ("derived", "##PEDIGREE=<Derived=B,Original=A>", "A B", None, ab),
            ("derived in VCF 4.3", "##PEDIGREE=<ID=B,Original=A>", "A B", None, ab),
            ("Manta's command", manta, "A B", None, ab),
            ("Mutect2's command", mutect, "A B", None, ab),
            ("called so", "", "NORMAL TUMOR", None, ab),
            ("called so in part", "", "tumour X Y", None, (Some(0), None)),
            ("PRIMARY", "", "NORMAL PRIMARY", None, ab),
            ("with a word", "", "P1-normal P1-tumor", None, ab),
            ("RADIA", "", "DNA_NORMAL DNA_TUMOR RNA_TUMOR", None, ab),
            ("TCGA", "", "TCGA-N5-A4R8-10A-01D TCGA-N5-A4R8-01A-11D", None, ab),
            ("letters", "", "X_2056_N 2056_rna X_2056_T", None, (Some(2), Some(0))),
            ("letters and digits", "", "P1-N1 P1-T1", None, ab),
            ("normal of this tumor", "", "A_N B_N A_T B_T", Some("B_T"), (Some(3), Some(1))),
            ("the only one", "", "X", None, (Some(0), None)),
            ("the only one with a letter", "", "X_N", None, (Some(0), None)),
            ("beside a normal", "", "NORMAL X", None, ab),
            ("no samples", "", "", None, (None, None)),
        ] {
            let (pair, note) = pair(meta, samples, sample_id).unwrap();
            assert_eq!((pair.tumor, pair.normal), expected, "{name}");
            let has_note = samples.contains(' ') && expected.1.is_none();
            assert_eq!(note.is_some(), has_note, "{name}: {note:?}");
        }
    }

    #[test]
    fn an_unclear_role_is_an_error_that_names_no_sample() {
        let no_tumor = "cannot tell which of the file's";
        let no_normal = "samples is the tumor's normal";
        for (meta, samples, sample_id, expected) in [
            ("", "Jane John", None, no_tumor),
            ("", "NORMAL", None, no_tumor),
            ("", "TCGA-N5-Jane-10A", None, no_tumor),
            ("", "Jane_T Jane_T2 Jane_N", None, no_tumor),
            ("", "Jane_tumor John_tumor", None, no_tumor),
            ("", "Jane_T John_N", None, no_tumor),
            ("##tumor_sample=Jane\n##tumor_sample=John", "Jane John", None, no_tumor),
            ("##PEDIGREE=<ID=Jane,Father=John>", "Jane John", None, no_tumor),
            ("##SAMPLE=<ID=Jane,Description=\"tumor and normal\">", "Jane John", None, no_tumor),
            ("", "Jane_normal John_normal Janet", Some("Janet"), no_normal),
            ("", "Jane John", Some("Jan"), "none of the file's 2 samples is the one"),
        ] {
            let message = pair(meta, samples, sample_id).unwrap_err().to_string();
            assert!(message.contains(expected), "{samples}: {message}");
            assert!(!message.contains("Jan"), "{message}");
        }
    }
}
