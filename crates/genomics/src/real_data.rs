//! Checks on real files, which are not part of the repository. `ONCOWEAVE_SHARED` names the folder
//! that holds them, by default `shared` beside the repository; without it the checks say so.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use oncoweave_core::Feature;

use crate::{
    CnvSettings, CopyNumber, Error, Maf, MafSample, MafSettings, SignatureMatrix, SignatureMethod,
    Spectrum, VariantResources, VariantSettings, VcfFeatures, VcfResources, VcfSettings, VcfSource,
    cnv_features, exposures, header::Header, lines::Lines, maf_features, vcf_features,
};

pub(crate) fn genomics() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("ONCOWEAVE_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("data/genomics");
    if !folder.is_dir() {
        println!("skipped: {} is absent; set ONCOWEAVE_SHARED", folder.display());
        return None;
    }
    Some(folder)
}

fn read_vcf(
    path: &Path,
    sample_id: Option<&str>,
    settings: &VcfSettings,
) -> Result<Vec<Feature>, Error> {
    let source = VcfSource { path, sample_id, panel: None };
    Ok(vcf_features(&[source], settings, &VcfResources::load(settings)?)?.features)
}

fn with_genes(genes: &[&str]) -> VariantSettings {
    let genes = genes.iter().map(|&gene| gene.to_owned()).collect();
    VariantSettings { genes, ..VariantSettings::default() }
}

/// The golden values of one file: sample, feature, value.
fn golden(file: &str) -> Vec<(String, String, Option<f64>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/genomics_real.csv");
    let text = fs_err::read_to_string(path).unwrap();
    let rows = text.lines().skip(2).filter_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0] == file)
            .then(|| (cells[1].to_owned(), cells[2].to_owned(), cells[3].parse().ok()))
    });
    rows.collect()
}

fn assert_equals(features: &[Feature], sample: &str, name: &str, expected: Option<f64>) {
    let found = features.iter().find(|feature| feature.info.name == name).expect(name).value;
    let near = match (found, expected) {
        (Some(found), Some(expected)) => {
            (f64::from(found) - expected).abs() <= 1e-6 * expected.abs().max(1.0)
        }
        (found, expected) => found.is_none() && expected.is_none(),
    };
    assert!(near, "{name} of {sample}: expected {expected:?}, found {found:?}");
}

#[test]
fn laml_equals_an_independent_count() {
    let Some(folder) = genomics() else { return };
    let maf = Maf::read(&folder.join("maftools/inst/extdata/tcga_laml.maf.gz")).unwrap();
    let genes = ["FLT3", "DNMT3A", "NPM1", "IDH2", "TET2", "RUNX1", "TP53", "CEBPA"];
    let settings = MafSettings { variants: with_genes(&genes), ..MafSettings::default() };
    let features_of = |sample_id: &str| {
        let sample = MafSample { sample_id, panel: None };
        maf_features(&maf, sample, &settings, &VariantResources::default()).unwrap()
    };
    assert_eq!(maf.samples().count(), 193);
    let mut totals: BTreeMap<String, f64> = BTreeMap::new();
    for sample in maf.samples() {
        for feature in features_of(sample) {
            *totals.entry(feature.info.name).or_default() +=
                f64::from(feature.value.unwrap_or(0.0));
        }
    }
    let golden = golden("tcga_laml.maf.gz");
    assert!(golden.len() > 200);
    for (sample, name, expected) in golden {
        if sample == "sum over all" {
            assert_eq!(Some(totals[&name]), expected, "{name}");
        } else {
            assert_equals(&features_of(&sample), &sample, &name, expected);
        }
    }
}

/// 200 patients were sequenced and 193 have a row: nobody is lost or invented.
#[test]
fn laml_patients_without_a_row_are_zero_and_not_absent() {
    let Some(folder) = genomics() else { return };
    let folder = folder.join("maftools/inst/extdata");
    let maf = Maf::read(&folder.join("tcga_laml.maf.gz")).unwrap();
    let clinical = fs_err::read_to_string(folder.join("tcga_laml_annot.tsv")).unwrap();
    let settings = MafSettings { variants: with_genes(&["TP53"]), ..MafSettings::default() };
    let patients: Vec<&str> =
        clinical.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
    let listed = patients.iter().filter(|&&patient| maf.samples().any(|sample| sample == patient));
    assert_eq!((patients.len(), listed.count()), (200, 193));
    let mut without = 0;
    for sample_id in patients {
        let sample = MafSample { sample_id, panel: None };
        let features = maf_features(&maf, sample, &settings, &VariantResources::default()).unwrap();
        let value = |name: &str| {
            features.iter().find(|feature| feature.info.name == name).expect(name).value
        };
        let (count, driver) = (value("variant_count"), value("driver_TP53"));
        assert!(count.is_some() && driver.is_some(), "{sample_id} was sequenced");
        without += usize::from(count == Some(0.0) && driver == Some(0.0));
    }
    assert_eq!(without, 7);
}

