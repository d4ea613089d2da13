//! The specification's own suite of files, and a file for each rule that one line shows.

use super::*;
use crate::real_data::genomics;

const COLUMN_LINE: &str = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";

/// Checks lines; in data lines spaces stand for tabs, and `_` for a space.
fn check_lines(version: &str, lines: &[&str]) -> Findings {
    let mut checker = Checker::new();
    let first = format!("##fileformat=VCFv{version}");
    checker.line(1, first.as_bytes());
    for (number, line) in (2..).zip(lines) {
        checker.line(number, line.as_bytes());
    }
    checker.finish(true)
}

/// The findings of one severity, as `field: expected`.
fn found(findings: &Findings, severity: Severity) -> Vec<String> {
    let list = findings.list.iter().filter(|finding| finding.severity == severity);
    list.map(|finding| format!("{}: {}", finding.field, finding.expected)).collect()
}

fn check_header(version: &str, line: &str) -> Vec<String> {
    found(&check_lines(version, &[line, COLUMN_LINE]), Severity::Violation)
}

fn check_record(version: &str, record: &str) -> Vec<String> {
    let record = record.replace(' ', "\t").replace('~', " ");
    let samples = record.split('\t').count().saturating_sub(9);
    let names: Vec<String> = (0..samples).map(|sample| format!("\tS{sample}")).collect();
    let names = names.concat();
    let format = if samples > 0 { format!("\tFORMAT{names}") } else { String::new() };
    let header = format!("{COLUMN_LINE}{format}");
    let contig = "##contig=<ID=1,length=1000>";
    found(&check_lines(version, &[contig, &header, &record]), Severity::Violation)
}

