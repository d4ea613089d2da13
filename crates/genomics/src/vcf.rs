use std::path::{Path, PathBuf};

use oncoweave_core::Feature;
use smallvec::SmallVec;

use crate::{
    Error, Note, Panel, VcfResources, VcfSettings,
    annotation::Alleles,
    calls::{calls, look_through, read_records},
    copy_number::{
        Segment,
        vcf::{copies, copy_number_features},
    },
    header::{FIXED_COLUMNS, Header},
    lines::{Lines, fields, number, text},
    merge::Merge,
    normalize::Normalizer,
    pair::Pair,
    sample::{Format, Formats, Sample},
    tally::{Known, Tally, Variant},
};

/// What to do about a faulty record.
const ADVICE: &str = "correct the record";

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

/// What the records of a patient's files add up to.
struct Sums<'a> {
    merge: Merge,
    /// The place of the file that is being read.
    source: usize,
    tally: Tally<'a>,
    /// `None` while nothing says that copy number was looked for.
    copies: Option<Vec<Segment>>,
    /// The first header that tells the genome's length, else the first.
    header: Option<Header>,
    has_annotation: bool,
    /// Whether a file tells which amino acids change.
    has_residues: bool,
    /// The first file that names no consequences.
    not_annotated: Option<PathBuf>,
    /// Whether a variant of such a file was counted.
    lacks_consequences: bool,
    /// The genes that were sequenced, by the first file of which that is known.
    panel: Option<&'a Panel>,
    notes: Vec<Note>,
}

impl<'a> Sums<'a> {
    fn new(merge: Merge, settings: &'a VcfSettings, resources: &'a VcfResources) -> Self {
        Self {
            merge,
            source: 0,
            tally: Tally::new(&settings.variants, &resources.variants),
            copies: settings.copy_number.then(Vec::new),
            header: None,
            has_annotation: false,
            has_residues: false,
            not_annotated: None,
            lacks_consequences: false,
            panel: None,
            notes: Vec::new(),
        }
    }

    fn read(
        &mut self,
        lines: Lines,
        source: VcfSource<'a>,
        settings: &VcfSettings,
        resources: &VcfResources,
    ) -> Result<(), Error> {
        let path = lines.path().to_owned();
        let (header, notes) = read_records(
            lines,
            source.sample_id,
            settings,
            resources,
            &mut |header, record, normalizer| self.add(header, record, normalizer),
        )?;
        self.source += 1;
        self.panel = self.panel.or(source.panel);
        self.notes.extend(notes);
        match &header.annotation {
            Some(annotation) => {
                self.has_annotation = true;
                self.has_residues |= annotation.has_residues();
            }
            None => drop(self.not_annotated.get_or_insert(path)),
        }
        if self.header.as_ref().is_none_or(|known| known.autosome_bases.is_none()) {
            self.header = Some(header);
        }
        Ok(())
    }

    fn add(
        &mut self,
        header: &Header,
        record: &Record<'_>,
        normalizer: &mut Normalizer<'_>,
    ) -> Result<(), Error> {
        let annotation = header.annotation.as_ref();
        let consequences =
            annotation.and_then(|annotation| Some((annotation, record.info(&annotation.key)?)));
        calls(header, record, normalizer, &mut |call| {
            if !self.merge.counts(call.locus, call.rank(header, self.source)) {
                return;
            }
            self.lacks_consequences |= annotation.is_none();
            let effects = consequences.map_or_else(Vec::new, |(annotation, value)| {
                let (reference, alternates) = (record.reference, record.alternates.as_slice());
                annotation.effects(value, Alleles { reference, alternates, index: call.index })
            });
            // The record's context is that of its own POS.
            let is_in_place = call.locus.position == record.position;
            let context =
                if is_in_place && self.tally.needs_context() { record.context() } else { None };
            self.tally.add(&Variant {
                locus: Some(call.locus),
                kind: Some(call.kind),
                allele_fraction: call.evidence.allele_fraction,
                effects,
                context,
            });
        })?;
        if let Some(segment) = copies(record) {
            self.copies.get_or_insert_default().push(segment);
        }
        Ok(())
    }

