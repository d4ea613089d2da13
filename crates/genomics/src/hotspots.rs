//! Amino acids that tumors mutate more often than chance would.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use crate::{
    Error,
    columns::Columns,
    consequence::{Effect, residues},
    lines::{Lines, fields, text},
};

const FORMAT: &str = "a table of hotspots";

/// The hotspot residues of each gene.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hotspots {
    residues: HashMap<Vec<u8>, HashSet<u32>>,
}

impl Hotspots {
    /// Reads a table with the columns `gene` and `position` (or a protein change), or one of
    /// maftools' `cancerhotspots` tables, which have no header: chromosome, position, reference,
    /// alternate, gene, class, protein change.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let mut lines = Lines::open(path)?;
        let columns = Columns::read(&mut lines, FORMAT)?;
        let second = fields(lines.line()).nth(1).unwrap_or_default();
        let without_header = crate::lines::number::<u64>(second).is_some();
        let mut hotspots = Self::default();
        if without_header {
            hotspots.add(&lines, 4, 6)?;
            while lines.next()?.is_some() {
                hotspots.add(&lines, 4, 6)?;
            }
            return Ok(hotspots);
        }
        let gene = columns.need(&["gene", "Hugo_Symbol"])?;
        let names = [
            "position",
            "Amino_Acid_Position",
            "Protein_position",
            "residue",
            "change",
            "HGVSp_Short",
        ];
        let place = columns.need(&names)?;
        while lines.next()?.is_some() {
            hotspots.add(&lines, gene, place)?;
        }
        Ok(hotspots)
    }

    fn add(&mut self, lines: &Lines, gene: usize, place: usize) -> Result<(), Error> {
        let row: Vec<&[u8]> = fields(lines.line()).map(<[u8]>::trim_ascii).collect();
        if row.iter().all(|cell| cell.is_empty()) || row[0].starts_with(b"#") {
            return Ok(());
        }
        let cell = |column: usize| row.get(column).copied().unwrap_or_default();
        let (gene, place) = (cell(gene), cell(place));
        let Some((first, last)) = residues(place).filter(|(first, last)| last - first < 1000)
        else {
            return Err(lines.fault(
                "the position of an amino acid, such as 175 or R175H",
                format!("`{}`", text(place)),
                "correct the row",
            ));
        };
        if gene.is_empty() {
            return Err(lines.fault("a gene", "an empty cell", "complete the row"));
        }
        self.residues.entry(gene.to_vec()).or_default().extend(first..=last);
        Ok(())
    }

    /// Whether a nonsynonymous effect changes a hotspot residue.
    pub(crate) fn is_hit(&self, effect: &Effect<'_>) -> bool {
        let of_gene = self.residues.get(effect.symbol).or_else(|| self.residues.get(effect.id));
        effect.class.is_nonsynonymous()
            && of_gene.zip(effect.residues).is_some_and(|(hotspots, (first, last))| {
                hotspots.iter().any(|residue| (first..=last).contains(residue))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consequence::Class;

    fn read(content: &str) -> Result<Hotspots, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hotspots.tsv");
        fs_err::write(&path, content).unwrap();
        Hotspots::read(&path)
    }

    #[test]
    fn a_hotspot_is_a_residue() {
        let own = "gene\tposition\nTP53\t175\nTP53\t248\nBRAF\t600\n";
        let maftools = "17\t7578406\tC\tT\tTP53\tMissense_Mutation\tR175H\tdeleterious(0)\n\
                        17\t7577539\tG\tA\tTP53\tMissense_Mutation\tR248W\tx\n\
                        7\t140453136\tA\tT\tBRAF\tMissense_Mutation\tV600E\tx\n";
        for (name, content) in [("own", own), ("maftools", maftools)] {
            let hotspots = read(content).unwrap();
            for (symbol, class, residues, expected) in [
                ("TP53", Class::Missense, Some((175, 175)), true),
                ("TP53", Class::InframeIndel, Some((170, 180)), true),
                ("TP53", Class::Missense, Some((176, 176)), false),
                ("TP53", Class::Synonymous, Some((175, 175)), false),
                ("TP53", Class::Missense, None, false),
                ("KRAS", Class::Missense, Some((175, 175)), false),
            ] {
                let symbol = symbol.as_bytes();
                let effect = Effect { symbol, id: b"", class, residues };
                assert_eq!(hotspots.is_hit(&effect), expected, "{name} {effect:?}");
            }
        }
    }

    #[test]
    fn what_is_no_hotspot_is_an_error() {
        for (content, expected) in [
            ("gene\tname\n", "hotspots.tsv:1: expected a column `position`"),
            ("gene\tposition\nTP53\tx\n", "hotspots.tsv:2: expected the position of an amino acid"),
            ("gene\tposition\n\t175\n", "hotspots.tsv:2: expected a gene"),
        ] {
            let message = read(content).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
