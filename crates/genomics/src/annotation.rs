//! Where a VCF writes what its variants do: VEP's `CSQ`, `SnpEff`'s `ANN`, bcftools' `BCSQ` and
//! Funcotator's `FUNCOTATION`.

use memchr::{memchr, memchr_iter};

use crate::{
    consequence::{Class, Effect, Severity, UNKNOWN, most_severe, residues},
    lines::number,
    small_variant::trim,
};

/// The INFO keys that hold consequences, the one that is preferred first.
const KEYS: [(&str, Format); 5] = [
    ("CSQ", Format::Vep),
    ("vep", Format::Vep),
    ("ANN", Format::SnpEff),
    ("BCSQ", Format::BcftoolsCsq),
    ("FUNCOTATION", Format::Funcotator),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    Vep,
    SnpEff,
    BcftoolsCsq,
    Funcotator,
}

/// The parts of an entry that mean something here, as places in [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Allele,
    Terms,
    Symbol,
    Id,
    ManeSelect,
    ManePlusClinical,
    Canonical,
    AlleleNumber,
    Residues,
    Change,
}

const PARTS: usize = 10;

/// The names that an annotation's header gives the parts, the preferred first.
const NAMES: [(Part, &[&str]); PARTS] = [
    (Part::Allele, &["Allele", "dna_change"]),
    (Part::Terms, &["Consequence", "Annotation", "variantClassification"]),
    (Part::Symbol, &["SYMBOL", "Gene_Name", "hugoSymbol", "gene"]),
    (Part::Id, &["Gene", "Gene_ID"]),
    (Part::ManeSelect, &["MANE_SELECT"]),
    (Part::ManePlusClinical, &["MANE_PLUS_CLINICAL"]),
    (Part::Canonical, &["CANONICAL"]),
    (Part::AlleleNumber, &["ALLELE_NUM"]),
    (Part::Residues, &["Protein_position", "AA.pos / AA.length", "AA.pos/AA.length"]),
    (Part::Change, &["HGVSp", "HGVS.p", "proteinChange", "amino_acid_change"]),
];

/// The parts of one entry: of one transcript and one ALT.
type Entry<'a> = [&'a [u8]; PARTS];

/// How much a transcript's consequence counts, the least first: not MANE Select, not MANE Plus
/// Clinical, not canonical, severity.
type Rank = (bool, bool, bool, Severity);

/// Which parts of the annotation field mean what, from the header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Annotation {
    /// The INFO key.
    pub(crate) key: Vec<u8>,
    format: Format,
    /// The places that are read, in order, each with its meaning.
    wanted: Vec<(usize, Part)>,
}

/// A record's alleles, of which one ALT is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Alleles<'a> {
    pub(crate) reference: &'a [u8],
    pub(crate) alternates: &'a [&'a [u8]],
    /// The ALT asked for, counted from 0.
    pub(crate) index: usize,
}

impl Annotation {
    /// Understands the parts that an INFO Description lists; `None` for a key that holds no
    /// consequences, or when a part is lacking that they need.
    pub(crate) fn new(key: &str, description: &str) -> Option<Self> {
        let (_, format) = *KEYS.iter().find(|(known, _)| *known == key)?;
        let names = part_names(description)?;
        let place = |wanted: &str| {
            names.iter().position(|name| match format {
                // `Gencode_34_hugoSymbol`: the version changes with the data source.
                Format::Funcotator => {
                    name.starts_with("Gencode_") && name.ends_with(&format!("_{wanted}"))
                }
                _ => name.eq_ignore_ascii_case(wanted),
            })
        };
        let mut wanted: Vec<(usize, Part)> = Vec::new();
        for (part, names) in NAMES {
            // VEP's `Gene` is the identifier, bcftools' `gene` the symbol.
            let mut names =
                names.iter().filter(|name| format == Format::BcftoolsCsq || **name != "gene");
            let found = names.find_map(|name| place(name));
            wanted.extend(found.map(|place| (place, part)));
        }
        wanted.sort_unstable();
        wanted.dedup_by_key(|(place, _)| *place);
        let has = |part| wanted.iter().any(|&(_, found)| found == part);
        (has(Part::Terms) && (has(Part::Symbol) || has(Part::Id))).then(|| Self {
            key: key.as_bytes().to_vec(),
            format,
            wanted,
        })
    }