    fn finish(self, settings: &VcfSettings) -> Result<VcfFeatures, Error> {
        let consequences = self.has_annotation && !self.lacks_consequences;
        if let Some(path) = self.not_annotated
            && !consequences
            && settings.needs_annotation()
        {
            return Err(Error::NotAnnotated { path });
        }
        let residues = self.has_residues;
        let known = Known { consequences, residues, alleles: true, loci: true };
        let mut features = self.tally.features(known, self.panel)?;
        let header = self.header.unwrap_or_default();
        features.extend(copy_number_features(self.copies.as_deref(), &header, settings));
        Ok(VcfFeatures { features, notes: self.notes })
    }
}

/// One line of a VCF, split but not yet understood.
pub(crate) struct Record<'a> {
    pub(crate) chromosome: &'a str,
    pub(crate) position: u64,
    pub(crate) reference: &'a [u8],
    pub(crate) alternates: SmallVec<[&'a [u8]; 4]>,
    quality: &'a [u8],
    pub(crate) filter: &'a [u8],
    pub(crate) info: &'a [u8],
    pub(crate) tumor: Option<Sample<'a>>,
    pub(crate) normal: Option<Sample<'a>>,
    /// Whether the line has more columns than the header names.
    has_more_columns: bool,
}

impl<'a> Record<'a> {
    /// Splits the line that was read last.
    pub(crate) fn parse(
        lines: &'a Lines,
        header: &Header,
        pair: Pair,
        formats: &mut Formats,
    ) -> Result<Self, Error> {
        let mut fixed = [b"".as_slice(); FIXED_COLUMNS + 1];
        let (mut tumor, mut normal) = (None, None);
        let mut columns = 0;
        for column in fields(lines.line()) {
            if let Some(place) = fixed.get_mut(columns) {
                *place = column;
            } else {
                let sample = Some(columns - fixed.len());
                if sample == pair.tumor {
                    tumor = Some(column);
                } else if sample == pair.normal {
                    normal = Some(column);
                }
            }
            columns += 1;
        }
        if columns < header.columns() {
            return Err(lines.too_few_columns(header.columns(), columns));
        }
        let [chromosome, position, _id, reference, alternates, quality, filter, info, keys] = fixed;
        let fault = |expected, found: &[u8]| lines.fault(expected, shown(found), ADVICE);
        let format = formats.get(keys);
        let sample = |values| Sample::new(format, keys, values);
        Ok(Self {
            chromosome: std::str::from_utf8(chromosome)
                .ok()
                .filter(|name| !name.is_empty())
                .ok_or_else(|| fault("a chromosome's name in CHROM", chromosome))?,
            position: number(position)
                .ok_or_else(|| fault("a position as a whole number in POS", position))?,
            reference,
            alternates: alternates.split(|&byte| byte == b',').collect(),
            quality,
            filter,
            info,
            tumor: tumor.map(sample),
            normal: normal.map(sample),
            has_more_columns: !header.samples.is_empty() && columns > header.columns(),
        })
    }

    /// Reads other sample columns; `columns` are FORMAT and all of the line's samples.
    pub(crate) fn set_pair(&mut self, columns: &[&'a [u8]], format: Format, pair: Pair) {
        let sample =
            |place: usize| Some(Sample::new(format, columns.first()?, columns.get(place + 1)?));
        self.tumor = pair.tumor.and_then(sample);
        self.normal = pair.normal.and_then(sample);
    }

    /// What breaks a rule and leaves the rest of the record as it is.
    pub(crate) fn note(&self) -> Option<&'static str> {
        let is_base = |base: &u8| b"ACGTNacgtn".contains(base);
        let is_allele = |&allele: &&[u8]| {
            let is_named = matches!(allele, [b'<', .., b'>'] | b"*" | b".");
            let is_breakend = allele.iter().any(|byte| b"[]".contains(byte))
                || matches!(allele, [b'.', _, ..] | [.., _, b'.']);
            is_named || is_breakend || (!allele.is_empty() && allele.iter().all(is_base))
        };
        let is_quality = self.quality == b"." || number::<f32>(self.quality).is_some();
        if self.reference.is_empty() || !self.reference.iter().all(is_base) {
            Some("expected A, C, G, T or N in REF, found another; the variant does not count")
        } else if !self.alternates.iter().all(is_allele) {
            Some("expected bases, a symbol or a breakend in ALT, found another; it does not count")
        } else if !is_quality {
            Some("expected a number in QUAL, found none; read all the same")
        } else if self.has_more_columns {
            Some("expected as many columns as `#CHROM` has, found more; the rest is left out")
        } else {
            None
        }
    }

