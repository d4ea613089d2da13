use std::path::Path;

use oncoweave_core::Feature;

use crate::{
    Error, Note, Panel, VcfResources, VcfSettings, calls::look_through, lines::Lines, merge::Merge,
};

mod record;
mod sums;

pub(crate) use record::Record;

use sums::Sums;

/// A VCF of one patient by one caller.
#[derive(Clone, Copy, Debug)]
pub struct VcfSource<'a> {
    /// The file.
    pub path: &'a Path,
    /// The tumor's column; `None` where the file tells it.
    pub sample_id: Option<&'a str>,
    /// The genes that were sequenced; `None` where all were.
    pub panel: Option<&'a Panel>,
}

/// What the VCFs of one patient gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VcfFeatures {
    /// The features, the same ones for the same settings.
    pub features: Vec<Feature>,
    /// What was mended or left out, by kind; beyond five lines of a kind only their
    /// number.
    pub notes: Vec<Note>,
}

/// The features of one tumor by its VCFs or BCFs, one for each caller: plain, gzip or bgzip, found
/// from their content. The path `-` is standard input, which only works for a single file.
///
/// Counts small variants that pass the caller's filters and that the tumor carries. Where a file
/// holds the matched normal, an ALT that the normal's genotype names is not somatic and does not
/// count; a caller that writes no genotypes, such as Strelka, has left the germline out itself, and
/// reads of the normal that carry an ALT are no genotype. Each ALT of a record counts by itself, and
/// the same ALT of several records or files once: see [`VcfSettings::min_callers`]. The list of
/// features depends on the settings alone; one that the files cannot tell has no value: driver and
/// class features without VEP's `CSQ` or `SnpEff`'s `ANN` in every file that counts, copy number
/// without such records or the promise of [`VcfSettings::copy_number`].
///
/// What breaks a rule of the header is mended, a faulty record is left out; both are noted.
///
/// # Errors
/// When a file cannot be read, is truncated or damaged, does not say which sample is the tumor,
/// lacks the annotation that [`VariantSettings::genes`](crate::VariantSettings::genes) need, or has too many faulty records: more
/// than half, or more than ten and more than one in a hundred. A REF that differs from
/// [`reference`](crate::VariantSettings::reference) is such a fault. When there are fewer files than
/// [`VcfSettings::min_callers`].
pub fn vcf_features(
    sources: &[VcfSource<'_>],
    settings: &VcfSettings,
    resources: &VcfResources,
) -> Result<VcfFeatures, Error> {
    let mut sums = Sums::new(look_through(sources, settings, resources)?, settings, resources);
    for source in sources {
        sums.read(Lines::open(source.path)?, *source, settings, resources)?;
    }
    sums.finish(settings)
}

/// The features of a VCF that is open already.
pub(crate) fn features_of_lines(
    lines: Lines,
    source: VcfSource<'_>,
    settings: &VcfSettings,
    resources: &VcfResources,
) -> Result<VcfFeatures, Error> {
    let mut sums = Sums::new(Merge::new(1, 1), settings, resources);
    sums.read(lines, source, settings, resources)?;
    sums.finish(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const META: &str = "##fileformat=VCFv4.2\n\
        ##contig=<ID=chr1,length=1000>\n##contig=<ID=chrX,length=500>\n";
    const CSQ: &str = "##INFO=<ID=CSQ,Number=.,Type=String,Description=\"Format: \
        Allele|Consequence|SYMBOL|CANONICAL\">\n";
    pub(super) const CHROM: &str = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";

    pub(super) fn features(content: &str, settings: &str) -> Result<Vec<Feature>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        fs_err::write(&path, content).unwrap();
        let source = VcfSource { path: &path, sample_id: None, panel: None };
        let settings = toml::from_str(settings).unwrap();
        Ok(vcf_features(&[source], &settings, &VcfResources::load(&settings)?)?.features)
    }

    /// A tumor and normal pair with one record a line: spaces stand for tabs.
    pub(super) fn pair(records: &str, settings: &str) -> Vec<Feature> {
        let records = records.replace(' ', "\t");
        let content = format!("{META}{CSQ}{CHROM}\tFORMAT\tNORMAL\tTUMOR\n{records}");
        features(&content, settings).unwrap()
    }

    pub(super) fn value(features: &[Feature], name: &str) -> Option<f32> {
        features.iter().find(|feature| feature.info.name == name).expect(name).value
    }

    #[test]
    fn a_pair_of_tumor_and_normal() {
        let features = pair(
            "chr1 10 . C T . PASS CSQ=T|missense_variant|KRAS|YES GT:AD 0/0:30,0 0/1:30,10\n\
             chr1 20 . C CAT . . CSQ=AT|frameshift_variant|TP53|YES GT:AD 0/0:9,0 0/1:10,10\n\
             chr1 30 . A G . weak CSQ=G|stop_gained|EGFR|YES GT:AD 0/0:9,0 0/1:10,10\n\
             chr1 40 . A C,T . PASS CSQ=C|intron_variant|PTEN|,T|stop_gained|APC| GT:AD 0/0:9,0,0 1/2:0,10,10\n",
            "genes = ['KRAS', 'TP53', 'EGFR', 'PTEN', 'APC']\ncallable_megabases = 2",
        );
        for (name, expected) in [
            ("driver_KRAS", 1.0),
            ("driver_KRAS_truncating", 0.0),
            ("driver_TP53", 1.0),
            ("driver_TP53_truncating", 1.0),
            ("driver_EGFR", 0.0),
            ("driver_PTEN", 0.0),
            ("driver_APC", 1.0),
            ("variant_count", 4.0),
            ("nonsynonymous_count", 3.0),
            ("truncating_count", 2.0),
            ("missense_count", 1.0),
            ("snv_count", 3.0),
            ("indel_count", 1.0),
            ("tumor_mutational_burden", 1.5),
            ("vaf_mean", 0.4375),
            ("vaf_median", 0.5),
            ("transition_fraction", 1.0 / 3.0),
            ("cytosine_to_thymine_fraction", 1.0 / 3.0),
        ] {
            assert_eq!(value(&features, name), Some(expected), "{name}");
        }
        assert_eq!(value(&features, "cnv_fraction_altered"), None, "no copy number was called");
    }

    #[test]
    fn unfiltered_records_count_when_asked() {
        let record = "chr1 10 . C T . weak . GT 0/0 0/1\n";
        assert_eq!(value(&pair(record, ""), "variant_count"), Some(0.0));
        assert_eq!(value(&pair(record, "passing_only = false"), "variant_count"), Some(1.0));
    }

    #[test]
    fn a_file_without_annotation_does_not_know_drivers() {
        let content = format!("{META}{CHROM}\nchr1\t10\t.\tC\tT\t.\tPASS\t.\n");
        let settings = "genes = ['TP53']\ncallable_megabases = 30";
        let message = features(&content, settings).unwrap_err().to_string();
        assert!(message.contains("a.vcf: not annotated: no CSQ or ANN in the header"), "{message}");
        let settings = format!("unannotated = true\n{settings}");
        let features = features(&content, &settings).unwrap();
        assert_eq!(value(&features, "variant_count"), Some(1.0));
        for name in ["driver_TP53", "nonsynonymous_count", "tumor_mutational_burden", "vaf_mean"] {
            assert_eq!(value(&features, name), None, "{name}");
        }
    }

    #[test]
    fn copy_number_is_a_share_of_the_autosomes() {
        let settings = "gene_positions = { MYC = '1:101-200', KRAS = '1:901-910' }";
        let features = pair(
            "chr1 100 . N <DUP> . PASS END=300;SVTYPE=DUP GT:CN 0/0:2 0/1:6\n\
             chr1 250 . N <CNV> . PASS END=350 GT:CN 0/0:2 0/1:3\n\
             chr1 500 . N <DEL> . PASS SVLEN=-100 GT 0/0 0/1\n\
             chr1 700 . N <DEL> . PASS SVLEN=-100 GT 0/1 0/1\n\
             chr1 800 . N <DEL> . weak SVLEN=-100 GT 0/0 0/1\n\
             chrX 100 . N <DEL> . PASS END=400 GT:CN 0/0:2 0/1:0\n\
             chr1 950 . N <INV> . PASS END=990 GT 0/0 0/1\n",
            settings,
        );
        for (name, expected) in [
            ("cnv_fraction_altered", 0.35),
            ("cnv_gain_fraction", 0.25),
            ("cnv_loss_fraction", 0.1),
            ("copy_number_MYC", 6.0),
            ("copy_number_KRAS", 2.0),
            ("variant_count", 0.0),
        ] {
            assert_eq!(value(&features, name), Some(expected), "{name}");
        }
        let none = pair("", settings);
        assert_eq!(value(&none, "cnv_fraction_altered"), None);
        assert_eq!(value(&none, "copy_number_MYC"), None);
        let promised = pair("", &format!("copy_number = true\n{settings}"));
        assert_eq!(value(&promised, "cnv_fraction_altered"), Some(0.0));
        assert_eq!(value(&promised, "copy_number_MYC"), Some(2.0));
    }

    #[test]
    fn a_gene_that_is_covered_in_part_has_the_mean() {
        let features = pair(
            "chr1 150 . N <DUP> . PASS END=300 GT:CN 0/0:2 0/1:4\n",
            "gene_positions = { MYC = 'chr1:101-200' }",
        );
        assert_eq!(value(&features, "copy_number_MYC"), Some(3.0));
    }

    #[test]
    fn the_features_depend_on_the_settings_alone() {
        let names = |features: &[Feature]| -> Vec<String> {
            features.iter().map(|feature| feature.info.name.clone()).collect()
        };
        let settings = "genes = ['TP53']\nunannotated = true\ncallable_megabases = 1\ngene_positions = { MYC = '8:1-2' }";
        let with = pair(
            "chr1 10 . C T . PASS CSQ=T|missense_variant|KRAS|YES GT:AD 0/0:30,0 0/1:30,10\n",
            settings,
        );
        let without = features(&format!("{CHROM}\n"), settings).unwrap();
        assert_eq!(names(&with), names(&without));
    }

    #[test]
    fn spectra_and_repeats_from_a_reference_genome() {
        let folder = tempfile::tempdir().unwrap();
        let fasta = folder.path().join("genome.fa");
        //                                    1        10        20
        fs_err::write(&fasta, ">chr1\nGACGTTTTTTTTACACACACGGT\n").unwrap();
        let settings = format!(
            "reference = '{}'\nspectra = ['sbs96', 'dbs78', 'id83']\nmicrosatellites = true\n\
             callable_megabases = 2",
            fasta.display()
        );
        let found = pair(
            "chr1 3 . C T . PASS . GT 0/0 0/1\n\
             chr1 4 . GT G . PASS . GT 0/0 0/1\n\
             chr1 12 . T TAC . PASS . GT 0/0 0/1\n\
             chr1 21 . GG AA . PASS . GT 0/0 0/1\n",
            &settings,
        );
        for (name, expected) in [
            ("sbs96_A[C>T]G", 1.0),
            ("sbs96_A[C>T]C", 1.0),
            ("sbs96_A[C>A]A", 0.0),
            ("dbs78_CC>TT", 1.0),
            ("id83_1:Del:T:5", 1.0),
            ("id83_2:Ins:R:4", 1.0),
            ("homopolymer_indel_count", 1.0),
            ("microsatellite_indel_count", 1.0),
            ("repeat_indel_fraction", 1.0),
            ("repeat_indel_burden", 1.0),
        ] {
            assert_eq!(value(&found, name), Some(expected), "{name}");
        }
    }

    #[test]
    fn genes_by_interval_need_no_annotation() {
        let folder = tempfile::tempdir().unwrap();
        let bed = folder.path().join("genes.bed");
        fs_err::write(&bed, "chr1\t9\t20\tTP53\nchr1\t29\t40\tKRAS\n").unwrap();
        let settings = format!("genes = ['TP53', 'KRAS']\ngene_intervals = '{}'", bed.display());
        let content = format!("{META}{CHROM}\nchr1\t10\t.\tC\tT\t.\tPASS\t.\n");
        let found = features(&content, &settings).unwrap();
        for (name, expected) in
            [("variant_in_TP53", Some(1.0)), ("variant_in_KRAS", Some(0.0)), ("driver_TP53", None)]
        {
            assert_eq!(value(&found, name), expected, "{name}");
        }
        let missing = settings.replace("'KRAS'", "'APC'");
        let message = features(&content, &missing).unwrap_err().to_string();
        assert!(message.contains("expected an interval of APC"), "{message}");
    }

    #[test]
    fn classes_and_hotspots_of_drivers() {
        let folder = tempfile::tempdir().unwrap();
        let hotspots = folder.path().join("hotspots.tsv");
        fs_err::write(&hotspots, "gene\tposition\nKRAS\t12\n").unwrap();
        let settings = format!(
            "genes = ['KRAS', 'TP53', 'ENSG1']\nhotspots = '{}'\ncallable_megabases = 1\n\
             driver_classes = ['missense', 'inframe', 'splice']\n\
             burden_classes = ['missense', 'synonymous']",
            hotspots.display()
        );
        let records = "chr1 10 . C T . PASS CSQ=T|missense_variant|KRAS||12 GT 0/0 0/1\n\
             chr1 20 . C T . PASS CSQ=T|splice_donor_variant|TP53|| GT 0/0 0/1\n\
             chr1 30 . C T . PASS CSQ=T|synonymous_variant|TP53||7 GT 0/0 0/1\n\
             chr1 40 . C T . PASS CSQ=T|missense_variant|APC|ENSG1.2|7 GT 0/0 0/1\n";
        let records = records.replace(' ', "\t");
        let csq = CSQ.replace("|CANONICAL", "|Gene|Protein_position");
        let content = format!("{META}{csq}{CHROM}\tFORMAT\tNORMAL\tTUMOR\n{records}");
        let found = features(&content, &settings).unwrap();
        for (name, expected) in [
            ("driver_KRAS", 1.0),
            ("driver_KRAS_missense", 1.0),
            ("driver_KRAS_hotspot", 1.0),
            ("driver_TP53_splice", 1.0),
            ("driver_TP53_inframe", 0.0),
            ("driver_TP53_hotspot", 0.0),
            ("driver_ENSG1", 1.0),
            ("tumor_mutational_burden", 3.0),
        ] {
            assert_eq!(value(&found, name), Some(expected), "{name}");
        }
    }
}
