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
