//! Sets of genes and their scores in one sample.

use std::collections::BTreeSet;

use crate::{
    Error, ExpressionSettings,
    lines::{Lines, fields, text},
};

/// The exponent of Barbie et al. 2009.
const SSGSEA_EXPONENT: f64 = 0.25;

/// The gene sets that the settings of an expression modality name; none where they name no file.
#[derive(Clone, Debug, Default)]
pub struct GeneSets {
    pub(crate) sets: Vec<GeneSet>,
}

#[derive(Clone, Debug)]
pub(crate) struct GeneSet {
    pub(crate) name: String,
    pub(crate) genes: Vec<String>,
}

impl GeneSets {
    /// Reads the GMT file that the settings name: a set a line, with its name, a description and
    /// its genes, separated by tabs. The path must be one that the program can open.
    ///
    /// # Errors
    /// When the file cannot be read, has a line without genes or a name twice, or lacks a set of
    /// `gene_set_names`.
    pub fn load(settings: &ExpressionSettings) -> Result<Self, Error> {
        let Some(path) = &settings.gene_sets else { return Ok(Self::default()) };
        let mut lines = Lines::open(path)?;
        let mut sets = Vec::new();
        let mut names = BTreeSet::new();
        while let Some(line) = lines.next()? {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let cells: Vec<String> = fields(line).map(|cell| text(cell.trim_ascii())).collect();
            // Enrichr writes `GENE,1.0`.
            let gene = |cell: &String| cell.split(',').next().unwrap_or_default().trim().to_owned();
            let genes: BTreeSet<String> =
                cells.iter().skip(2).map(gene).filter(|gene| !gene.is_empty()).collect();
            let name = cells[0].clone();
            if name.is_empty() || genes.is_empty() {
                let expected = "a gene set: a name, a description and genes, separated by tabs";
                return Err(lines.fault(expected, "a line without genes", "is it a GMT file?"));
            }
            if !names.insert(name.clone()) {
                let expected = "each gene set once";
                return Err(lines.fault(expected, format!("{name} again"), "remove one"));
            }
            if settings.gene_set_names.is_empty() || settings.gene_set_names.contains(&name) {
                sets.push(GeneSet { name, genes: genes.into_iter().collect() });
            }
        }
        if names.is_empty() {
            return Err(Error::Empty { path: path.clone(), expected: "gene sets in GMT" });
        }
        match settings.gene_set_names.iter().find(|name| !names.contains(*name)) {
            Some(name) => Err(Error::Setting {
                problem: format!("`gene_set_names` names {name}, which {} lacks", path.display()),
            }),
            None => Ok(Self { sets }),
        }
    }

    /// Whether a set has the gene.
    pub(crate) fn has(&self, gene: &str) -> bool {
        self.sets.iter().any(|set| set.genes.binary_search_by(|one| one.as_str().cmp(gene)).is_ok())
    }
}

