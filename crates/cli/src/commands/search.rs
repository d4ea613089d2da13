//! `oncoweave search`: settings of the fusion network, judged inside the training part.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use oncoweave_model::{SearchConfig, TrainConfig, TrialRecord, search};

use crate::{Outcome, aligned::Aligned, input, output, progress::progress};

/// Search settings of the fusion network by cross-validation inside the training part
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to draw settings from: a TOML with `trials`, `method` and `[settings]`
    pub(crate) search: PathBuf,
    /// The settings that are not searched, such as models/early-fusion/train.toml
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// The aligned table
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// The folder for trials.jsonl, trials.csv and best.toml; a search that was cut off goes on
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Leave this fold of the table's column `fold` out, to judge the best settings on it later
    #[arg(long)]
    pub(crate) hold_out: Option<u32>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    input::check_settings(&args.search)?;
    input::check_settings(&args.config)?;
    let (spec, base) = (SearchConfig::read(&args.search)?, TrainConfig::read(&args.config)?);
    let aligned = Aligned::read(&args.data)?;
    let folds = &aligned.cohort.folds;
    if let Some(fold) = args.hold_out {
        let known = folds.contains(&Some(fold));
        ensure!(known, "{}: no patient is in fold {fold}", args.data.display());
    }
    let in_training = |row: &usize| args.hold_out.is_none_or(|fold| folds[*row] != Some(fold));
    let rows: Vec<usize> = aligned.rows().into_iter().filter(in_training).collect();
    let bar = progress("trials", spec.trials);
    let mut on_trial = |trial: &TrialRecord| {
        bar.inc(1);
        tracing::info!(
            trial = trial.trial,
            epochs = trial.epochs,
            c_index = trial.c_index,
            "trial"
        );
    };
    let found = search(&aligned.dataset(), &rows, (&base, &spec), &args.out, &mut on_trial)
        .with_context(|| format!("could not search on {}", args.data.display()))?;
    bar.finish_and_clear();
    output::data(&format!(
        "{} fits; trial {} is best with a mean C of {:.3} over {} inner folds; wrote {}",
        found.trials.len(),
        found.best.trial,
        found.best.c_index.unwrap_or_default(),
        spec.folds,
        args.out.join("best.toml").display()
    ))?;
    output::note(
        "the best trial's C flatters it, since it was chosen by it; judge its settings by patients \
         that the search did not see",
    );
    Ok(Outcome::Complete)
}
