//! What the records of a patient's files add up to.

use std::path::PathBuf;

use super::{Record, VcfFeatures, VcfSource};
use crate::{
    Error, Note, Panel, VcfResources, VcfSettings,
    annotation::Alleles,
    calls::{calls, read_records},
    copy_number::{
        Segment,
        vcf::{copies, copy_number_features},
    },
    header::Header,
    lines::Lines,
    merge::Merge,
    normalize::Normalizer,
    tally::{Known, Tally, Variant},
};

/// What the records of a patient's files add up to.
pub(super) struct Sums<'a> {
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
    pub(super) fn new(
        merge: Merge,
        settings: &'a VcfSettings,
        resources: &'a VcfResources,
    ) -> Self {
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

    pub(super) fn read(
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

    pub(super) fn finish(self, settings: &VcfSettings) -> Result<VcfFeatures, Error> {
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
