//! The meta-information of a VCF: what the records need stays, made anew; everything else goes.

use std::collections::BTreeMap;

use crate::words::Words;

/// INFO and FORMAT keys of type String or Character whose values say nothing of a person: of the
/// specification, of annotations and of callers.
#[rustfmt::skip]
const KNOWN_TEXTS: [&str; 73] = [
    "AA", "ANN", "BCSQ", "CALLERS", "CHR2", "CIGAR", "CLNSIG", "CONSENSUS", "CONTEXT", "CSQ", "CT", "EVENT",
    "EVENTTYPE", "FT", "FUNCOTATION", "GENE", "GENEA", "GENEB", "GT", "HOMSEQ", "IMPRECISE", "LEFT_SVINSSEQ",
    "LOF", "MATEID", "MEINFO", "METRANS", "NMD", "PARID", "PGT", "PID", "RIGHT_SVINSSEQ", "RU", "SS", "STATUS",
    "STRAND", "STRANDS", "SVCLASS", "SVINSSEQ", "SVMETHOD", "SVTYPE", "TNC", "TRINUCLEOTIDE_CONTEXT", "TYPE",
    "VARIANT_TYPE", "VC", "VT", "set", "vep", "FREQ", "DP4", "SGT", "NT", "QSS_NT", "SOMATIC", "LSEQ", "RSEQ",
    "MSILEN", "BIAS", "REPTYPE", "SVTOOL", "EFF", "AS_FilterStatus", "AS_SB_TABLE", "RPA", "PON", "UNIQ_ALT_READ_COUNT",
    "FOLD_CHANGE_LOG", "TR", "TC", "GENOTYPE", "CONTQ", "MCC", "MEI",
];

/// Of these the Description lists the parts of the values.
const ANNOTATIONS: [&str; 8] = ["CSQ", "vep", "ANN", "BCSQ", "FUNCOTATION", "LOF", "NMD", "EFF"];

/// Names of builds as `##reference` may hold them, with what is written instead.
const BUILDS: [(&str, &str); 12] = [
    ("grch38", "GRCh38"),
    ("hg38", "GRCh38"),
    ("hs38", "GRCh38"),
    ("grch37", "GRCh37"),
    ("hg19", "GRCh37"),
    ("hs37", "GRCh37"),
    ("b37", "GRCh37"),
    ("chm13", "T2T-CHM13"),
    ("t2t", "T2T-CHM13"),
    ("ncbi36", "NCBI36"),
    ("hg18", "NCBI36"),
    ("b36", "NCBI36"),
];

/// Callers and annotators that `##source` may name.
#[rustfmt::skip]
const SOURCES: [&str; 31] = [
    "Mutect2", "Mutect", "HaplotypeCaller", "strelka", "manta", "VarScan2", "VarScan", "VarDict", "MuSE",
    "SomaticSniper", "Pindel", "RADIA", "freeBayes", "DeepSomatic", "DeepVariant", "DRAGEN", "LoFreq", "Octopus",
    "Platypus", "CaVEMan", "SAGE", "PURPLE", "GRIDSS", "Delly", "LUMPY", "Sniffles", "SvABA", "CNVkit", "Canvas",
    "oncoweave-simulate", "bcftools",
];

/// Which keys the records may keep.
#[derive(Default)]
pub(super) struct Kept {
    /// By key: whether its values must be numbers.
    pub(super) info: BTreeMap<String, bool>,
    pub(super) format: BTreeMap<String, bool>,
}

/// What becomes of a line of meta-information.
pub(super) fn clean_line(
    line: &str,
    kept: &mut Kept,
    more: &[String],
    sample: &dyn Fn(&str) -> String,
) -> Option<String> {
    let (key, value) = line.strip_prefix("##")?.split_once('=')?;
    match key {
        "fileformat" => {
            let is_version =
                value.trim().strip_prefix("VCFv4.").is_some_and(|minor| minor.len() == 1);
            is_version.then(|| format!("##fileformat={}", value.trim()))
        }
        "INFO" | "FORMAT" => field_line(key, value, kept, more),
        "FILTER" | "ALT" => {
            let id = identifier(attribute(value, "ID")?)?;
            let text = description(id, value);
            Some(format!("##{key}=<ID={id},Description=\"{text}\">"))
        }
        "contig" => {
            let id = identifier(attribute(value, "ID")?)?;
            let length = attribute(value, "length").and_then(|length| length.parse::<u64>().ok());
            let length = length.map(|length| format!(",length={length}")).unwrap_or_default();
            let build = attribute(value, "assembly").and_then(build);
            let build = build.map(|build| format!(",assembly={build}")).unwrap_or_default();
            Some(format!("##contig=<ID={id}{length}{build}>"))
        }
        "reference" => build(value).map(|build| format!("##reference={build}")),
        "source" => {
            let lower = value.to_lowercase();
            let known = SOURCES.iter().find(|known| lower.contains(&known.to_lowercase()))?;
            Some(format!("##source={known}"))
        }
        "tumor_sample" | "normal_sample" => Some(format!("##{key}={}", sample(value))),
        "SAMPLE" => Some(format!("##SAMPLE=<ID={}>", sample(attribute(value, "ID")?))),
        "PEDIGREE" => {
            let derived = attribute(value, "Derived").or_else(|| attribute(value, "ID"))?;
            let original = attribute(value, "Original")?;
            Some(format!("##PEDIGREE=<Derived={},Original={}>", sample(derived), sample(original)))
        }
        _ => None,
    }
}

