//! `oncoweave cv`: cross-validation of the fusion network beside its baselines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oncoweave_core::{Cohort, PatientId};
use oncoweave_model::{CvProgress, Folds, TrainConfig, cross_validate};

use crate::{Outcome, aligned::Aligned, evaluation_folder, output, progress::progress};

/// Cross-validate the fusion network, always beside ridge Cox and each modality alone
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The settings, such as models/early-fusion/train.toml
    pub(crate) config: PathBuf,
    /// The aligned table
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// The evaluation folder to write
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// So many folds, stratified by event and time; by default the table's own `fold` column where
    /// it is filled, else 5
    #[arg(long, conflicts_with = "splits")]
    pub(crate) folds: Option<usize>,
    /// Folds from outside: a CSV with the columns `patient_id` and `fold`
    #[arg(long)]
    pub(crate) splits: Option<PathBuf>,
    /// Print evaluation.json instead of a summary
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let config = TrainConfig::read(&args.config)?;
    let aligned = Aligned::read(&args.data)?;
    let folds = choose_folds(args, &aligned.cohort, config.seed)?;
    let bar = progress("fitting", 0);
    let on_fit = |fit: &CvProgress| {
        bar.set_length(fit.total as u64);
        bar.set_position(fit.done as u64);
        bar.set_message(format!("fold {}, {}", fit.fold, fit.model));
    };
    let (mut evaluation, predictions) =
        cross_validate(&aligned.dataset(), &config, &folds, &on_fit)
            .with_context(|| format!("could not cross-validate {}", args.data.display()))?;
    bar.finish_and_clear();
    evaluation.exclusions.extend(aligned.exclusions);
    evaluation_folder::write(&args.out, &evaluation, &predictions)?;
    if args.json {
        output::data(&serde_json::to_string_pretty(&evaluation)?)?;
    } else {
        output::data(&evaluation_folder::summary(&evaluation))?;
        output::data(&format!("wrote {}", args.out.join("report.html").display()))?;
    }
    Ok(Outcome::Complete)
}

fn choose_folds(args: &Args, cohort: &Cohort, seed: u64) -> Result<Folds> {
    if let Some(path) = &args.splits {
        let folds = read_splits(path, cohort)?;
        return Ok(Folds::given(folds, &path.display().to_string())?);
    }
    match args.folds {
        Some(folds) => Ok(Folds::stratified(cohort, folds, seed)?),
        None if cohort.folds.iter().any(Option::is_some) => Ok(Folds::from_column(cohort)?),
        None => Ok(Folds::stratified(cohort, 5, seed)?),
    }
}

/// Reads `patient_id, fold`. Patients of the file who are not in the cohort are counted and said:
/// a list of folds often covers more than was aligned.
fn read_splits(path: &Path, cohort: &Cohort) -> Result<Vec<Option<u32>>> {
    let mut reader = csv::Reader::from_reader(fs_err::File::open(path)?);
    let header = reader.headers().with_context(|| format!("could not read {}", path.display()))?;
    let column = |name: &str| {
        header.iter().position(|column| column.trim() == name).with_context(|| {
            let found = header.iter().take(20).collect::<Vec<_>>().join(", ");
            format!(
                "{} must have the columns `patient_id` and `fold`, found: {found}",
                path.display()
            )
        })
    };
    let (patient_column, fold_column) = (column("patient_id")?, column("fold")?);
    let mut given: BTreeMap<PatientId, u32> = BTreeMap::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("could not read {}", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let place = || format!("{}:{line}", path.display());
        let patient = PatientId::new(&record[patient_column]).with_context(place)?;
        let Ok(fold) = record[fold_column].trim().parse() else {
            bail!(
                "{}: `fold` must be a whole number from 0, got `{}`",
                place(),
                &record[fold_column]
            );
        };
        if given.insert(patient.clone(), fold).is_some_and(|before| before != fold) {
            bail!("{}: patient `{patient}` has two folds; give each patient one", place());
        }
    }
    let folds: Vec<Option<u32>> =
        cohort.patients.iter().map(|patient| given.remove(patient)).collect();
    if folds.iter().all(Option::is_none) {
        bail!(
            "{} names no patient of the cohort; its ids must equal the cohort's, such as `{}`",
            path.display(),
            cohort.patients.first().map_or("", PatientId::as_str)
        );
    }
    if !given.is_empty() {
        tracing::warn!("{}: {} patients are not in the cohort", path.display(), given.len());
    }
    Ok(folds)
}
