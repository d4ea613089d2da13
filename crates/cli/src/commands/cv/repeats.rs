//! The figures of a cross-validation that is repeated with other folds.

use std::fmt::Write;

use anyhow::Result;
use oncoweave_cohort::guarded;
use oncoweave_core::Evaluation;

/// What is told of each repeat. Its texts are those of `repeats.csv`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    /// The C of a model.
    CIndex,
    /// The C of the first model less that of another.
    Difference,
    /// The gain in C by a modality.
    Gain,
    /// The share that a modality has of the risk.
    Share,
}

/// A figure of one repeat: a line of `repeats.csv`.
struct Line {
    repeat: usize,
    seed: u64,
    figure: Figure,
    /// The model or modality.
    name: String,
    value: f64,
}

/// The figures of all repeats, the first ones included.
pub(super) struct Repeats {
    first_model: String,
    count: usize,
    lines: Vec<Line>,
}

/// A figure over the repeats in which it is defined, two at least.
struct Spread {
    mean: f64,
    /// The standard deviation.
    deviation: f64,
    repeats: usize,
}

impl Figure {
    fn text(self) -> &'static str {
        match self {
            Self::CIndex => "c_index",
            Self::Difference => "difference",
            Self::Gain => "gain",
            Self::Share => "share",
        }
    }

    /// A value of it; of what may be below 0 with its sign.
    fn format(self, value: f64) -> String {
        match self {
            Self::CIndex | Self::Share => format!("{value:.3}"),
            Self::Difference | Self::Gain => format!("{value:+.3}"),
        }
    }
}

impl Repeats {
    /// Starts with the evaluation by the first folds.
    pub(super) fn new(seed: u64, first: &Evaluation) -> Self {
        let first_model = first.models.first().map_or_else(String::new, |one| one.name.clone());
        let mut repeats = Self { first_model, count: 0, lines: vec![] };
        repeats.add(seed, first);
        repeats
    }

    /// Adds the evaluation by other folds.
    pub(super) fn add(&mut self, seed: u64, evaluation: &Evaluation) {
        let repeat = self.count;
        self.count += 1;
        let mut add = |figure, name: &str, value: Option<f64>| {
            let line = |value| Line { repeat, seed, figure, name: name.to_owned(), value };
            self.lines.extend(value.map(line));
        };
        for model in &evaluation.models {
            add(Figure::CIndex, &model.name, model.c_index.map(|c_index| c_index.value));
        }
        for other in evaluation.comparisons.iter().filter(|one| one.a == self.first_model) {
            add(Figure::Difference, &other.b, Some(other.delta_c_index));
        }
        for one in &evaluation.contributions {
            add(Figure::Gain, &one.modality, one.gain.map(|gain| gain.value));
            add(Figure::Share, &one.modality, Some(one.weight_share));
        }
    }

