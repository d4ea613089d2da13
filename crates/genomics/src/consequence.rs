//! What a variant does to a gene's protein, by one vocabulary for VEP, `SnpEff` and MAF.

/// The classes that count as nonsynonymous, in words for the feature dictionary.
pub(crate) const NONSYNONYMOUS: &str = "missense, nonsense, frameshift, in-frame indel, \
                                        splice site, start lost, stop lost";

/// A consequence class, the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    SpliceSite,
    Nonsense,
    Frameshift,
    StopLost,
    StartLost,
    InframeIndel,
    Missense,
    /// Does not change the protein, as far as is known.
    Other,
}

impl Class {
    /// The class of Sequence Ontology terms joined by `&`: that of the most severe.
    ///
    /// The classes are those of vcf2maf's `GetVariantClassification`, the order that of Ensembl's
    /// table of calculated consequences.
    pub(crate) fn from_ontology(terms: &[u8]) -> Self {
        let class = |term: &[u8]| match term {
            b"splice_acceptor_variant"
            | b"splice_donor_variant"
            | b"transcript_ablation"
            | b"exon_loss_variant" => Self::SpliceSite,
            b"stop_gained" => Self::Nonsense,
            b"frameshift_variant" => Self::Frameshift,
            b"stop_lost" => Self::StopLost,
            b"start_lost" | b"initiator_codon_variant" => Self::StartLost,
            b"inframe_insertion"
            | b"inframe_deletion"
            | b"disruptive_inframe_insertion"
            | b"disruptive_inframe_deletion"
            | b"conservative_inframe_insertion"
            | b"conservative_inframe_deletion"
            | b"protein_altering_variant" => Self::InframeIndel,
            b"missense_variant"
            | b"coding_sequence_variant"
            | b"conservative_missense_variant"
            | b"rare_amino_acid_variant" => Self::Missense,
            _ => Self::Other,
        };
        let classes = terms.split(|&byte| byte == b'&').map(class);
        classes.min().expect("split gives at least one part")
    }

    /// The class of a MAF's `Variant_Classification`.
    pub(crate) fn from_maf(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "splice_site" => Self::SpliceSite,
            "nonsense_mutation" => Self::Nonsense,
            "frame_shift_del" | "frame_shift_ins" => Self::Frameshift,
            "nonstop_mutation" => Self::StopLost,
            "translation_start_site" => Self::StartLost,
            "in_frame_del" | "in_frame_ins" => Self::InframeIndel,
            "missense_mutation" => Self::Missense,
            _ => Self::Other,
        }
    }

    /// Whether the protein changes: the nine classes that maftools reads as nonsynonymous.
    pub(crate) fn is_nonsynonymous(self) -> bool {
        self != Self::Other
    }

    /// Whether the protein is likely lost: splice site, nonsense, frameshift, start lost.
    pub(crate) fn is_truncating(self) -> bool {
        matches!(self, Self::SpliceSite | Self::Nonsense | Self::Frameshift | Self::StartLost)
    }
}

/// How much a transcript's consequence counts, the least first: not MANE Select, not canonical,
/// severity.
type Rank = (bool, bool, Class);

/// Which parts of the annotation field mean what, from the header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Annotation {
    /// The INFO key: `CSQ` or `ANN`.
    pub(crate) key: Vec<u8>,
    allele: usize,
    terms: usize,
    gene: usize,
    mane: Option<usize>,
    canonical: Option<usize>,
    allele_number: Option<usize>,
}

