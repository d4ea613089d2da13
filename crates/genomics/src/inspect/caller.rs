//! Which program called the variants of a VCF.

use serde::Serialize;

/// A program that wrote records of a VCF, and what tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Its usual name.
    pub name: &'static str,
    /// What in the file tells it, such as `##source`.
    pub evidence: String,
}

/// Names of callers, and the words that they have in headers, in lower case. The longer word
/// stands before the shorter that it contains.
const CALLERS: [(&str, &[&str]); 44] = [
    ("Mutect2", &["mutect2"]),
    ("MuTect", &["mutect"]),
    ("HaplotypeCaller", &["haplotypecaller"]),
    ("UnifiedGenotyper", &["unifiedgenotyper"]),
    ("Strelka", &["strelka", "starka", "starling"]),
    ("Manta", &["generatesvcandidates", "manta"]),
    ("VarScan", &["varscan"]),
    ("VarDict", &["vardict"]),
    ("MuSE", &["muse"]),
    ("SomaticSniper", &["somaticsniper", "somatic-sniper", "bam-somaticsniper"]),
    ("Pindel", &["pindel"]),
    ("RADIA", &["radia"]),
    ("FreeBayes", &["freebayes"]),
    ("DeepSomatic", &["deepsomatic"]),
    ("DeepVariant", &["deepvariant"]),
    ("DRAGEN", &["dragen"]),
    ("LoFreq", &["lofreq"]),
    ("Octopus", &["octopus"]),
    ("Platypus", &["platypus"]),
    ("CaVEMan", &["caveman"]),
    ("TNscope", &["tnscope"]),
    ("ClairS", &["clairs"]),
    ("Clair3", &["clair3"]),
    ("SAGE", &["sage"]),
    ("PURPLE", &["purple"]),
    ("GRIDSS", &["gridss"]),
    ("ESVEE", &["esvee"]),
    ("DELLY", &["delly"]),
    ("LUMPY", &["lumpy"]),
    ("Sniffles", &["sniffles"]),
    ("NanoSV", &["nanosv"]),
    ("pbsv", &["pbsv"]),
    ("SvABA", &["svaba"]),
    ("BreakDancer", &["breakdancer"]),
    ("novoBreak", &["novobreak"]),
    ("Canvas", &["canvas"]),
    ("CNVkit", &["cnvkit"]),
    ("CNVnator", &["cnvnator"]),
    ("TIDDIT", &["tiddit"]),
    ("ExpansionHunter", &["expansionhunter"]),
    ("TRGT", &["trgt"]),
    ("Isaac", &["isaacvariantcaller", "isaac"]),
    ("10x Long Ranger", &["10x/pipelines", "longranger"]),
    ("bcftools call", &["bcftools_call", "bcftools call", "samtools mpileup"]),
];

/// FORMAT keys that only one caller writes.
const KEYS: [(&str, &[&str]); 4] = [
    ("Strelka", &["AU", "CU", "GU", "TU"]),
    ("Strelka", &["TAR", "TIR"]),
    ("VarScan", &["RD", "FREQ", "DP4"]),
    ("SAGE", &["RC_CNT", "RC_IPC", "RC_JIT"]),
];

/// Recognises a caller in a header line without its `##`.
///
/// Only lines are looked at that name programs: a path of another line may hold any word.
pub(super) fn of_line(line: &str) -> Option<Caller> {
    let (key, value) = line.split_once('=')?;
    let lower = key.to_ascii_lowercase();
    let names_program =
        ["source", "command", "cmdline", "caller", "version", "vcfprocesslog", "vcfgenerator"]
            .iter()
            .any(|word| lower.contains(word));
    // What post-processed the records did not call them.
    let annotates = ["annotate", "view", "norm", "filter", "concat", "merge", "sort", "reheader"]
        .iter()
        .any(|word| lower.contains(word));
    if !names_program || annotates {
        return None;
    }
    // Of a command line, the program and not its arguments: `freebayes -f mutect/x.fa`.
    let value = if lower.contains("source") || value.starts_with('<') {
        value
    } else {
        value.trim_start_matches('"').split_ascii_whitespace().next().unwrap_or_default()
    };
    let text = format!("{lower} {}", value.to_ascii_lowercase());
    // `bcftools_callCommand` is a key, `samtools mpileup` a value of two words.
    let words = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let (name, _) = CALLERS.iter().find(|(_, names)| words(names))?;
    let key: String =
        key.chars().take_while(|c| c.is_ascii_alphanumeric() || "_.".contains(*c)).collect();
    Some(Caller { name, evidence: format!("##{key}") })
}

/// Recognises a caller by the FORMAT keys that the header defines.
pub(super) fn of_keys(defined: impl Fn(&str) -> bool) -> Option<Caller> {
    let (name, keys) = KEYS.iter().find(|(_, keys)| keys.iter().all(|key| defined(key)))?;
    Some(Caller { name, evidence: format!("FORMAT keys {}", keys.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_recognized_in_header_lines() {
        for (line, expected) in [
            ("source=strelka", Some(("Strelka", "##source"))),
            ("source=Mutect2", Some(("Mutect2", "##source"))),
            ("source=freeBayes v1.3.1", Some(("FreeBayes", "##source"))),
            ("source=GenerateSVCandidates 1.6.0", Some(("Manta", "##source"))),
            (
                "GATKCommandLine=<ID=Mutect2,CommandLine=\"x\">",
                Some(("Mutect2", "##GATKCommandLine")),
            ),
            (
                "GATKCommandLine.HaplotypeCaller=<ID=HaplotypeCaller>",
                Some(("HaplotypeCaller", "##GATKCommandLine.HaplotypeCaller")),
            ),
            ("MuSE_version=\"v1.0rc\"", Some(("MuSE", "##MuSE_version"))),
            ("gridssVersion=2.8", Some(("GRIDSS", "##gridssVersion"))),
            ("commandline=\"freebayes -f /mutect2/x.fa\"", Some(("FreeBayes", "##commandline"))),
            ("cmdline=/usr/bin/configManta.py --bam x", Some(("Manta", "##cmdline"))),
            ("bcftools_callCommand=call -m", Some(("bcftools call", "##bcftools_callCommand"))),
            ("bcftools_viewCommand=view mutect.vcf", None),
            ("reference=/data/strelka/x.fa", None),
            ("fileDate=2020", None),
            ("source=custom", None),
            ("no equals sign", None),
        ] {
            let found = of_line(line);
            let found = found.as_ref().map(|caller| (caller.name, caller.evidence.as_str()));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn keys_of_one_caller_tell_it() {
        let strelka = of_keys(|key| ["AU", "CU", "GU", "TU", "DP"].contains(&key)).unwrap();
        assert_eq!(
            (strelka.name, strelka.evidence.as_str()),
            ("Strelka", "FORMAT keys AU, CU, GU, TU")
        );
        assert_eq!(of_keys(|key| key == "GT"), None);
    }
}
