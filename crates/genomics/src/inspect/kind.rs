//! What a file is, from its first lines.

use std::fmt;

use serde::Serialize;

use crate::lines::{fields, number};

/// Columns of a gene matrix, besides the first, that are no samples.
pub(super) const BESIDE_GENES: [&str; 8] = [
    "entrez_gene_id",
    "hugo_symbol",
    "cytoband",
    "locus id",
    "description",
    "gene_name",
    "gene_type",
    "name",
];

/// The lines that are looked at.
pub(super) const LINES: usize = 100;

/// What a genomic file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Variants, as text or BCF.
    Vcf,
    /// Mutations of many patients, in the Mutation Annotation Format.
    Maf,
    /// Copy-number segments as SEG: sample, chromosome, start, end, log2 ratio.
    Seg,
    /// Segments or bins of `CNVkit`.
    Cnvkit,
    /// Segments of PURPLE.
    Purple,
    /// Segments of ASCAT.
    Ascat,
    /// Segments of Battenberg.
    Battenberg,
    /// Segments of FACETS.
    Facets,
    /// Segments of Sequenza.
    Sequenza,
    /// Segments of GATK.
    GatkSegments,
    /// Structural variants as BEDPE, or a table of fusions.
    StructuralVariants,
    /// Discrete copy number, genes by samples.
    GeneCopyNumber,
    /// Numbers, genes by samples: expression, methylation, log2 ratios.
    GeneMatrix,
    /// Sets of genes, one a line.
    GeneSets,
    /// Intervals.
    Bed,
    /// Features of a genome, GFF or GTF.
    Gff,
    /// A polygenic score of the PGS Catalog.
    PolygenicScore,
    /// Sequences.
    Fasta,
    /// A table of another kind.
    Table,
    /// Not recognized.
    Unknown,
}

impl fmt::Display for FileKind {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::Vcf => "VCF, variants",
            Self::Maf => "MAF, mutations of many patients",
            Self::Seg => "SEG, copy-number segments",
            Self::Cnvkit => "copy-number segments of CNVkit",
            Self::Purple => "copy-number segments of PURPLE",
            Self::Ascat => "copy-number segments of ASCAT",
            Self::Battenberg => "copy-number segments of Battenberg",
            Self::Facets => "copy-number segments of FACETS",
            Self::Sequenza => "copy-number segments of Sequenza",
            Self::GatkSegments => "copy-number segments of GATK",
            Self::StructuralVariants => "structural variants (BEDPE or fusions)",
            Self::GeneCopyNumber => "discrete copy number, genes by samples",
            Self::GeneMatrix => "numbers, genes by samples",
            Self::GeneSets => "gene sets (GMT)",
            Self::Bed => "intervals (BED)",
            Self::Gff => "features of a genome (GFF or GTF)",
            Self::PolygenicScore => "polygenic score (PGS Catalog)",
            Self::Fasta => "sequences (FASTA)",
            Self::Table => "a table of a kind that is not known",
            Self::Unknown => "not recognized",
        })
    }
}

/// The columns that make a table one of a kind, in lower case; the first kind that has all wins.
const COLUMNS: &[(FileKind, &[&[&str]])] = &[
    (FileKind::Maf, &[&["hugo_symbol"], &["tumor_sample_barcode"]]),
    (
        FileKind::Purple,
        &[&["chromosome"], &["start"], &["copynumber"], &["minorallelecopynumber", "baf"]],
    ),
    (FileKind::Battenberg, &[&["chr"], &["startpos"], &["nmaj1_a"]]),
    (FileKind::Ascat, &[&["chr"], &["startpos"], &["endpos"], &["nmajor", "major_cn"]]),
    (FileKind::Facets, &[&["chrom"], &["start", "loc.start"], &["tcn.em"]]),
    (FileKind::Sequenza, &[&["chromosome"], &["start.pos"], &["cnt"]]),
    (
        FileKind::GatkSegments,
        &[&["contig"], &["start"], &["end"], &["mean_log2_copy_ratio", "num_points_copy_ratio"]],
    ),
    (FileKind::Cnvkit, &[&["chromosome"], &["start"], &["end"], &["gene"], &["log2"]]),
    (
        FileKind::Seg,
        &[
            &[
                "id",
                "'id",
                "sample",
                "sample_id",
                "samplename",
                "tumor_sample_barcode",
                "gdc_aliquot",
            ],
            &["chrom", "chr", "chromosome"],
            &["loc.start", "start", "start.bp", "start_position"],
            &["loc.end", "end", "end.bp", "end_position"],
            &["seg.mean", "seg_mean", "segment_mean", "seg.cn", "log2", "mean"],
        ],
    ),
    (
        FileKind::StructuralVariants,
        &[
            &[
                "chrom1",
                "chr1",
                "site1_chromosome",
                "leftbreakpoint",
                "breakpoint1",
                "site1_hugo_symbol",
            ],
            &[
                "chrom2",
                "chr2",
                "site2_chromosome",
                "rightbreakpoint",
                "breakpoint2",
                "site2_hugo_symbol",
            ],
        ],
    ),
    (FileKind::GeneCopyNumber, &[&["hugo_symbol", "entrez_gene_id"], &["sample_id"], &["value"]]),
    (FileKind::PolygenicScore, &[&["effect_allele"], &["effect_weight"]]),
];

