//! `inspect` of streams, and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use crate::extract::{code, stderr};

const VCF: &str = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=248956422>\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

/// Inspects what stands on standard input.
fn inspect_stream(content: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs_err::write(&path, content).unwrap();
    let input = fs_err::File::open(&path).unwrap().into_parts().0;
    Command::new(env!("CARGO_BIN_EXE_oncoweave"))
        .args([&["inspect", "-"], more].concat())
        .stdin(input)
        .output()
        .unwrap()
}

#[test]
fn a_stream_is_inspected_like_a_file() {
    let output = inspect_stream(&format!("{VCF}chr1\t10\t.\tA\tG\t.\tPASS\t.\n"), &["--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["path"], "-");
    assert_eq!(found["kind"], "vcf");
    assert_eq!(found["vcf"]["records"], 1);
    assert_eq!(found["build"]["build"], "GRCh38");
}

#[test]
fn a_violation_on_a_stream_is_one_sentence_and_exit_code_1_when_strict() {
    let content = format!("{VCF}chr1\tten\t.\tA\tG\t.\tPASS\t.\n");
    assert_eq!(code(&inspect_stream(&content, &[])), 0);
    assert_eq!(code(&inspect_stream("", &["--strict"])), 1, "nothing is of no known kind");
    let output = inspect_stream(&content, &["--strict"]);
    assert_eq!(code(&output), 1);
    let message = stderr(&output);
    assert!(message.starts_with("error: -: 1 violation of the specification"), "{message}");
    assert!(message.contains("(VCF 4.2, section"), "{message}");
}

/// A file of the repository.
fn in_repository(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn inspect_file(path: &std::path::Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oncoweave"))
        .arg("inspect")
        .arg(path)
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn a_nifti_is_told_by_its_geometry_and_drawn_with_its_mask() {
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("sheet.png");
    let image = in_repository("fuzz/seeds/nifti_image/first.nii");
    let mask = in_repository("fuzz/seeds/nifti_mask/labels.nii");
    let more = ["--json", "--mask", mask.to_str().unwrap(), "--png", png.to_str().unwrap()];
    let output = inspect_file(&image, &more);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["format"], "nifti");
    assert_eq!(found["images"][0]["kind"], "NIfTI-1, uint8, placed by its sform");
    assert_eq!(found["images"][0]["geometry"]["size"], serde_json::json!([2, 3, 4]));
    assert_eq!(found["images"][0]["geometry"]["spacing_mm"], serde_json::json!([2.0, 3.0, 4.0]));
    assert_eq!(found["images"][0]["intensities"], serde_json::json!([0.0, 23.0]));
    assert_eq!(found["regions"][0]["number"], 1);
    assert_eq!(found["regions"][0]["voxels"], 8);
    assert!(fs_err::read(&png).unwrap().starts_with(b"\x89PNG"));
    // A picture may be replaced, anything else not.
    assert_eq!(code(&inspect_file(&image, &more)), 0);
    fs_err::write(&png, "notes").unwrap();
    let output = inspect_file(&image, &more);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("exists and is no PNG"), "{}", stderr(&output));
    assert_eq!(fs_err::read_to_string(&png).unwrap(), "notes");
}

#[test]
fn a_segmentation_is_told_by_its_segments_alone() {
    let seg = in_repository("tests/golden/imaging_seg/binary_overlapping.dcm");
    let output = inspect_file(&seg, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "binary_overlapping.dcm, SEG BINARY",
        "1 Tumor                  98 voxels, 0.46 mL",
        "2 Edema                  115 voxels, 0.54 mL",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let output = inspect_file(&seg, &["--png", "never.png"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("holds no image that could be drawn"), "{}", stderr(&output));
    let radiograph = in_repository("fuzz/seeds/rtstruct/closed.dcm");
    let text = String::from_utf8(inspect_file(&radiograph, &[]).stdout).unwrap();
    assert!(text.contains("1 contours that are not closed are left out"), "{text}");
}

#[test]
fn what_only_images_have_is_refused_for_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.vcf");
    fs_err::write(&path, VCF).unwrap();
    let output = inspect_file(&path, &["--png", "never.png"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("is no image, which --png is for"), "{}", stderr(&output));
    let empty = tempfile::tempdir().unwrap();
    let output = inspect_file(empty.path(), &[]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("holds no DICOM files"), "{}", stderr(&output));
}
