//! `oncoweave inspect`: what a file is and says, and what it does against its specification.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use oncoweave_genomics::{
    Compression, FileKind, Inspection, SampleColumn, TableSummary, VcfSummary,
    build::{Certainty, Inference},
    inspect,
    spec::{Findings, Severity},
};

use tempfile::NamedTempFile;

use crate::{Outcome, output};

/// Names of a list that are shown; the rest is counted.
const NAMES_SHOWN: usize = 12;
/// Findings that are shown of each severity.
const FINDINGS_SHOWN: usize = 20;

/// Say what a genomic file is, by its content: samples, build, caller, faults
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A VCF, BCF, MAF, SEG, table or sequence file, plain or compressed; `-` is standard input
    path: PathBuf,
    /// Fail when a VCF violates its specification, or the file is of no kind that is known
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    // A stream is read once, inspection looks several times.
    let stream = if is_stream(&args.path) { Some(kept(&args.path)?) } else { None };
    let path = stream.as_ref().map_or(args.path.as_path(), NamedTempFile::path);
    refuse_images(path, &args.path)?;
    let mut inspection = inspect(path).map_err(|error| named(error, &args.path, path))?;
    inspection.path.clone_from(&args.path);
    if args.json {
        output::data(&serde_json::to_string_pretty(&inspection)?)?;
    } else {
        output::data(&report(&inspection))?;
    }
    if args.strict && inspection.kind == FileKind::Unknown {
        bail!("{}: nothing that is known, so that nothing vouches for it", args.path.display());
    }
    if let Some(vcf) = inspection.vcf.filter(|_| args.strict) {
        refuse_violations(&args.path, &vcf.findings)?;
    }
    Ok(Outcome::Complete)
}

/// Whether a path is standard input, a pipe or the like.
fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
        || fs_err::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The content of a stream in a temporary file of its own.
fn kept(path: &Path) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("could not keep the stream in a temporary file")?;
    if path == Path::new("-") {
        io::copy(&mut io::stdin().lock(), &mut file).context("could not read standard input")?;
    } else {
        io::copy(&mut fs_err::File::open(path)?, &mut file)?;
    }
    Ok(file)
}

/// The message of a failure with the name that the user gave.
fn named(error: oncoweave_genomics::Error, shown: &Path, read: &Path) -> anyhow::Error {
    if shown == read {
        return error.into();
    }
    let message = format!("{:#}", anyhow::Error::from(error));
    anyhow!(message.replace(&read.display().to_string(), &shown.display().to_string()))
}

/// Images are read by another crate, which has no inspection yet.
fn refuse_images(path: &Path, shown: &Path) -> Result<()> {
    if path.is_dir() {
        bail!("{}: a folder cannot be inspected yet; name a genomic file", path.display());
    }
    // The mark of DICOM stands after 128 bytes, that of NIfTI-1 after 344.
    let mut head = vec![0; 348];
    let read = std::io::Read::read(&mut fs_err::File::open(path)?, &mut head)?;
    head.truncate(read);
    let dicom = head.get(128..132) == Some(b"DICM");
    let nifti = matches!(head.get(344..347), Some(b"n+1" | b"ni1"))
        || path.to_string_lossy().ends_with(".nii.gz");
    if dicom || nifti {
        bail!("{}: an image cannot be inspected yet; name a genomic file", shown.display());
    }
    Ok(())
}

fn refuse_violations(path: &Path, findings: &Findings) -> Result<()> {
    let first = findings.list.iter().find(|finding| finding.severity == Severity::Violation);
    if let Some(first) = first {
        let number = count(findings.violations, "violation");
        bail!("{}: {number} of the specification; the first: {first}", path.display());
    }
    Ok(())
}

fn report(inspection: &Inspection) -> String {
    let mut lines = vec![inspection.path.display().to_string()];
    let mut say = |name: &str, value: String| lines.push(format!("  {name:<11}{value}"));
    say("kind", kind(inspection));
    if let Some(vcf) = &inspection.vcf {
        say_vcf(vcf, &mut say);
    }
    if let Some(table) = &inspection.table {
        say_table(inspection.kind, table, &mut say);
    }
    if let Some(build) = &inspection.build {
        say_build(build, &mut say);
    }
    if let Some(vcf) = &inspection.vcf {
        lines.push(String::new());
        lines.extend(findings(&vcf.findings));
    }
    lines.join("\n")
}

fn kind(inspection: &Inspection) -> String {
    let version = inspection.vcf.as_ref().and_then(|vcf| vcf.version);
    let kind = match (inspection.kind, version) {
        (FileKind::Vcf, Some(version)) => format!("VCF {version}, variants"),
        (FileKind::Vcf, None) => "VCF of no version that is known, variants".to_owned(),
        (kind, _) => kind.to_string(),
    };
    let compression = match inspection.compression {
        Compression::None => "plain",
        Compression::Gzip => "gzip",
        Compression::Bgzf => "BGZF",
        Compression::Bcf => "BCF",
    };
    format!("{kind}; {compression}, {}", size(inspection.bytes))
}

