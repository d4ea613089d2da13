//! The genome build that a file's coordinates belong to, and what tells it.
//!
//! The lengths of the contigs decide where a header gives them: a name can be wrong or stand for
//! two builds, a length is a fact of the sequence. Names of references come next. Where only
//! coordinates are there, builds are ruled out whose chromosomes are too short.

mod lengths;

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};

/// A genome build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Build {
    /// Human, `NCBI36` or hg18.
    Grch36,
    /// Human, `GRCh37` or hg19; with other names and mitochondria b37 and hs37d5.
    Grch37,
    /// Human, `GRCh38` or hg38.
    Grch38,
    /// Human, the complete sequence T2T-CHM13 2.0, or hs1.
    T2tChm13,
    /// Mouse, `GRCm38` or mm10.
    Grcm38,
    /// Mouse, `GRCm39` or mm39.
    Grcm39,
}

const BUILDS: [Build; 6] =
    [Build::Grch36, Build::Grch37, Build::Grch38, Build::T2tChm13, Build::Grcm38, Build::Grcm39];

/// The mitochondrion of UCSC's hg19, which no other build has; all others have 16,569 (rCRS).
const HG19_MITOCHONDRION: u64 = 16_571;

/// Words in the name or path of a reference that tell its build.
const WORDS: [(Build, &[&str]); 6] = [
    (Build::Grch36, &["grch36", "ncbi36", "hg18", "b36", "build36"]),
    (Build::Grch37, &["grch37", "hg19", "hs37", "b37", "build37", "g1k_v37", "assembly19"]),
    (Build::Grch38, &["grch38", "hg38", "hs38", "b38", "build38", "assembly38"]),
    (Build::T2tChm13, &["t2t", "chm13", "hs1"]),
    (Build::Grcm38, &["grcm38", "mm10"]),
    (Build::Grcm39, &["grcm39", "mm39"]),
];

impl Build {
    fn text(self) -> &'static str {
        match self {
            Self::Grch36 => "GRCh36",
            Self::Grch37 => "GRCh37",
            Self::Grch38 => "GRCh38",
            Self::T2tChm13 => "T2T-CHM13",
            Self::Grcm38 => "GRCm38",
            Self::Grcm39 => "GRCm39",
        }
    }

    fn lengths(self) -> &'static [u64] {
        match self {
            Self::Grch36 => &lengths::GRCH36,
            Self::Grch37 => &lengths::GRCH37,
            Self::Grch38 => &lengths::GRCH38,
            Self::T2tChm13 => &lengths::T2T_CHM13,
            Self::Grcm38 => &lengths::GRCM38,
            Self::Grcm39 => &lengths::GRCM39,
        }
    }

    /// The length in bases of a chromosome, by its name with or without `chr`; `None` for what
    /// is no numbered chromosome, X or Y of this build.
    #[must_use]
    pub fn length(self, chromosome: &str) -> Option<u64> {
        let lengths = self.lengths();
        let name = crate::settings::bare_chromosome(chromosome);
        let place = match name {
            "X" => lengths.len() - 2,
            "Y" => lengths.len() - 1,
            number if !number.starts_with('0') => number.parse::<usize>().ok()?.checked_sub(1)?,
            _ => return None,
        };
        let numbered = lengths.len() - 2;
        (place < numbered || matches!(name, "X" | "Y")).then(|| lengths[place])
    }

    /// The build that a name or path of a reference tells: `GRCh38`, `hg19`, `human_g1k_v37.fa`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let is_word =
            |start: usize| !text[..start].ends_with(|before: char| before.is_ascii_alphanumeric());
        let has_any = |words: &[&str]| {
            words.iter().any(|word| text.match_indices(word).any(|(start, _)| is_word(start)))
        };
        let mut builds = WORDS.iter().filter(|(_, words)| has_any(words)).map(|(build, _)| *build);
        let first = builds.next()?;
        // A path that names two, of a chain file or a liftover, tells none.
        builds.next().is_none().then_some(first)
    }

    /// The build in the column `NCBI_Build` of a MAF: `37`, `GRCh38`, `hg19`, `36.1`.
    #[must_use]
    pub fn of_maf(value: &str) -> Option<Self> {
        let value = value.trim();
        match value.split('.').next()? {
            "36" => Some(Self::Grch36),
            "37" => Some(Self::Grch37),
            "38" => Some(Self::Grch38),
            _ => Self::named(value),
        }
    }
}