/// Two panels of one study: TP53 is on the first alone, FGFR3 on the second alone.
#[test]
fn a_gene_off_the_panel_is_unknown() {
    let Some(folder) = genomics() else { return };
    let folder = folder.join("cbioportal-core/tests/test_data/study_es_0");
    let panels = ["1", "2"].map(|n| folder.join(format!("data_gene_panel_testpanel{n}.txt")));
    let variants =
        VariantSettings { panels: panels.to_vec(), ..with_genes(&["TP53", "FGFR3", "BRCA2"]) };
    let resources = VariantResources::load(&variants).unwrap();
    let settings = MafSettings { variants, ..MafSettings::default() };
    let maf = Maf::read(&folder.join("data_mutations_extended.maf")).unwrap();
    let matrix = fs_err::read_to_string(folder.join("data_gene_panel_matrix.txt")).unwrap();
    let mut seen = BTreeMap::new();
    for line in matrix.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let panel = (cells[1] != "NA").then(|| resources.panel(cells[1]).unwrap());
        let sample = MafSample { sample_id: cells[0], panel };
        let features = maf_features(&maf, sample, &settings, &resources).unwrap();
        let known = |gene: &str| {
            let name = format!("driver_{gene}");
            let found = features.iter().find(|feature| feature.info.name == name);
            found.expect(gene).value.is_some()
        };
        let count = features.iter().find(|feature| feature.info.name == "variant_count");
        assert!(count.unwrap().value.is_some());
        *seen.entry((cells[1], known("TP53"), known("FGFR3"))).or_insert(0) += 1;
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [
            (("NA", true, true), 8),
            (("TESTPANEL1", true, false), 9),
            (("TESTPANEL2", false, true), 3),
        ]
    );
    assert!(resources.panel("TESTPANEL3").is_err());
}

#[test]
fn laml_segments_equal_an_independent_sum() {
    let Some(folder) = genomics() else { return };
    let path = folder.join("maftools/inst/extdata/LAML_CBS_segments.tsv.gz");
    let segments = CopyNumber::read(&path).unwrap();
    let golden = golden("LAML_CBS_segments.tsv.gz");
    assert!(golden.len() >= 20);
    for (sample, name, expected) in golden {
        let features = cnv_features(&segments, &sample, &CnvSettings::default());
        assert_equals(&features, &sample, &name, expected);
    }
}

#[test]
fn variants_of_real_vcfs_equal_an_independent_count() {
    let Some(folder) = genomics() else { return };
    for file in ["T001-BRCA.grch38.vcf.gz", "T001-COAD.grch38.vcf.gz"] {
        let path = folder.join("pcgr/examples").join(file);
        let features = read_vcf(&path, None, &VcfSettings::default()).unwrap();
        for (sample, name, expected) in golden(file) {
            assert_equals(&features, &sample, &name, expected);
        }
    }
}

#[test]
fn consequences_of_a_real_vcf_equal_an_independent_count() {
    let Some(folder) = genomics() else { return };
    let file = "test-sage2-rna.vcf.gz";
    let genes = ["KRAS", "TP53", "CDKN2A", "TTN", "MUC16"];
    let settings = VcfSettings { variants: with_genes(&genes), ..VcfSettings::default() };
    let path = folder.join("large").join(file);
    let golden = golden(file);
    assert!(golden.len() > 10);
    for (sample, name, expected) in golden {
        let features = read_vcf(&path, Some(&sample), &settings).unwrap();
        assert_equals(&features, &sample, &name, expected);
    }
}

#[test]
fn callers_of_one_pair_have_allele_fractions() {
    let Some(folder) = genomics() else { return };
    for caller in ["muse", "pindel", "radia", "sniper", "strelka", "varscan", "b38"] {
        let path = folder.join(format!("vcf2maf/tests/test_{caller}.vcf"));
        let features = read_vcf(&path, None, &VcfSettings::default()).unwrap();
        let value = |name: &str| {
            features.iter().find(|feature| feature.info.name == name).and_then(|found| found.value)
        };
        assert!(value("variant_count") > Some(0.0), "{caller}");
        assert!(value("vaf_mean") > Some(0.0), "{caller}");
    }
}

/// Every record of a file, with the first sample as the tumor where the file does not tell it:
/// families and panels have none.
fn read_records(path: &Path) -> Result<VcfFeatures, Error> {
    let mut lines = Lines::open(path)?;
    let samples = Header::read(&mut lines)?.samples;
    let settings = VcfSettings { passing_only: false, ..VcfSettings::default() };
    let source = VcfSource { path, sample_id: samples.first().map(String::as_str), panel: None };
    vcf_features(&[source], &settings, &VcfResources::load(&settings)?)
}

/// What bcftools reads and we refuse: the specification's own examples of what must fail, each
/// with one record, whose POS is no position.
const RIGHTLY_REFUSED: [&str; 6] = [
    "hts-specs/4.1/failed/failed_body_pos_000.vcf",
    "hts-specs/4.1/failed/failed_body_pos_001.vcf",
    "hts-specs/4.1/failed/failed_body_pos_002.vcf",
    "hts-specs/4.2/failed/failed_body_pos_000.vcf",
    "hts-specs/4.2/failed/failed_body_pos_001.vcf",
    "hts-specs/4.2/failed/failed_body_pos_002.vcf",
];