    /// The better of two annotations of one file: VEP before `SnpEff` before bcftools before
    /// Funcotator, and the one that came first among equals.
    pub(crate) fn better(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.format < one.format => Some(other),
            (one, other) => one.or(other),
        }
    }

    /// Whether the file can tell which amino acids change.
    pub(crate) fn has_residues(&self) -> bool {
        self.wanted.iter().any(|(_, part)| matches!(part, Part::Residues | Part::Change))
    }

    /// What one ALT does, one effect for each gene.
    ///
    /// Of a gene's transcripts the one counts that is MANE Select, else MANE Plus Clinical, else
    /// canonical, else the one with the most severe consequence. Entries that name no gene do not
    /// count.
    pub(crate) fn effects<'a>(&self, value: &'a [u8], alleles: Alleles<'_>) -> Vec<Effect<'a>> {
        let mut best: Vec<(Rank, Effect<'a>)> = Vec::new();
        if self.format == Format::Funcotator {
            for transcript in funcotations(value, alleles.index) {
                self.weigh(&self.entry(transcript), &mut best);
            }
        } else {
            let mut rest = value;
            while !rest.is_empty() {
                let end = memchr(b',', rest).unwrap_or(rest.len());
                let entry = self.entry(&rest[..end]);
                rest = rest.get(end + 1..).unwrap_or_default();
                if self.is_of(&entry, alleles) {
                    self.weigh(&entry, &mut best);
                }
            }
        }
        best.into_iter().map(|(_, effect)| effect).collect()
    }

    /// Each gene that an entry places the variant in and not only near, with its terms.
    pub(crate) fn hit_genes<'a>(
        &self,
        value: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let is_near = |term: &[u8]| {
            matches!(term, b"" | b"upstream_gene_variant" | b"downstream_gene_variant")
                || term.starts_with(b"intergenic")
        };
        value.split(|&byte| byte == b',').filter_map(move |entry| {
            let entry = self.entry(entry);
            let (gene, terms) = (entry[Part::Symbol as usize], entry[Part::Terms as usize]);
            let is_hit = !terms.split(|&byte| byte == b'&').all(is_near);
            (is_hit && !gene.is_empty()).then_some((gene, terms))
        })
    }

    /// The parts of one entry that are wanted; those that it lacks are empty.
    fn entry<'a>(&self, text: &'a [u8]) -> Entry<'a> {
        let mut entry: Entry<'a> = [&[]; PARTS];
        let mut wanted = self.wanted.iter();
        let Some(&(mut next, mut part)) = wanted.next() else { return entry };
        let mut start = 0;
        for (place, end) in memchr_iter(b'|', text).chain([text.len()]).enumerate() {
            if place == next {
                entry[part as usize] = &text[start..end];
                match wanted.next() {
                    Some(&(place, meaning)) => (next, part) = (place, meaning),
                    None => break,
                }
            }
            start = end + 1;
        }
        entry
    }

    /// Keeps an entry if it counts more than what its gene has so far.
    fn weigh<'a>(&self, entry: &Entry<'a>, best: &mut Vec<(Rank, Effect<'a>)>) {
        let part = |part: Part| entry[part as usize];
        let (symbol, id) = (part(Part::Symbol), part(Part::Id));
        if symbol.is_empty() && id.is_empty() {
            return;
        }
        let terms = part(Part::Terms);
        let severity = match self.format {
            Format::Funcotator => funcotator_severity(terms),
            // A variant behind a stop that another one made has `*` in front.
            Format::BcftoolsCsq => most_severe(terms.strip_prefix(b"*").unwrap_or(terms)),
            Format::Vep | Format::SnpEff => most_severe(terms),
        };
        let rank = (
            part(Part::ManeSelect).is_empty(),
            part(Part::ManePlusClinical).is_empty(),
            !matches!(part(Part::Canonical), b"YES" | b"1"),
            severity,
        );
        let same = |effect: &Effect<'_>| match (symbol.is_empty(), effect.symbol.is_empty()) {
            (false, false) => effect.symbol == symbol,
            (true, true) => effect.id == id,
            _ => false,
        };
        let known = best.iter_mut().find(|(_, effect)| same(effect));
        if known.as_ref().is_some_and(|(other, _)| *other <= rank) {
            return;
        }
        let changed = severity
            .1
            .is_nonsynonymous()
            .then(|| residues(part(Part::Residues)).or_else(|| residues(part(Part::Change))));
        let effect = Effect { symbol, id, class: severity.1, residues: changed.flatten() };
        match known {
            Some(known) => *known = (rank, effect),
            None => best.push((rank, effect)),
        }
    }

    /// Whether an entry speaks of the ALT that is asked for.
    fn is_of(&self, entry: &Entry<'_>, alleles: Alleles<'_>) -> bool {
        let Alleles { reference, alternates, index } = alleles;
        // bcftools writes `@` and a position where another record tells the consequence.
        if entry[Part::Terms as usize].starts_with(b"@") {
            return false;
        }
        if alternates.len() == 1 {
            return true;
        }
        if let Some(number) = number::<usize>(entry[Part::AlleleNumber as usize]) {
            return number == index + 1;
        }
        let allele = entry[Part::Allele as usize];
        if self.format == Format::BcftoolsCsq {
            let written = allele.rsplit(|&byte| byte == b'>').next().unwrap_or_default();
            return written.is_empty() || written == alternates[index];
        }
        let shortened = self.format == Format::Vep && vep_shortens(reference, alternates);
        let names = |alternate: &[u8]| match alternate {
            [_] if shortened && is_bases(alternate) => allele == b"-",
            [_, rest @ ..] if shortened && is_bases(alternate) => allele == rest,
            _ => allele == alternate,
        };
        match alternates.iter().position(|alternate| names(alternate)) {
            Some(found) => found == index,
            // `--minimal` takes away every base that REF and the ALT share at either end.
            None => match trim(reference, alternates[index]).alternate {
                [] => allele == b"-",
                rest => allele == rest,
            },
        }
    }
}