/// Finds what a file is from its first lines.
pub(super) fn of(head: &[Vec<u8>]) -> FileKind {
    let bare = |line: &'_ Vec<u8>| line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).to_vec();
    let first = head.iter().map(bare).find(|line| !line.trim_ascii().is_empty());
    let Some(first) = first else { return FileKind::Unknown };
    let is_column_line = |line: &Vec<u8>| line.starts_with(b"#CHROM\tPOS\tID");
    if first.starts_with(b"##fileformat=VCF")
        || first.starts_with(b"BCF\x02")
        || (first.starts_with(b"#") && head.iter().any(is_column_line))
    {
        return FileKind::Vcf;
    }
    if first.starts_with(b"##gff-version") || first.starts_with(b"##gtf") {
        return FileKind::Gff;
    }
    if first.starts_with(b"###PGS CATALOG") {
        return FileKind::PolygenicScore;
    }
    if first.starts_with(b">") {
        return FileKind::Fasta;
    }
    // Line ends of the oldest Macs make one line of a whole file, which no reader here takes.
    let binary = first.iter().any(|&byte| byte < b'\t' || byte == b'\r');
    let Some(table) = Table::of(head).filter(|_| !binary) else { return FileKind::Unknown };
    table.kind()
}

/// The header of a table and the rows below it.
pub(super) struct Table<'a> {
    /// Where in the file's lines the header is.
    pub(super) header: usize,
    pub(super) delimiter: u8,
    /// The names of the columns, in lower case.
    pub(super) names: Vec<String>,
    rows: Vec<&'a [u8]>,
}

