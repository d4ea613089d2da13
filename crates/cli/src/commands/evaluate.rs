//! `oncoweave evaluate`: a trained model on a cohort that it has not seen.

use std::path::PathBuf;

use anyhow::{Context, Result};
use oncoweave_model::{Model, evaluate};

use crate::{Outcome, aligned::Aligned, evaluation_folder, output, replace};

/// Judge a trained model on an aligned table, beside the baselines it was trained with
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model folder
    pub(crate) model: PathBuf,
    /// The aligned table, of patients that the model was not trained on
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// The evaluation folder to write
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Print evaluation.json instead of a summary
    #[arg(long)]
    pub(crate) json: bool,
    /// Point at no patient but in predictions.parquet: no ids, no count below COUNT, curves that step at
    /// a few times alone
    #[arg(long, value_name = "COUNT", value_parser = evaluation_folder::least_shown)]
    pub(crate) small_cells: Option<usize>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    replace::check_evaluation(&args.out)?;
    let model = Model::load(&args.model)?;
    let aligned = Aligned::read(&args.data)?;
    let (mut evaluation, predictions) = evaluate(&model, &aligned.dataset(), &aligned.rows())
        .with_context(|| {
            format!("could not evaluate {} on {}", args.model.display(), args.data.display())
        })?;
    evaluation.exclusions.extend(aligned.exclusions);
    let evaluation =
        evaluation_folder::write(&args.out, evaluation, &predictions, args.small_cells)?;
    evaluation_folder::notes(&evaluation);
    if args.json {
        output::data(&serde_json::to_string_pretty(&evaluation)?)?;
    } else {
        output::data(&evaluation_folder::summary(&evaluation))?;
        output::data(&format!("wrote {}", args.out.join("report.html").display()))?;
    }
    Ok(Outcome::Complete)
}
