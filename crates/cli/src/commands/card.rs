//! `oncoweave card`: the model card with what an evaluation measured.

use std::path::PathBuf;

use anyhow::{Context, Result};
use oncoweave_model::Model;

use crate::{Outcome, aligned::Aligned, evaluation_folder, output, replace};

/// Write a model's card: intended use, patients, figures by group, calibration
///
/// `train` writes the card that it can, into the model folder. This command adds what `cv` or `evaluate` measured, and the same figures in halves by age, by sex and by site. It shows no patient id and no count of patients below 10.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model folder
    pub(crate) model: PathBuf,
    /// The evaluation folder that `cv` or `evaluate` wrote for this model
    #[arg(long, value_name = "FOLDER")]
    pub(crate) evaluation: PathBuf,
    /// The aligned table that the evaluation was made on
    #[arg(long, value_name = "TABLE")]
    pub(crate) data: PathBuf,
    /// The folder to write card.md, card.json and tripod.md into
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    replace::check_card(&args.out)?;
    let model = Model::load(&args.model)?;
    let (evaluation, predictions) = evaluation_folder::read(&args.evaluation)?;
    let aligned = Aligned::read(&args.data)?;
    let card = model
        .card_with(&evaluation, &predictions, &aligned.dataset())
        .with_context(|| format!("{} on {}", args.model.display(), args.evaluation.display()))?;
    fs_err::create_dir_all(&args.out)?;
    for (name, text) in card.files() {
        evaluation_folder::write_text(&args.out.join(name), &text)?;
    }
    output::data(&format!("wrote {}", args.out.join("card.md").display()))?;
    Ok(Outcome::Complete)
}