impl<'a> Table<'a> {
    pub(super) fn of(head: &'a [Vec<u8>]) -> Option<Self> {
        let is_comment = |line: &[u8]| {
            line.trim_ascii().is_empty()
                || line.starts_with(b"#")
                || line.starts_with(b"@")
                || line.starts_with(b"track ")
                || line.starts_with(b"browser ")
                // A warning of R that went into the file.
                || line.starts_with(b"WARNING")
        };
        // A GCT gives its version and size before the header.
        let gct = head.first().is_some_and(|line| line.starts_with(b"#1."));
        let mut places = (0..head.len()).filter(|&place| !is_comment(&head[place]));
        let header = if gct { places.nth(1)? } else { places.next()? };
        let line = head[header].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head[header]);
        let delimiter = if line.contains(&b'\t') || !line.contains(&b',') { b'\t' } else { b',' };
        let names = line
            .split(|&byte| byte == delimiter)
            .map(|name| {
                let name = String::from_utf8_lossy(name);
                name.trim().trim_matches('"').to_ascii_lowercase()
            })
            .collect();
        let rows = head[header + 1..]
            .iter()
            .map(Vec::as_slice)
            .filter(|line| !line.trim_ascii().is_empty())
            .collect();
        Some(Self { header, delimiter, names, rows })
    }

    fn kind(&self) -> FileKind {
        let has = |asked: &[&str]| asked.iter().any(|name| self.names.iter().any(|n| n == name));
        if let Some((kind, _)) =
            COLUMNS.iter().find(|(_, columns)| columns.iter().all(|names| has(names)))
        {
            return *kind;
        }
        let header: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let as_bytes: Vec<&[u8]> = header.iter().map(|name| name.as_bytes()).collect();
        if is_gff(&as_bytes) {
            return FileKind::Gff;
        }
        if is_bedpe(&as_bytes) {
            return FileKind::StructuralVariants;
        }
        if is_bed(&as_bytes) && self.rows.iter().all(|row| is_bed(&fields(row).collect::<Vec<_>>()))
        {
            return FileKind::Bed;
        }
        if self.is_gene_sets() {
            return FileKind::GeneSets;
        }
        if let Some(kind) = self.matrix() {
            return kind;
        }
        if self.names.len() > 1 && !self.rows.is_empty() {
            FileKind::Table
        } else {
            FileKind::Unknown
        }
    }

    fn row<'r>(&self, row: &'r [u8]) -> Vec<&'r [u8]> {
        row.split(|&byte| byte == self.delimiter).collect()
    }

    /// A name, a text or an address, then genes: as many as the set has, so that lines differ.
    fn is_gene_sets(&self) -> bool {
        if self.delimiter != b'\t' || self.names.len() < 3 {
            return false;
        }
        let mut lengths = vec![self.names.len()];
        let is_set = |columns: &[&[u8]]| {
            columns.len() >= 3
                && columns[2..].iter().all(|gene| {
                    number::<f64>(gene).is_none() && !gene.contains(&b' ') && gene.len() <= 40
                })
        };
        let header: Vec<&[u8]> = self.names.iter().map(String::as_bytes).collect();
        let described = self.names[1].starts_with("http") || self.names[1] == "na" || {
            // Sets of Hallmarks and the like are named in capitals with underscores.
            self.rows.iter().any(|row| row.windows(7).any(|part| part == b"http://"))
        };
        for row in &self.rows {
            let columns: Vec<&[u8]> =
                fields(row).filter(|column| !column.trim_ascii().is_empty()).collect();
            if !is_set(&columns) {
                return false;
            }
            lengths.push(columns.len());
        }
        is_set(&header) && (described || lengths.windows(2).any(|pair| pair[0] != pair[1]))
    }

    /// Genes by samples: the first column names genes, the others hold numbers.
    fn matrix(&self) -> Option<FileKind> {
        const GENES: [&str; 14] = [
            "",
            "gene",
            "genes",
            "gene_id",
            "geneid",
            "gene_name",
            "gene_symbol",
            "gene symbol",
            "symbol",
            "hugo_symbol",
            "entrez_gene_id",
            "ensembl_id",
            "name",
            "id",
        ];
        // R writes no name above the row names.
        let first = self.names.first()?;
        let by_genes = GENES.contains(&first.as_str());
        let left =
            self.names.iter().skip(1).take_while(|n| BESIDE_GENES.contains(&n.as_str())).count();
        let (mut numbers, mut discrete, mut cells) = (0, 0, 0);
        for row in self.rows.iter().take(50) {
            for cell in self.row(row).iter().skip(1 + left) {
                let cell = cell.trim_ascii();
                if matches!(cell, b"" | b"NA" | b"NaN" | b"nan" | b"na") {
                    continue;
                }
                cells += 1;
                let value = number::<f64>(cell);
                numbers += usize::from(value.is_some());
                let level = value.is_some_and(|v| v.abs() <= 2.0 && (v * 2.0).fract() == 0.0);
                discrete += usize::from(level);
            }
        }
        if !by_genes || self.names.len() < 2 + left || cells == 0 || numbers < cells {
            return None;
        }
        Some(if discrete == cells { FileKind::GeneCopyNumber } else { FileKind::GeneMatrix })
    }
}

fn is_bed(columns: &[&[u8]]) -> bool {
    let position = |place: usize| columns.get(place).and_then(|text| number::<u64>(text));
    matches!((position(1), position(2)), (Some(start), Some(end)) if start <= end)
        && number::<f64>(columns[0]).is_none_or(|chromosome| chromosome <= 99.0)
}

/// Two intervals, each after its chromosome, which has no number of seven digits.
fn is_bedpe(columns: &[&[u8]]) -> bool {
    columns.len() >= 6 && is_bed(columns) && is_bed(&columns[3..])
}