fn say_vcf(vcf: &VcfSummary, say: &mut impl FnMut(&str, String)) {
    let callers = vcf.callers.iter().map(|caller| format!("{} ({})", caller.name, caller.evidence));
    say("caller", or_none(&callers.collect::<Vec<_>>(), "not recognized"));
    say("samples", names(&vcf.samples));
    let column = |sample: &SampleColumn| {
        format!("{}, column {}: {}", printable(&sample.name), sample.column, sample.why)
    };
    if !vcf.samples.is_empty() {
        let unknown = "nothing tells it; name it as sample_id in files.csv";
        say("tumor", vcf.tumor.as_ref().map_or_else(|| unknown.to_owned(), column));
        say("normal", vcf.normal.as_ref().map_or_else(|| "none".to_owned(), column));
    }
    let unfiltered = match vcf.unfiltered {
        0 => String::new(),
        number => format!(", {} without a filter applied", thousands(number)),
    };
    let passing = thousands(vcf.passing);
    say("records", format!("{}, {passing} PASS{unfiltered}", thousands(vcf.records)));
    let mut contigs: Vec<String> = vcf.contigs.keys().cloned().collect();
    contigs.sort_by_cached_key(|name| chromosome_order(name));
    let others = match vcf.other_contigs {
        0 => String::new(),
        number => format!("; {} records on yet others", thousands(number)),
    };
    say("contigs", format!("{}{others}", names(&contigs)));
    say("annotation", or_none(&vcf.annotations, "none"));
}

fn say_table(kind: FileKind, table: &TableSummary, say: &mut impl FnMut(&str, String)) {
    if kind == FileKind::Unknown {
        return;
    }
    let rows = match kind {
        FileKind::GeneSets => "sets",
        FileKind::Fasta => "sequences",
        FileKind::Maf => "mutations",
        FileKind::GeneMatrix => "genes",
        _ => "rows",
    };
    say(rows, thousands(table.rows));
    if let Some(columns) = table.columns.filter(|_| kind != FileKind::GeneSets) {
        say("columns", thousands(columns as u64));
    }
    if !table.samples.is_empty() {
        say("samples", names(&table.samples));
    }
}

fn say_build(inference: &Inference, say: &mut impl FnMut(&str, String)) {
    let compatible: Vec<String> = inference.compatible.iter().map(ToString::to_string).collect();
    let build = match (inference.build, inference.certainty) {
        (Some(build), Certainty::Lengths | Certainty::None) => build.to_string(),
        (Some(build), Certainty::Name) => format!("{build}, by name alone"),
        (None, _) if !inference.contradictions.is_empty() => {
            "not known, for names contradict each other".to_owned()
        }
        (None, _) => match compatible.as_slice() {
            [] => "not known".to_owned(),
            [only] => format!("not named; of the known builds the coordinates fit {only} alone"),
            // Coordinates that fit all six that are known say nothing.
            all if all.len() == 6 => "not named; the coordinates fit every known build".to_owned(),
            some => format!("not named; the coordinates fit {}", some.join(", ")),
        },
    };
    say("build", build);
    for sentence in &inference.evidence {
        say("", sentence.clone());
    }
    for sentence in &inference.contradictions {
        say("", format!("but {sentence}"));
    }
    if let Some(prefix) = inference.chr_prefix {
        say("naming", if prefix { "chr1, with chr" } else { "1, without chr" }.to_owned());
    }
}

/// The findings as a list, the heaviest first.
fn findings(findings: &Findings) -> Vec<String> {
    let mut lines = vec![format!(
        "Checked as VCF {}: {}, {}, {} mended",
        findings.version,
        count(findings.violations, "violation"),
        if findings.oddities == 1 {
            "1 oddity".to_owned()
        } else {
            format!("{} oddities", thousands(findings.oddities))
        },
        thousands(findings.mended),
    )];
    for (severity, title) in [
        (Severity::Violation, "Violations of the specification"),
        (Severity::Oddity, "Legal but odd"),
        (Severity::Mended, "Mended by the readers"),
    ] {
        let list: Vec<_> =
            findings.list.iter().filter(|finding| finding.severity == severity).collect();
        if list.is_empty() {
            continue;
        }
        lines.push(format!("\n{title}"));
        for finding in list.iter().take(FINDINGS_SHOWN) {
            let times = match finding.times {
                1 => String::new(),
                times => format!(", {} times", thousands(times)),
            };
            lines.push(format!("  line {}, {}{times}", finding.line, finding.field));
            let section = match severity {
                Severity::Violation => format!(" ({})", finding.section),
                _ => String::new(),
            };
            let (expected, found) = (finding.expected, &finding.found);
            lines.push(format!("    expected {expected}; found {found}{section}"));
        }
        if list.len() > FINDINGS_SHOWN {
            lines.push(format!(
                "  and {} more kinds; --json lists all",
                list.len() - FINDINGS_SHOWN
            ));
        }
    }
    if findings.beyond > 0 {
        lines.push(format!(
            "\n{} findings of further kinds are not listed",
            thousands(findings.beyond)
        ));
    }
    lines
}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown = names.iter().take(NAMES_SHOWN).map(|name| printable(name)).collect::<Vec<_>>();
    let shown = shown.join(", ");
    let more = match names.len().saturating_sub(NAMES_SHOWN) {
        0 => String::new(),
        more => format!(" and {} more", thousands(more as u64)),
    };
    format!("{}: {shown}{more}", thousands(names.len() as u64))
}

