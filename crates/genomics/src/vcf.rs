use std::path::Path;

use oncoweave_core::Feature;
use smallvec::SmallVec;

use crate::{
    Error, Note, Panel, VcfResources, VcfSettings,
    allele::Kind,
    copy_number::{
        Segment,
        vcf::{copies, copy_number_features},
    },
    evidence::{Allele, evidence},
    header::{FIXED_COLUMNS, Header},
    lines::{Lines, fields, number, text},
    pair::Pair,
    sample::{Format, Formats, Sample},
    settings::bare_chromosome,
    tally::{Known, Locus, Tally, Variant},
};

/// What to do about a faulty record.
const ADVICE: &str = "correct the record";

/// A VCF of one patient.
#[derive(Clone, Copy, Debug)]
pub struct VcfSource<'a> {
    /// The file.
    pub path: &'a Path,
    /// The tumor's column; `None` where the file tells it.
    pub sample_id: Option<&'a str>,
    /// The genes that were sequenced; `None` where all were.
    pub panel: Option<&'a Panel>,
}

/// What one VCF gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VcfFeatures {
    /// The features, the same ones for the same settings.
    pub features: Vec<Feature>,
    /// What was mended or left out, by kind; beyond five lines of a kind only their
    /// number.
    pub notes: Vec<Note>,
}

/// The features of one tumor sample of a VCF or BCF: plain, gzip or bgzip, found from its content.
/// The path `-` is standard input.
///
/// Counts small variants that pass the caller's filters and that the tumor carries. Where the file
/// holds the matched normal, an ALT that the normal's genotype names is not somatic and does not
/// count. Each ALT of a record counts by itself. The list of features depends on the settings
/// alone; one that the file cannot tell has no value: driver and class features without VEP's
/// `CSQ` or `SnpEff`'s `ANN`, copy number without such records or the promise of
/// [`VcfSettings::copy_number`].
///
/// What breaks a rule of the header is mended, a faulty record is left out; both are noted.
///
/// # Errors
/// When the file cannot be read, is truncated or damaged, does not say which sample is the tumor,
/// lacks the annotation that [`VcfSettings::genes`] need, or has too many faulty records: more
/// than half, or more than ten and more than one in a hundred.
pub fn vcf_features(
    source: VcfSource<'_>,
    settings: &VcfSettings,
    resources: &VcfResources,
) -> Result<VcfFeatures, Error> {
    features_of_lines(Lines::open(source.path)?, source, settings, resources)
}

/// The features of a VCF that is open already.
pub(crate) fn features_of_lines(
    mut lines: Lines,
    source: VcfSource<'_>,
    settings: &VcfSettings,
    _resources: &VcfResources,
) -> Result<VcfFeatures, Error> {
    let VcfSource { sample_id, panel, .. } = source;
    let header = Header::read(&mut lines)?;
    let pair = header.pair(sample_id, &mut lines)?;
    if header.annotation.is_none() && !settings.variants.genes.is_empty() && !settings.unannotated {
        return Err(Error::NotAnnotated { path: lines.path().to_owned() });
    }
    let mut sums = Sums { has_copy_number: settings.copy_number, ..Sums::default() };
    let mut formats = Formats::default();
    let mut records = 0;
    while lines.next()?.is_some() {
        if lines.line().trim_ascii().is_empty() {
            continue;
        }
        records += 1;
        let counted = Record::parse(&lines, &header, pair, &mut formats).map(|record| {
            sums.add(&record, &header, settings);
            record.note()
        });
        match counted {
            Ok(None) => {}
            Ok(Some(note)) => lines.note(note),
            Err(error) => lines.leave_out(error)?,
        }
    }
    let known = Known { consequences: header.annotation.is_some(), alleles: true };
    let mut features = sums.tally.features(known, panel, &settings.variants);
    let copies = sums.has_copy_number.then_some(sums.copies.as_slice());
    features.extend(copy_number_features(copies, &header, settings));
    Ok(VcfFeatures { features, notes: lines.finish(records)? })
}

/// What the records of a file add up to.
#[derive(Default)]
struct Sums {
    tally: Tally,
    copies: Vec<Segment>,
    has_copy_number: bool,
}

impl Sums {
    fn add(&mut self, record: &Record<'_>, header: &Header, settings: &VcfSettings) {
        if settings.passing_only && !record.passes() {
            return;
        }
        record.count(header, &mut self.tally);
        if let Some(segment) = copies(record) {
            self.has_copy_number = true;
            self.copies.push(segment);
        }
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
    fn note(&self) -> Option<&'static str> {
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

    fn count(&self, header: &Header, tally: &mut Tally) {
        let annotation = header.annotation.as_ref();
        let consequences =
            annotation.and_then(|annotation| Some((annotation, self.info(&annotation.key)?)));
        for (index, alternate) in self.alternates.iter().enumerate() {
            let Some(kind) = Kind::of(self.reference, alternate) else { continue };
            if !self.is_somatic(index) {
                continue;
            }
            let allele = Allele { kind: Some(kind), index, alternates: self.alternates.len() };
            let evidence = evidence(self.tumor, self.info, header.samples.len(), allele);
            let allele_fraction = evidence.allele_fraction;
            let genes = consequences.map_or_else(Vec::new, |(annotation, value)| {
                annotation.genes(value, &self.alternates, index)
            });
            let locus = Some(Locus {
                chromosome: bare_chromosome(self.chromosome),
                position: self.position,
                reference: self.reference,
                alternate,
            });
            tally.add(&Variant { locus, kind: Some(kind), allele_fraction, genes });
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
        Ok(vcf_features(source, &settings, &VcfResources::load(&settings)?)?.features)
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
        let read = vcf_features(source, &settings, &VcfResources::default()).unwrap();
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
        let good = "chr1\t10\t.\tC\tT\t.\tPASS\t.\n";
        let content = format!(
            "{META}{CHROM}\n{good}{good}{good}\
             chr1\t1.5\t.\tC\tT\t.\tPASS\t.\n\
             chr1\tJane Doe\t.\tC\tT\t.\tweak\t.\n\
             chr1 10 . C T\n\n{good}"
        );
        fs_err::write(&path, content).unwrap();
        let source = VcfSource { path: &path, sample_id: None, panel: None };
        let settings = VcfSettings::default();
        let read = vcf_features(source, &settings, &VcfResources::default()).unwrap();
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
}