fn is_gff(columns: &[&[u8]]) -> bool {
    columns.len() == 9
        && number::<u64>(columns[3]).is_some()
        && number::<u64>(columns[4]).is_some()
        && matches!(columns[6], b"+" | b"-" | b"." | b"?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_found_from_content() {
        for (content, expected) in [
            ("##fileformat=VCFv4.2\n", FileKind::Vcf),
            ("##source=x\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", FileKind::Vcf),
            ("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", FileKind::Vcf),
            ("#version 2.4\nHugo_Symbol\tTumor_Sample_Barcode\nTP53\tA\n", FileKind::Maf),
            (
                "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nA\t1\t1\t2\t3\t0\n",
                FileKind::Seg,
            ),
            ("chromosome\tstart\tend\tgene\tlog2\tdepth\n1\t1\t2\t-\t0\t1\n", FileKind::Cnvkit),
            ("chromosome\tstart\tend\tcopyNumber\tbafCount\tbaf\n", FileKind::Purple),
            ("sample\tchr\tstartpos\tendpos\tnMajor\tnMinor\n", FileKind::Ascat),
            ("chr\tstartpos\tendpos\tBAF\tnMaj1_A\n", FileKind::Battenberg),
            ("chrom\tseg\tnum.mark\tstart\tend\ttcn.em\tlcn.em\n", FileKind::Facets),
            ("\"chromosome\"\t\"start.pos\"\t\"end.pos\"\t\"CNt\"\n", FileKind::Sequenza),
            ("@HD\tVN:1.6\nCONTIG\tSTART\tEND\tNUM_POINTS_COPY_RATIO\n", FileKind::GatkSegments),
            ("WARNING: x\nsampleName\tchromosome\tstart\tend\tmean\n", FileKind::Seg),
            ("1\t10\t11\t2\t20\t21\tx\t.\t+\t-\n", FileKind::StructuralVariants),
            ("#chrom1\nchrom1\tstart1\tend1\tchrom2\tstart2\tend2\n", FileKind::StructuralVariants),
            ("Sample_Id\tSite1_Hugo_Symbol\tSite2_Hugo_Symbol\n", FileKind::StructuralVariants),
            ("Hugo_Symbol\tSample_Id\tValue\nTP53\tA\t-2\n", FileKind::GeneCopyNumber),
            ("Hugo_Symbol\tEntrez_Gene_Id\tA\tB\nTP53\t7157\t-2\t1\n", FileKind::GeneCopyNumber),
            ("gene\tA\tB\nTP53\t5.2\t0\n", FileKind::GeneMatrix),
            (",A,B\nTP53,5.2,7\n", FileKind::GeneMatrix),
            ("#1.2\n2\t2\nNAME\tDescription\tA\nTP53\tx\t5.5\n", FileKind::GeneMatrix),
            ("HALLMARK_X\thttp://a.org\tTP53\tKRAS\n", FileKind::GeneSets),
            ("SET_A\tx\tTP53\tKRAS\nSET_B\tx\tTP53\tKRAS\tMYC\n", FileKind::GeneSets),
            ("chr1\t100\t200\tTP53\nchr2\t5\t5\tX\n", FileKind::Bed),
            ("track name=x\nchr1\t100\t200\n", FileKind::Bed),
            ("##gff-version 3\n", FileKind::Gff),
            ("1\thavana\tgene\t11869\t14409\t.\t+\t.\tgene_id \"x\"\n", FileKind::Gff),
            ("###PGS CATALOG SCORING FILE\n", FileKind::PolygenicScore),
            ("#pgs_id=PGS1\nrsID\teffect_allele\teffect_weight\n", FileKind::PolygenicScore),
            (">chr1\nACGT\n", FileKind::Fasta),
            ("name\tcity\nJane\tBern\n", FileKind::Table),
            ("", FileKind::Unknown),
            ("\n\n", FileKind::Unknown),
            ("\u{1}\u{2}\tx\ny\tz\n", FileKind::Unknown),
            ("a text\n", FileKind::Unknown),
            ("chrom1\tchrom2\r1\t2\r", FileKind::Unknown),
        ] {
            let head: Vec<Vec<u8>> = content.lines().map(|line| line.as_bytes().to_vec()).collect();
            assert_eq!(of(&head), expected, "{content}");
        }
    }
}
