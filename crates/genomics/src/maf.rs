use std::{collections::BTreeMap, path::Path};

use oncoweave_core::Feature;

use crate::{
    Error, MafSettings, Note, Panel, VariantResources,
    allele::Kind,
    columns::{Columns, matches_sample},
    consequence::{Class, Effect, residues},
    lines::{Lines, fields, number, text},
    settings::bare_chromosome,
    tally::{Known, Locus, Tally, Variant},
};

const FORMAT: &str = "a MAF";

/// Columns that hold the variant allele fraction itself, as a fraction or in percent.
const ALLELE_FRACTION: [&str; 5] = ["i_TumorVAF_WU", "tumor_vaf", "t_vaf", "vaf", "i_tumor_vaf"];

/// Columns that hold the change of the protein or its place, the preferred first.
const RESIDUES: [&str; 7] = [
    "HGVSp_Short",
    "Protein_Change",
    "HGVSp",
    "Protein_position",
    "amino_acid_change",
    "Amino_Acid_Change",
    "AAChange",
];

/// Columns that hold the bases round a variant: of the GDC, Oncotator, vcf2maf and Funcotator.
const CONTEXT: [&str; 4] = ["CONTEXT", "ref_context", "flanking_bps", "Ref_Context"];

/// `Mutation_Status` values that say a row is no somatic variant.
const NOT_SOMATIC: [&str; 5] =
    ["germline", "loh", "wildtype", "none", "post-transcriptional modification"];

/// A mutation annotation file: the somatic variants of many tumors.
#[derive(Clone, Debug, Default)]
pub struct Maf {
    samples: BTreeMap<String, Vec<Row>>,
    has_alleles: bool,
    has_loci: bool,
    has_residues: bool,
    notes: Vec<Note>,
}

/// One variant in one gene.
#[derive(Clone, Debug)]
struct Row {
    gene: Vec<u8>,
    /// Ensembl's identifier; empty where the file gives none.
    gene_id: Vec<u8>,
    class: Class,
    residues: Option<(u32, u32)>,
    /// Chromosome, start and alleles: rows that share them speak of one variant.
    place: Option<Place>,
    kind: Option<Kind>,
    allele_fraction: Option<f64>,
    passing: bool,
    /// The bases round the variant, where the file gives them.
    context: Option<Vec<u8>>,
}

type Place = (String, u64, Vec<u8>, Vec<u8>);

impl Maf {
    /// Reads a MAF of GDC, TCGA or cBioPortal, plain or compressed. Lines that begin with `#` are
    /// comments; column names are compared without case (`End_position` is real).
    ///
    /// Rows that `Mutation_Status` calls germline, LOH or wildtype are left out, and so are rows
    /// without a gene, classification or barcode, with a note on each.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated or damaged, lacks `Hugo_Symbol`,
    /// `Variant_Classification` or `Tumor_Sample_Barcode`, or has too many rows without them: more
    /// than half, or more than ten and more than one in a hundred.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_lines(Lines::open(path)?)
    }

    /// Reads a MAF that is open already.
    pub(crate) fn read_lines(mut lines: Lines) -> Result<Self, Error> {
        let header = Columns::read(&mut lines, FORMAT)?;
        let columns = MafColumns::new(&header)?;
        let has_alleles = columns.reference.is_some() && columns.alternate.is_some();
        let mut maf = Self {
            has_alleles,
            has_loci: columns.chromosome.is_some() && columns.start.is_some(),
            has_residues: !columns.residues.is_empty(),
            ..Self::default()
        };
        let mut rows = 0;
        while lines.next()?.is_some() {
            if lines.line().trim_ascii().is_empty() || lines.line().starts_with(b"#") {
                continue;
            }
            rows += 1;
            if let Err(error) = maf.add(&lines, &header, &columns) {
                lines.leave_out(error)?;
            }
        }
        let fractions = maf.samples.values().flatten().filter_map(|row| row.allele_fraction);
        if fractions.into_iter().any(|fraction| fraction > 1.0) {
            for row in maf.samples.values_mut().flatten() {
                row.allele_fraction = row.allele_fraction.map(|percent| percent / 100.0);
            }
        }
        maf.notes = lines.finish(rows)?;
        Ok(maf)
    }

    /// Adds the row that was read last.
    fn add(&mut self, lines: &Lines, header: &Columns, columns: &MafColumns) -> Result<(), Error> {
        let row: Vec<&[u8]> = fields(lines.line()).map(unquoted).collect();
        // Some writers leave out the empty columns at a row's end.
        let barcode = row.get(columns.barcode).copied().unwrap_or_default();
        if row.len() <= columns.gene.max(columns.class) || barcode.is_empty() {
            let expected = "a gene, a classification and a sample barcode";
            return Err(lines.fault(expected, "a row without one", "complete the row"));
        }
        if row.len() < header.len() && !lines.is_whole() {
            return Err(lines.too_few_columns(header.len(), row.len()));
        }
        if columns.is_somatic(&row) {
            self.samples.entry(text(barcode)).or_default().push(columns.row(&row));
        }
        Ok(())
    }

    /// What was left out, by kind; beyond five lines of a kind only their
    /// number.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The sample barcodes, sorted. A tumor without a variant is in no MAF.
    pub fn samples(&self) -> impl Iterator<Item = &str> {
        self.samples.keys().map(String::as_str)
    }
}