#[test]
fn what_bcftools_reads_is_read() {
    let Some(folder) = genomics() else { return };
    let list = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/genomics_bcftools_reads.txt");
    let list = fs_err::read_to_string(list).unwrap();
    let paths: Vec<&str> = list.lines().skip(1).collect();
    assert!(paths.len() > 1400);
    let refused: Vec<&str> =
        paths.into_iter().filter(|path| read_records(&folder.join(path)).is_err()).collect();
    assert_eq!(refused, RIGHTLY_REFUSED);
}

/// No real file makes the reader panic; what it refuses, it refuses with a sentence.
#[test]
fn every_real_vcf_is_read_or_refused() {
    let Some(folder) = genomics() else { return };
    let mut folders = vec![folder];
    let (mut read, mut refused) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if ["vcf", "bcf"].iter().any(|end| name.trim_end_matches(".gz").ends_with(end)) {
                match read_records(&path) {
                    Ok(_) => read += 1,
                    Err(error) => {
                        println!("{error}");
                        refused += 1;
                    }
                }
            }
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read >= 1085, "{read} read, {refused} refused");
}

/// Ten tumors: the whole mutations that `SigProfilerAssignment` finds for each signature.
#[test]
fn exposures_equal_those_of_sigprofilerassignment() {
    let Some(folder) = genomics() else { return };
    let folder = folder.join("signatures");
    let text = fs_err::read_to_string(folder.join("scenario8_samples_SBS96.txt")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let channels: Vec<String> = rows[1..].iter().map(|row| row[0].to_owned()).collect();
    let matrix = SignatureMatrix::read(&folder.join("COSMIC_v3.4_SBS_GRCh37.txt")).unwrap();
    let matrix = matrix.with_channels(&channels).unwrap();
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/genomics_signatures.csv");
    let golden = fs_err::read_to_string(path).unwrap();
    for (name, method) in [
        ("sparse", SignatureMethod::Sparse),
        ("sparse_without_background", SignatureMethod::SparseWithoutBackground),
    ] {
        for column in 1..=10 {
            let spectrum: Vec<f64> =
                rows[1..].iter().map(|row| row[column].parse().unwrap()).collect();
            let found = exposures(&spectrum, &matrix, method).unwrap();
            let mut expected = vec![0.0; matrix.signatures().len()];
            for row in golden.lines().skip(2).map(|line| line.split(',').collect::<Vec<_>>()) {
                if (row[0], row[1]) == (name, rows[0][column]) {
                    let place = matrix.signatures().iter().position(|name| name == row[2]);
                    expected[place.unwrap()] = row[3].parse().unwrap();
                }
            }
            assert!(expected.iter().sum::<f64>() > 0.0, "{name} {}", rows[0][column]);
            assert_eq!(found.mutations, expected, "{name} {}", rows[0][column]);
        }
    }
}

/// SAGE writes the three bases round each variant, so that its spectrum needs no genome.
#[test]
fn the_context_that_sage_writes_makes_a_spectrum() {
    let Some(folder) = genomics() else { return };
    let variants = VariantSettings { spectra: vec![Spectrum::Sbs96], ..VariantSettings::default() };
    let settings = VcfSettings { variants, ..VcfSettings::default() };
    let path = folder.join("large/test-sage2-rna.vcf.gz");
    let samples = golden("test-sage2-rna.vcf.gz");
    let features = read_vcf(&path, Some(&samples[0].0), &settings).unwrap();
    let value = |name: &str| {
        features.iter().find(|feature| feature.info.name == name).and_then(|found| found.value)
    };
    let sum: f32 = features
        .iter()
        .filter(|feature| feature.info.name.starts_with("sbs96_"))
        .filter_map(|feature| feature.value)
        .sum();
    assert_eq!(Some(sum), value("snv_count"));
    assert!(sum > 1000.0);
}

/// Indels of a made-up chromosome, counted by `SigProfilerMatrixGenerator`'s own function.
#[test]
fn indels_are_those_of_sigprofilermatrixgenerator() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let variants = VariantSettings {
        spectra: vec![Spectrum::Id83],
        reference: Some(folder.join("genomics_spectra.fa")),
        ..VariantSettings::default()
    };
    let settings = VcfSettings { variants, ..VcfSettings::default() };
    let features = read_vcf(&folder.join("genomics_spectra.vcf"), None, &settings).unwrap();
    let found = features.iter().filter_map(|feature| {
        let channel = feature.info.name.strip_prefix("id83_")?;
        feature.value.filter(|&value| value > 0.0).map(|value| (channel.to_owned(), value))
    });
    let golden = fs_err::read_to_string(folder.join("genomics_spectra.csv")).unwrap();
    let expected = golden.lines().skip(2).map(|line| {
        let (channel, count) = line.split_once(',').unwrap();
        (channel.to_owned(), count.parse().unwrap())
    });
    let expected: BTreeMap<String, f32> = expected.collect();
    assert!(expected.len() > 60, "few channels are covered: {}", expected.len());
    assert_eq!(found.collect::<BTreeMap<String, f32>>(), expected);
}