/// A version, a header line, and what is expected of it; nothing where it is legal.
const HEADER_LINES: &[(&str, &str, &str)] = &[
    ("4.2", "##source=a tool", ""),
    ("4.2", "##no key and value", "`##key=value`"),
    ("4.2", "##reference=", "a value after the equals sign"),
    ("4.2", "##INFO=<ID=X,Number=1,Type=Integer,Description=\"d\">", ""),
    (
        "4.2",
        "##INFO=<ID=X,Number=1,Type=Integer,Description=\"d\"",
        "`<key=value,...>`, well-formed",
    ),
    (
        "4.2",
        "##INFO=<ID=X,Number=1,Type=Integer,Description=\"a \"b\"\">",
        "`<key=value,...>`, well-formed",
    ),
    ("4.2", "##INFO=text", "`<key=value,...>`"),
    ("4.2", "##INFO=<ID=X,Number=1,Type=Integer>", "ID, Number, Type and Description"),
    (
        "4.2",
        "##INFO=<ID=X,Number=1,Type=Integer,Description=d>",
        "quotation marks round the Description",
    ),
    (
        "4.2",
        "##INFO=<Number=1,Type=Integer,Description=\"d\",ID=X>",
        "ID, Number, Type, Description in this order",
    ),
    ("4.4", "##INFO=<Number=1,Type=Integer,Description=\"d\",ID=X>", ""),
    ("4.2", "##INFO=<ID=X,Number=N,Type=Integer,Description=\"d\">", "Number as a whole number"),
    ("4.1", "##INFO=<ID=X,Number=R,Type=Integer,Description=\"d\">", "Number as a whole number"),
    ("4.2", "##INFO=<ID=X,Number=1,Type=Int,Description=\"d\">", "Type as Integer"),
    (
        "4.2",
        "##INFO=<ID=AC,Number=1,Type=Integer,Description=\"d\">",
        "the Number of this reserved key",
    ),
    (
        "4.2",
        "##INFO=<ID=AC,Number=A,Type=Float,Description=\"d\">",
        "the Type of this reserved key",
    ),
    ("4.3", "##INFO=<ID=2X,Number=1,Type=Integer,Description=\"d\">", "an ID of letters, digits"),
    (
        "4.2",
        "##FORMAT=<ID=X,Number=0,Type=Flag,Description=\"d\">",
        "Type as Integer, Float, Character",
    ),
    ("4.5", "##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description=\"d\">", ""),
    (
        "4.4",
        "##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description=\"d\">",
        "Number as a whole number",
    ),
    (
        "4.4",
        "##INFO=<ID=X,Number=1,Type=Integer,Description=\"d\",Version=1>",
        "quotation marks round the value",
    ),
    ("4.4", "##INFO=<ID=X,Number=1,Type=Integer,Description=\"d\",IDX=7>", ""),
    ("4.2", "##FILTER=<ID=0,Description=\"d\">", "an ID other than the reserved 0"),
    ("4.2", "##FILTER=<ID=a b,Description=\"d\">", "an ID without white space"),
    ("4.2", "##FILTER=<Description=\"d\">", "an ID"),
    ("4.2", "##ALT=<ID=TRA,Description=\"d\">", "DEL, INS, DUP, INV or CNV"),
    ("4.2", "##ALT=<ID=NON_REF,Description=\"d\">", ""),
    ("4.3", "##ALT=<ID=TRA,Description=\"d\">", ""),
    ("4.3", "##ALT=<ID=TRA:x,Description=\"d\">", "DEL, INS, DUP, INV or CNV"),
    ("4.2", "##ALT=<ID=DEL:a>b,Description=\"d\">", "an ID without white space, commas"),
    ("4.2", "##contig=<length=7>", "an ID"),
    ("4.2", "##contig=<ID=1 A>", "a contig's name"),
    ("4.3", "##contig=<ID=DEL>", "a name that is no symbolic allele"),
    ("4.2", "##assembly=ftp://8080:8080/x", "a URL"),
    ("4.2", "##pedigreeDB=<>", "a URL"),
    ("4.2", "##pedigreeDB=<http://a.org/x>", ""),
    ("4.2", "##SAMPLE=<ID=S,Mixture=N1,Description=\"d\">", "Genomes, which the sample"),
    ("4.2", "##SAMPLE=<ID=S,Genomes=G,Mixture=\"N1\">", "Genomes and Mixture without"),
    ("4.3", "##SAMPLE=<ID=S,Assay=Exome>", ""),
    ("4.2", "##PEDIGREE=<Name_0=a:b>", "names of letters, digits"),
    ("4.2", "##PEDIGREE=<Name_0=a>", ""),
    ("4.3", "##PEDIGREE=<Name_0=a>", "an ID"),
    ("4.3", "##META=<ID=T,Type=String,Number=.,Values=[a, b]>", ""),
    ("4.2", "##Title=<\"a text\">", ""),
    ("4.3", "##Title=<\"a text\">", "`<key=value,...>`, well-formed"),
    ("4.2", "##fileformat=VCFv4.2", "one such line, the first"),
    ("4.2", "#CHROM\tPOSITION\tID\tREF\tALT\tQUAL\tFILTER\tINFO", "#CHROM, POS, ID, REF"),
    ("4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT", "samples after FORMAT"),
    (
        "4.2",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tA",
        "sample names that differ",
    ),
    ("4.2", "a line", "a line that begins with `##`"),
    ("4.3", "##source=\x01", "no control characters"),
];

#[test]
fn header_lines() {
    for &(version, line, expected) in HEADER_LINES {
        let found = check_header(version, line);
        // A second column line is one too many, which is not what is tested.
        let found: Vec<&String> =
            found.iter().filter(|text| !text.contains("one line `#CHROM`")).collect();
        if expected.is_empty() {
            assert!(found.is_empty(), "{version} {line}: {found:?}");
        } else {
            assert!(
                found.iter().any(|text| text.contains(expected)),
                "{version} {line}: {found:?}"
            );
        }
    }
}

