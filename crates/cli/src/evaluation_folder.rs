//! The folder that `cv` and `evaluate` write.

use std::path::Path;

use anyhow::{Context, Result, bail};
use oncoweave_cohort::{PredictionLayout, read_predictions, write_atomically, write_predictions};
use oncoweave_core::{Estimate, Evaluation, Prediction, small_cells::Protected};
use oncoweave_report::{figures, report_html};

use crate::output;

/// What the repeats of a cross-validation found.
pub(crate) const REPEATS: &str = "repeats.csv";

/// Writes `evaluation.json`, `predictions.parquet`, `report.html` and `figures/*.svg`, and gives the
/// evaluation as it may be told. Repeats of an evaluation that was here before go. With a smallest count that is told, all but the predictions point at
/// no patient.
pub(crate) fn write(
    folder: &Path,
    evaluation: Evaluation,
    predictions: &[Prediction],
    least_shown: Option<usize>,
) -> Result<Evaluation> {
    let protected = least_shown.map(|least| Protected { least });
    let repeats = folder.join(REPEATS);
    if repeats.exists() {
        fs_err::remove_file(repeats)?;
    }
    let pictures = folder.join("figures");
    if pictures.exists() {
        fs_err::remove_dir_all(&pictures)?;
    }
    fs_err::create_dir_all(&pictures)?;
    let layout = PredictionLayout {
        horizons_days: evaluation.horizons_days.clone(),
        classes: evaluation.classes.clone(),
        competing: evaluation.competing.iter().map(|event| event.name.clone()).collect(),
    };
    write_predictions(&folder.join("predictions.parquet"), predictions, &layout)?;
    for (name, svg) in figures(&evaluation, predictions, protected)? {
        write_text(&pictures.join(name), &svg)?;
    }
    write_text(&folder.join("report.html"), &report_html(&evaluation, predictions, protected)?)?;
    let told = match protected {
        Some(rule) => rule.evaluation(&evaluation),
        None => evaluation,
    };
    write_text(&folder.join("evaluation.json"), &serde_json::to_string_pretty(&told)?)?;
    Ok(told)
}

/// The smallest count that is told, as an argument.
pub(crate) fn least_shown(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|&least| least > 0).ok_or_else(|| "it must be 1 or more".to_owned())
}

pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, |file| file.write_all(text.as_bytes()))
        .with_context(|| format!("could not write {}", path.display()))
}

/// Reads `evaluation.json` and `predictions.parquet`.
pub(crate) fn read(folder: &Path) -> Result<(Evaluation, Vec<Prediction>)> {
    let path = folder.join("evaluation.json");
    if !path.is_file() {
        bail!("{} is not an evaluation folder (no evaluation.json)", folder.display());
    }
    let evaluation: Evaluation = serde_json::from_slice(&fs_err::read(&path)?)
        .with_context(|| format!("{}: cannot be read as `cv` writes it", path.display()))?;
    let (predictions, layout) = read_predictions(&folder.join("predictions.parquet"))?;
    if layout.horizons_days != evaluation.horizons_days {
        bail!(
            "{}: predictions.parquet has other horizons than evaluation.json; run the evaluation \
             again",
            folder.display()
        );
    }
    Ok((evaluation, predictions))
}

/// Says on stderr what a reader must know about the figures.
pub(crate) fn notes(evaluation: &Evaluation) {
    for note in &evaluation.notes {
        output::note(note);
    }
}

/// The models and their C, one line each, for the terminal.
pub(crate) fn summary(evaluation: &Evaluation) -> String {
    let width = evaluation.models.iter().map(|model| model.name.len()).max().unwrap_or(0);
    let mut lines = vec![format!(
        "{} patients, {} events; {}",
        evaluation.patients, evaluation.events, evaluation.design
    )];
    let folds = evaluation.models.iter().map(|model| model.folds.len()).max().unwrap_or(0);
    let mean = if folds > 1 { format!(", mean over {folds} folds") } else { String::new() };
    lines.push(format!("{:width$}  C-index{mean} (95 % interval)", "model"));
    for model in &evaluation.models {
        let value = match model.c_index {
            Some(c) => format!("{:.3} ({:.3} to {:.3})", c.value, c.low, c.high),
            None => "undefined".to_owned(),
        };
        let defined = model.folds.iter().filter(|fold| fold.c_index.is_some()).count();
        let over = if model.c_index.is_some() && defined < folds {
            format!(", over {defined} folds only: it is undefined in the others")
        } else {
            String::new()
        };
        lines.push(format!("{:width$}  {value}{over}", model.name));
    }
    lines.extend(worth(evaluation));
    lines.join("\n")
}

/// What each modality is worth to the fusion model, one line each.
fn worth(evaluation: &Evaluation) -> Vec<String> {
    let modalities = &evaluation.contributions;
    if modalities.is_empty() {
        return vec![];
    }
    let width = modalities.iter().map(|one| one.modality.len()).max().unwrap_or(0).max(8);
    let mut lines =
        vec![format!("\n{:width$}  share of the risk, gain in C (95 % interval)", "modality")];
    for one in modalities {
        let gain = match one.gain {
            Some(gain) => {
                let verdict = if one.weight_share <= 0.0 {
                    "no weight"
                } else if gain.low > 0.0 {
                    "helps"
                } else if gain.high < 0.0 {
                    "harms"
                } else {
                    "not shown to help"
                };
                let Estimate { value, low, high } = gain;
                format!("{value:+.3} ({low:+.3} to {high:+.3}): {verdict}")
            }
            None => "undefined".to_owned(),
        };
        lines.push(format!("{:width$}  {:3.0} %  {gain}", one.modality, 100.0 * one.weight_share));
    }
    lines
}
