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
/// once, with the fewest bases, to the left where [`VcfSettings::reference`] is given.
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
    let mut normalizer = Normalizer::new(resources.reference.as_ref())?;
    let mut formats = Formats::default();
    let mut records = 0;
    while lines.next()?.is_some() {
        if lines.line().trim_ascii().is_empty() {
            continue;
        }
        records += 1;
        let read = Record::parse(&lines, &header, pair, &mut formats).and_then(|record| {
            if settings.passing_only && !record.passes() {
                return Ok(());
            }
            if !normalizer.agrees(locus(&record, record.reference))? {
                let expected = "REF as in the FASTA that `reference` names, of the same build";
                return Err(lines.fault(expected, "other bases", "name the FASTA of this build"));
            }
            visit(&header, &record, &mut normalizer)
        });
        if let Err(error) = read {
            lines.leave_out(error)?;
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
