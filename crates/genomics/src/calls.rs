//! The somatic variants of a patient's VCFs.

use crate::{
    Error, Evidence, Note, VcfResources, VcfSettings, VcfSource,
    allele::Kind,
    evidence::{Allele, evidence},
    header::Header,
    lines::{Lines, text},
    merge::{Merge, Rank},
    normalize::Normalizer,
    sample::Formats,
    settings::bare_chromosome,
    tally::Locus,
    vcf::Record,
};

/// One somatic small variant of a tumor.
#[derive(Clone, Debug, PartialEq)]
pub struct SomaticVariant {
    /// The chromosome without `chr` in front.
    pub chromosome: String,
    /// The first base of `reference`, counted from 1.
    pub position: u64,
    /// The bases of the reference, at least one.
    pub reference: String,
    /// The bases of the tumor, at least one.
    pub alternate: String,
    /// What the tumor's reads say of it.
    pub evidence: Evidence,
}

/// The variants that [`vcf_features`](crate::vcf_features) counts, in the order of the files: each
/// once, with the fewest bases, to the left where [`VariantSettings::reference`](crate::VariantSettings::reference) is given.
///
/// # Errors
/// As [`vcf_features`](crate::vcf_features), but for consequences, which nothing here needs.
pub fn vcf_variants(
    sources: &[VcfSource<'_>],
    settings: &VcfSettings,
    resources: &VcfResources,
) -> Result<Vec<SomaticVariant>, Error> {
    let mut merge = look_through(sources, settings, resources)?;
    let mut variants = Vec::new();
    let upper = |bases: &[u8]| text(bases).to_ascii_uppercase();
    for (place, source) in sources.iter().enumerate() {
        visit_calls(source, settings, resources, &mut |header, call| {
            if merge.counts(call.locus, call.rank(header, place)) {
                let Locus { chromosome, position, reference, alternate } = call.locus;
                variants.push(SomaticVariant {
                    chromosome: chromosome.to_owned(),
                    position,
                    reference: upper(reference),
                    alternate: upper(alternate),
                    evidence: call.evidence,
                });
            }
        })?;
    }
    Ok(variants)
}

/// A somatic ALT of a record.
pub(crate) struct Call<'a> {
    /// Its place among the ALTs.
    pub(crate) index: usize,
    pub(crate) kind: Kind,
    /// After normalization.
    pub(crate) locus: Locus<'a>,
    pub(crate) evidence: Evidence,
}

impl Call<'_> {
    /// How much the file at a place of the list is believed about it.
    pub(crate) fn rank(&self, header: &Header, source: usize) -> Rank {
        Rank {
            lacks_consequence: header.annotation.is_none(),
            lacks_fraction: self.evidence.allele_fraction.is_none(),
            source,
        }
    }
}