/// A version, a data line, and the field and what is expected of it; nothing where it is legal.
const RECORDS: &[(&str, &str, &str)] = &[
    ("4.2", "1 100 rs1 C T 50 PASS DP=7", ""),
    ("4.2", "1 100 rs1 C T 50 PASS", "as many columns"),
    ("4.2", "1 100  C T 50 PASS .", "ID: a value, or a dot"),
    ("4.2", "chr:1 100 . C T . . .", "CHROM: a contig's name"),
    ("4.3", "chr:1 100 . C T . . .", ""),
    ("4.2", "<1 100 . C T . . .", "CHROM: a contig's name"),
    ("4.2", "1 0 . C T . . .", ""),
    ("4.2", "1 1001 . C T . . .", ""),
    ("4.2", "1 1002 . C T . . .", "POS: a position on the contig"),
    ("4.2", "1 -1 . C T . . .", "POS: a whole number"),
    ("4.2", "1 . . C T . . .", "POS: a whole number"),
    ("4.2", "1 100 a~b C T . . .", "ID: identifiers without white space"),
    ("4.2", "1 100 ;a C T . . .", "ID: identifiers between semicolons"),
    ("4.2", "1 100 a;a C T . . .", ""),
    ("4.3", "1 100 a;a C T . . .", "ID: identifiers that differ"),
    ("4.2", "1 100 . R T . . .", "REF: bases of ACGTN"),
    ("4.2", "1 100 . . T . . .", "REF: bases of ACGTN"),
    ("4.2", "1 100 . C C . . .", "ALT: an allele other than REF"),
    ("4.2", "1 100 . C A,. . . .", "ALT: a dot by itself"),
    ("4.2", "1 100 . C A,,T . . .", "ALT: bases of ACGTN"),
    ("4.2", "1 100 . C [1:100[ . . .", "ALT: bases of ACGTN"),
    ("4.2", "1 100 . C T -1 . .", "QUAL: a phred score"),
    ("4.2", "1 100 . C T high . .", "QUAL: a number"),
    ("4.2", "1 100 . C T +Inf . .", ""),
    ("4.2", "1 100 . C T . q10;0 .", "FILTER: a code other"),
    ("4.2", "1 100 . C T . q10;. .", "FILTER: a dot by itself"),
    ("4.2", "1 100 . C T . q10; .", "FILTER: codes between semicolons"),
    ("4.2", "1 100 . C T . my~filter .", "FILTER: codes without white space"),
    ("4.3", "1 100 . C T . q10;q10 .", "FILTER: codes that differ"),
    ("4.2", "1 100 . C T . . X=a~b", "INFO: no white space"),
    ("4.3", "1 100 . C T . . X=a~b", ""),
    ("4.2", "1 100 . C T . . DP=7;", "INFO: a key between semicolons"),
    ("4.2", "1 100 . C T . . DP=7;DP=7", ""),
    ("4.3", "1 100 . C T . . DP=7;DP=7", "INFO/DP: each key once"),
    ("4.3", "1 100 . C T . . 2X=7", "INFO/2X: a key of letters"),
    ("4.2", "1 100 . C T . . X=a=b", "INFO/X: a value without an equals sign"),
    ("4.2", "1 100 . C T . . X=", "INFO/X: a value after"),
    ("4.2", "1 100 . C T . . DP", "INFO/DP: a value, for the key is no Flag"),
    ("4.2", "1 100 . C T . . DB=2", "INFO/DB: no value for a Flag"),
    ("4.2", "1 100 . C T . . DB=1", ""),
    ("4.2", "1 100 . C T . . DP=-1", "INFO/DP: a whole number, zero or above"),
    ("4.2", "1 100 . C T . . DP=1.5", "INFO/DP: whole numbers"),
    ("4.2", "1 100 . C T . . DP=.", ""),
    ("4.2", "1 100 . C T,G . . AC=1", "INFO/AC: one value per ALT"),
    ("4.2", "1 100 . C T . . AF=1.5", "INFO/AF: a frequency"),
    ("4.2", "1 100 . C T . . CIGAR=D", "INFO/CIGAR: a CIGAR"),
    ("4.3", "1 100 . C T . . DP=2147483648", "INFO/DP: a whole number from"),
    ("4.2", "1 100 . C T . . DP=2147483648", ""),
    ("4.3", "1 100 . C T . . DP=-2147483648", "INFO/DP: a whole number from"),
    ("4.2", "1 100 . C T . . END=99", "INFO/END: an END"),
    ("4.2", "1 100 . C <DEL> . . SVLEN=5", "INFO/SVLEN: a negative number"),
    ("4.2", "1 100 . C <INS> . . SVLEN=-5", "INFO/SVLEN: a positive number"),
    ("4.4", "1 100 . C <DEL> . . SVLEN=5", ""),
    ("4.4", "1 100 . C <DEL> . . SVLEN=-5", "INFO/SVLEN: a length"),
    ("4.2", "1 100 . C T . . . GT:DP 0/1:7", ""),
    ("4.2", "1 100 . C T . . . GT:DP 0/1", ""),
    ("4.2", "1 100 . C T . . . GT 0/1:7", "sample: no more fields"),
    ("4.2", "1 100 . C T . . . DP:GT 7:0/1", "FORMAT: GT as the first key"),
    ("4.2", "1 100 . C T . . . GT::DP 0/1:7:7", "FORMAT: a key between colons"),
    ("4.2", "1 100 . C T . . . GT:A_B 0/1:7", "FORMAT/A_B: keys of letters"),
    ("4.3", "1 100 . C T . . . GT:A_B 0/1:7", ""),
    ("4.3", "1 100 . C T . . . GT:DP:DP 0/1:7:7", "FORMAT: each key once"),
    ("4.2", "1 100 . C T . . . GT 0/2", "FORMAT/GT: an allele"),
    ("4.2", "1 100 . C T . . . GT 0/|1", "FORMAT/GT: numbers of alleles"),
    ("4.2", "1 100 . C T . . . GT:DP 0/1:", "FORMAT/DP: a value, or a dot"),
    ("4.2", "1 100 . C T . . . GT:PL 0/1:1,2", "FORMAT/PL: one value per genotype"),
    ("4.2", "1 100 . C T . . . GT:PL 1:1,2", ""),
    ("4.2", "1 100 . C T . . . PL 1,2,3", ""),
    ("4.2", "1 100 . C T . . . GT:HQ 0/1:1", "FORMAT/HQ: as many values"),
    ("4.2", "1 100 . C T . . . GT:PS 0/1:-1", "FORMAT/PS: a whole number"),
    ("4.3", "1 100 . C T . . . GT:GP 0/1:0,2,0", "FORMAT/GP: probabilities"),
    ("4.2", "1 100 . C T . . . GT:GP 0/1:0,2,0", ""),
    ("4.5", "1 100 . C T . . . LAA  1", ""),
];

