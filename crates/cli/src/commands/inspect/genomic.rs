//! What a genomic file is and says.

use std::path::Path;

use anyhow::{Result, bail};
use oncoweave_genomics::{
    Compression, FileKind, Inspection, SampleColumn, TableSummary, VcfSummary,
    build::{Certainty, Inference},
    spec::{Findings, Severity},
};

use super::words::{count, names, or_none, printable, size, thousands};

/// Findings that are shown of each severity.
const FINDINGS_SHOWN: usize = 20;

/// Fails for a file of no known kind and for a VCF that violates its specification.
pub(super) fn refuse_violations(path: &Path, inspection: &Inspection) -> Result<()> {
    if inspection.kind == FileKind::Unknown {
        bail!("{}: nothing that is known, so that nothing vouches for it", path.display());
    }
    let Some(findings) = inspection.vcf.as_ref().map(|vcf| &vcf.findings) else {
        return Ok(());
    };
    let first = findings.list.iter().find(|finding| finding.severity == Severity::Violation);
    if let Some(first) = first {
        let number = count(findings.violations, "violation");
        bail!("{}: {number} of the specification; the first: {first}", path.display());
    }
    Ok(())
}

/// The inspection as lines for people.
pub(super) fn report(inspection: &Inspection) -> String {
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

/// Numbered chromosomes by their number, then all others by name.
fn chromosome_order(name: &str) -> (u32, String) {
    let bare = name.trim_start_matches("chr");
    (bare.parse().unwrap_or(u32::MAX), name.to_owned())
}

#[cfg(test)]
mod tests {
    use oncoweave_genomics::inspect;

    use super::*;

    #[test]
    fn chromosomes_are_sorted_for_people() {
        let mut list = ["chrX", "chr10", "chr2", "GL1", "chr1"].map(str::to_owned);
        list.sort_by_cached_key(|name| chromosome_order(name));
        assert_eq!(list, ["chr1", "chr2", "chr10", "GL1", "chrX"]);
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
