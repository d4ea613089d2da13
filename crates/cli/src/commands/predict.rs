//! `oncoweave predict`: risks for a cohort, outcomes known or not.

use std::path::PathBuf;

use anyhow::{Context, Result};
use oncoweave_cohort::{PredictionLayout, write_predictions};
use oncoweave_model::Model;

use crate::{Outcome, aligned::Aligned, output};

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
    let model = Model::load(&args.model)?;
    let aligned = Aligned::read(&args.data)?;
    let predictions = model.score(&aligned.cohort, &aligned.rows()).with_context(|| {
        format!("could not predict {} with {}", args.data.display(), args.model.display())
    })?;
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