#[test]
fn records() {
    for &(version, record, expected) in RECORDS {
        let found = check_record(version, record);
        if expected.is_empty() {
            assert!(found.is_empty(), "{version} {record}: {found:?}");
        } else {
            assert!(
                found.iter().any(|text| text.contains(expected)),
                "{version} {record}: {found:?}"
            );
        }
    }
}

#[test]
fn what_is_legal_but_odd() {
    for (lines, expected) in [
        (vec![COLUMN_LINE, "2\t1\t.\tC\tT\t.\tq10\tX=1"], "FILTER/q10: a ##FILTER line"),
        (vec![COLUMN_LINE, "2\t1\t.\tC\tT\t.\tq10\tX=1"], "INFO/X: an ##INFO line"),
        (vec!["##contig=<ID=1>", COLUMN_LINE, "2\t1\t.\tC\tT\t.\t.\t."], "CHROM: a ##contig line"),
        (vec![COLUMN_LINE, "2\t1\t.\tC\t<TRA>\t.\t.\t."], "ALT: an ##ALT line"),
        (vec![COLUMN_LINE, "2\t1\ta,b\tC\tT\t.\t.\t."], "ID: semicolons between"),
        (vec![COLUMN_LINE, "2\t1\t.\tC\tT\t.\tPASS;q10\t."], "FILTER: PASS by itself"),
        (vec![COLUMN_LINE, "2\t1\t.\tC\t<DEL>\t.\t.\tCIPOS=5,10"], "INFO/CIPOS: an interval"),
        (vec![COLUMN_LINE, "2\t1\t.\tC\tC[2:7[\t.\t.\tSVTYPE=DEL"], "INFO/SVTYPE: BND"),
        (vec![COLUMN_LINE, ""], "line: no blank line at the end"),
    ] {
        let findings = check_lines("4.2", &lines);
        let odd = found(&findings, Severity::Oddity);
        assert!(odd.iter().any(|text| text.contains(expected)), "{lines:?}: {odd:?}");
        assert_eq!(findings.violations, 0, "{lines:?}: {:?}", findings.list);
    }
}

#[test]
fn what_readers_mend() {
    let filter = "##FILTER=<ID=PASS,Description=\"d\">";
    let findings =
        check_lines("4.2", &[filter, filter, "", COLUMN_LINE, "1\t1\t.\tC\tT\t.\t.\tDP=1;DP=2"]);
    assert_eq!(
        found(&findings, Severity::Mended),
        [
            "##FILTER: an ID that is unique among its kind",
            "line: a line with content",
            "INFO/DP: each key once"
        ]
    );
    assert_eq!(findings.violations, 0, "{:?}", findings.list);
    assert!(check_lines("4.3", &[filter, filter, COLUMN_LINE]).violations > 0);
}