fn field_line(key: &str, value: &str, kept: &mut Kept, more: &[String]) -> Option<String> {
    let id = identifier(attribute(value, "ID")?)?;
    let number = attribute(value, "Number").filter(|number| {
        matches!(*number, "A" | "R" | "G" | "." | "P" | "LA" | "LR" | "LG" | "M")
            || number.parse::<u32>().is_ok()
    })?;
    let kind = attribute(value, "Type")?;
    let is_number = matches!(kind, "Integer" | "Float" | "Flag");
    let is_text = matches!(kind, "String" | "Character");
    let known = KNOWN_TEXTS.contains(&id) || more.iter().any(|one| one == id);
    if !(is_number || is_text && known) {
        return None;
    }
    let keys = if key == "INFO" { &mut kept.info } else { &mut kept.format };
    keys.insert(id.to_owned(), is_number);
    let text = description(id, value);
    Some(format!("##{key}=<ID={id},Number={number},Type={kind},Description=\"{text}\">"))
}

/// The words of a description that name nobody; of an annotation the list of parts as well.
fn description(id: &str, value: &str) -> String {
    let text = attribute(value, "Description").unwrap_or_default();
    if ANNOTATIONS.contains(&id) {
        return annotation_description(text);
    }
    Words::default().clean(text).unwrap_or_else(|| text.to_owned())
}

/// `... Format: Allele|Consequence|...`, the parts each one word.
fn annotation_description(text: &str) -> String {
    let Some(first) = text.find('|') else { return String::new() };
    let start = text[..first].rfind([':', '\'', ' ']).map_or(0, |at| at + 1);
    let parts: Vec<String> = text[start..]
        .split('|')
        .map(|part| {
            let fits = |c: &char| c.is_ascii_alphanumeric() || "_.-/ ".contains(*c);
            part.chars().filter(fits).collect::<String>().trim().to_owned()
        })
        .map(|part| if part.len() > 48 { String::new() } else { part })
        .collect();
    let lead = if text.contains("Functional annotations:") {
        "Functional annotations: '"
    } else {
        "Format: "
    };
    let end = if lead.ends_with('\'') { "'" } else { "" };
    let between = if lead.ends_with('\'') { " | " } else { "|" };
    format!("{lead}{}{end}", parts.join(between))
}

fn build(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    BUILDS.iter().find(|(name, _)| lower.contains(name)).map(|&(_, build)| build)
}

/// An id of the header: a word.
fn identifier(text: &str) -> Option<&str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-:*+<>".contains(c);
    (!text.is_empty() && text.len() <= 80 && text.chars().all(fits)).then_some(text)
}

/// The value of a key in `<KEY=value,KEY="quoted, value">`.
pub(super) fn attribute<'a>(value: &'a str, wanted: &str) -> Option<&'a str> {
    attributes(value).find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

/// All keys of `<KEY=value,KEY="quoted, value">` with their values.
pub(super) fn attributes(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = value.trim().strip_prefix('<').unwrap_or_default().trim_end_matches('>');
    std::iter::from_fn(move || {
        let (key, after) = rest.split_once('=')?;
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            let end = end_of_quoted(quoted);
            (&quoted[..end], quoted[end..].trim_start_matches('"'))
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (&after[..end], &after[end..])
        };
        rest = next.trim_start_matches(',');
        Some((key.trim().trim_start_matches(','), value))
    })
}

fn end_of_quoted(text: &str) -> usize {
    let bytes = text.as_bytes();
    (0..bytes.len())
        .find(|&at| bytes[at] == b'"' && (at == 0 || bytes[at - 1] != b'\\'))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_records_need_stays() {
        let sample = |name: &str| format!("<{}>", name.len());
        let clean = |line: &str| clean_line(line, &mut Kept::default(), &[], &sample);
        for (line, expected) in [
            ("##fileformat=VCFv4.2", Some("##fileformat=VCFv4.2")),
            ("##fileformat=VCFv4.2 Smith", None),
            ("##fileDate=20240301", None),
            ("##reference=file:///home/smith/hg38.fa", Some("##reference=GRCh38")),
            ("##reference=file:///home/smith/own.fa", None),
            ("##source=Mutect2 by Smith", Some("##source=Mutect2")),
            ("##GATKCommandLine=<ID=Mutect2,CommandLine=\"-I /data/smith.bam\">", None),
            ("##bcftools_viewCommand=view smith.vcf", None),
            ("##tumor_sample=SMITH_T", Some("##tumor_sample=<7>")),
            (
                "##SAMPLE=<ID=SMITH,Description=\"Mr Smith\",Genomes=Germline>",
                Some("##SAMPLE=<ID=<5>>"),
            ),
            ("##PEDIGREE=<ID=child,Father=a,Mother=b>", None),
            (
                "##PEDIGREE=<Derived=SMITH,Original=N>",
                Some("##PEDIGREE=<Derived=<5>,Original=<1>>"),
            ),
            (
                "##contig=<ID=chr1,length=5,assembly=hg38,URL=\"file:///smith\">",
                Some("##contig=<ID=chr1,length=5,assembly=GRCh38>"),
            ),
            (
                "##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Depth, by Smith\",Source=\"smith\">",
                Some("##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Depth, by\">"),
            ),
            ("##INFO=<ID=NOTE,Number=1,Type=String,Description=\"Note\">", None),
            (
                "##INFO=<ID=CSQ,Number=.,Type=String,Description=\"By Smith. Format: Allele|SYMBOL\">",
                Some("##INFO=<ID=CSQ,Number=.,Type=String,Description=\"Format: Allele|SYMBOL\">"),
            ),
        ] {
            let found = clean(line);
            if line.contains("by Smith\",Source") {
                let found = found.unwrap().to_lowercase();
                assert!(!found.contains("smith") && found.starts_with("##info=<id=dp"), "{found}");
                continue;
            }
            assert_eq!(found.as_deref(), expected, "{line}");
        }
    }
}