/// The names of the parts, from an INFO Description.
fn part_names(description: &str) -> Option<Vec<&str>> {
    // VEP and bcftools write `Format: A|B|C`, Funcotator `fields are: A|B|C`, SnpEff `'A | B | C'`.
    let after = |marker: &str| description.split_once(marker).map(|(_, parts)| parts);
    let parts = match after("Format:").or_else(|| after("fields are:")) {
        Some(parts) => parts.split('"').next()?,
        None => description.split('\'').nth(1)?,
    };
    Some(parts.split('|').map(|part| part.trim_matches([' ', '\'', '[', ']'])).collect())
}

/// Whether VEP leaves out the first base of every allele: where one differs in length and all
/// share that base.
fn vep_shortens(reference: &[u8], alternates: &[&[u8]]) -> bool {
    let mut bases = alternates.iter().filter(|alternate| is_bases(alternate)).peekable();
    bases.peek().is_some()
        && bases.clone().any(|alternate| alternate.len() != reference.len())
        && bases.all(|alternate| alternate.first() == reference.first())
}

fn is_bases(allele: &[u8]) -> bool {
    allele.iter().all(u8::is_ascii_alphabetic)
}

/// The transcripts of one ALT: `[a|b]#[a|b],[a|b]`, ALTs split by commas, transcripts by `#`.
///
/// Funcotator writes `|`, `,`, `[`, `]` and `#` within a value as `_%7C_` and so on.
fn funcotations(value: &[u8], index: usize) -> impl Iterator<Item = &[u8]> {
    let of_alt = value.split(|&byte| byte == b',').nth(index).unwrap_or_default();
    of_alt.split(|&byte| byte == b'#').map(|transcript| {
        let transcript = transcript.strip_prefix(b"[").unwrap_or(transcript);
        transcript.strip_suffix(b"]").unwrap_or(transcript)
    })
}