#[test]
fn records_against_each_other() {
    let record = |chromosome: &str, position: u32, alleles: &str| {
        format!("{chromosome}\t{position}\t.\t{}\t.\t.\t.", alleles.replace('>', "\t"))
    };
    for (name, records, expected) in [
        ("sorted", vec![("1", 1, "C>T"), ("1", 1, "C>G"), ("1", 2, "C>T"), ("2", 1, "C>T")], None),
        ("unsorted", vec![("1", 2, "C>T"), ("1", 1, "C>T")], Some("POS: positions")),
        (
            "two blocks",
            vec![("1", 1, "C>T"), ("2", 1, "C>T"), ("1", 2, "C>T")],
            Some("CHROM: a contig's records"),
        ),
        ("the same twice", vec![("1", 1, "C>T"), ("1", 1, "C>T")], Some("a variant that no other")),
        (
            "the same in another context",
            vec![("1", 1, "TAT>TGT"), ("1", 2, "A>G")],
            Some("a variant that no other"),
        ),
        (
            "one of several",
            vec![("1", 1, "AT>AAT,AA"), ("1", 2, "T>A")],
            Some("a variant that no other"),
        ),
        (
            "a contig of the assembly file",
            vec![("1", 1, "C>T"), ("<1>", 2, "C>T"), ("1", 3, "C>T")],
            None,
        ),
    ] {
        let records: Vec<String> = records
            .into_iter()
            .map(|(chromosome, position, alleles)| record(chromosome, position, alleles))
            .collect();
        let mut lines = vec![COLUMN_LINE];
        lines.extend(records.iter().map(String::as_str));
        let found = found(&check_lines("4.2", &lines), Severity::Violation);
        match expected {
            None => assert!(found.is_empty(), "{name}: {found:?}"),
            Some(expected) => {
                assert!(found.iter().any(|text| text.contains(expected)), "{name}: {found:?}");
            }
        }
    }
}

#[test]
fn a_file_is_more_than_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, expected) in [
        ("empty", "", "an empty file"),
        ("no version", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "another line"),
        ("a version with a space", "##fileformat=VCF v4.2\n", "text with white space"),
        ("no column line", "##fileformat=VCFv4.2\n", "none in the file"),
        ("cut off", "##fileformat=VCFv4.3\n#CHROM", "none"),
        ("not text", "\u{0}\u{1}\u{2}", "another line"),
    ] {
        let path = folder.path().join("a.vcf");
        fs_err::write(&path, content).unwrap();
        let findings = check(&path).unwrap();
        assert!(findings.violations > 0, "{name}");
        let list = &findings.list;
        assert!(list.iter().any(|finding| finding.found == expected), "{name}: {list:?}");
    }
    fs_err::write(folder.path().join("b.vcf"), [0xff, b'\n', 0xfe, b'\t', 0x80, b'\n']).unwrap();
    assert!(check(&folder.path().join("b.vcf")).unwrap().violations > 0);
}

#[test]
fn a_finding_says_line_field_kind_and_section() {
    let findings = check_lines("4.3", &[COLUMN_LINE, "1\tJane Doe\t.\tC\tT\t.\t.\t."]);
    let text = findings.list[0].to_string();
    assert_eq!(
        text,
        "line 3, POS: expected a whole number, zero or above, found text with white space \
         (VCF 4.3, section 1.6.1)"
    );
}