impl Annotation {
    /// Understands the parts that an INFO Description lists; `None` when one is lacking.
    pub(crate) fn new(key: &str, description: &str) -> Option<Self> {
        // VEP writes `Format: A|B|C`, SnpEff `'A | B | C'`.
        let parts = match description.split_once("Format:") {
            Some((_, parts)) => parts.split('"').next()?,
            None => description.split('\'').nth(1)?,
        };
        let parts: Vec<&str> =
            parts.split('|').map(|part| part.trim_matches([' ', '\''])).collect();
        let place = |names: &[&str]| {
            parts.iter().position(|part| names.iter().any(|name| part.eq_ignore_ascii_case(name)))
        };
        Some(Self {
            key: key.as_bytes().to_vec(),
            allele: place(&["Allele"])?,
            terms: place(&["Consequence", "Annotation"])?,
            gene: place(&["SYMBOL", "Gene_Name"])?,
            mane: place(&["MANE_SELECT"]),
            canonical: place(&["CANONICAL"]),
            allele_number: place(&["ALLELE_NUM"]),
        })
    }

    /// The gene and class of one ALT, one for each gene.
    ///
    /// Of a gene's transcripts the one counts that is MANE Select, else canonical, else the one
    /// with the most severe class. `alternates` are all ALTs of the record, `index` the one asked for.
    pub(crate) fn genes<'a>(
        &self,
        value: &'a [u8],
        alternates: &[&[u8]],
        index: usize,
    ) -> Vec<(&'a [u8], Class)> {
        let mut best: Vec<(&[u8], Rank)> = Vec::new();
        for entry in value.split(|&byte| byte == b',') {
            let parts: Vec<&[u8]> = entry.split(|&byte| byte == b'|').collect();
            let part = |place: usize| parts.get(place).copied().unwrap_or_default();
            let gene = part(self.gene);
            if gene.is_empty() || !self.is_of(&parts, alternates, index) {
                continue;
            }
            let lacks_mane = self.mane.is_none_or(|place| part(place).is_empty());
            let lacks_canonical = self.canonical.is_none_or(|place| part(place) != b"YES");
            let rank = (lacks_mane, lacks_canonical, Class::from_ontology(part(self.terms)));
            match best.iter_mut().find(|(other, _)| *other == gene) {
                Some((_, other)) => *other = rank.min(*other),
                None => best.push((gene, rank)),
            }
        }
        best.into_iter().map(|(gene, (_, _, class))| (gene, class)).collect()
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
            let part = |place| entry.split(|&byte| byte == b'|').nth(place).unwrap_or_default();
            let (gene, terms) = (part(self.gene), part(self.terms));
            let is_hit = !terms.split(|&byte| byte == b'&').all(is_near);
            (is_hit && !gene.is_empty()).then_some((gene, terms))
        })
    }

    /// Whether an entry speaks of the ALT with this index.
    fn is_of(&self, parts: &[&[u8]], alternates: &[&[u8]], index: usize) -> bool {
        if alternates.len() == 1 {
            return true;
        }
        let number = self.allele_number.and_then(|place| parts.get(place));
        if let Some(number) = number.and_then(|number| crate::lines::number::<usize>(number)) {
            return number == index + 1;
        }
        let allele = parts.get(self.allele).copied().unwrap_or_default();
        if let Some(exact) = alternates.iter().position(|&alternate| alternate == allele) {
            return exact == index;
        }
        // VEP leaves out the first base that REF and all ALTs share and writes `-` for nothing.
        let rest = alternates[index].get(1..).unwrap_or_default();
        allele == rest || (rest.is_empty() && allele == b"-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_severe_term_counts() {
        for (terms, expected) in [
            ("missense_variant", Class::Missense),
            ("missense_variant&splice_region_variant", Class::Missense),
            ("stop_gained&frameshift_variant", Class::Nonsense),
            ("splice_donor_variant&intron_variant", Class::SpliceSite),
            ("splice_region_variant&intron_variant", Class::Other),
            ("synonymous_variant", Class::Other),
            ("", Class::Other),
        ] {
            assert_eq!(Class::from_ontology(terms.as_bytes()), expected, "{terms}");
        }
    }

    #[test]
    fn every_class_of_a_maf() {
        for (name, nonsynonymous, truncating) in [
            ("Missense_Mutation", true, false),
            ("Nonsense_Mutation", true, true),
            ("Frame_Shift_Del", true, true),
            ("Frame_Shift_Ins", true, true),
            ("Splice_Site", true, true),
            ("Translation_Start_Site", true, true),
            ("Nonstop_Mutation", true, false),
            ("In_Frame_Del", true, false),
            ("In_Frame_Ins", true, false),
            ("Silent", false, false),
            ("Splice_Region", false, false),
            ("Intron", false, false),
            ("3'UTR", false, false),
            ("RNA", false, false),
            ("", false, false),
        ] {
            let class = Class::from_maf(name);
            assert_eq!(class.is_nonsynonymous(), nonsynonymous, "{name}");
            assert_eq!(class.is_truncating(), truncating, "{name}");
        }
    }

    fn vep(format: &str) -> Annotation {
        Annotation::new(
            "CSQ",
            &format!("Consequence annotations from Ensembl VEP. Format: {format}"),
        )
        .unwrap()
    }

    #[test]
    fn one_consequence_a_gene_by_mane_then_canonical_then_severity() {
        let full = vep("Allele|Consequence|SYMBOL|MANE_SELECT|CANONICAL");
        for (name, value, expected) in [
            ("MANE over severity", "T|stop_gained|A||,T|missense_variant|A|NM_1|", Class::Missense),
            (
                "MANE over canonical",
                "T|stop_gained|A||YES,T|missense_variant|A|NM_1|",
                Class::Missense,
            ),
            ("canonical over severity", "T|stop_gained|A||,T|intron_variant|A||YES", Class::Other),
            ("severity", "T|missense_variant|A||,T|stop_gained|A||", Class::Nonsense),
        ] {
            assert_eq!(
                full.genes(value.as_bytes(), &[b"T"], 0),
                [(b"A".as_slice(), expected)],
                "{name}"
            );
        }
        let two = full.genes(
            b"T|missense_variant|A||,T|intron_variant|B||,T|intergenic_variant|||",
            &[b"T"],
            0,
        );
        assert_eq!(two, [(b"A".as_slice(), Class::Missense), (b"B".as_slice(), Class::Other)]);
    }

    #[test]
    fn an_entry_belongs_to_its_alt() {
        let by_allele = vep("Allele|Consequence|SYMBOL");
        // REF=CA: VEP calls the deletion `-`, and the insertion by its bases after the first.
        let value = b"-|frameshift_variant|A,AT|inframe_insertion|A";
        let alternates: [&[u8]; 2] = [b"C", b"CAT"];
        assert_eq!(by_allele.genes(value, &alternates, 0)[0].1, Class::Frameshift);
        assert_eq!(by_allele.genes(value, &alternates, 1)[0].1, Class::InframeIndel);

        let by_number = vep("Allele|Consequence|SYMBOL|ALLELE_NUM");
        let value = b"T|stop_gained|A|2,T|missense_variant|A|1";
        let alternates: [&[u8]; 2] = [b"AT", b"CT"];
        assert_eq!(by_number.genes(value, &alternates, 0)[0].1, Class::Missense);
        assert_eq!(by_number.genes(value, &alternates, 1)[0].1, Class::Nonsense);

        let snpeff = Annotation::new(
            "ANN",
            "Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID'",
        )
        .unwrap();
        let value = b"TC|stop_gained|HIGH|A|E,G|missense_variant|MODERATE|A|E";
        let alternates: [&[u8]; 2] = [b"TC", b"G"];
        assert_eq!(snpeff.genes(value, &alternates, 1), [(b"A".as_slice(), Class::Missense)]);
    }

    #[test]
    fn a_description_without_the_parts_is_no_annotation() {
        for description in ["", "Format: Allele|Consequence", "Functional annotations: none"] {
            assert_eq!(Annotation::new("CSQ", description), None, "{description}");
        }
    }
}
