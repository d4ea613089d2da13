//! What a variant does to a gene's protein, by one vocabulary for VEP, `SnpEff`, bcftools csq,
//! Funcotator and MAF.

use serde::{Deserialize, Serialize};

/// The classes that count as nonsynonymous, in words for the feature dictionary.
pub(crate) const NONSYNONYMOUS: &str = "missense, nonsense, frameshift, in-frame indel, \
                                        splice site, start lost, stop lost";

/// A consequence class, the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The donor or acceptor of a splice site changes, or an exon is lost.
    SpliceSite,
    /// A codon becomes a stop.
    Nonsense,
    /// The reading frame shifts.
    Frameshift,
    /// The stop codon is lost.
    StopLost,
    /// The start codon is lost.
    StartLost,
    /// Amino acids are inserted or deleted, the frame stays.
    InframeIndel,
    /// One amino acid becomes another.
    Missense,
    /// The codon changes and the amino acid does not.
    Synonymous,
    /// Does not change the protein, as far as is known.
    Other,
}

impl Class {
    /// The class of a MAF's `Variant_Classification`, or of Funcotator's `variantClassification`,
    /// which is the same list in capitals.
    pub(crate) fn from_maf(name: &[u8]) -> Self {
        let is =
            |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()));
        match name {
            _ if is(&["missense_mutation", "missense"]) => Self::Missense,
            _ if is(&["silent"]) => Self::Synonymous,
            _ if is(&["nonsense_mutation", "nonsense"]) => Self::Nonsense,
            _ if is(&["splice_site"]) => Self::SpliceSite,
            _ if is(&["frame_shift_del", "frame_shift_ins"]) => Self::Frameshift,
            _ if is(&["in_frame_del", "in_frame_ins"]) => Self::InframeIndel,
            _ if is(&["nonstop_mutation", "nonstop"]) => Self::StopLost,
            _ if is(&[
                "translation_start_site",
                "start_codon_snp",
                "start_codon_del",
                "start_codon_ins",
            ]) =>
            {
                Self::StartLost
            }
            _ => Self::Other,
        }
    }

    /// Whether the protein changes: the nine classes that maftools reads as nonsynonymous.
    pub(crate) fn is_nonsynonymous(self) -> bool {
        self < Self::Synonymous
    }

    /// Whether the protein is likely lost: splice site, nonsense, frameshift, start lost.
    pub(crate) fn is_truncating(self) -> bool {
        matches!(self, Self::SpliceSite | Self::Nonsense | Self::Frameshift | Self::StartLost)
    }

    /// The class in words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SpliceSite => "splice site",
            Self::Nonsense => "nonsense",
            Self::Frameshift => "frameshift",
            Self::StopLost => "stop lost",
            Self::StartLost => "start lost",
            Self::InframeIndel => "in-frame indel",
            Self::Missense => "missense",
            Self::Synonymous => "synonymous",
            Self::Other => "any other",
        }
    }
}

/// A place in Ensembl's order of consequences, 0 the most severe, and the class it belongs to.
pub(crate) type Severity = (u8, Class);

/// A consequence that no table knows.
pub(crate) const UNKNOWN: Severity = (u8::MAX, Class::Other);

/// The most severe of the Sequence Ontology terms that `&` joins.
///
/// The order is that of Ensembl's table of calculated variant consequences (release 113). The terms
/// that `SnpEff` and bcftools csq have of their own stand where their nearest Ensembl term does.
/// The classes are those of vcf2maf's `GetVariantClassification`.
pub(crate) fn most_severe(terms: &[u8]) -> Severity {
    terms.split(|&byte| byte == b'&').map(severity).min().unwrap_or(UNKNOWN)
}

fn severity(term: &[u8]) -> Severity {
    match term {
        b"transcript_ablation" | b"exon_loss_variant" => (0, Class::SpliceSite),
        b"splice_acceptor_variant" | b"splice_acceptor" => (1, Class::SpliceSite),
        b"splice_donor_variant" | b"splice_donor" => (2, Class::SpliceSite),
        b"stop_gained" => (3, Class::Nonsense),
        b"frameshift_variant" | b"frameshift" => (4, Class::Frameshift),
        b"stop_lost" => (5, Class::StopLost),
        b"start_lost" | b"initiator_codon_variant" => (6, Class::StartLost),
        b"transcript_amplification" => (7, Class::Other),
        b"feature_elongation" => (8, Class::Other),
        b"feature_truncation" => (9, Class::Other),
        b"inframe_insertion"
        | b"disruptive_inframe_insertion"
        | b"conservative_inframe_insertion" => (10, Class::InframeIndel),
        b"inframe_deletion" | b"disruptive_inframe_deletion" | b"conservative_inframe_deletion" => {
            (11, Class::InframeIndel)
        }
        b"missense_variant"
        | b"missense"
        | b"conservative_missense_variant"
        | b"rare_amino_acid_variant" => (12, Class::Missense),
        b"protein_altering_variant" | b"inframe_altering" => (13, Class::InframeIndel),
        _ => silent_severity(term),
    }
}