/// Where a MAF has its columns.
struct MafColumns {
    gene: usize,
    gene_id: Option<usize>,
    class: usize,
    barcode: usize,
    chromosome: Option<usize>,
    start: Option<usize>,
    reference: Option<usize>,
    first_alternate: Option<usize>,
    alternate: Option<usize>,
    filter: Option<usize>,
    status: Option<usize>,
    alternate_depth: Option<usize>,
    reference_depth: Option<usize>,
    depth: Option<usize>,
    allele_fraction: Option<usize>,
    /// The columns that tell which amino acids change, the preferred first.
    residues: Vec<usize>,
    context: Option<usize>,
}

impl MafColumns {
    fn new(header: &Columns) -> Result<Self, Error> {
        Ok(Self {
            gene: header.need(&["Hugo_Symbol"])?,
            gene_id: header.find(&["Gene", "Gene_ID", "Ensembl_Gene_ID"]),
            class: header.need(&["Variant_Classification"])?,
            barcode: header.need(&["Tumor_Sample_Barcode"])?,
            chromosome: header.find(&["Chromosome", "Chrom"]),
            start: header.find(&["Start_Position"]),
            reference: header.find(&["Reference_Allele"]),
            first_alternate: header.find(&["Tumor_Seq_Allele1"]),
            alternate: header.find(&["Tumor_Seq_Allele2"]),
            filter: header.find(&["FILTER"]),
            status: header.find(&["Mutation_Status"]),
            alternate_depth: header.find(&["t_alt_count"]),
            reference_depth: header.find(&["t_ref_count"]),
            depth: header.find(&["t_depth"]),
            allele_fraction: header.find(&ALLELE_FRACTION),
            residues: RESIDUES.iter().filter_map(|name| header.find(&[name])).collect(),
            context: header.find(&CONTEXT),
        })
    }

    fn is_somatic(&self, row: &[&[u8]]) -> bool {
        let status = text(cell(row, self.status)).to_ascii_lowercase();
        !NOT_SOMATIC.contains(&status.as_str())
    }

    fn row(&self, row: &[&[u8]]) -> Row {
        let reference = cell(row, self.reference);
        let second = cell(row, self.alternate);
        // Some old files have the tumor's allele in the first column of the two.
        let alternate = match cell(row, self.first_alternate) {
            first if (second.is_empty() || second == reference) && !first.is_empty() => first,
            _ => second,
        };
        let chromosome = text(cell(row, self.chromosome));
        let start = number(cell(row, self.start)).filter(|_| !chromosome.is_empty());
        Row {
            gene: row[self.gene].to_vec(),
            gene_id: cell(row, self.gene_id).to_vec(),
            class: Class::from_maf(row[self.class]),
            residues: self.residues.iter().find_map(|&place| residues(cell(row, Some(place)))),
            place: start.map(|start| {
                (
                    lettered(bare_chromosome(&chromosome)).to_owned(),
                    start,
                    reference.to_vec(),
                    alternate.to_vec(),
                )
            }),
            kind: Kind::of(reference, alternate),
            allele_fraction: self.allele_fraction(row),
            passing: matches!(cell(row, self.filter), b"" | b"." | b"PASS"),
            context: self.context.map(|place| cell(row, Some(place)).to_vec()),
        }
    }