/// Finds out which of several files speaks for each variant; a single file need not be asked.
pub(crate) fn look_through(
    sources: &[VcfSource<'_>],
    settings: &VcfSettings,
    resources: &VcfResources,
) -> Result<Merge, Error> {
    let (files, callers) = (sources.len(), settings.min_callers);
    if files < callers {
        return Err(Error::TooFewCallers { files, callers });
    }
    let mut merge = Merge::new(files, callers);
    if files > 1 {
        for (place, source) in sources.iter().enumerate() {
            visit_calls(source, settings, resources, &mut |header, call| {
                merge.note(call.locus, call.rank(header, place));
            })?;
        }
    }
    Ok(merge)
}

fn visit_calls(
    source: &VcfSource<'_>,
    settings: &VcfSettings,
    resources: &VcfResources,
    visit: &mut dyn FnMut(&Header, &Call<'_>),
) -> Result<(), Error> {
    let lines = Lines::open(source.path)?;
    let mut visit_record =
        |header: &Header, record: &Record<'_>, normalizer: &mut Normalizer<'_>| {
            calls(header, record, normalizer, &mut |call| visit(header, call))
        };
    read_records(lines, source.sample_id, settings, resources, &mut visit_record).map(drop)
}

/// What is done with a record.
type Visit<'a> = dyn FnMut(&Header, &Record<'_>, &mut Normalizer<'_>) -> Result<(), Error> + 'a;

/// Visits the records of a file that the settings let pass. Faulty ones are left out and noted.
pub(crate) fn read_records(
    mut lines: Lines,
    sample_id: Option<&str>,
    settings: &VcfSettings,
    resources: &VcfResources,
    visit: &mut Visit<'_>,
) -> Result<(Header, Vec<Note>), Error> {
    let header = Header::read(&mut lines)?;
    let pair = header.pair(sample_id, &mut lines)?;
    let mut normalizer = Normalizer::new(resources.variants.reference.as_ref())?;
    let mut formats = Formats::default();
    let mut records = 0;
    while lines.next()?.is_some() {
        if lines.line().trim_ascii().is_empty() {
            continue;
        }
        records += 1;
        let read = Record::parse(&lines, &header, pair, &mut formats).and_then(|record| {
            let note = record.note();
            if settings.passing_only && !record.passes() {
                return Ok(note);
            }
            if !normalizer.agrees(locus(&record, record.reference))? {
                let expected = "REF as in the FASTA that `reference` names, of the same build";
                return Err(lines.fault(expected, "other bases", "name the FASTA of this build"));
            }
            visit(&header, &record, &mut normalizer)?;
            Ok(note)
        });
        match read {
            Ok(None) => {}
            Ok(Some(note)) => lines.note(note),
            Err(error) => lines.leave_out(error)?,
        }
    }
    if normalizer.lacks_chromosome {
        lines.note(
            "expected every chromosome in the FASTA that `reference` names, found one that it \
             lacks; variants there are not moved to the left",
        );
    }
    let notes = lines.finish(records)?;
    Ok((header, notes))
}

/// Visits each ALT of a record that is given in bases and that is somatic.
pub(crate) fn calls(
    header: &Header,
    record: &Record<'_>,
    normalizer: &mut Normalizer<'_>,
    visit: &mut dyn FnMut(&Call<'_>),
) -> Result<(), Error> {
    for (index, alternate) in record.alternates.iter().enumerate() {
        let Some(kind) = Kind::of(record.reference, alternate) else { continue };
        if !record.is_somatic(index) {
            continue;
        }
        let allele = Allele { kind: Some(kind), index, alternates: record.alternates.len() };
        let evidence = evidence(record.tumor, record.info, header.samples.len(), allele);
        let placed = normalizer.normalize(locus(record, alternate))?;
        visit(&Call { index, kind, locus: placed.locus(), evidence });
    }
    Ok(())
}

fn locus<'a>(record: &Record<'a>, alternate: &'a [u8]) -> Locus<'a> {
    Locus {
        chromosome: bare_chromosome(record.chromosome),
        position: record.position,
        reference: record.reference,
        alternate,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        path::{Path, PathBuf},
    };

    use super::*;
    use crate::{VariantSettings, vcf_features};

    const COLUMNS: &str = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNORMAL\tTUMOR\n";
    const CSQ: &str = "##INFO=<ID=CSQ,Number=.,Type=String,Description=\"Format: \
        Allele|Consequence|SYMBOL\">\n";

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
    }

    /// The files of several callers: the header's lines and the records, in which spaces stand for
    /// tabs, each.
    struct Files {
        folder: tempfile::TempDir,
        paths: Vec<PathBuf>,
    }

    impl Files {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let paths = files.iter().enumerate().map(|(place, (meta, records))| {
                let path = folder.path().join(format!("{place}.vcf"));
                let records = records.replace(' ', "\t");
                let text = format!(
                    "##fileformat=VCFv4.2\n##contig=<ID=1,length=100>\n{meta}{COLUMNS}{records}"
                );
                fs_err::write(&path, text).unwrap();
                path
            });
            let paths = paths.collect();
            Self { folder, paths }
        }

        fn sources(&self) -> Vec<VcfSource<'_>> {
            self.paths.iter().map(|path| VcfSource { path, sample_id: None, panel: None }).collect()
        }

        fn variants(&self, settings: &str) -> Result<Vec<SomaticVariant>, Error> {
            let settings: VcfSettings = toml::from_str(settings).unwrap();
            vcf_variants(&self.sources(), &settings, &VcfResources::load(&settings)?)
        }

        /// `position reference alternate` of each variant, with its reads.
        fn shown(&self, settings: &str) -> Vec<String> {
            let shown = |variant: SomaticVariant| {
                let SomaticVariant { position, reference, alternate, evidence, .. } = variant;
                let count = evidence.alternate_count.map_or(String::new(), |n| format!(" {n}"));
                format!("{position} {reference} {alternate}{count}")
            };
            self.variants(settings).unwrap().into_iter().map(shown).collect()
        }

        fn feature(&self, settings: &str, name: &str) -> Result<Option<f32>, Error> {
            let settings: VcfSettings = toml::from_str(settings).unwrap();
            let resources = VcfResources::load(&settings)?;
            let found = vcf_features(&self.sources(), &settings, &resources)?.features;
            Ok(found.iter().find(|feature| feature.info.name == name).expect(name).value)
        }
    }

    #[test]
    fn indels_in_repeats_are_those_of_bcftools() {
        let path = golden("genomics_normalize.vcf");
        let settings = VcfSettings {
            variants: VariantSettings {
                reference: Some(golden("genomics_normalize.fa")),
                ..VariantSettings::default()
            },
            ..VcfSettings::default()
        };
        let resources = VcfResources::load(&settings).unwrap();
        let source = VcfSource { path: &path, sample_id: None, panel: None };
        let found = vcf_variants(&[source], &settings, &resources).unwrap();
        let text = fs_err::read_to_string(golden("genomics_normalize.csv")).unwrap();
        let mut expected: BTreeMap<(String, u64, String, String), u64> = BTreeMap::new();
        for line in text.lines().skip(2) {
            let cells: Vec<&str> = line.split(',').collect();
            let chromosome = bare_chromosome(cells[0]).to_owned();
            let place = (chromosome, cells[1].parse().unwrap(), cells[2].into(), cells[3].into());
            expected.insert(place, cells[4].parse().unwrap());
        }
        assert!(expected.values().any(|&records| records > 1), "some have several records");
        let place = |variant: SomaticVariant| {
            (variant.chromosome, variant.position, variant.reference, variant.alternate)
        };
        let (count, found): (usize, BTreeSet<_>) =
            (found.len(), found.into_iter().map(place).collect());
        assert_eq!(found.len(), count, "each once");
        let expected: BTreeSet<_> = expected.into_keys().collect();
        let differences: Vec<_> = found.symmetric_difference(&expected).collect();
        assert!(differences.is_empty(), "{differences:?}");
    }

    #[test]
    fn a_variant_of_several_records_counts_once() {
        let files = Files::new(&[(
            "",
            "1 10 . C T . PASS . GT:AD 0/0:30,0 0/1:30,10\n\
             1 10 . CA TA . PASS . GT:AD 0/0:30,0 0/1:30,20\n\
             1 10 . C G,T . PASS . GT:AD 0/0:30,0,0 1/2:30,5,9\n\
             1 9 . ACA ATA . PASS . GT:AD 0/0:30,0 0/1:30,20\n",
        )]);
        assert_eq!(files.shown(""), ["10 C T 10", "10 C G 5"]);
        assert_eq!(files.feature("", "variant_count").unwrap(), Some(2.0));
    }

    #[test]
    fn the_files_of_several_callers_are_one_set() {
        let files = Files::new(&[
            (
                "",
                "1 10 . C T . PASS . DP 30 40\n\
                 1 20 . A G . PASS . DP:AU:CU:GU:TU 30:30,30:0,0:0,0:0,0 9:6,6:0,0:3,3:0,0\n\
                 1 30 . A G . weak . DP 30 9\n",
            ),
            (
                "",
                "1 10 . C T . PASS . GT:AD 0/0:30,0 0/1:30,10\n\
                 1 20 . A G . PASS . GT:AD 0/0:30,0 0/1:7,4\n\
                 1 40 . A G . PASS . GT:AD 0/0:30,0 0/1:7,4\n",
            ),
        ]);
        // The first file speaks, unless only the second tells how many reads.
        assert_eq!(files.shown(""), ["20 A G 3", "10 C T 10", "40 A G 4"]);
        assert_eq!(files.shown("min_callers = 2"), ["20 A G 3", "10 C T 10"]);
        assert_eq!(files.feature("", "variant_count").unwrap(), Some(3.0));
        assert_eq!(files.feature("min_callers = 2", "variant_count").unwrap(), Some(2.0));
        let message = files.variants("min_callers = 3").unwrap_err().to_string();
        assert!(message.starts_with("expected the files of at least 3 callers"), "{message}");
        assert!(message.contains("found 2"), "{message}");
    }

    #[test]
    fn the_annotated_file_tells_consequences() {
        let plain = "1 10 . C T . PASS . GT:AD 0/0:30,0 0/1:30,10\n";
        let annotated = "1 10 . C T . PASS CSQ=T|stop_gained|TP53 GT 0/0 0/1\n";
        let more = format!("{plain}1 20 . C T . PASS . GT:AD 0/0:30,0 0/1:30,10\n");
        let drivers = "genes = ['TP53']";
        let both = Files::new(&[("", plain), (CSQ, annotated)]);
        assert_eq!(both.feature(drivers, "driver_TP53").unwrap(), Some(1.0));
        assert_eq!(both.feature("", "truncating_count").unwrap(), Some(1.0));
        // A variant of which no file tells the consequence makes all counts of them unknown.
        let unknown = Files::new(&[("", &more), (CSQ, annotated)]);
        let message = unknown.feature(drivers, "driver_TP53").unwrap_err().to_string();
        assert!(message.contains("0.vcf: not annotated"), "{message}");
        let lenient = "genes = ['TP53']\nunannotated = true";
        assert_eq!(unknown.feature(lenient, "driver_TP53").unwrap(), None);
        assert_eq!(unknown.feature("", "variant_count").unwrap(), Some(2.0));
    }

    #[test]
    fn a_fasta_of_another_build_is_an_error() {
        let record = |place| format!("1 {place} . A G . PASS . GT 0/0 0/1\n");
        let records = (1..=30).map(record).collect::<Vec<_>>().concat();
        let files = Files::new(&[("", &records), ("", "2 1 . A G . PASS . GT 0/0 0/1\n")]);
        let fasta = files.folder.path().join("a.fa");
        let settings = format!("reference = {fasta:?}");
        fs_err::write(&fasta, format!(">1\n{}\n", "C".repeat(30))).unwrap();
        let message = files.variants(&settings).unwrap_err().to_string();
        assert!(message.contains("0.vcf:4: expected REF as in the FASTA"), "{message}");
        assert!(message.contains("30 of 30 records are faulty"), "{message}");
        fs_err::write(&fasta, format!(">1\n{}C\n", "A".repeat(29))).unwrap();
        let settings: VcfSettings = toml::from_str(&settings).unwrap();
        let resources = VcfResources::load(&settings).unwrap();
        let read = vcf_features(&files.sources(), &settings, &resources).unwrap();
        let notes: Vec<&str> = read.notes.iter().map(|note| note.message.as_str()).collect();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("found other bases; the record is left out"), "{notes:?}");
        assert!(notes[1].contains("found one that it lacks"), "{notes:?}");
    }
}
