//! `oncoweave predict`: risks for a cohort, outcomes known or not.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oncoweave_cohort::{
    ExplanationNames, ExplanationRow, PredictionLayout, write_explanations, write_predictions,
};
use oncoweave_model::{ExplanationLayout, Model, cross_check};

use crate::{Outcome, aligned::Aligned, output, replace};

/// Predict risk, survival and subtype for the patients of an aligned table
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model folder
    pub(crate) model: PathBuf,
    /// The aligned table
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// The Parquet file to write
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Also write what drove each prediction, by modality and by feature, to this Parquet file
    #[arg(long, value_name = "FILE")]
    pub(crate) explain: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    replace::check_table(&args.out, "predictions", &[&args.data])?;
    if let Some(explanations) = &args.explain {
        if explanations == &args.out {
            bail!("--explain and --out both name {}; name two files", args.out.display());
        }
        replace::check_table(explanations, "explanations", &[&args.data])?;
    }
    let model = Model::load(&args.model)?;
    let aligned = Aligned::read_to_predict(&args.data)?;
    let predictions = model.score(&aligned.cohort, &aligned.rows()).with_context(|| {
        format!("could not predict {} with {}", args.data.display(), args.model.display())
    })?;
    warn_of_unknown(&model.unknown_columns(&aligned.cohort)?);
    let layout = PredictionLayout {
        horizons_days: model.horizons_days().to_vec(),
        classes: model.classes().to_vec(),
        competing: model.competing_events(),
    };
    write_predictions(&args.out, &predictions, &layout)?;
    let high = predictions.iter().filter(|prediction| prediction.high_risk).count();
    let lacking =
        predictions.iter().filter(|prediction| !prediction.missing_modalities.is_empty()).count();
    output::data(&format!(
        "{} patients: {high} above the training median risk, {lacking} without a modality that the \
         model reads; wrote {}",
        predictions.len(),
        args.out.display()
    ))?;
    let doubtful = predictions.iter().filter(|prediction| prediction.is_doubtful()).count();
    if doubtful > 0 {
        output::data(&format!(
            "{doubtful} patients lie outside of what the model was trained on, or lack most of what \
             it reads: see their `flags`"
        ))?;
    }
    if let Some(path) = &args.explain {
        explain(&model, &aligned, path)?;
    }
    Ok(Outcome::Complete)
}

/// Patients and permutations of the second way of explaining.
const CHECKED: usize = 5;
const PERMUTATIONS: usize = 64;

fn explain(model: &Model, aligned: &Aligned, path: &Path) -> Result<()> {
    let rows = aligned.rows();
    let explanations = model.explain(&aligned.cohort, &rows)?;
    let layout = model.explanation_layout();
    let mut table = vec![];
    let (mut gap, mut size) = (0.0, 0.0);
    for explanation in explanations {
        gap += explanation.outputs[0].gap.abs();
        size += (explanation.outputs[0].value - explanation.outputs[0].background).abs();
        for (output, name) in explanation.outputs.into_iter().zip(&layout.outputs) {
            let mut figures = vec![output.value, output.nothing_known];
            figures.extend(output.modalities);
            figures.extend([output.background, output.gap]);
            let sum = |places: &[usize]| -> f32 {
                places.iter().map(|&place| output.features[place]).sum()
            };
            let groups: Vec<f32> = layout.groups.iter().map(|(_, places)| sum(places)).collect();
            table.push(ExplanationRow {
                patient_id: explanation.patient_id.clone(),
                output: name.clone(),
                figures,
                attributions: [output.features, groups].concat(),
            });
        }
    }
    let count = rows.len().max(1) as f64;
    let names = names(layout);
    let missed = format!(
        "attributions by feature miss {:.3} of a mean distance of {:.3} from the background",
        gap / count,
        size / count
    );
    let checked = check(model, aligned)?;
    let said = vec![("oncoweave.missed", missed.clone()), ("oncoweave.check", checked.clone())];
    write_explanations(path, &table, &names, said)?;
    output::data(&format!("wrote {}; {missed}", path.display()))?;
    output::data(&checked)
}

fn names(layout: ExplanationLayout) -> ExplanationNames {
    let modalities = layout.modalities.iter().map(|name| format!("modality:{name}"));
    let mut figures = vec!["value".to_owned(), "nothing_known".to_owned()];
    figures.extend(modalities);
    figures.extend(["background".to_owned(), "gap".to_owned()]);
    let group =
        |(first, places): &(String, Vec<usize>)| format!("group:{first} ({})", places.len());
    let groups: Vec<String> = layout.groups.iter().map(group).collect();
    ExplanationNames { figures, attributions: [layout.features, groups].concat() }
}

/// Explains some patients a second way and says how far the two lie apart.
fn check(model: &Model, aligned: &Aligned) -> Result<String> {
    let rows = aligned.rows();
    let some = &rows[..rows.len().min(CHECKED)];
    let check = cross_check(model, &aligned.cohort, some, PERMUTATIONS)?;
    let rest = if check.rests > 0 { " (the least of each modality as one)" } else { "" };
    Ok(format!(
        "permutation Shapley of {} patients and {} groups of features{rest} differs by {:.4} on \
         average, with a standard error of its own of {:.4} and a mean size of {:.4}",
        check.patients,
        check.groups,
        check.mean_difference,
        check.mean_standard_error,
        check.mean_size
    ))
}

fn warn_of_unknown(columns: &[String]) {
    const SHOWN: usize = 10;
    if columns.is_empty() {
        return;
    }
    let shown: Vec<String> = columns.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = columns.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    tracing::warn!(
        "the model does not know these columns and ignores them: {}{more}",
        shown.join(", ")
    );
}
