//! The genes that a position lies in, from a file of intervals that the user gives.

use std::{collections::HashMap, path::Path};

use crate::{
    Error,
    lines::{Lines, fields, number, text},
    settings::bare_chromosome,
};

/// Where genes lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GeneRegions {
    /// For each chromosome without `chr`, its genes sorted by their first base.
    chromosomes: HashMap<String, Vec<Region>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Region {
    /// Both ends counted from 1 and included.
    start: u64,
    end: u64,
    /// The largest end of this region and all before it.
    reach: u64,
    symbol: String,
    id: String,
}

impl GeneRegions {
    /// Reads GFF3, GTF or BED, plain or compressed, told apart by the number of columns and what
    /// stands in them. Of GFF3 and GTF the features `gene` and `pseudogene` count, by `gene_name`,
    /// `gene`, `Name` or `gene_id`; of BED the name in the fourth column.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let mut lines = Lines::open(path)?;
        let mut regions = Self::default();
        while lines.next()?.is_some() {
            let line = lines.line();
            if line.starts_with(b"##FASTA") {
                break;
            }
            let is_note = line.starts_with(b"#")
                || line.starts_with(b"track")
                || line.starts_with(b"browser");
            if line.trim_ascii().is_empty() || is_note {
                continue;
            }
            let row: Vec<&[u8]> = fields(line).collect();
            let place = |column: usize| row.get(column).copied().and_then(number::<u64>);
            let found = match (place(1), place(2), place(3), place(4)) {
                // GFF: chromosome, source, type, start, end, ...; from 1, both ends included.
                (_, _, Some(start), Some(end)) if row.len() == 9 && start > 0 && start <= end => {
                    gff_gene(&row).map(|(symbol, id)| (start, end, symbol, id))
                }
                // BED: chromosome, start, end, name, ...; from 0, the end not included.
                (Some(start), Some(end), ..) if row.len() >= 4 && start < end => {
                    Some((start + 1, end, text(row[3].trim_ascii()), String::new()))
                }
                _ => {
                    return Err(lines.fault(
                        "a row of GFF3, GTF or BED with a name",
                        "another row",
                        "is it a file of gene intervals?",
                    ));
                }
            };
            if let Some((start, end, symbol, id)) = found {
                let chromosome = bare_chromosome(&text(row[0])).to_owned();
                let region = Region { start, end, reach: end, symbol, id };
                regions.chromosomes.entry(chromosome).or_default().push(region);
            }
        }
        if regions.chromosomes.is_empty() {
            return Err(Error::Empty {
                path: path.to_owned(),
                expected: "genes as GFF3, GTF or BED",
            });
        }
        regions.sort();
        Ok(regions)
    }

    fn sort(&mut self) {
        for regions in self.chromosomes.values_mut() {
            regions.sort_unstable();
            let mut reach = 0;
            for region in regions {
                reach = reach.max(region.end);
                region.reach = reach;
            }
        }
    }

    /// The symbol and identifier of every gene that overlaps a stretch, both ends included.
    pub(crate) fn genes(
        &self,
        chromosome: &str,
        start: u64,
        end: u64,
    ) -> impl Iterator<Item = (&str, &str)> {
        let regions = self.chromosomes.get(chromosome).map_or(&[][..], Vec::as_slice);
        let behind = regions.partition_point(|region| region.start <= end);
        regions[..behind]
            .iter()
            .rev()
            .take_while(move |region| region.reach >= start)
            .filter(move |region| region.end >= start)
            .map(|region| (region.symbol.as_str(), region.id.as_str()))
    }

    /// Whether the file names a gene, by symbol or identifier.
    pub(crate) fn names(&self, gene: &str) -> bool {
        self.chromosomes.values().flatten().any(|region| region.symbol == gene || region.id == gene)
    }
}

/// The symbol and identifier of a row of GFF3 or GTF; `None` for a row that is no gene.
fn gff_gene(row: &[&[u8]]) -> Option<(String, String)> {
    if !matches!(row[2], b"gene" | b"pseudogene" | b"ncRNA_gene") {
        return None;
    }
    let attributes = text(row[8]);
    let value = |key: &str| {
        attributes.split(';').find_map(|attribute| {
            let attribute = attribute.trim();
            // GFF3 writes `key=value`, GTF `key "value"`.
            let (name, value) = attribute.split_once(['=', ' '])?;
            (name == key).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    // Ensembl writes `ID=gene:ENSG...`; versions such as `.15` are no part of the identifier.
    let id = value("gene_id").or_else(|| value("ID")).unwrap_or_default();
    let id = id.strip_prefix("gene:").unwrap_or(&id);
    let id = id.split_once('.').map_or(id, |(id, _)| id).to_owned();
    let symbol = ["gene_name", "gene", "Name"].into_iter().find_map(value).unwrap_or_default();
    (!symbol.is_empty() || !id.is_empty()).then_some((symbol, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<GeneRegions, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("genes");
        fs_err::write(&path, content).unwrap();
        GeneRegions::read(&path)
    }

    #[test]
    fn gff3_gtf_and_bed_say_the_same() {
        let gff3 = "##gff-version 3\n\
            chr1\tx\tgene\t100\t200\t.\t+\t.\tID=gene:ENSG1;Name=A;biotype=x\n\
            chr1\tx\tmRNA\t100\t200\t.\t+\t.\tID=transcript:1;Name=A-201\n\
            chr1\tx\tgene\t150\t160\t.\t-\t.\tID=gene:ENSG2;Name=B\n###\n";
        let gtf = "#!genome\n\
            1\tx\tgene\t100\t200\t.\t+\t.\tgene_id \"ENSG1.4\"; gene_name \"A\";\n\
            1\tx\texon\t100\t120\t.\t+\t.\tgene_id \"ENSG1.4\"; gene_name \"A\";\n\
            1\tx\tgene\t150\t160\t.\t-\t.\tgene_id \"ENSG2.1\"; gene_name \"B\";\n";
        let bed = "track name=genes\nchr1\t99\t200\tA\nchr1\t149\t160\tB\t0\t-\n";
        for (name, content) in [("GFF3", gff3), ("GTF", gtf), ("BED", bed)] {
            let regions = read(content).unwrap();
            for (start, end, expected) in [
                (99, 99, vec![]),
                (100, 100, vec!["A"]),
                (90, 100, vec!["A"]),
                (150, 150, vec!["A", "B"]),
                (160, 161, vec!["A", "B"]),
                (161, 161, vec!["A"]),
                (200, 200, vec!["A"]),
                (201, 900, vec![]),
            ] {
                let mut found: Vec<&str> =
                    regions.genes("1", start, end).map(|(symbol, _)| symbol).collect();
                found.sort_unstable();
                assert_eq!(found, expected, "{name} {start}");
            }
            assert_eq!(regions.genes("2", 100, 100).count(), 0);
            assert_eq!(regions.names("ENSG1"), name != "BED");
        }
    }

    #[test]
    fn what_holds_no_genes_is_an_error() {
        for (content, expected) in [
            ("", "expected genes as GFF3, GTF or BED, found no data"),
            ("1\t5\t2\tA\n", "genes:1: expected a row of GFF3, GTF or BED with a name"),
            ("1\t5\t9\n", "genes:1: expected a row of GFF3, GTF or BED with a name"),
            ("1\tx\texon\t1\t2\t.\t+\t.\tx\n", "found no data"),
        ] {
            let message = read(content).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
