//! Structural variants as events, whatever program called them.

mod breakends;
mod features;
#[cfg(test)]
mod golden;
mod settings;
mod table;
mod vcf;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

pub use features::sv_features;
pub use settings::{Fusion, SvSettings};

use crate::{Error, Note, columns::matches_sample, copy_number::is_vcf, lines::Lines};

/// What an event does to the genome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Deletion,
    Duplication,
    Inversion,
    Insertion,
    Translocation,
    /// One side of a break whose other side cannot be placed.
    SingleBreakend,
    /// A change of copy number without its direction, or of a kind of the caller's own.
    Other,
}

/// One side of a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The chromosome without `chr` in front.
    pub(crate) chromosome: String,
    pub(crate) position: u64,
}

/// A structural variant: both sides of a break, however many records tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) class: Class,
    pub(crate) ends: [Option<Place>; 2],
    /// Bases between the ends, or inserted.
    pub(crate) length: Option<u64>,
    /// The genes at each end; those of an event of one record all stand at the first.
    pub(crate) genes: [BTreeSet<String>; 2],
    /// Pairs of genes that the file calls fused.
    pub(crate) fusions: Vec<(String, String)>,
    pub(crate) passes: bool,
    /// Which samples have it, by the number of the sample.
    pub(crate) carriers: BTreeSet<usize>,
}

/// The structural variants of one or many tumors as one file gives them.
#[derive(Clone, Debug, Default)]
pub struct StructuralVariants {
    path: PathBuf,
    events: Vec<Event>,
    /// The number of each sample.
    samples: BTreeMap<String, usize>,
    /// The sample that a file of one tumor is about.
    only: Option<usize>,
    /// The file lists all events of a kind, not fusions alone.
    tells_classes: bool,
    /// The file names genes.
    tells_genes: bool,
    is_vcf: bool,
    notes: Vec<Note>,
}

