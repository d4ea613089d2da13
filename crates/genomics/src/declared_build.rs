//! The genome build that the head of a file tells.

use std::path::Path;

use crate::{
    Error,
    build::{Build, Clues, infer},
    header::attribute,
    lines::{Lines, fields, text},
};

/// So many lines are read at most: real headers have thousands of contigs.
const HEAD_LINES: u64 = 100_000;

/// The build that a VCF's contig lengths and reference, or a MAF's `NCBI_Build`, tell; `None` where
/// they do not. No record of a VCF is read.
///
/// # Errors
/// When the file cannot be opened, read or decompressed.
pub fn declared_build(path: &Path) -> Result<Option<Build>, Error> {
    let mut lines = Lines::open(path)?;
    let mut clues = Clues::default();
    let mut build_column = None;
    while let Some(line) = lines.next()? {
        let line = text(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line));
        if let Some(contig) = line.strip_prefix("##contig=") {
            let length = attribute(contig, "length").and_then(|length| length.parse().ok());
            if let (Some(id), Some(length)) = (attribute(contig, "ID"), length) {
                clues.contigs.push((id.to_owned(), length));
            }
        } else if let Some(reference) = line.strip_prefix("##reference=") {
            clues.named.extend(Build::named(reference).map(|build| ("##reference", build)));
        } else if line.starts_with("#CHROM") || lines.number() > HEAD_LINES {
            break;
        } else if let Some(column) = build_column {
            let cell = fields(line.as_bytes()).nth(column).map(text).unwrap_or_default();
            clues.named.extend(Build::of_maf(cell.trim()).map(|build| ("NCBI_Build", build)));
            break;
        } else if !line.starts_with('#') && !line.trim().is_empty() {
            build_column = fields(line.as_bytes())
                .position(|name| name.trim_ascii().eq_ignore_ascii_case(b"NCBI_Build"));
            if build_column.is_none() {
                break;
            }
        }
    }
    Ok(infer(&clues).build)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_tells_the_build() {
        let contig = |name, length| {
            format!("##fileformat=VCFv4.2\n##contig=<ID={name},length={length}>\n#CHROM\tPOS\n")
        };
        let maf = |build| format!("#version 2.4\nHugo_Symbol\tNCBI_Build\nTP53\t{build}\n");
        for (case, content, expected) in [
            ("lengths", contig("chr1", 248_956_422_u64), Some(Build::Grch38)),
            ("without chr", contig("1", 249_250_621), Some(Build::Grch37)),
            ("a MAF of GDC", maf("GRCh38"), Some(Build::Grch38)),
            ("a MAF of TCGA", maf("37"), Some(Build::Grch37)),
            ("a table without it", "ID\tchrom\nS1\t1\n".to_owned(), None),
            ("no length", "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\n".to_owned(), None),
            ("empty", String::new(), None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            fs_err::write(&path, content).unwrap();
            assert_eq!(declared_build(&path).unwrap(), expected, "{case}");
        }
    }
}