/// The mean of the values of a set's genes.
pub(crate) fn mean(places: &[usize], value: impl Fn(usize) -> Option<f64>) -> f64 {
    let values: Vec<f64> = places.iter().filter_map(|&place| value(place)).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// The ranks of one sample's genes, from 1 for the lowest.
pub(crate) struct Ranks {
    /// Ties have the mean of their ranks; `None` where a gene was not measured.
    average: Vec<Option<f64>>,
    /// Ties have the lowest of their ranks.
    lowest: Vec<f64>,
    /// The number of genes that were measured.
    count: usize,
}

impl Ranks {
    pub(crate) fn new(values: &[Option<f32>]) -> Self {
        let mut order: Vec<(f32, usize)> = values
            .iter()
            .enumerate()
            .filter_map(|(place, value)| Some(((*value)?, place)))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut average = vec![None; values.len()];
        let mut lowest = vec![0.0; values.len()];
        let mut below = 0;
        for ties in order.chunk_by(|a, b| a.0 >= b.0) {
            for &(_, place) in ties {
                average[place] = Some(below as f64 + (ties.len() + 1) as f64 / 2.0);
                lowest[place] = below as f64 + 1.0;
            }
            below += ties.len();
        }
        Self { average, lowest, count: order.len() }
    }

    /// Whether the gene was measured.
    pub(crate) fn has(&self, place: usize) -> bool {
        self.average.get(place).copied().flatten().is_some()
    }

    /// The enrichment score of Barbie et al. 2009: the sum over all genes, from the highest down,
    /// of the weighted share of the set less the share of the other genes seen so far.
    ///
    /// Summed up it is the mean rank of the set, weighted by its 0.25th power, less the mean rank
    /// of the others. Ties, such as all genes without a read, count with their mean rank, which is
    /// the mean over every order that they could stand in. `None` where the set is everything.
    pub(crate) fn ssgsea(&self, places: &[usize]) -> Option<f64> {
        let others = self.count - places.len();
        let all = self.count as f64 * (self.count as f64 + 1.0) / 2.0;
        let ranks = || places.iter().filter_map(|&place| self.average[place]);
        let weights: f64 = ranks().map(|rank| rank.powf(SSGSEA_EXPONENT)).sum();
        let weighted: f64 = ranks().map(|rank| rank.powf(SSGSEA_EXPONENT) * rank).sum();
        (others > 0).then(|| weighted / weights - (all - ranks().sum::<f64>()) / others as f64)
    }

    /// The score of Foroutan et al. 2018 of a set that is expected up: the mean rank between the
    /// least and the greatest that a set of this size can have, from -0.5 to 0.5. Ties count with
    /// their lowest rank. `None` where the set is everything.
    pub(crate) fn singscore(&self, places: &[usize]) -> Option<f64> {
        let (size, count) = (places.len() as f64, self.count as f64);
        let mean = places.iter().map(|&place| self.lowest[place]).sum::<f64>() / size;
        let least = f64::midpoint(size, 1.0);
        let greatest = f64::midpoint(2.0 * count - size, 1.0);
        (places.len() < self.count).then(|| (mean - least) / (greatest - least) - 0.5)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::{Expression, expression_features};

    #[test]
    fn scores_of_a_worked_example() {
        // Ranks 1, 2.5, 2.5, 4 of four genes; the fifth was not measured.
        let ranks = Ranks::new(&[Some(0.0), Some(3.0), Some(3.0), Some(9.0), None]);
        assert_eq!(ranks.average, [Some(1.0), Some(2.5), Some(2.5), Some(4.0), None]);
        assert!(ranks.has(3) && !ranks.has(4) && !ranks.has(5));
        // The set is the highest gene: 4 less the mean of 1, 2.5 and 2.5.
        assert_eq!(ranks.ssgsea(&[3]), Some(2.0));
        assert_eq!(ranks.singscore(&[3]), Some(0.5));
        assert_eq!(ranks.singscore(&[0]), Some(-0.5));
        // Ties count with the lowest rank, 2 of 1 to 4.
        assert!((ranks.singscore(&[1]).unwrap() - (1.0 / 3.0 - 0.5)).abs() < 1e-12);
        for score in [ranks.ssgsea(&[0, 1, 2, 3]), ranks.singscore(&[0, 1, 2, 3])] {
            assert_eq!(score, None, "a set of everything");
        }
    }

    fn load(content: &str, settings: &str) -> Result<GeneSets, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sets.gmt");
        fs_err::write(&path, content).unwrap();
        let mut settings: ExpressionSettings =
            toml::from_str(&format!("unit = 'tpm'\n{settings}")).unwrap();
        settings.gene_sets = Some(path);
        GeneSets::load(&settings)
    }

    #[test]
    fn a_gmt_has_a_set_a_line() {
        let content = "A\tabout\tTP53\tKRAS,1.0\tTP53\t\nB\t\tMYC\n";
        let sets = load(content, "").unwrap();
        assert_eq!(sets.sets.iter().map(|set| set.name.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(sets.sets[0].genes, ["KRAS", "TP53"]);
        assert!(sets.has("MYC") && !sets.has("EGFR"));
        assert_eq!(load(content, "gene_set_names = ['B']").unwrap().sets.len(), 1);
    }

    #[test]
    fn what_is_no_gmt_is_an_error() {
        for (content, settings, expected) in [
            ("", "", "expected gene sets in GMT, found no data"),
            ("A\tabout\n", "", "sets.gmt:1: expected a gene set"),
            ("A\t\tB\nA\t\tC\n", "", "sets.gmt:2: expected each gene set once, found A again"),
            ("A\t\tB\n", "gene_set_names = ['C']", "`gene_set_names` names C, which"),
        ] {
            let message = load(content, settings).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    /// A golden table and its scores by `GSEApy` and by hand; see `genomics_gene_sets.py`.
    #[test]
    fn scores_equal_those_of_independent_programs() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/golden/genomics_gene_sets.json");
        let golden: Value = serde_json::from_slice(&fs_err::read(golden).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (table, sets) = (folder.path().join("t.tsv"), folder.path().join("s.gmt"));
        let names = ["S1", "S2", "S3"];
        let mut rows = vec![format!("gene\t{}\n", names.join("\t"))];
        for (index, gene) in golden["genes"].as_array().unwrap().iter().enumerate() {
            let cells = names.map(|name| golden["samples"][name][index].to_string());
            rows.push(format!("{}\t{}\n", gene.as_str().unwrap(), cells.join("\t")));
        }
        fs_err::write(&table, rows.concat()).unwrap();
        let set = |(name, genes): (&String, &Value)| {
            let genes: Vec<&str> =
                genes.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            format!("{name}\t\t{}\n", genes.join("\t"))
        };
        let gmt: Vec<String> = golden["sets"].as_object().unwrap().iter().map(set).collect();
        fs_err::write(&sets, gmt.concat()).unwrap();
        for method in ["ssgsea", "singscore"] {
            let options =
                format!("unit = 'tpm'\ngene_set_method = '{method}'\ngene_set_min_genes = 5");
            let mut settings: ExpressionSettings = toml::from_str(&options).unwrap();
            settings.gene_sets = Some(sets.clone());
            let sets = GeneSets::load(&settings).unwrap();
            let read = Expression::read(&table, &names, &settings, &sets).unwrap();
            for name in names {
                let features = expression_features(&read, name, &settings, &sets).unwrap();
                assert_eq!(features.len(), 3);
                for feature in features {
                    let set = feature.info.name.split_once('_').unwrap().1;
                    let expected = golden[method][name][set].as_f64().unwrap();
                    let found = f64::from(feature.value.unwrap());
                    assert!((found - expected).abs() < 1e-5, "{method} {name} {set}: {found}");
                }
            }
        }
    }
}
