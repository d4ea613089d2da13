//! `extract` of the kinds that the simulated cohort has none of, and of what may go wrong silently.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;
use oncoweave_cohort::{Status, read_feature_table, read_lineage};
use tempfile::TempDir;

use crate::extract::{code, edit, extract, oncoweave, rows, stderr, text};

const HEAD: &str = "schema = 1\nid = 'x'\n[clinical]\ntable = 'c.csv'\npatient_id = 'id'\n";

fn cohort(modalities: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("cohort.toml", &format!("{HEAD}{modalities}"));
    write("c.csv", "id\nP1\nP2\nP3\n");
    for (name, text) in files {
        write(name, text);
    }
    folder
}

fn paths(folder: &TempDir) -> (PathBuf, PathBuf) {
    (folder.path().join("cohort.toml"), folder.path().join("out"))
}

/// Values by patient of one column.
fn column(out: &Path, modality: &str, feature: &str) -> BTreeMap<String, Option<f32>> {
    let table = read_feature_table(&out.join(format!("features/{modality}.parquet"))).unwrap();
    let place = table.features.iter().position(|info| info.name == feature).expect(feature);
    let value = |row: &oncoweave_core::FeatureRow| (row.patient_id.to_string(), row.values[place]);
    table.rows.iter().map(value).collect()
}