    /// From read counts, else as the file gives it, which may be in percent.
    fn allele_fraction(&self, row: &[&[u8]]) -> Option<f64> {
        let count = |column| number::<f64>(cell(row, column)).filter(|count| *count >= 0.0);
        let counted = count(self.alternate_depth).and_then(|alternate| {
            let depth = count(self.depth)
                .or_else(|| count(self.reference_depth).map(|reference| reference + alternate))?;
            (depth > 0.0 && alternate <= depth).then(|| alternate / depth)
        });
        counted.or_else(|| count(self.allele_fraction).filter(|fraction| fraction.is_finite()))
    }
}

/// A cell without spaces and quotes around it: some studies of cBioPortal have both.
fn unquoted(cell: &[u8]) -> &[u8] {
    let cell = cell.trim_ascii();
    match cell {
        [b'"', inner @ .., b'"'] => inner.trim_ascii(),
        // A quote that nothing closes is part of a quoted line end elsewhere.
        [b'"', rest @ ..] if !rest.contains(&b'"') => rest,
        _ => cell,
    }
}

/// The sex chromosomes by their letters: some programs number them.
fn lettered(bare: &str) -> &str {
    match bare {
        "23" => "X",
        "24" => "Y",
        bare => bare,
    }
}

/// The cell of a column that may be absent.
fn cell<'a>(row: &[&'a [u8]], column: Option<usize>) -> &'a [u8] {
    column.and_then(|column| row.get(column)).copied().unwrap_or_default()
}

/// One sequenced tumor that a MAF may have rows of.
#[derive(Clone, Copy, Debug)]
pub struct MafSample<'a> {
    /// The barcode, or as much of it as [`MafSettings::barcode_prefix`] compares.
    pub sample_id: &'a str,
    /// The genes that were sequenced; `None` where all were.
    pub panel: Option<&'a Panel>,
}

