use super::*;
use crate::{
    build::{Build, Certainty},
    real_data::genomics,
};

fn inspect_text(content: &str) -> Inspection {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("named.wrongly");
    fs_err::write(&path, content).unwrap();
    inspect(&path).unwrap()
}

#[test]
fn a_vcf_says_what_it_holds() {
    let inspection = inspect_text(
        "##fileformat=VCFv4.2\n\
         ##source=strelka\n\
         ##contig=<ID=chr1,length=248956422>\n\
         ##reference=file:///x/GRCh38.fa\n\
         ##INFO=<ID=CSQ,Number=.,Type=String,Description=\"Format: Allele\">\n\
         #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNORMAL\tTUMOR\n\
         chr1\t10\t.\tC\tT\t.\tPASS\t.\tDP\t1\t2\n\
         chr1\t20\t.\tC\tT\t.\tLowQ\t.\tDP\t1\t2\n\
         chr1\t30\t.\tC\tT\t.\t.\t.\tDP\t1\tx\n",
    );
    assert_eq!((inspection.kind, inspection.compression), (FileKind::Vcf, Compression::None));
    let build = inspection.build.unwrap();
    assert_eq!((build.build, build.certainty), (Some(Build::Grch38), Certainty::Lengths));
    let vcf = inspection.vcf.unwrap();
    assert_eq!(vcf.version.unwrap().to_string(), "4.2");
    assert_eq!((vcf.callers[0].name, vcf.callers[0].evidence.as_str()), ("Strelka", "##source"));
    assert_eq!(vcf.samples, ["NORMAL", "TUMOR"]);
    let tumor = vcf.tumor.unwrap();
    assert_eq!((tumor.name.as_str(), tumor.column, tumor.why), ("TUMOR", 11, "its name"));
    assert_eq!(vcf.normal.unwrap().column, 10);
    assert_eq!((vcf.records, vcf.passing, vcf.unfiltered), (3, 1, 1));
    assert_eq!(vcf.contigs["chr1"], 3);
    assert_eq!(vcf.annotations, ["CSQ (VEP)"]);
    assert_eq!(vcf.findings.violations, 1, "{:?}", vcf.findings.list);
    assert_eq!(vcf.findings.list.last().unwrap().line, 9);
}

#[test]
fn why_a_sample_is_the_tumor() {
    for (meta, samples, expected) in [
        ("##tumor_sample=B\n##normal_sample=A\n", "A\tB", Some("##tumor_sample names it")),
        ("", "A", Some("the only sample")),
        ("", "NORMAL\tA", Some("the sample beside the normal")),
        ("", "A\tB", None),
    ] {
        let column_line = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT";
        let vcf = inspect_text(&format!("##fileformat=VCFv4.2\n{meta}{column_line}\t{samples}\n"));
        assert_eq!(vcf.vcf.unwrap().tumor.map(|tumor| tumor.why), expected, "{samples}");
    }
}

#[test]
fn tables_say_what_they_hold() {
    for (content, kind, rows, samples, build, compatible) in [
        (
            "#version 2.4\nHugo_Symbol\tNCBI_Build\tChromosome\tStart_Position\tEnd_Position\tTumor_Sample_Barcode\n\
             TP53\t37\t17\t7577120\t7577120\tA\nTP53\tGRCh37\t17\t7577121\t7577121\tB\n",
            FileKind::Maf,
            2,
            vec!["A", "B"],
            Some(Build::Grch37),
            6,
        ),
        (
            "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nA\t1\t1\t249250621\t9\t0\nA\t2\t1\t100\t9\t0\n",
            FileKind::Seg,
            2,
            vec!["A"],
            None,
            1,
        ),
        ("gene\tA\tB\nTP53\t5.2\t0\n", FileKind::GeneMatrix, 1, vec!["A", "B"], None, 0),
        ("SET_A\thttp://x\tTP53\tKRAS\nSET_B\tx\tTP53\n", FileKind::GeneSets, 2, vec![], None, 0),
        (
            "###PGS CATALOG SCORING FILE\n#genome_build=GRCh37\nrsID\tchr_name\tchr_position\teffect_allele\teffect_weight\n\
             rs1\t1\t100\tA\t0.1\n",
            FileKind::PolygenicScore,
            1,
            vec![],
            Some(Build::Grch37),
            6,
        ),
        (">chrM x\nAC\nGT\n>chr2\nA\n", FileKind::Fasta, 2, vec![], None, 0),
        ("chr1\t100\t200\nchr2\t1\t2\n", FileKind::Bed, 2, vec![], None, 6),
    ] {
        let inspection = inspect_text(content);
        assert_eq!(inspection.kind, kind, "{content}");
        let table = inspection.table.unwrap();
        assert_eq!(table.rows, rows, "{content}");
        assert_eq!(table.samples, samples, "{content}");
        let inference = inspection.build;
        assert_eq!(inference.as_ref().and_then(|i| i.build), build, "{content}");
        assert_eq!(inference.map_or(0, |i| i.compatible.len()), compatible, "{content}");
    }
}