/// Funcotator's own classification; the order among the classes is that of [`Class`].
fn funcotator_severity(classification: &[u8]) -> Severity {
    match Class::from_maf(classification) {
        Class::Other => UNKNOWN,
        class => (class as u8, class),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vep(format: &str) -> Annotation {
        let description = format!("Consequence annotations from Ensembl VEP. Format: {format}\"");
        Annotation::new("CSQ", &description).unwrap()
    }

    fn classes(
        annotation: &Annotation,
        value: &str,
        reference: &str,
        alternates: &[&str],
        index: usize,
    ) -> Vec<(String, Class)> {
        let alternates: Vec<&[u8]> = alternates.iter().map(|text| text.as_bytes()).collect();
        let alleles = Alleles { reference: reference.as_bytes(), alternates: &alternates, index };
        let effects = annotation.effects(value.as_bytes(), alleles);
        effects
            .iter()
            .map(|effect| {
                let name = if effect.symbol.is_empty() { effect.id } else { effect.symbol };
                (String::from_utf8(name.to_vec()).unwrap(), effect.class)
            })
            .collect()
    }

    fn one(class: Class) -> Vec<(String, Class)> {
        vec![("A".to_owned(), class)]
    }

    #[test]
    fn one_consequence_a_gene_by_mane_then_canonical_then_severity() {
        let full = vep("Allele|Consequence|SYMBOL|MANE_SELECT|MANE_PLUS_CLINICAL|CANONICAL");
        for (name, value, expected) in [
            (
                "MANE over severity",
                "T|stop_gained|A|||,T|missense_variant|A|NM_1||",
                Class::Missense,
            ),
            (
                "MANE over canonical",
                "T|stop_gained|A|||YES,T|missense_variant|A|NM_1||",
                Class::Missense,
            ),
            (
                "MANE Select over Plus Clinical",
                "T|stop_gained|A||NM_2|,T|missense_variant|A|NM_1||",
                Class::Missense,
            ),
            (
                "MANE Plus Clinical over canonical",
                "T|stop_gained|A|||YES,T|missense_variant|A||NM_2|",
                Class::Missense,
            ),
            (
                "canonical over severity",
                "T|stop_gained|A|||,T|intron_variant|A|||YES",
                Class::Other,
            ),
            ("severity", "T|missense_variant|A|||,T|stop_gained|A|||", Class::Nonsense),
            (
                "severity by Ensembl's order, not by class",
                "T|splice_region_variant|A|||,T|coding_sequence_variant|A|||",
                Class::Other,
            ),
        ] {
            assert_eq!(classes(&full, value, "C", &["T"], 0), one(expected), "{name}");
        }
        let value = "T|missense_variant|A|||,T|intron_variant|B|||,T|intergenic_variant||||";
        let two = [("A".to_owned(), Class::Missense), ("B".to_owned(), Class::Other)];
        assert_eq!(classes(&full, value, "C", &["T"], 0), two);
    }

    #[test]
    fn a_gene_without_a_symbol_has_its_identifier() {
        let both = vep("Allele|Consequence|SYMBOL|Gene");
        let value = "T|missense_variant||ENSG1,T|stop_gained||ENSG2";
        let expected =
            [("ENSG1".to_owned(), Class::Missense), ("ENSG2".to_owned(), Class::Nonsense)];
        assert_eq!(classes(&both, value, "C", &["T"], 0), expected);
        // Ensembl's and RefSeq's identifier of one gene are one gene.
        let value = "T|missense_variant|A|ENSG1,T|stop_gained|A|7157";
        assert_eq!(classes(&both, value, "C", &["T"], 0), one(Class::Nonsense));
    }

    #[test]
    fn an_entry_belongs_to_its_alt() {
        let by_allele = vep("Allele|Consequence|SYMBOL");
        // REF=CA: VEP calls the deletion `-`, and the insertion by its bases after the first.
        let value = "-|frameshift_variant|A,AT|inframe_insertion|A";
        let alternates = ["C", "CAT"];
        assert_eq!(classes(&by_allele, value, "CA", &alternates, 0), one(Class::Frameshift));
        assert_eq!(classes(&by_allele, value, "CA", &alternates, 1), one(Class::InframeIndel));
        // The shortened name of one ALT is the whole name of the other.
        let value = "A|missense_variant|A,AA|frameshift_variant|A";
        let alternates = ["TA", "TAA"];
        assert_eq!(classes(&by_allele, value, "TC", &alternates, 0), one(Class::Missense));
        assert_eq!(classes(&by_allele, value, "TC", &alternates, 1), one(Class::Frameshift));
        // Not all ALTs share the first base: nothing is left out.
        let value = "C|frameshift_variant|A,GA|missense_variant|A";
        assert_eq!(classes(&by_allele, value, "CA", &["C", "GA"], 1), one(Class::Missense));
        // A deletion elsewhere spans the place.
        let value = "*|stop_gained|A,T|missense_variant|A";
        assert_eq!(classes(&by_allele, value, "C", &["*", "T"], 1), one(Class::Missense));
        let value = "-|frameshift_variant|A,*|stop_gained|A";
        assert_eq!(classes(&by_allele, value, "CA", &["*", "C"], 1), one(Class::Frameshift));
        // VEP --minimal.
        let value = "G|missense_variant|A,-|frameshift_variant|A";
        assert_eq!(classes(&by_allele, value, "CAT", &["CGT", "C"], 0), one(Class::Missense));

        let by_number = vep("Allele|Consequence|SYMBOL|ALLELE_NUM");
        let value = "T|stop_gained|A|2,T|missense_variant|A|1";
        assert_eq!(classes(&by_number, value, "A", &["AT", "CT"], 0), one(Class::Missense));
        assert_eq!(classes(&by_number, value, "A", &["AT", "CT"], 1), one(Class::Nonsense));
    }

    #[test]
    fn the_ann_of_snpeff() {
        let description = "\"Functional annotations: 'Allele | Annotation | Annotation_Impact | \
            Gene_Name | Gene_ID | HGVS.p | AA.pos / AA.length'\"";
        let snpeff = Annotation::new("ANN", description).unwrap();
        let value = "TC|stop_gained|HIGH|A|E||9/90,G|missense_variant|MODERATE|A|E|p.Arg7His|7/90";
        assert_eq!(classes(&snpeff, value, "T", &["TC", "G"], 1), one(Class::Missense));
        let alleles = Alleles { reference: b"T", alternates: &[b"TC", b"G"], index: 1 };
        assert_eq!(snpeff.effects(value.as_bytes(), alleles)[0].residues, Some((7, 7)));
        assert!(snpeff.has_residues());
    }

    #[test]
    fn the_bcsq_of_bcftools() {
        let description = "\"Haplotype-aware consequence annotation from BCFtools/csq. Format: \
            Consequence|gene|transcript|biotype|strand|amino_acid_change|dna_change\"";
        let bcftools = Annotation::new("BCSQ", description).unwrap();
        let value = "missense|A|T1|protein_coding|+|7R>7H|100C>T,*stop_gained|B|T2|protein_coding|\
                     +|8R>8*|100C>T,synonymous|A|T1|protein_coding|+|7R|100C>G,@101";
        let expected = [("A".to_owned(), Class::Missense), ("B".to_owned(), Class::Nonsense)];
        assert_eq!(classes(&bcftools, value, "C", &["T", "G"], 0), expected);
        assert_eq!(classes(&bcftools, value, "C", &["T", "G"], 1), one(Class::Synonymous));
        assert_eq!(classes(&bcftools, "@101", "C", &["T"], 0), []);
    }

    #[test]
    fn the_funcotation_of_gatk() {
        let description = "\"Functional annotation from the Funcotator tool.  Funcotation fields \
            are: Gencode_34_hugoSymbol|Gencode_34_ncbiBuild|Gencode_34_variantClassification|\
            Gencode_34_proteinChange|HGNC_HGNC_ID\"";
        let funcotator = Annotation::new("FUNCOTATION", description).unwrap();
        let value = "[A|hg38|MISSENSE|p.R175H|a_%7C_b],[A|hg38|FRAME_SHIFT_INS|p.R175fs|]";
        assert_eq!(classes(&funcotator, value, "C", &["T", "CT"], 0), one(Class::Missense));
        assert_eq!(classes(&funcotator, value, "C", &["T", "CT"], 1), one(Class::Frameshift));
        let alleles = Alleles { reference: b"C", alternates: &[b"T"], index: 0 };
        let effects = funcotator.effects(value.as_bytes(), alleles);
        assert_eq!(effects[0].residues, Some((175, 175)));
        let several = "[A|hg38|INTRON||]#[A|hg38|SPLICE_SITE||]#[B|hg38|SILENT||]";
        let expected = [("A".to_owned(), Class::SpliceSite), ("B".to_owned(), Class::Synonymous)];
        assert_eq!(classes(&funcotator, several, "C", &["T"], 0), expected);
    }

    #[test]
    fn the_better_of_two_annotations() {
        let snpeff = Annotation::new("ANN", "'Allele | Annotation | x | Gene_Name'");
        let vep = Some(vep("Allele|Consequence|SYMBOL"));
        assert!(snpeff.is_some());
        assert_eq!(Annotation::better(snpeff.clone(), vep.clone()), vep);
        assert_eq!(Annotation::better(vep.clone(), snpeff.clone()), vep);
        assert_eq!(Annotation::better(None, snpeff.clone()), snpeff);
    }

    #[test]
    fn a_description_without_the_parts_is_no_annotation() {
        for (key, description) in [
            ("CSQ", ""),
            ("CSQ", "Format: Allele|Consequence"),
            ("ANN", "Functional annotations: none"),
            ("EFF", "Format: Allele|Consequence|SYMBOL"),
        ] {
            assert_eq!(Annotation::new(key, description), None, "{description}");
        }
    }
}