/// The features of one sequenced sample of a MAF.
///
/// A MAF lists variants, not samples: one without a row has zeros, so ask only for samples that
/// were sequenced. Rows of the same sample with the same place and alleles are one variant. The
/// features of a gene that the sample's panel does not look at have no value.
///
/// # Errors
/// When a file of the resources that is read as needed cannot be read.
pub fn maf_features(
    maf: &Maf,
    sample: MafSample<'_>,
    settings: &MafSettings,
    resources: &VariantResources,
) -> Result<Vec<Feature>, Error> {
    let MafSample { sample_id, panel } = sample;
    let of_sample = maf
        .samples
        .iter()
        .filter(|(barcode, _)| matches_sample(barcode, sample_id, settings.barcode_prefix));
    let rows =
        of_sample.flat_map(|(_, rows)| rows).filter(|row| row.passing || !settings.passing_only);
    let mut placed: BTreeMap<&Place, Variant<'_>> = BTreeMap::new();
    let mut variants = Vec::new();
    for row in rows {
        let effect = Effect {
            symbol: &row.gene,
            id: &row.gene_id,
            class: row.class,
            residues: row.residues,
        };
        let locus = row.place.as_ref().map(|(chromosome, position, reference, alternate)| Locus {
            chromosome,
            position: *position,
            reference,
            alternate,
        });
        let (kind, allele_fraction) = (row.kind, row.allele_fraction);
        let context = row.context.as_deref();
        let variant = || Variant { locus, kind, allele_fraction, effects: Vec::new(), context };
        match &row.place {
            Some(place) => placed.entry(place).or_insert_with(variant).effects.push(effect),
            None => variants.push(Variant { effects: vec![effect], ..variant() }),
        }
    }
    let mut tally = Tally::new(&settings.variants, resources);
    for variant in placed.values().chain(&variants) {
        tally.add(variant);
    }
    let known = Known {
        consequences: true,
        residues: maf.has_residues,
        alleles: maf.has_alleles,
        loci: maf.has_loci,
    };
    tally.features(known, panel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Hugo_Symbol\tChromosome\tStart_position\tReference_Allele\t\
        Tumor_Seq_Allele1\tTumor_Seq_Allele2\tVariant_Classification\tTumor_Sample_Barcode";

    fn read(content: &str) -> Result<Maf, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.maf");
        fs_err::write(&path, content).unwrap();
        Maf::read(&path)
    }

    /// Rows under the header above and more columns: spaces stand for tabs.
    fn maf(more: &str, rows: &str) -> Maf {
        read(&format!("#version 2.4\n{HEADER}{more}\n{rows}").replace(' ', "\t")).unwrap()
    }

    fn values<const N: usize>(
        maf: &Maf,
        sample: &str,
        settings: &str,
        names: [&str; N],
    ) -> [Option<f32>; N] {
        let settings: MafSettings = toml::from_str(settings).unwrap();
        let resources = VariantResources::load(&settings.variants).unwrap();
        let sample = MafSample { sample_id: sample, panel: None };
        let features = maf_features(maf, sample, &settings, &resources).unwrap();
        names.map(|name| {
            features.iter().find(|feature| feature.info.name == name).expect(name).value
        })
    }

    #[test]
    fn counts_of_one_sample() {
        let maf = maf(
            "",
            "TP53 17 10 C C T Missense_Mutation S1\n\
             KRAS 12 20 - - AT Frame_Shift_Ins S1\n\
             KRAS 12 20 - - AT Frame_Shift_Ins S1\n\
             EGFR 7 30 A A G Silent S1\n\
             EGFR 7 30 A A G Missense_Mutation S2\n",
        );
        let names = [
            "driver_TP53",
            "driver_KRAS_truncating",
            "driver_EGFR",
            "variant_count",
            "nonsynonymous_count",
            "snv_count",
            "indel_count",
            "transition_fraction",
            "vaf_mean",
        ];
        let settings = "genes = ['TP53', 'KRAS', 'EGFR']";
        assert_eq!(
            values(&maf, "S1", settings, names),
            [
                Some(1.0),
                Some(1.0),
                Some(0.0),
                Some(3.0),
                Some(2.0),
                Some(2.0),
                Some(1.0),
                Some(1.0),
                None
            ]
        );
        let zeros = [
            Some(0.0),
            Some(0.0),
            Some(0.0),
            Some(0.0),
            Some(0.0),
            Some(0.0),
            Some(0.0),
            None,
            None,
        ];
        assert_eq!(values(&maf, "sequenced, no variant", settings, names), zeros);
        assert_eq!(maf.samples().collect::<Vec<_>>(), ["S1", "S2"]);
    }

    #[test]
    fn samples_of_one_patient_are_taken_together() {
        let maf = maf(
            "",
            "A 1 10 C C T Missense_Mutation TCGA-AB-0001-01A\n\
             A 1 10 C C T Missense_Mutation TCGA-AB-0001-06A\n\
             B 1 20 C C T Missense_Mutation TCGA-AB-0001-06A\n",
        );
        for (settings, expected) in [("barcode_prefix = 12", 2.0), ("", 0.0)] {
            let counts = values(&maf, "TCGA-AB-0001", settings, ["variant_count"]);
            assert_eq!(counts, [Some(expected)], "{settings}");
        }
    }

    #[test]
    fn rows_that_are_not_somatic_or_do_not_pass() {
        let maf = maf(
            "\tFILTER\tMutation_Status",
            "A 1 10 C C T Missense_Mutation S1 PASS Somatic\n\
             A 1 11 C C T Missense_Mutation S1 wga \n\
             A 1 12 C C T Missense_Mutation S1 PASS Germline\n\
             A 1 13 C C T Missense_Mutation S1 . LOH\n\
             A 1 14 C C T Missense_Mutation S1\n",
        );
        assert_eq!(values(&maf, "S1", "", ["variant_count"]), [Some(3.0)]);
        assert_eq!(values(&maf, "S1", "passing_only = true", ["variant_count"]), [Some(2.0)]);
    }

    #[test]
    fn allele_fractions_from_counts_fractions_and_percent() {
        for (name, more, cells, expected) in [
            ("depth", "\tt_depth\tt_alt_count", "40 10", Some(0.25)),
            ("reference", "\tt_ref_count\tt_alt_count", "30 10", Some(0.25)),
            ("no reads", "\tt_depth\tt_alt_count", "0 0", None),
            ("missing", "\tt_depth\tt_alt_count", "40 .", None),
            ("fraction", "\tVAF", "0.25", Some(0.25)),
            ("percent", "\ti_TumorVAF_WU", "25", Some(0.25)),
        ] {
            let maf = maf(more, &format!("A 1 10 C C T Missense_Mutation S1 {cells}\n"));
            assert_eq!(values(&maf, "S1", "", ["vaf_mean"]), [expected], "{name}");
        }
    }

    #[test]
    fn a_maf_without_alleles_does_not_know_kinds() {
        let maf = read("Hugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\nA\tSilent\tS1\nA\tSilent\tS1\n").unwrap();
        let names = ["variant_count", "nonsynonymous_count", "snv_count", "transition_fraction"];
        assert_eq!(values(&maf, "S1", "", names), [Some(2.0), Some(0.0), None, None]);
    }

    #[test]
    fn a_row_without_a_barcode_is_left_out_and_noted() {
        let maf = maf("", "TP53 17 1 C T T Silent P1\nTP53 17\nKRAS 12 2 C T T Silent P2\n");
        assert_eq!(maf.samples().collect::<Vec<_>>(), ["P1", "P2"]);
        let notes: Vec<String> = maf.notes().iter().map(Note::to_string).collect();
        assert_eq!(notes.len(), 1);
        let expected = "a.maf:4: expected a gene, a classification and a sample barcode, found a \
                        row without one; the record is left out";
        assert!(notes[0].ends_with(expected), "{notes:?}");
    }

    #[test]
    fn quotes_and_numbered_sex_chromosomes() {
        let maf = maf(
            "",
            "\"TP53\" \"X\" 10 C C T \"Missense_Mutation\" \"S1\"\n\
             TP53 23 10 C C T Missense_Mutation S1\n\
             TP53 chrX \"10 C C T Missense_Mutation S1\n",
        );
        let names = ["driver_TP53", "variant_count"];
        assert_eq!(values(&maf, "S1", "genes = ['TP53']", names), [Some(1.0), Some(1.0)]);
    }

    #[test]
    fn contexts_hotspots_and_identifiers_of_columns() {
        let folder = tempfile::tempdir().unwrap();
        let hotspots = folder.path().join("hotspots.tsv");
        fs_err::write(&hotspots, "gene\tposition\nTP53\t175\n").unwrap();
        let maf = maf(
            "\tGene\tHGVSp_Short\tCONTEXT",
            "TP53 17 10 C C T Missense_Mutation S1 ENSG00000141510 p.R175H AAACGAA\n\
             TP53 17 20 G G A Missense_Mutation S2 ENSG00000141510 p.R176H AAAGGAA\n",
        );
        let settings =
            format!("genes = ['TP53']\nhotspots = '{}'\nspectra = ['sbs96']", hotspots.display());
        let names = ["driver_TP53_hotspot", "sbs96_A[C>T]G", "sbs96_C[C>T]T"];
        assert_eq!(values(&maf, "S1", &settings, names), [Some(1.0), Some(1.0), Some(0.0)]);
        assert_eq!(values(&maf, "S2", &settings, names), [Some(0.0), Some(0.0), Some(1.0)]);
        let by_identifier = "genes = ['ENSG00000141510']";
        assert_eq!(values(&maf, "S1", by_identifier, ["driver_ENSG00000141510"]), [Some(1.0)]);
    }

    #[test]
    fn what_is_no_maf_is_an_error() {
        for (content, expected) in [
            ("", "expected a MAF, found no data"),
            ("#version 2.4\n", "expected a MAF, found no data"),
            ("#v\nHugo_Symbol\tx\n", "a.maf:2: expected a column `Variant_Classification`"),
            (&format!("{HEADER}\nTP53\t17\n"), "a.maf:2: expected a gene, a classification and"),
            (&format!("{HEADER}\nTP53\t17"), "a.maf: ends in the middle of line 2"),
        ] {
            let message = read(content).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