    /// Whether the caller's filters let it pass.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.filter, b"PASS" | b"." | b"")
    }

    /// The value of an INFO key.
    pub(crate) fn info(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.info
            .split(|&byte| byte == b';')
            .find_map(|entry| entry.strip_prefix(key)?.strip_prefix(b"="))
    }

    /// The bases round POS, as SAGE writes them or a pipeline that named its field well.
    fn context(&self) -> Option<&'a [u8]> {
        let keys: [&[u8]; 3] = [b"TNC", b"TRINUCLEOTIDE_CONTEXT", b"CONTEXT"];
        keys.into_iter().find_map(|key| self.info(key))
    }

    /// Whether the tumor carries an ALT that the normal does not.
    pub(crate) fn is_somatic(&self, index: usize) -> bool {
        if self.normal.is_some_and(|normal| normal.carries(index) == Some(true)) {
            return false;
        }
        let Some(tumor) = self.tumor else { return true };
        match (tumor.carries(index), tumor.carries_any()) {
            (Some(true) | None, _) => true,
            // Callers of pairs such as Pindel write 0/0 for a variant below their idea of
            // heterozygous; a record of theirs is a call on the tumor nevertheless.
            (Some(false), Some(false)) => self.normal.is_some(),
            (Some(false), _) => false,
        }
    }
}