impl fmt::Display for Build {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

impl Serialize for Build {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// What a file says of its build.
#[derive(Clone, Debug, Default)]
pub struct Clues {
    /// Contigs with their length in bases, as a header gives them.
    pub contigs: Vec<(String, u64)>,
    /// What names a reference, and the build that it tells: (`##reference`, `Build::Grch37`).
    pub named: Vec<(&'static str, Build)>,
    /// The furthest position, counted from 1, on each chromosome.
    pub furthest: BTreeMap<String, u64>,
}

/// How a build is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// By the lengths of its contigs.
    Lengths,
    /// By the name of a reference.
    Name,
    /// Not known.
    None,
}

/// The build that clues tell.
#[derive(Clone, Debug, Serialize)]
pub struct Inference {
    /// The build; `None` where nothing tells it, or names contradict each other.
    pub build: Option<Build>,
    /// How it is known.
    pub certainty: Certainty,
    /// Builds that no coordinate rules out; empty where the file has none.
    pub compatible: Vec<Build>,
    /// What tells it, a sentence each.
    pub evidence: Vec<String>,
    /// What speaks against it, a sentence each: another name, a coordinate beyond the end.
    pub contradictions: Vec<String>,
    /// Whether chromosomes are called `chr1` rather than `1`; `None` where none is named.
    pub chr_prefix: Option<bool>,
}

/// Infers the build of a file.
#[must_use]
pub fn infer(clues: &Clues) -> Inference {
    let mut inference = Inference {
        build: None,
        certainty: Certainty::None,
        compatible: Vec::new(),
        evidence: Vec::new(),
        contradictions: Vec::new(),
        chr_prefix: prefix(clues),
    };
    by_lengths(clues, &mut inference);
    by_names(clues, &mut inference);
    by_coordinates(clues, &mut inference);
    inference
}

fn prefix(clues: &Clues) -> Option<bool> {
    let names = clues.contigs.iter().map(|(name, _)| name).chain(clues.furthest.keys());
    let mut chromosomes = names.filter(|name| Build::Grch37.length(name).is_some());
    chromosomes.next().map(|name| name.len() > 3 && name[..3].eq_ignore_ascii_case("chr"))
}

fn by_lengths(clues: &Clues, inference: &mut Inference) {
    let known: Vec<_> = clues
        .contigs
        .iter()
        .filter(|(name, _)| BUILDS.iter().any(|build| build.length(name).is_some()))
        .collect();
    if known.is_empty() {
        return;
    }
    let matches = |build: Build| {
        known.iter().filter(|(name, length)| build.length(name) == Some(*length)).count()
    };
    let best = BUILDS.into_iter().max_by_key(|build| matches(*build));
    let number = best.map_or(0, matches);
    let Some(build) = best.filter(|_| number > 0) else {
        let sentence = format!("{} contigs have lengths of no build that is known", known.len());
        inference.evidence.push(sentence);
        return;
    };
    inference.build = Some(build);
    inference.certainty = Certainty::Lengths;
    let sentence = format!("the lengths of {number} of {} chromosomes", known.len());
    inference.evidence.push(sentence);
    if number < known.len() {
        let others = known.len() - number;
        inference.contradictions.push(format!("{others} chromosomes have another length"));
    }
    let mitochondrion = |name: &str| matches!(crate::settings::bare_chromosome(name), "M" | "MT");
    let hg19 = clues
        .contigs
        .iter()
        .any(|(name, length)| mitochondrion(name) && *length == HG19_MITOCHONDRION);
    if hg19 {
        inference.evidence.push("a mitochondrion of 16,571 bases, which only hg19 has".to_owned());
    }
}

fn by_names(clues: &Clues, inference: &mut Inference) {
    let from_lengths = inference.build;
    for (place, build) in &clues.named {
        match inference.build {
            None if inference.certainty == Certainty::None => {
                inference.build = Some(*build);
                inference.certainty = Certainty::Name;
                inference.evidence.push(format!("{place} names {build}"));
            }
            Some(known) if known == *build => {
                let sentence = format!("{place} names {build}");
                if !inference.evidence.contains(&sentence) {
                    inference.evidence.push(sentence);
                }
            }
            _ => {
                let sentence = format!("{place} names {build}");
                if !inference.contradictions.contains(&sentence) {
                    inference.contradictions.push(sentence);
                }
                // Names alone that disagree tell nothing.
                inference.build = from_lengths;
            }
        }
    }
}

fn by_coordinates(clues: &Clues, inference: &mut Inference) {
    let chromosomes = clues.furthest.iter().filter(|(name, position)| {
        **position > 0 && BUILDS.iter().any(|build| build.length(name).is_some())
    });
    let furthest: Vec<_> = chromosomes.collect();
    if furthest.is_empty() {
        return;
    }
    // A coordinate may be one past the end: the telomere of VCF.
    let fits = |build: Build| {
        furthest.iter().all(|(name, position)| {
            build.length(name).is_some_and(|length| **position <= length + 1)
        })
    };
    inference.compatible = BUILDS.into_iter().filter(|build| fits(*build)).collect();
    if let Some(build) = inference.build
        && !inference.compatible.contains(&build)
    {
        let beyond = furthest.iter().find(|(name, position)| {
            build.length(name).is_none_or(|length| **position > length + 1)
        });
        if let Some((name, _)) = beyond {
            let name = crate::settings::bare_chromosome(name);
            let sentence = format!("a position on chromosome {name} lies beyond its end");
            inference.contradictions.push(sentence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real_data::genomics;

    fn contigs(build: Build, prefix: &str) -> Vec<(String, u64)> {
        ["1", "2", "17", "X"]
            .map(|name| (format!("{prefix}{name}"), build.length(name).unwrap()))
            .to_vec()
    }

    #[test]
    fn lengths_tell_the_build() {
        for build in BUILDS {
            for prefix in ["", "chr"] {
                let clues = Clues { contigs: contigs(build, prefix), ..Clues::default() };
                let inference = infer(&clues);
                assert_eq!(inference.build, Some(build), "{build} {prefix}");
                assert_eq!(inference.certainty, Certainty::Lengths);
                assert_eq!(inference.chr_prefix, Some(prefix == "chr"));
                assert!(inference.contradictions.is_empty());
            }
        }
    }

    #[test]
    fn lengths_weigh_more_than_names() {
        let clues = Clues {
            contigs: contigs(Build::Grch37, "chr"),
            named: vec![("##reference", Build::Grch38), ("##contig", Build::Grch37)],
            furthest: BTreeMap::from([("chr17".to_owned(), 83_000_000)]),
        };
        let inference = infer(&clues);
        assert_eq!(inference.build, Some(Build::Grch37));
        assert_eq!(
            inference.contradictions,
            ["##reference names GRCh38", "a position on chromosome 17 lies beyond its end"]
        );
        assert_eq!(
            inference.evidence,
            ["the lengths of 4 of 4 chromosomes", "##contig names GRCh37"]
        );
    }

    #[test]
    fn names_tell_the_build_where_they_agree() {
        let named = |builds: &[Build]| Clues {
            named: builds.iter().map(|build| ("NCBI_Build", *build)).collect(),
            ..Clues::default()
        };
        for (builds, expected) in [
            (vec![], None),
            (vec![Build::Grch37], Some(Build::Grch37)),
            (vec![Build::Grch37, Build::Grch37], Some(Build::Grch37)),
            (vec![Build::Grch37, Build::Grch38], None),
            (vec![Build::Grch37, Build::Grch38, Build::Grch38], None),
        ] {
            assert_eq!(infer(&named(&builds)).build, expected, "{builds:?}");
        }
        assert_eq!(
            infer(&named(&[Build::Grch37, Build::Grch38])).contradictions,
            ["NCBI_Build names GRCh38"]
        );
    }

    #[test]
    fn coordinates_rule_builds_out() {
        for (name, position, expected) in [
            ("1", 100, BUILDS.to_vec()),
            ("chr1", 249_000_000, vec![Build::Grch37]),
            (
                "19",
                59_100_000,
                vec![Build::Grch36, Build::Grch37, Build::T2tChm13, Build::Grcm38, Build::Grcm39],
            ),
            ("22", 1, vec![Build::Grch36, Build::Grch37, Build::Grch38, Build::T2tChm13]),
            ("GL000192.1", 100, vec![]),
            ("0", 100, vec![]),
        ] {
            let furthest = BTreeMap::from([(name.to_owned(), position)]);
            let inference = infer(&Clues { furthest, ..Clues::default() });
            assert_eq!(inference.compatible, expected, "{name}:{position}");
            assert_eq!(inference.build, None);
        }
    }

    #[test]
    fn lengths_of_no_build_tell_none() {
        let clues = Clues { contigs: vec![("1".to_owned(), 1000)], ..Clues::default() };
        let inference = infer(&clues);
        assert_eq!((inference.build, inference.certainty), (None, Certainty::None));
        assert_eq!(inference.evidence, ["1 contigs have lengths of no build that is known"]);
    }

    #[test]
    fn words_that_name_a_build() {
        for (text, expected) in [
            ("file:///data/human_g1k_v37.fasta", Some(Build::Grch37)),
            ("GRCh38.primary.fa", Some(Build::Grch38)),
            ("Homo_sapiens_assembly38.fasta", Some(Build::Grch38)),
            ("Homo_sapiens_assembly19.fasta", Some(Build::Grch37)),
            ("hs37d5.fa", Some(Build::Grch37)),
            ("hs1.fa", Some(Build::T2tChm13)),
            ("b37", Some(Build::Grch37)),
            ("NCBI36", Some(Build::Grch36)),
            ("mm10", Some(Build::Grcm38)),
            ("job37/lab38/genome.fa", None),
            ("hg19ToHg38.fa", Some(Build::Grch37)),
            ("hg19/hg38.fa", None),
            ("", None),
        ] {
            assert_eq!(Build::named(text), expected, "{text}");
        }
        for (value, expected) in [
            ("37", Some(Build::Grch37)),
            ("GRCh38", Some(Build::Grch38)),
            ("36.1", Some(Build::Grch36)),
            ("hg19", Some(Build::Grch37)),
            ("", None),
            ("NA", None),
        ] {
            assert_eq!(Build::of_maf(value), expected, "{value}");
        }
    }

    /// Chain files of Ensembl and UCSC give the length of each chromosome of both builds.
    #[test]
    fn lengths_equal_those_of_chain_files() {
        let Some(folder) = genomics() else { return };
        let mut compared = std::collections::BTreeSet::new();
        for (file, from, to) in [
            ("GRCh37_to_GRCh38.chain", Build::Grch37, Build::Grch38),
            ("GRCm38_to_NCBIM37.chain", Build::Grcm38, Build::Grcm38),
        ] {
            let path = folder.join("vcf2maf/data").join(file);
            for line in fs_err::read_to_string(path).unwrap().lines() {
                let words: Vec<&str> = line.split_ascii_whitespace().collect();
                if words.first() != Some(&"chain") {
                    continue;
                }
                let sides = if from == to { vec![(from, 2)] } else { vec![(from, 2), (to, 7)] };
                for (build, place) in sides {
                    let (name, length) = (words[place], words[place + 1].parse().unwrap());
                    if build.length(name).is_some() {
                        assert_eq!(build.length(name), Some(length), "{build} {name}");
                        compared.insert((build, name.to_owned()));
                    }
                }
            }
        }
        println!("{} lengths compared", compared.len());
        assert!(compared.len() >= 60, "{}", compared.len());
    }
}
