//! `oncoweave predict`: risks for a cohort, outcomes known or not.

use std::path::PathBuf;

use anyhow::{Context, Result};
use oncoweave_cohort::{PredictionLayout, write_predictions};
use oncoweave_model::Model;

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
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    replace::check_table(&args.out, "predictions", &[&args.data])?;
    let model = Model::load(&args.model)?;
    let aligned = Aligned::read_to_predict(&args.data)?;
    let predictions = model.score(&aligned.cohort, &aligned.rows()).with_context(|| {
        format!("could not predict {} with {}", args.data.display(), args.model.display())
    })?;
    warn_of_unknown(&model.unknown_columns(&aligned.cohort)?);
    let layout = PredictionLayout {
        horizons_days: model.horizons_days().to_vec(),
        classes: model.classes().to_vec(),
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
    Ok(Outcome::Complete)
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
