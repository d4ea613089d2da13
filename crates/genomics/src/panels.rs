//! Which genes a targeted panel looks at: what it does not look at is unknown, not absent.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use crate::{
    Error, VariantSettings,
    columns::Columns,
    lines::{Lines, fields, text},
};

const FORMAT: &str = "a table of gene panels";

/// One gene panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    genes: HashSet<String>,
    megabases: Option<f64>,
}

impl Panel {
    /// Whether the panel looks at a gene, by the name that the panel's file uses.
    #[must_use]
    pub fn covers(&self, gene: &str) -> bool {
        self.genes.contains(gene)
    }

    /// The callable megabases that the settings give the panel.
    #[must_use]
    pub fn megabases(&self) -> Option<f64> {
        self.megabases
    }
}

/// The panels that the settings name, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Panels {
    panels: BTreeMap<String, Panel>,
}

impl Panels {
    /// Reads every file of the settings and joins the megabases to the panels.
    pub(crate) fn load(settings: &VariantSettings) -> Result<Self, Error> {
        let mut panels = Self::default();
        for path in &settings.panels {
            panels.read(path)?;
        }
        for (name, megabases) in &settings.panel_megabases {
            let panel = panels.panels.get_mut(name);
            let panel = panel.ok_or_else(|| Error::NoSuchPanel { panel: name.clone() })?;
            panel.megabases = Some(*megabases);
        }
        Ok(panels)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Panel> {
        self.panels.get(name)
    }

    /// A table with the columns `panel` and `gene`, or cBioPortal's `stable_id:`, `gene_list:`.
    fn read(&mut self, path: &Path) -> Result<(), Error> {
        let mut lines = Lines::open(path)?;
        let columns = Columns::read(&mut lines, FORMAT)?;
        if value_of(&text(lines.line()), "stable_id").is_some() {
            return self.read_cbioportal(lines);
        }
        let (panel, gene) = (columns.need(&["panel"])?, columns.need(&["gene", "Hugo_Symbol"])?);
        while lines.next()?.is_some() {
            if lines.line().trim_ascii().is_empty() {
                continue;
            }
            let row: Vec<String> =
                fields(lines.line()).map(|cell| text(cell.trim_ascii())).collect();
            let cell = |place: usize| row.get(place).filter(|cell| !cell.is_empty());
            let (Some(panel), Some(gene)) = (cell(panel), cell(gene)) else {
                let expected = "a panel and a gene";
                return Err(lines.fault(expected, "a row without one", "complete the row"));
            };
            self.panels.entry(panel.clone()).or_default().genes.insert(gene.clone());
        }
        Ok(())
    }

    fn read_cbioportal(&mut self, mut lines: Lines) -> Result<(), Error> {
        let mut name = value_of(&text(lines.line()), "stable_id").unwrap_or_default();
        let mut genes = HashSet::new();
        while lines.next()?.is_some() {
            let line = text(lines.line());
            if let Some(list) = value_of(&line, "gene_list") {
                genes.extend(list.split_whitespace().map(str::to_owned));
            } else if let Some(id) = value_of(&line, "stable_id") {
                name = id;
            }
        }
        if name.is_empty() || genes.is_empty() {
            let expected = "a `stable_id` and a `gene_list` with genes";
            return Err(lines.fault(expected, "a panel without one", "complete the file"));
        }
        self.panels.entry(name).or_default().genes.extend(genes);
        Ok(())
    }
}

fn value_of(line: &str, key: &str) -> Option<String> {
    let value = line.trim().strip_prefix(key)?.trim_start().strip_prefix(':')?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(content: &str, megabases: &[(&str, f64)]) -> Result<Panels, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("panels.tsv");
        fs_err::write(&path, content).unwrap();
        let panel_megabases =
            megabases.iter().map(|&(panel, size)| (panel.to_owned(), size)).collect();
        Panels::load(&VariantSettings {
            panels: vec![path],
            panel_megabases,
            ..VariantSettings::default()
        })
    }

    #[test]
    fn a_table_or_a_panel_of_cbioportal() {
        for (name, content) in [
            ("table", "panel\tgene\nA\tTP53\nA\tKRAS\n\nB\tTP53\n"),
            ("more columns", "Gene\tnote\tPanel\nTP53\t\tA\nKRAS\tx\tA\n"),
            ("cBioPortal", "stable_id: A\ndescription: d\ngene_list: TP53\tKRAS"),
            ("cBioPortal with spaces", "stable_id : A\n\ngene_list:TP53 KRAS \n"),
        ] {
            let panels = load(content, &[("A", 1.5)]).unwrap();
            let panel = panels.get("A").expect(name);
            assert!(panel.covers("TP53") && panel.covers("KRAS"), "{name}");
            assert!(!panel.covers("APC"), "{name}");
            assert_eq!(panel.megabases(), Some(1.5), "{name}");
            assert_eq!(panels.get("C"), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_panel_is_an_error() {
        for (content, megabases, expected) in [
            ("panel\tsymbol\n", vec![], "panels.tsv:1: expected a column `gene`"),
            ("panel\tgene\nA\t\n", vec![], "panels.tsv:2: expected a panel and a gene"),
            ("stable_id: A\n", vec![], "expected a `stable_id` and a `gene_list` with genes"),
            ("panel\tgene\nA\tTP53\n", vec![("B", 1.0)], "no gene panel `B`"),
        ] {
            let message = load(content, &megabases).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