impl StructuralVariants {
    /// Reads a file of structural variants, plain or compressed; what wrote it is found from its
    /// content: a VCF, BEDPE, cBioPortal's `data_structural_variants` and `data_fusions`, and the
    /// fusion tables of STAR-Fusion, Arriba and PCGR.
    ///
    /// The two breakends of a VCF are one event: they are paired by `MATEID` or `PARID`, else where
    /// each names the other's position, else as the only two of an `EVENT`. A breakend whose mate is
    /// missing is an event too.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated or damaged, lacks a column, or has a row that
    /// cannot be understood.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(path, || Lines::open(path))
    }

    /// Reads what `open` opens twice, once to see what it is.
    pub(crate) fn read_with(
        path: &Path,
        open: impl Fn() -> Result<Lines, Error>,
    ) -> Result<Self, Error> {
        let is_vcf = is_vcf(&mut open()?)?;
        let lines = open()?;
        let found = if is_vcf { vcf::read(lines) } else { table::read(lines) };
        found.map(|found| Self { path: path.to_owned(), is_vcf, ..found })
    }

    /// The sample names of a table of many, sorted; none for a VCF or a table of one tumor.
    pub fn samples(&self) -> impl Iterator<Item = &str> {
        let is_of_many = !self.is_vcf && self.only.is_none();
        self.samples.keys().filter(move |_| is_of_many).map(String::as_str)
    }

    /// What was mended or left out.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Whether the file is of one tumor, so that it speaks of whoever names it in files.csv.
    #[must_use]
    pub fn is_of_one_tumor(&self) -> bool {
        self.is_vcf || self.only.is_some()
    }

    /// The numbers that a sample id stands for.
    ///
    /// A table without a row for a sample has no event of it; a VCF must hold the tumor.
    fn matching(&self, sample_id: &str, prefix: Option<usize>) -> Result<BTreeSet<usize>, Error> {
        let matching =
            self.samples.iter().filter(|(name, _)| matches_sample(name, sample_id, prefix));
        let found: BTreeSet<usize> = matching.map(|(_, &number)| number).collect();
        match self.only {
            Some(only) if found.is_empty() => Ok(BTreeSet::from([only])),
            None if found.is_empty() && self.is_vcf => {
                Err(Error::UnknownTumor { path: self.path.clone(), samples: self.samples.len() })
            }
            _ => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(content: &str) -> Result<StructuralVariants, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.vcf");
        fs_err::write(&path, content.replace(' ', "\t").replace('~', " ")).unwrap();
        StructuralVariants::read(&path)
    }

    fn values(content: &str, sample: &str, settings: &str) -> BTreeMap<String, Option<f32>> {
        let found = read(content).unwrap();
        let features = sv_features(&found, sample, &toml::from_str(settings).unwrap()).unwrap();
        features.into_iter().map(|feature| (feature.info.name, feature.value)).collect()
    }

    /// The counts of classes that are not zero, of a VCF without samples.
    fn counts(records: &str) -> String {
        let chrom = "#CHROM POS ID REF ALT QUAL FILTER INFO\n";
        let values = values(&format!("{chrom}{records}"), "", "");
        let is_class =
            |name: &str| !(name == "sv_count" || name.contains("mb") || name.contains("kb"));
        let counted = values.iter().filter(|(name, value)| **value != Some(0.0) && is_class(name));
        let words = counted.map(|(name, value)| {
            let name = name.trim_start_matches("sv_").trim_end_matches("_count");
            format!("{} {name}", value.unwrap())
        });
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn two_records_are_one_event() {
        for (name, records, expected) in [
            (
                "by MATEID",
                "1 100 a A A[2:500[ . PASS SVTYPE=BND;MATEID=b\n\
                 2 500 b C ]1:100]C . PASS SVTYPE=BND;MATEID=a\n",
                "1 translocation",
            ),
            (
                "by PARID",
                "1 100 a A A[1:500[ . . PARID=b\n1 500 b C ]1:100]C . . PARID=a\n",
                "1 deletion",
            ),
            ("by position", "1 100 . A [1:500[A . . .\n1 500 . C [1:100[C . . .\n", "1 inversion"),
            (
                "by EVENT of imprecise places",
                "1 100 a A A]2:505] . . EVENT=e\n2 500 b C C]1:99] . . EVENT=e\n",
                "1 translocation",
            ),
            (
                "an EVENT of two breaks stays two",
                "1 100 a A A[2:500[ . . EVENT=e;MATEID=b\n2 500 b C ]1:100]C . . EVENT=e;MATEID=a\n\
                 1 101 c A ]2:501]A . . EVENT=e;MATEID=d\n2 501 d C C[1:101[ . . EVENT=e;MATEID=c\n",
                "2 translocation",
            ),
            (
                "one mate filtered",
                "1 100 a A A[2:500[ . PASS MATEID=b\n2 500 b C ]1:100]C . weak MATEID=a\n",
                "1 translocation",
            ),
            (
                "both mates filtered",
                "1 100 a A A[2:500[ . weak MATEID=b\n2 500 b C ]1:100]C . weak MATEID=a\n",
                "",
            ),
            ("the mate is missing", "1 100 a A A[2:500[ . PASS MATEID=b\n", "1 translocation"),
            (
                "two of the same place",
                "1 2 . A A]1:2] . . .\n1 2 . A A]1:2] . . .\n",
                "1 inversion",
            ),
            ("ids occur twice", "1 100 a A A[2:500[ . . MATEID=a\n", "1 translocation"),
        ] {
            assert_eq!(counts(records), expected, "{name}");
        }
    }

    #[test]
    fn every_way_to_write_an_event() {
        for (name, record, expected) in [
            ("END", "1 100 . N <DEL> . . END=300", "1 deletion"),
            ("SVLEN alone", "1 100 . N <DUP:TANDEM> . . SVLEN=300", "1 duplication"),
            ("subtype", "1 100 . N <INS:ME:ALU> . . SVLEN=300", "1 insertion"),
            ("inversion", "1 100 . N <INV> . . END=900", "1 inversion"),
            ("inverted duplication", "1 100 . N <INVDUP> . . END=900", "1 duplication"),
            ("copy number without direction", "1 100 . N <CNV> . . END=900", "1 other"),
            ("copy number of none", "1 100 . N <CN0> . . END=900", "1 deletion"),
            ("copy number of four", "1 100 . N <CN4> . . END=900", "1 duplication"),
            ("DELLY", "1 100 . N <TRA> . . CHR2=2;END=900;CT=3to5", "1 translocation"),
            (
                "DELLY with POS2",
                "1 100 . N <BND> . . CHR2=chr2;POS2=900;END=101",
                "1 translocation",
            ),
            ("within a chromosome", "1 100 . N <TRA> . . CHR2=1;END=900;CT=5to5", "1 inversion"),
            ("STRANDS", "1 100 . N <ITX> . . CHR2=1;END=900;STRANDS=-+:7", "1 duplication"),
            ("no direction", "1 100 . N <ITX> . . CHR2=1;END=900", "1 other"),
            ("single breakend", "1 100 . A ACGT. . . .", "1 single_breakend"),
            ("single breakend before", "1 100 . A .ACGT . . .", "1 single_breakend"),
            ("SVTYPE with bases", "1 100 . ACGTA A . . SVTYPE=DEL", "1 deletion"),
            ("SVTYPE=DUP with bases", "1 100 . A ACGTA . . SVTYPE=DUP", "1 duplication"),
            ("a small indel", "1 100 . ACGTA A . . .", ""),
            ("a substitution", "1 100 . A C . . .", ""),
            ("a replacement", "1 100 . ACG TTT . . SVTYPE=RPL", ""),
            ("no ALT", "1 100 . A . . . END=900", ""),
            ("a gVCF", "1 100 . A <NON_REF> . . END=900", ""),
            ("two ALTs", "1 100 . A <DEL>,<DUP> . . END=900", "1 deletion, 1 duplication"),
        ] {
            assert_eq!(counts(&format!("{record}\n")), expected, "{name}");
        }
        let long = "A".repeat(51);
        assert_eq!(counts(&format!("1 100 . {long} A . . .\n")), "1 deletion");
    }

    #[test]
    fn sizes_have_bins() {
        let chrom = "#CHROM POS ID REF ALT QUAL FILTER INFO\n";
        let records = "1 1000 . N <DEL> . . END=1999\n1 1000 . N <DEL> . . END=2000\n\
                       1 1000 . A ]1:20001000]A . . .\n1 100 . N <DEL> . . .\n";
        let values = values(&format!("{chrom}{records}"), "", "");
        for (name, expected) in [
            ("sv_deletion_count", 3.0),
            ("sv_deletion_below_1kb_count", 1.0),
            ("sv_deletion_1kb_to_10kb_count", 1.0),
            ("sv_duplication_above_10mb_count", 1.0),
            ("sv_inversion_above_10mb_count", 0.0),
        ] {
            assert_eq!(values[name], Some(expected), "{name}");
        }
    }

    #[test]
    fn only_what_the_tumor_carries_and_the_normal_lacks_counts() {
        let chrom = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT NORMAL TUMOR\n";
        let records = "1 100 . N <DEL> . . END=900 GT 0/0 0/1\n1 100 . N <DEL> . . END=900 GT 0/1 0/1\n\
                       1 100 a A A[2:500[ . . MATEID=b PR 9,0 9,4\n\
                       2 500 b C ]1:100]C . . MATEID=a PR 9,0 9,4\n";
        let content = format!("{chrom}{records}");
        assert_eq!(values(&content, "P1", "")["sv_count"], Some(2.0));
        assert_eq!(values(&content, "TUMOR", "")["sv_count"], Some(2.0));
        assert!(read(&content).unwrap().is_of_one_tumor());
        // A file of two nobody knows, unless one is named.
        let content = content.replace("NORMAL TUMOR", "Jane John");
        let found = read(&content).unwrap();
        let error = sv_features(&found, "P1", &SvSettings::default()).unwrap_err().to_string();
        assert!(error.contains("cannot tell which of the file's 2 samples"), "{error}");
        assert!(!error.contains("Jane"), "{error}");
        assert_eq!(values(&content, "John", "")["sv_count"], Some(3.0));
    }

    const POSITIONS: &str = "gene_positions = { EWSR1 = '22:1000-2000', FLI1 = '11:5000-6000' }";

    #[test]
    fn genes_and_fusions_by_annotation_and_by_place() {
        let settings = "genes = ['EWSR1', 'FLI1', 'TP53']\nfusions = ['FLI1-EWSR1', 'EWSR1-ERG']";
        let with_places = format!("{settings}\n{POSITIONS}");
        let header = "##INFO=<ID=CSQ,Description=\"Format:~Allele|Consequence|SYMBOL\">\n\
                      #CHROM POS ID REF ALT QUAL FILTER INFO\n";
        let fusion = "22 1500 a A A[11:5500[ . . MATEID=b;CSQ=A[|intron_variant|EWSR1\n\
                      11 5500 b C ]22:1500]C . . MATEID=a;CSQ=]C|intron_variant|FLI1,\
                      ]C|downstream_gene_variant|TP53\n";
        let bare = fusion.replace("CSQ", "X");
        let no_header = "#CHROM POS ID REF ALT QUAL FILTER INFO\n";
        let rna = "22 1500 . N N[11:5500[ . . GENEA=EWSR1;GENEB=FLI1\n";
        for (name, content, settings, expected) in [
            ("annotated", format!("{header}{fusion}"), settings, [Some(1.0), Some(0.0), Some(0.0)]),
            ("no annotation", format!("{no_header}{bare}"), settings, [None; 3]),
            ("by place", format!("{no_header}{bare}"), &with_places, [Some(1.0), None, None]),
            ("from RNA", format!("{no_header}{rna}"), settings, [Some(1.0), Some(0.0), Some(0.0)]),
            (
                "SnpEff",
                format!("{header}22 1500 . N N[11:5500[ . . CSQ=N|gene_fusion|EWSR1&FLI1\n"),
                settings,
                [Some(1.0), Some(0.0), Some(0.0)],
            ),
            ("annotated, none", header.to_owned(), settings, [Some(0.0); 3]),
        ] {
            let values = values(&content, "", settings);
            let found = ["fusion_FLI1-EWSR1", "fusion_EWSR1-ERG", "sv_count_TP53"];
            assert_eq!(found.map(|name| values[name]), expected, "{name}");
            assert_eq!(values["sv_count_EWSR1"], values["fusion_FLI1-EWSR1"], "{name}");
        }
        // A deletion touches what lies within it, an inversion what it breaks.
        for (record, expected) in [("<DEL>", 1.0), ("<DUP>", 1.0), ("<INV>", 0.0)] {
            let content = format!("{no_header}22 100 . N {record} . . END=9000\n");
            let values = values(&content, "", &with_places);
            assert_eq!(values["sv_count_EWSR1"], Some(expected), "{record}");
            assert_eq!(values["fusion_FLI1-EWSR1"], Some(0.0), "{record}");
        }
    }

    #[test]
    fn tables_by_their_columns() {
        let settings = "genes = ['ALK', 'TP53']\nfusions = ['EML4-ALK']";
        let known = ["sv_count", "sv_inversion_count", "sv_count_ALK", "fusion_EML4-ALK"];
        for (name, content, expected) in [
            (
                "BEDPE without a header",
                "chr2 99 100 chr2 499 500 n 7 + +\nchr2 99 100 chr3 499 500 n 7 + +\n",
                [Some(2.0), Some(1.0), None, None],
            ),
            (
                "BEDPE with a header",
                "#chrom1 start1 end1 chrom2 start2 end2 name score strand1 strand2 FILTER\n\
                 2 99 100 2 499 500 n 7 - - PASS\n2 99 100 2 499 500 n 7 - - weak\n",
                [Some(1.0), Some(1.0), None, None],
            ),
            (
                "cBioPortal",
                "Sample_Id Site1_Hugo_Symbol Site1_Chromosome Site1_Position Site2_Hugo_Symbol \
                 Site2_Chromosome Site2_Position Class SV_Status\n\
                 S1 EML4 2 42522694 ALK 2 29446394 INVERSION SOMATIC\n\
                 S1 ALK 2 1 TP53 2 9 DELETION GERMLINE\nS2 NA NA NA TP53 17 9 DELETION SOMATIC\n",
                [Some(1.0), Some(1.0), Some(1.0), Some(1.0)],
            ),
            (
                "cBioPortal's fusions",
                "Hugo_Symbol Center Tumor_Sample_Barcode Fusion\nEML4 x S1 EML4-ALK~fusion\n\
                 ALK x S1 EML4-ALK~fusion\n",
                [None, None, Some(1.0), Some(1.0)],
            ),
            (
                "PCGR",
                "FusionGene LeftBreakpoint RightBreakpoint SplitReads\n\
                 EML4--ALK 2:42522694 2:29446394 100\n",
                [None, None, Some(1.0), Some(1.0)],
            ),
            (
                "STAR-Fusion",
                "#FusionName LeftGene LeftBreakpoint RightBreakpoint\n\
                 EML4--ALK E chr2:42522694:+ chr2:29446394:-\n",
                [None, None, Some(1.0), Some(1.0)],
            ),
            (
                "Arriba",
                "#gene1 gene2 strand1(gene/fusion) breakpoint1 breakpoint2 type\n\
                 EML4 ALK +/+ 2:42522694 2:29446394 inversion\n",
                [None, None, Some(1.0), Some(1.0)],
            ),
        ] {
            let values = values(content, "S1", settings);
            assert_eq!(known.map(|name| values[name]), expected, "{name}");
        }
        // A table of many has no row for a tumor without events.
        let table = "Sample_Id Site1_Hugo_Symbol Site2_Hugo_Symbol Class\nS1 EML4 ALK INVERSION\n";
        let found = read(table).unwrap();
        assert_eq!(found.samples().collect::<Vec<_>>(), ["S1"]);
        assert!(!found.is_of_one_tumor());
        assert_eq!(values(table, "S3", settings)["fusion_EML4-ALK"], Some(0.0));
        assert_eq!(values(table, "S3", settings)["sv_count"], Some(0.0));
    }

    #[test]
    fn a_faulty_file_is_an_error_with_its_line() {
        for (content, expected) in [
            ("", "t.vcf: expected a table of structural variants, found no data"),
            ("x\n", "t.vcf:1: expected 10 columns, found 1"),
            ("a b c\n", "t.vcf:1: expected a column `chrom1`"),
            (
                "chr2 99 100 chr2 499 500 n 7 + +\nchr2 x 1 2 3 4\n",
                "t.vcf:2: expected a whole number",
            ),
            ("chr2 99 100 chr2 499 500 n 7 + +\nchr2\n", "t.vcf:2: expected"),
            (
                "#CHROM POS ID REF ALT QUAL FILTER INFO\n1 x . A T . . .\n",
                "t.vcf:2: expected a position",
            ),
        ] {
            let message = read(content).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn the_features_depend_on_the_settings_alone() {
        let settings = format!("genes = ['TP53']\nfusions = ['A-B']\n{POSITIONS}");
        let files = [
            "#CHROM POS ID REF ALT QUAL FILTER INFO\n",
            "FusionGene LeftBreakpoint RightBreakpoint\nEML4--ALK 2:42522694 2:29446394\n",
        ];
        let names = files.map(|file| values(file, "", &settings).into_keys().collect::<Vec<_>>());
        assert_eq!(names[0], names[1]);
    }
}