/// The lower part of the order: what leaves the protein as it is.
fn silent_severity(term: &[u8]) -> Severity {
    let other = |place| (place, Class::Other);
    match term {
        b"intron_variant" | b"intron" => other(27),
        b"downstream_gene_variant" => other(32),
        b"upstream_gene_variant" => other(31),
        b"non_coding_transcript_variant" => other(29),
        b"non_coding_transcript_exon_variant" | b"non_coding" => other(26),
        b"splice_donor_5th_base_variant" => other(14),
        b"splice_region_variant" | b"splice_region" => other(15),
        b"splice_donor_region_variant" => other(16),
        b"splice_polypyrimidine_tract_variant" => other(17),
        b"incomplete_terminal_codon_variant" => other(18),
        b"start_retained_variant" | b"start_retained" => (19, Class::Synonymous),
        b"stop_retained_variant" | b"stop_retained" => (20, Class::Synonymous),
        b"synonymous_variant" | b"synonymous" => (21, Class::Synonymous),
        // vcf2maf calls it missense: the codon changes, the amino acid could not be told.
        b"coding_sequence_variant" | b"coding_sequence" => (22, Class::Missense),
        b"mature_miRNA_variant" => other(23),
        b"5_prime_UTR_variant" | b"5_prime_utr" => other(24),
        b"3_prime_UTR_variant" | b"3_prime_utr" => other(25),
        b"NMD_transcript_variant" => other(28),
        b"coding_transcript_variant" => other(30),
        b"TFBS_ablation" => other(33),
        b"TFBS_amplification" => other(34),
        b"TF_binding_site_variant" => other(35),
        b"regulatory_region_ablation" => other(36),
        b"regulatory_region_amplification" => other(37),
        b"regulatory_region_variant" => other(38),
        b"intergenic_variant" | b"intergenic_region" => other(39),
        b"sequence_variant" => other(40),
        _ => UNKNOWN,
    }
}

/// What a variant does to one gene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effect<'a> {
    /// The gene's symbol; empty where the annotation gives none.
    pub(crate) symbol: &'a [u8],
    /// The gene's identifier, such as Ensembl's; empty where the annotation gives none.
    pub(crate) id: &'a [u8],
    /// The consequence of the transcript that counts.
    pub(crate) class: Class,
    /// The first and last amino acid that change, counted from 1, where known.
    pub(crate) residues: Option<(u32, u32)>,
}

/// The amino acids that change, from a position (`175`, `175/393`, `746-750`) or from a change of
/// the protein in HGVS (`p.Arg175His`, `p.E746_A750del`, `ENSP0:p.R175H`, `X126_splice`).
pub(crate) fn residues(text: &[u8]) -> Option<(u32, u32)> {
    let change = match text.iter().rposition(|&byte| byte == b':') {
        Some(colon) => &text[colon + 1..],
        None => text,
    };
    let change = change.strip_prefix(b"p.").unwrap_or(change);
    let position = change.split(|&byte| byte == b'/').next().unwrap_or_default();
    let (first, rest) = leading_number(position)?;
    let last = rest
        .iter()
        .position(|&byte| byte == b'_' || byte == b'-')
        .filter(|&place| place <= 1)
        .and_then(|place| leading_number(&rest[place..]))
        .map_or(first, |(last, _)| last.max(first));
    Some((first, last))
}

/// The first number of a text, after at most a few letters, and what follows it.
fn leading_number(text: &[u8]) -> Option<(u32, &[u8])> {
    let start = text.iter().position(u8::is_ascii_digit).filter(|&start| start <= 5)?;
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = crate::lines::number(&text[start..start + digits])?;
    Some((number, &text[start + digits..]))
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
            ("synonymous_variant", Class::Synonymous),
            ("splice_region_variant&synonymous_variant", Class::Other),
            ("inframe_deletion", Class::InframeIndel),
            ("splice_donor", Class::SpliceSite),
            ("", Class::Other),
        ] {
            assert_eq!(most_severe(terms.as_bytes()).1, expected, "{terms}");
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
            ("MISSENSE", true, false),
            ("START_CODON_SNP", true, true),
            ("Silent", false, false),
            ("Splice_Region", false, false),
            ("Intron", false, false),
            ("3'UTR", false, false),
            ("RNA", false, false),
            ("", false, false),
        ] {
            let class = Class::from_maf(name.as_bytes());
            assert_eq!(class.is_nonsynonymous(), nonsynonymous, "{name}");
            assert_eq!(class.is_truncating(), truncating, "{name}");
        }
    }

    #[test]
    fn residues_that_change() {
        for (text, expected) in [
            ("175", Some((175, 175))),
            ("175/393", Some((175, 175))),
            ("746-750/1210", Some((746, 750))),
            ("?-12", Some((12, 12))),
            ("12-?", Some((12, 12))),
            ("p.Arg175His", Some((175, 175))),
            ("ENSP00000269305.4:p.Arg175His", Some((175, 175))),
            ("p.E746_A750del", Some((746, 750))),
            ("p.Glu746_Ala750delinsGln", Some((746, 750))),
            ("p.X126_splice", Some((126, 126))),
            ("R882H", Some((882, 882))),
            ("p.Ala155ArgfsTer59", Some((155, 155))),
            ("175R>175H", Some((175, 175))),
            ("p.=", None),
            ("-", None),
            ("", None),
            ("99999999999", None),
        ] {
            assert_eq!(residues(text.as_bytes()), expected, "{text}");
        }
    }
}