/// The fields that can be at fault in a file of `failed`, by its name: `failed_body_alt_000`.
fn fields_at_fault(name: &str) -> &'static [&'static str] {
    let parts: Vec<&str> = name.split('_').collect();
    match parts[1..] {
        ["body", "alt", ..] => &["ALT"],
        ["body", "chrom" | "contiguous", ..] => &["CHROM"],
        ["body", "duplicated", ..] => &["POS, REF, ALT"],
        ["body", "filter", ..] => &["FILTER"],
        ["body", "format", ..] => &["FORMAT", "sample"],
        ["body", "id", ..] => &["ID"],
        ["body", "info", ..] => &["INFO"],
        ["body", "no", "newline", ..] => &["last line"],
        ["body", "pos" | "unsorted", ..] => &["POS"],
        ["body", "qual", ..] => &["QUAL"],
        ["body", "ref", ..] => &["REF"],
        ["body", "sample" | "samples", ..] => &["FORMAT", "sample", "#CHROM"],
        ["fileformat", ..] => &["##fileformat"],
        ["header", ..] => &["#CHROM"],
        ["meta", "alt", ..] => &["##ALT"],
        ["meta", "assembly", ..] => &["##assembly", "header line"],
        ["meta", "contig", ..] => &["##contig"],
        ["meta", "format", ..] => &["##FORMAT"],
        ["meta", "info", ..] => &["##INFO"],
        ["meta", "pedigree", ..] => &["##PEDIGREE"],
        ["meta", "pedigreedb", ..] => &["##pedigreeDB", "header line"],
        ["meta", "sample", ..] => &["##SAMPLE"],
        _ => &["##", "header line"],
    }
}

/// The suite that comes with the specification: every file of `passed` must have no violation,
/// and at least 95 % of `failed` one in the field that is at fault.
#[test]
fn the_suite_of_the_specification() {
    let Some(folder) = genomics() else { return };
    let mut folders: Vec<_> = fs_err::read_dir(folder.join("hts-specs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let (mut rejected, mut must_fail) = (0, 0);
    for folder in folders {
        for part in ["passed", "failed"] {
            let mut paths: Vec<_> = fs_err::read_dir(folder.join(part))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            paths.sort();
            let mut with_violations = 0;
            for path in &paths {
                let findings = check(path).unwrap();
                let name = path.file_stem().unwrap().to_string_lossy();
                let fields = fields_at_fault(&name);
                let is_blamed = |finding: &Finding| {
                    finding.severity == Severity::Violation
                        && fields.iter().any(|field| finding.field.starts_with(field))
                };
                let is_found = findings.list.iter().any(is_blamed);
                with_violations += usize::from(is_found);
                if part == "failed" && !is_found {
                    let found = found(&findings, Severity::Violation);
                    println!("the fault of {} is not found: {found:?}", path.display());
                }
                assert!(
                    part == "failed" || findings.violations == 0,
                    "{}: {:?}",
                    path.display(),
                    found(&findings, Severity::Violation)
                );
            }
            println!("{}/{part}: {with_violations} of {}", folder.display(), paths.len());
            if part == "failed" {
                rejected += with_violations;
                must_fail += paths.len();
            }
        }
    }
    println!("{rejected} of {must_fail} that must fail have a violation");
    assert!(must_fail > 0 && rejected * 100 >= must_fail * 95, "{rejected} of {must_fail}");
}

/// Lines with bytes replaced, cut and doubled at random, by a fixed sequence of random numbers.
#[test]
fn no_line_makes_the_checker_panic() {
    let lines = [
        "##fileformat=VCFv4.4",
        "##INFO=<ID=AC,Number=A,Type=Integer,Description=\"a \\\"b\\\"\",Version=\"1\">",
        "##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"d\">",
        "##ALT=<ID=DEL:ME,Description=\"d\">",
        "##contig=<ID=1,length=1000>",
        "##assembly=ftp://user@host:80/x",
        "##PEDIGREE=<ID=a,Name_0=b>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB",
        "1\t10\ta;b\tC\tT,<DEL>,C[1:7[,.G\t1e3\tq1;q2\tAC=1,2,3;END=20;SVLEN=-5\tGT:PL\t0/1:1,2,3\t|0",
        "<1>\t4294967296\t.\tCAT\tC\t.\tPASS\tCIPOS=-1,1;CIGAR=1M;DB\tGT:GP\t.\t0|0|1:0.5",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let interesting = b"\t,;:=<>[]/|.\"\\%-+09eN\x00\xff\r ";
    let mut violations = 0;
    for _ in 0..5000 {
        let mut checker = Checker::new();
        for (number, line) in (1..).zip(lines) {
            let mut line = line.as_bytes().to_vec();
            for _ in 0..random(4) {
                let place = random(line.len());
                match random(3) {
                    0 => line[place] = interesting[random(interesting.len())],
                    1 => line.truncate(place.max(1)),
                    _ => line.extend_from_within(place..),
                }
            }
            checker.line(number, &line);
        }
        violations += checker.finish(random(2) == 0).violations;
    }
    assert!(violations > 5000);
}