/// A name as a terminal may show it: no control characters, and not without end.
fn printable(name: &str) -> String {
    const LENGTH: usize = 60;
    let mut text: String = name.chars().take(LENGTH).collect();
    if text.len() < name.len() {
        text.push('…');
    }
    text.replace(char::is_control, "\u{fffd}")
}

/// Numbered chromosomes by their number, then all others by name.
fn chromosome_order(name: &str) -> (u32, String) {
    let bare = name.trim_start_matches("chr");
    (bare.parse().unwrap_or(u32::MAX), name.to_owned())
}

fn or_none(parts: &[String], none: &str) -> String {
    if parts.is_empty() { none.to_owned() } else { parts.join(", ") }
}

fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", thousands(number))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), expected);
        }
        for (bytes, expected) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (12_345, "12 kB"),
            (999_600, "1.0 MB"),
            (2_500_000_000, "2.5 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_long_list_of_names_is_cut() {
        let list: Vec<String> = (0..14).map(|number| format!("S{number}")).collect();
        assert_eq!(names(&list[..2]), "2: S0, S1");
        assert!(names(&list).ends_with("S11 and 2 more"));
        assert_eq!(names(&[]), "none");
    }

    #[test]
    fn names_are_sorted_and_shown_for_people() {
        let mut list = ["chrX", "chr10", "chr2", "GL1", "chr1"].map(str::to_owned);
        list.sort_by_cached_key(|name| chromosome_order(name));
        assert_eq!(list, ["chr1", "chr2", "chr10", "GL1", "chrX"]);
        assert_eq!(printable("a\u{1b}[31m"), "a\u{fffd}[31m");
        assert_eq!(printable(&"a".repeat(100)).chars().count(), 61);
    }

    #[test]
    fn a_folder_and_an_image_are_refused_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let message = refuse_images(folder.path(), folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("a folder cannot be inspected yet; name a genomic file"));
        let path = folder.path().join("a");
        let mut dicom = vec![0; 128];
        dicom.extend(b"DICM");
        fs_err::write(&path, dicom).unwrap();
        let message = refuse_images(&path, &path).unwrap_err().to_string();
        assert!(message.ends_with("an image cannot be inspected yet; name a genomic file"));
        fs_err::write(&path, "a text").unwrap();
        refuse_images(&path, &path).unwrap();
    }

    #[test]
    fn a_violation_fails_only_when_strict() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        let header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
        for (record, fails) in
            [("1\t7\t.\tC\tT\t.\t.\t.\n", false), ("1\tx\t.\tC\tT\t.\t.\t.\n", true)]
        {
            fs_err::write(&path, format!("{header}{record}")).unwrap();
            let args = |strict| Args { path: path.clone(), strict, json: true };
            assert!(run(&args(false)).is_ok());
            let result = run(&args(true));
            assert_eq!(result.is_err(), fails);
            if let Err(error) = result {
                let message = error.to_string();
                assert!(message.contains("1 violation of the specification"), "{message}");
                assert!(message.contains("(VCF 4.2, section 1.4.1)"), "{message}");
            }
        }
    }

    #[test]
    fn the_report_is_aligned_and_says_each_section() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        fs_err::write(
            &path,
            "##fileformat=VCFv4.2\n##source=strelka\n##contig=<ID=1,length=249250621>\n\
             #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNORMAL\tTUMOR\n\
             1\t7\t.\tC\tT\t.\tPASS\tDP=-1\tDP\t1\t2\n",
        )
        .unwrap();
        let text = report(&inspect(&path).unwrap());
        for expected in [
            "  kind       VCF 4.2, variants; plain, ",
            "  caller     Strelka (##source)",
            "  samples    2: NORMAL, TUMOR",
            "  tumor      TUMOR, column 11: its name",
            "  records    1, 1 PASS",
            "  build      GRCh37",
            "             the lengths of 1 of 1 chromosomes",
            "Checked as VCF 4.2: 1 violation,",
            "  line 5, INFO/DP",
            "    expected a whole number, zero or above; found a negative number (VCF 4.2, section 1.4.1)",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