/// A faulty value for a message: as it is where it is short and of digits and signs, for any other
/// may be what nobody ought to read.
fn shown(value: &[u8]) -> String {
    let is_harmless = |&byte: &u8| byte.is_ascii_digit() || b"+-.,eE".contains(&byte);
    match value.trim_ascii() {
        [] => "nothing".to_owned(),
        value if value.len() <= 24 && value.iter().all(is_harmless) => format!("`{}`", text(value)),
        _ => "something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = "##fileformat=VCFv4.2\n\
        ##contig=<ID=chr1,length=1000>\n##contig=<ID=chrX,length=500>\n";
    const CSQ: &str = "##INFO=<ID=CSQ,Number=.,Type=String,Description=\"Format: \
        Allele|Consequence|SYMBOL|CANONICAL\">\n";
    const CHROM: &str = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";

    fn features(content: &str, settings: &str) -> Result<Vec<Feature>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        fs_err::write(&path, content).unwrap();
        let source = VcfSource { path: &path, sample_id: None, panel: None };
        let settings = toml::from_str(settings).unwrap();
        Ok(vcf_features(&[source], &settings, &VcfResources::load(&settings)?)?.features)
    }

    /// A tumor and normal pair with one record a line: spaces stand for tabs.
    fn pair(records: &str, settings: &str) -> Vec<Feature> {
        let records = records.replace(' ', "\t");
        let content = format!("{META}{CSQ}{CHROM}\tFORMAT\tNORMAL\tTUMOR\n{records}");
        features(&content, settings).unwrap()
    }

    fn value(features: &[Feature], name: &str) -> Option<f32> {
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
    fn only_what_the_tumor_carries_and_the_normal_lacks_counts() {
        for (name, genotypes, expected) in [
            ("somatic", "0/0 0/1", 1.0),
            ("germline", "0/1 0/1", 0.0),
            ("lost heterozygosity", "0/1 1/1", 0.0),
            ("Pindel writes 0/0", "0/0 0/0", 1.0),
            ("no genotypes", ". .", 1.0),
            ("another ALT", "0/0 0/2", 0.0),
        ] {
            let features = pair(&format!("chr1 10 . C T,<NON_REF> . PASS . GT {genotypes}\n"), "");
            assert_eq!(value(&features, "variant_count"), Some(expected), "{name}");
        }
        // Without a normal, a sample of several that does not carry the ALT does not have it.
        let alone =
            format!("{CHROM}\tFORMAT\tTUMOR\tOTHER\nchr1\t10\t.\tC\tT\t.\tPASS\t.\tGT\t0/0\t0/1\n");
        assert_eq!(value(&features(&alone, "").unwrap(), "variant_count"), Some(0.0));
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
    fn a_faulty_record_is_an_error_with_its_line() {
        let header = format!("{META}{CHROM}\tFORMAT\tTUMOR\n");
        for (record, expected) in [
            ("chr1\t10\t.\tC\tT\n", "a.vcf:5: expected 10 columns, found 5"),
            ("chr1\t10\t.\tC\tT", "a.vcf: ends in the middle of line 5; the file is truncated"),
            (
                "chr1\tx\t.\tC\tT\t.\tPASS\t.\tGT\t0/1\n",
                "a.vcf:5: expected a position as a whole number in POS",
            ),
        ] {
            let message = features(&format!("{header}{record}"), "").unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_noted_and_the_rest_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        let records = "chr1 1 . C T,<DEL>,*,<*>,.,C[chr2:5[,]chr2:5]C,CA.,.A 1e3 PASS . GT 0/1\n\
                       chr1 2 . C X,T . PASS . GT 0/2\n\
                       chr1 3 . S T . PASS . GT 0/1\n\
                       chr1 4 . C T high PASS . GT 0/1\n\
                       chr1 5 . C T . PASS . GT 0/1 0/1\n";
        let records = records.replace(' ', "\t");
        fs_err::write(&path, format!("{META}{CHROM}\tFORMAT\tTUMOR\n{records}")).unwrap();
        let source = VcfSource { path: &path, sample_id: None, panel: None };
        let settings = VcfSettings::default();
        let read = vcf_features(&[source], &settings, &VcfResources::default()).unwrap();
        assert_eq!(value(&read.features, "variant_count"), Some(4.0));
        let notes: Vec<String> = read.notes.iter().map(ToString::to_string).collect();
        let expected = [
            "a.vcf:6: expected bases, a symbol or a breakend in ALT",
            "a.vcf:7: expected A, C, G, T or N in REF",
            "a.vcf:8: expected a number in QUAL",
            "a.vcf:9: expected as many columns as `#CHROM` has",
        ];
        assert_eq!(notes.len(), expected.len(), "{notes:?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.contains(expected), "{note}");
        }
    }

    #[test]
    fn a_faulty_record_is_left_out_and_noted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        let good = |position: u32| format!("chr1\t{position}\t.\tC\tT\t.\tPASS\t.\n");
        let content = format!(
            "{META}{CHROM}\n{}{}{}\
             chr1\t1.5\t.\tC\tT\t.\tPASS\t.\n\
             chr1\tJane Doe\t.\tC\tT\t.\tweak\t.\n\
             chr1 10 . C T\n\n{}",
            good(10),
            good(20),
            good(30),
            good(40)
        );
        fs_err::write(&path, content).unwrap();
        let source = VcfSource { path: &path, sample_id: None, panel: None };
        let settings = VcfSettings::default();
        let read = vcf_features(&[source], &settings, &VcfResources::default()).unwrap();
        assert_eq!(value(&read.features, "variant_count"), Some(4.0));
        let notes: Vec<String> = read.notes.iter().map(ToString::to_string).collect();
        let expected = [
            "a.vcf:8: expected a position as a whole number in POS, found `1.5`; the record is left out",
            "a.vcf:9: expected a position as a whole number in POS, found something else; the record",
            "a.vcf:10: expected 8 columns, found 1; the record is left out",
        ];
        assert_eq!(notes.len(), expected.len(), "{notes:?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.contains(expected), "{note}");
        }
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