    /// The content of `repeats.csv`.
    pub(super) fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(vec![]);
        writer.write_record(["repeat", "seed", "figure", "name", "value"])?;
        for Line { repeat, seed, figure, name, value } in &self.lines {
            let (repeat, seed, value) = (repeat.to_string(), seed.to_string(), value.to_string());
            let name = guarded(name);
            writer.write_record([repeat.as_str(), &seed, figure.text(), &name, &value])?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    /// What the repeats say of each model and modality, one sentence each, for the report.
    pub(super) fn notes(&self) -> Vec<String> {
        let first = &self.first_model;
        let told = |figure: Figure, name: &str, what: &str| {
            let Spread { mean, deviation, repeats } = self.spread(figure, name)?;
            let mean = figure.format(mean);
            Some(format!(
                "`{name}`: over {repeats} repeats with other folds {what} is {mean} on average, with \
                 a standard deviation of {deviation:.3}"
            ))
        };
        let model = |name: &str| {
            let c_index = told(Figure::CIndex, name, "C")?;
            let Some(Spread { mean, deviation, .. }) = self.spread(Figure::Difference, name) else {
                return Some(c_index);
            };
            Some(format!("{c_index}; that of `{first}` less it is {mean:+.3} ({deviation:.3})"))
        };
        let modality = |name: &str| told(Figure::Gain, name, "its gain in C");
        let models = self.names(Figure::CIndex).into_iter().filter_map(model);
        models.chain(self.names(Figure::Gain).into_iter().filter_map(modality)).collect()
    }

    /// The same for the terminal.
    pub(super) fn summary(&self) -> String {
        let (models, modalities) = (self.names(Figure::CIndex), self.names(Figure::Gain));
        let longest = models.iter().chain(&modalities).map(|name| name.chars().count()).max();
        let width = longest.unwrap_or(0).max("modality".len());
        let mut text = format!(
            "\nmean (standard deviation) over {} repeats with other folds\n{:width$}  C-index        \
             {} less it\n",
            self.count, "model", self.first_model
        );
        for name in models {
            let c_index = self.cell(Figure::CIndex, name);
            let difference = self.cell(Figure::Difference, name);
            // Writing to a string cannot fail.
            let _ok = writeln!(
                text,
                "{}",
                format!("{name:width$}  {c_index:13}  {difference}").trim_end()
            );
        }
        if !modalities.is_empty() {
            let _ok = writeln!(text, "\n{:width$}  gain in C", "modality");
        }
        for name in modalities {
            let _ok = writeln!(text, "{name:width$}  {}", self.cell(Figure::Gain, name));
        }
        text
    }

    fn cell(&self, figure: Figure, name: &str) -> String {
        let Some(Spread { mean, deviation, repeats }) = self.spread(figure, name) else {
            return String::new();
        };
        let few = if repeats < self.count { format!(", {repeats} repeats") } else { String::new() };
        format!("{} ({deviation:.3}){few}", figure.format(mean))
    }

    /// The models or modalities that a figure is told of, in the order of the evaluation.
    fn names(&self, figure: Figure) -> Vec<&str> {
        let mut names: Vec<&str> = vec![];
        for line in self.lines.iter().filter(|line| line.figure == figure) {
            if !names.contains(&line.name.as_str()) {
                names.push(&line.name);
            }
        }
        names
    }

    fn spread(&self, figure: Figure, name: &str) -> Option<Spread> {
        let own = self.lines.iter().filter(|line| line.figure == figure && line.name == name);
        let values: Vec<f64> = own.map(|line| line.value).collect();
        if values.len() < 2 {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0)).sqrt();
        Some(Spread { mean, deviation, repeats: values.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An evaluation of the fusion model, ridge Cox and a modality.
    fn evaluation(fusion: f64, ridge: Option<f64>, gain: Option<f64>) -> Evaluation {
        let estimate =
            |value: f64| serde_json::json!({ "value": value, "low": value, "high": value });
        let model = |name: &str, c_index: Option<f64>| {
            serde_json::json!({
                "name": name, "modalities": [], "c_index": c_index.map(estimate),
                "c_index_uno": null, "auc": [], "ibs": null, "subtype": null, "folds": [],
            })
        };
        let comparison = |ridge: f64| {
            serde_json::json!({
                "a": "fusion", "b": "ridge Cox", "delta_c_index": fusion - ridge,
                "low": 0.0, "high": 0.0, "p": 1.0,
            })
        };
        serde_json::from_value(serde_json::json!({
            "schema_version": 2, "program_version": "", "cohort": "a", "data_sha256": "",
            "design": "5-fold cross-validation", "patients": 57, "events": 23,
            "horizons_days": [], "classes": [],
            "models": [model("fusion", Some(fusion)), model("ridge Cox", ridge)],
            "comparisons": ridge.map(comparison).into_iter().collect::<Vec<_>>(),
            "contributions": [{
                "modality": "=ct", "weight_share": 0.25, "gain": gain.map(estimate), "p": null,
            }],
            "exclusions": [], "notes": [], "config": null,
        }))
        .unwrap()
    }

    fn repeats() -> Repeats {
        let mut repeats = Repeats::new(7, &evaluation(0.75, Some(0.5), Some(0.125)));
        repeats.add(8, &evaluation(0.5, None, Some(0.0)));
        repeats.add(9, &evaluation(0.625, Some(0.5), Some(-0.125)));
        repeats
    }

    #[test]
    fn every_figure_of_every_repeat_has_a_line() {
        let csv = repeats().csv().unwrap();
        let expected = "repeat,seed,figure,name,value\n\
            0,7,c_index,fusion,0.75\n0,7,c_index,ridge Cox,0.5\n0,7,difference,ridge Cox,0.25\n\
            0,7,gain,'=ct,0.125\n0,7,share,'=ct,0.25\n\
            1,8,c_index,fusion,0.5\n1,8,gain,'=ct,0\n1,8,share,'=ct,0.25\n\
            2,9,c_index,fusion,0.625\n2,9,c_index,ridge Cox,0.5\n2,9,difference,ridge Cox,0.125\n\
            2,9,gain,'=ct,-0.125\n2,9,share,'=ct,0.25\n";
        assert_eq!(csv, expected);
    }

    #[test]
    fn mean_and_standard_deviation_are_told_of_models_and_modalities() {
        assert_eq!(
            repeats().notes(),
            [
                "`fusion`: over 3 repeats with other folds C is 0.625 on average, with a standard \
                 deviation of 0.125",
                "`ridge Cox`: over 2 repeats with other folds C is 0.500 on average, with a standard \
                 deviation of 0.000; that of `fusion` less it is +0.188 (0.088)",
                "`=ct`: over 3 repeats with other folds its gain in C is +0.000 on average, with a \
                 standard deviation of 0.125",
            ]
        );
        let expected = "
mean (standard deviation) over 3 repeats with other folds
model      C-index        fusion less it
fusion     0.625 (0.125)
ridge Cox  0.500 (0.000), 2 repeats  +0.188 (0.088), 2 repeats

modality   gain in C
=ct        +0.000 (0.125)
";
        assert_eq!(repeats().summary(), expected);
    }

    #[test]
    fn one_repeat_has_no_spread() {
        let alone = Repeats::new(7, &evaluation(0.75, Some(0.5), None));
        assert!(alone.notes().is_empty());
        assert!(alone.csv().unwrap().contains("0,7,difference,ridge Cox,0.25\n"));
    }
}