fn of<const N: usize>(pairs: [(&str, Option<f32>); N]) -> BTreeMap<String, Option<f32>> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn expression_is_read_and_a_changed_gene_set_is_noticed() {
    let folder = cohort(
        "[[modality]]\nname = 'rna'\nkind = 'expression'\nunit = 'tpm'\ngenes = ['A', 'TYPO']\n\
         gene_sets = 's.gmt'\ngene_set_min_genes = 2\n",
        &[
            ("m.tsv", "gene\tP1\tP2\nA\t1\t3\nB\t2\t2\nC\t0\t9\n"),
            ("s.gmt", "SET\t\tA\tB\n"),
            ("files.csv", "patient_id,modality,path\nP1,rna,m.tsv\nP2,rna,m.tsv\nP3,rna,m.tsv\n"),
        ],
    );
    let (manifest, out) = paths(&folder);
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert_eq!(column(&out, "rna", "expression_A"), of([("P1", Some(1.0)), ("P2", Some(2.0))]));
    let before = column(&out, "rna", "ssgsea_SET");
    assert!(before["P1"] > Some(0.0) && before["P2"] < Some(0.0), "{before:?}");
    let aside = &rows(&out.join("exclusions.csv"))[0];
    assert_eq!(aside["patient_id"], "P3");
    assert!(aside["reason"].contains("the sample is not in the table"), "{aside:?}");
    let warned = stderr(&output);
    assert!(warned.contains("the table lacks TYPO"), "{warned}");
    assert!(warned.contains("nothing of TYPO is in any file"), "{warned}");
    let lineage = read_lineage(&out.join("lineage.parquet")).unwrap();
    let first = lineage.iter().find(|row| row.modality == "rna").unwrap();
    assert_eq!(first.status, Status::Ok);
    assert!(first.reason.as_ref().unwrap().contains("lacks TYPO"));

    edit(&folder.path().join("s.gmt"), "A\tB", "B\tC");
    let aligned = folder.path().join("cohort.parquet");
    let align = ["align", text(&manifest), "--features", text(&out), "--out", text(&aligned)];
    let output = oncoweave(&align);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("s.gmt changed since extract"), "{}", stderr(&output));
    let output = extract(&manifest, &out, &["--resume"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert_ne!(column(&out, "rna", "ssgsea_SET"), before);
}

const VCF: &str = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=LENGTH>\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tSAMPLES\n";

fn vcf(length: u32, samples: &str, records: &str) -> String {
    VCF.replace("LENGTH", &length.to_string()).replace("SAMPLES", samples) + records
}

const GRCH38: u32 = 248_956_422;
const GRCH37: u32 = 249_250_621;

#[test]
fn genotypes_of_many_patients_come_from_one_file() {
    let record = "chr1\t10\t.\tA\tG\t.\t.\t.\tGT\t0/1\t1/1\n";
    let folder = cohort(
        "[[modality]]\nname = 'germline'\nkind = 'genotype'\nsnps = ['1:10:A:G']\n\
         scores = ['PGS1.txt']\n",
        &[
            ("g.vcf", &vcf(GRCH38, "P1\tP2", record)),
            (
                "PGS1.txt",
                "#HmPOS_build=GRCh38\nchr_name\tchr_position\teffect_allele\tother_allele\t\
                 effect_weight\n1\t10\tG\tA\t0.5\n",
            ),
            ("files.csv", "patient_id,modality,path\nP1,germline,g.vcf\nP2,germline,g.vcf\n"),
        ],
    );
    let (manifest, out) = paths(&folder);
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let expected = of([("P1", Some(1.0)), ("P2", Some(2.0))]);
    assert_eq!(column(&out, "germline", "dosage_1_10_A_G"), expected);
    assert_eq!(column(&out, "germline", "pgs_PGS1"), of([("P1", Some(0.5)), ("P2", Some(1.0))]));

    // A score of another build would be looked up in wrong places.
    edit(&folder.path().join("PGS1.txt"), "GRCh38", "GRCh37");
    let output = extract(&manifest, &out, &["--resume"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("1 on GRCh37 (the score PGS1)"), "{}", stderr(&output));
}

#[test]
fn genome_builds_are_not_mixed_unless_the_others_are_set_aside() {
    let record = "chr1\t10\t.\tA\tG\t.\tPASS\t.\tGT\t0/1\n";
    let files = [
        ("a.vcf", &*vcf(GRCH38, "T", record)),
        ("b.vcf", &*vcf(GRCH37, "T", record)),
        // Without chr it is the same build.
        ("c.vcf", &*vcf(GRCH38, "T", record).replace("chr1", "1")),
        ("files.csv", "patient_id,modality,path\nP1,g,a.vcf\nP2,g,b.vcf\nP3,g,c.vcf\n"),
    ];
    let modality = "[[modality]]\nname = 'g'\nkind = 'vcf'\n";
    let folder = cohort(modality, &files);
    let (manifest, out) = paths(&folder);
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 1);
    let message = stderr(&output);
    assert!(message.contains("2 on GRCh38, 1 on GRCh37 (b.vcf)"), "{message}");
    assert!(!out.join("features").exists());

    edit(&manifest, "kind = 'vcf'\n", "kind = 'vcf'\nbuild = 'GRCh38'\n");
    let output = extract(&manifest, &out, &["--resume"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    let expected = of([("P1", Some(1.0)), ("P3", Some(1.0))]);
    assert_eq!(column(&out, "g", "variant_count"), expected);
    let aside = &rows(&out.join("exclusions.csv"))[0];
    assert!(aside["reason"].contains("expected positions on GRCh38"), "{aside:?}");
}

#[test]
fn the_callers_of_one_tumor_are_one_set_of_variants() {
    let at = |position: u32| format!("chr1\t{position}\t.\tA\tG\t.\tPASS\t.\tGT\t0/1\n");
    let folder = cohort(
        "[[modality]]\nname = 'g'\nkind = 'vcf'\nmin_callers = 1\n",
        &[
            ("a.vcf", &vcf(GRCH38, "T", &[at(10), at(20)].concat())),
            ("b.vcf", &vcf(GRCH38, "T", &[at(20), at(30)].concat())),
            ("c.vcf", &vcf(GRCH37, "T", &at(20))),
            (
                "files.csv",
                "patient_id,modality,path\nP1,g,a.vcf\nP1,g,b.vcf\nP2,g,a.vcf\nP3,g,b.vcf\nP3,g,c.vcf\n",
            ),
        ],
    );
    // One file is one patient's: each gets a copy.
    fs::copy(folder.path().join("a.vcf"), folder.path().join("a2.vcf")).unwrap();
    fs::copy(folder.path().join("b.vcf"), folder.path().join("b2.vcf")).unwrap();
    let files = folder.path().join("files.csv");
    edit(&files, "P2,g,a.vcf", "P2,g,a2.vcf");
    edit(&files, "P3,g,b.vcf", "P3,g,b2.vcf");
    let (manifest, out) = paths(&folder);
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    let counts = column(&out, "g", "variant_count");
    assert_eq!(counts, of([("P1", Some(3.0)), ("P2", Some(2.0))]));
    let exclusions = rows(&out.join("exclusions.csv"));
    assert_eq!(exclusions.len(), 1, "{exclusions:?}");
    assert!(
        exclusions[0]["reason"].contains("as in the file before, found GRCh37"),
        "{exclusions:?}"
    );
    let lineage = read_lineage(&out.join("lineage.parquet")).unwrap();
    let of_p1: Vec<&str> = lineage
        .iter()
        .filter(|row| row.modality == "g" && row.patient_id.as_str() == "P1")
        .map(|row| row.source.as_str())
        .collect();
    assert_eq!(of_p1, ["a.vcf;b.vcf"]);

    edit(&manifest, "min_callers = 1", "min_callers = 2");
    let output = extract(&manifest, &out, &["--resume"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert_eq!(column(&out, "g", "variant_count"), of([("P1", Some(1.0))]));
}

#[test]
fn segments_of_another_build_are_set_aside() {
    let folder = cohort(
        "[[modality]]\nname = 'c'\nkind = 'cnv'\nbuild = 'GRCh38'\n",
        &[
            (
                "a.seg",
                "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nP1\t1\t1\t249000000\t9\t0.5\n",
            ),
            (
                "b.seg",
                "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nP2\t1\t1\t248000000\t9\t0.5\n",
            ),
            ("files.csv", "patient_id,modality,path\nP1,c,a.seg\nP2,c,b.seg\n"),
        ],
    );
    let (manifest, out) = paths(&folder);
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert_eq!(column(&out, "c", "cnv_gain_fraction"), of([("P2", Some(1.0))]));
    let aside = &rows(&out.join("exclusions.csv"))[0];
    assert!(aside["reason"].contains("found segments beyond its chromosomes"), "{aside:?}");
}

#[test]
fn sequenced_and_none_is_zero_not_on_the_panel_and_not_sequenced_are_null() {
    let folder = cohort(
        "[[modality]]\nname = 'g'\nkind = 'maf'\ngenes = ['TP53', 'KRAS']\npanels = 'panels.tsv'\n",
        &[
            (
                "a.maf",
                "Hugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\n\
                 TP53\tMissense_Mutation\tP1\n",
            ),
            ("panels.tsv", "panel\tgene\nSMALL\tTP53\n"),
            ("files.csv", "patient_id,modality,path,panel\nP1,g,a.maf,SMALL\nP2,g,a.maf,\n"),
        ],
    );
    let (manifest, out) = paths(&folder);
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let tp53 = column(&out, "g", "driver_TP53");
    assert_eq!(tp53, of([("P1", Some(1.0)), ("P2", Some(0.0))]));
    // P3 has no row at all: nobody sequenced it.
    assert_eq!(column(&out, "g", "driver_KRAS"), of([("P1", None), ("P2", Some(0.0))]));
    assert!(stderr(&output).contains("nothing of KRAS is in any file"), "{}", stderr(&output));
    // A slip in an id looks the same as having no mutation.
    let lineage = read_lineage(&out.join("lineage.parquet")).unwrap();
    let note = lineage.iter().find(|row| row.modality == "g").unwrap().reason.clone().unwrap();
    assert!(
        note.contains("1 of 2 samples have no row and count as without mutations (P2)"),
        "{note}"
    );
}

#[test]
fn structural_variants_are_counted_and_one_tumor_is_not_two_patients() {
    let bedpe = "#chrom1\tstart1\tend1\tchrom2\tstart2\tend2\tname\tscore\tstrand1\tstrand2\n\
                 chr1\t100\t101\tchr2\t500\t501\tx\t.\t+\t-\n";
    let modality = "[[modality]]\nname = 'sv'\nkind = 'sv'\n";
    let one = ("files.csv", "patient_id,modality,path\nP1,sv,a.bedpe\n");
    let folder = cohort(modality, &[("a.bedpe", bedpe), one]);
    let (manifest, out) = paths(&folder);
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let table = read_feature_table(&out.join("features/sv.parquet")).unwrap();
    assert!(table.rows[0].values.contains(&Some(1.0)), "{table:?}");

    fs::write(
        folder.path().join("files.csv"),
        "patient_id,modality,path\nP1,sv,a.bedpe\nP2,sv,a.bedpe\n",
    )
    .unwrap();
    let output = extract(&manifest, &out, &["--resume"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    let exclusions = rows(&out.join("exclusions.csv"));
    assert!(
        exclusions[0]["reason"].contains("is of one tumor, but lines 2 and 3"),
        "{exclusions:?}"
    );
}

/// The MAF and the annotation of TCGA-LAML, as `pipelines/laml/prepare.py` lays them out.
#[test]
fn of_200_real_patients_193_were_sequenced() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("ONCOWEAVE_SHARED")
        .map_or_else(|| repository.join("../shared"), PathBuf::from);
    let data = shared.join("data/genomics/maftools/inst/extdata");
    if !data.is_dir() {
        println!("skipped: {} is absent; set ONCOWEAVE_SHARED", data.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cohort = folder.path().join("laml");
    let prepared = std::process::Command::new("python3")
        .arg(repository.join("pipelines/laml/prepare.py"))
        .args([&data, &cohort])
        .status();
    assert!(prepared.unwrap().success());
    let manifest = cohort.join("cohort.toml");
    edit(&manifest, "\"FLT3\",", "\"FLT3\", \"NOSUCHGENE\",");
    // Twelve patients have no follow-up that can be used; without an outcome all are there.
    let text_of = fs::read_to_string(&manifest).unwrap();
    let (head, tail) = text_of.split_once("[outcome]").unwrap();
    let modality = tail.find("[[modality]]").unwrap();
    fs::write(&manifest, format!("{head}{}", &tail[modality..])).unwrap();
    let out = folder.path().join("out");
    let output = extract(&manifest, &out, &[]);
    assert!([0, 3].contains(&code(&output)), "{}", stderr(&output));
    let warned = stderr(&output);
    assert!(warned.contains("NOSUCHGENE is in any file"), "{warned}");
    let flt3 = column(&out, "genomics", "driver_FLT3");
    assert_eq!(flt3.len(), 193);
    assert!(flt3.values().all(Option::is_some), "sequenced and none is zero");
    let aligned = cohort.join("cohort.parquet");
    let align = ["align", text(&manifest), "--features", text(&out), "--out", text(&aligned)];
    let output = oncoweave(&align);
    assert!([0, 3].contains(&code(&output)), "{}", stderr(&output));
    let (table, _) = oncoweave_cohort::read_cohort_to_predict(&aligned).unwrap();
    assert_eq!(table.len(), 200);
    let column = table.columns.iter().find(|column| column.info.name == "driver_FLT3").unwrap();
    let known = column.values.iter().flatten().count();
    assert_eq!(known, 193, "whoever was not sequenced is null");
}