#[test]
fn what_is_no_genomic_file_is_said_to_be_unknown() {
    for content in ["", "\n", "a text\n", "\u{0}\u{1}"] {
        assert_eq!(inspect_text(content).kind, FileKind::Unknown, "{content:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(inspect(folder.path()), Err(Error::Folder { .. })));
}

/// No real file makes the inspection fail but one that cannot be decompressed, and files whose
/// kind is known by their name are recognized without it.
#[test]
fn real_files_are_recognized() {
    let Some(folder) = genomics() else { return };
    let mut folders = vec![folder.clone()];
    let (mut inspected, mut wrong) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let expected = match name.trim_end_matches(".gz").rsplit_once('.') {
                Some((_, "vcf")) => FileKind::Vcf,
                Some((_, "maf")) => FileKind::Maf,
                Some((_, "seg")) => FileKind::Seg,
                Some((_, "cns" | "cnr")) => FileKind::Cnvkit,
                Some((_, "gmt")) => FileKind::GeneSets,
                Some((_, "bed")) => FileKind::Bed,
                _ => continue,
            };
            inspected += 1;
            match inspect(&path) {
                Ok(inspection) if inspection.kind == expected => {}
                Ok(inspection) => wrong.push(format!("{}: {:?}", path.display(), inspection.kind)),
                Err(error) => wrong.push(error.to_string()),
            }
        }
    }
    println!("{inspected} inspected, {} not recognized:\n{}", wrong.len(), wrong.join("\n"));
    assert!(inspected > 500 && wrong.len() * 50 < inspected, "{} of {inspected}", wrong.len());
}

#[test]
fn builds_of_real_files_are_inferred() {
    let Some(folder) = genomics() else { return };
    for (file, expected, certainty) in [
        ("large/test-sage2-rna.vcf.gz", Some(Build::Grch38), Certainty::Lengths),
        ("large/strelka_admix_snvs.vcf.gz", Some(Build::Grch37), Certainty::Lengths),
        ("cyvcf2/cyvcf2/tests/test.snpeff.bcf", Some(Build::Grch37), Certainty::Lengths),
        ("maftools/inst/extdata/tcga_laml.maf.gz", Some(Build::Grch37), Certainty::Name),
    ] {
        let build = inspect(&folder.join(file)).unwrap().build.unwrap();
        assert_eq!((build.build, build.certainty), (expected, certainty), "{file}: {build:?}");
        assert!(build.contradictions.is_empty(), "{file}: {build:?}");
    }
}

/// A BCF says what its VCF says.
#[test]
fn a_bcf_is_inspected_as_its_vcf() {
    let Some(folder) = genomics() else { return };
    let inspection = inspect(&folder.join("cyvcf2/cyvcf2/tests/test.snpeff.bcf")).unwrap();
    assert_eq!((inspection.kind, inspection.compression), (FileKind::Vcf, Compression::Bcf));
    let vcf = inspection.vcf.unwrap();
    assert_eq!(vcf.samples.len(), 4);
    assert!(vcf.records > 0 && vcf.contigs.keys().all(|name| name.len() < 20));
}
