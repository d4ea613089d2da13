//! `oncoweave cv`: cross-validation of the fusion model beside its parts.

mod repeats;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oncoweave_core::{Cohort, Evaluation, Exclusion, PatientId};
use oncoweave_model::{CvProgress, Folds, TrainConfig, cross_validate};

use crate::{
    Outcome, aligned::Aligned, evaluation_folder, input, output, progress::progress, replace,
};
use repeats::Repeats;

/// Cross-validate the fusion model, always beside ridge Cox and each modality alone
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The settings, such as models/stacked-fusion/train.toml
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
    /// Folds from outside: a CSV, semicolons and tabs allowed, with the columns `patient_id`
    /// and `fold`; who is not in it is left out and listed
    #[arg(long)]
    pub(crate) splits: Option<PathBuf>,
    /// Folds of whole sites: one site left out at a time, or with --folds so many groups of sites.
    /// The inner folds of a stack keep sites whole then, too
    #[arg(long, conflicts_with = "splits")]
    pub(crate) by_site: bool,
    /// Repeat with other stratified folds; the report is that of the first ones, and its notes say
    /// mean and standard deviation over all. repeats.csv has the columns `repeat`, `seed`, `figure`,
    /// `name` and `value`: the `c_index` of each model, the `difference` of the first model's C to
    /// it, and the `gain` in C and `share` of the risk by each modality. A filled column `fold` is
    /// one set of folds, which --folds passes over. With --by-site it takes --folds, for other
    /// groups of sites: where one site is left out at a time there is nothing to repeat
    #[arg(long, default_value_t = 1, conflicts_with = "splits",
          value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) repeats: u64,
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
    input::check_settings(&args.config)?;
    let config = TrainConfig::read(&args.config)?;
    let aligned = Aligned::read(&args.data)?;
    let (folds, without_fold) = choose_folds(args, &aligned.cohort, config.seed)?;
    let others = other_folds(args, &aligned.cohort, config.seed)?;
    let bar = progress("fitting", 0);
    let on_fit = |fit: &CvProgress| {
        bar.set_length(fit.total as u64);
        bar.set_position(fit.done as u64);
        bar.set_message(format!("fold {}, {}", fit.fold, fit.model));
    };
    let (mut evaluation, predictions) =
        cross_validate(&aligned.dataset(), &config, &folds, &on_fit)
            .with_context(|| format!("could not cross-validate {}", args.data.display()))?;
    let repeats = repeat(&others, &aligned, &config, (&evaluation, &on_fit))?;
    bar.finish_and_clear();
    let outcome = if without_fold.is_empty() { Outcome::Complete } else { Outcome::SetAside };
    evaluation.exclusions.extend(aligned.exclusions);
    evaluation.exclusions.extend(without_fold);
    let of_repeats = repeats.as_ref().map_or_else(Vec::new, Repeats::notes);
    evaluation.notes.extend_from_slice(&of_repeats);
    let evaluation =
        evaluation_folder::write(&args.out, evaluation, &predictions, args.small_cells)?;
    // What the summary says is not said twice.
    for note in evaluation.notes.iter().filter(|note| !of_repeats.contains(note)) {
        output::note(note);
    }
    if let Some(repeats) = &repeats {
        evaluation_folder::write_text(&args.out.join(evaluation_folder::REPEATS), &repeats.csv()?)?;
    }
    if args.json {
        output::data(&serde_json::to_string_pretty(&evaluation)?)?;
    } else {
        output::data(&evaluation_folder::summary(&evaluation))?;
        if let Some(repeats) = &repeats {
            output::data(&repeats.summary())?;
        }
        output::data(&format!("wrote {}", args.out.join("report.html").display()))?;
    }
    Ok(outcome)
}

/// The folds of all repeats but the first, with the seeds that made them.
fn other_folds(args: &Args, cohort: &Cohort, seed: u64) -> Result<Vec<(u64, Folds)>> {
    let folds = match args.folds {
        None if args.by_site && args.repeats > 1 => bail!(
            "--repeats with --by-site takes --folds, fewer than there are sites: where one site is \
             left out at a time there are no other folds to repeat with"
        ),
        folds => folds.unwrap_or(5),
    };
    let others = |seed| {
        let found = if args.by_site {
            Folds::by_site_again(cohort, folds, seed)?
        } else {
            Folds::stratified(cohort, folds, seed)?
        };
        Ok((seed, found))
    };
    (1..args.repeats).map(|number| others(seed + number)).collect()
}

/// Cross-validates again with other folds; `None` where there are none.
fn repeat(
    others: &[(u64, Folds)],
    aligned: &Aligned,
    config: &TrainConfig,
    (first, on_fit): (&Evaluation, &(dyn Fn(&CvProgress) + Sync)),
) -> Result<Option<Repeats>> {
    if others.is_empty() {
        return Ok(None);
    }
    let mut repeats = Repeats::new(config.seed, first);
    for (seed, folds) in others {
        let (again, _) = cross_validate(&aligned.dataset(), config, folds, on_fit)?;
        repeats.add(*seed, &again);
    }
    Ok(Some(repeats))
}

/// The folds, and the patients whom they leave out.
fn choose_folds(args: &Args, cohort: &Cohort, seed: u64) -> Result<(Folds, Vec<Exclusion>)> {
    if args.by_site {
        let folds = Folds::by_site(cohort, args.folds)?;
        let left_out = without_fold(cohort, &folds.of, "the column `site`");
        return Ok((folds, left_out));
    }
    if let Some(path) = &args.splits {
        let folds = read_splits(path, cohort)?;
        let source = path.display().to_string();
        let left_out = without_fold(cohort, &folds, &source);
        return Ok((Folds::given(folds, &source)?, left_out));
    }
    match args.folds {
        Some(folds) => Ok((Folds::stratified(cohort, folds, seed)?, Vec::new())),
        None if cohort.folds.iter().any(Option::is_some) => {
            if args.repeats > 1 {
                bail!(
                    "{}: the column `fold` gives one set of folds, and --repeats takes others; give \
                     --folds, such as --folds 5, to pass over the column, or leave out --repeats",
                    args.data.display()
                );
            }
            let left_out = without_fold(cohort, &cohort.folds, "the column `fold`");
            Ok((Folds::from_column(cohort)?, left_out))
        }
        None => Ok((Folds::stratified(cohort, 5, seed)?, Vec::new())),
    }
}

/// The patients who are in no fold, so that they are neither trained on nor judged.
fn without_fold(cohort: &Cohort, folds: &[Option<u32>], source: &str) -> Vec<Exclusion> {
    let exclusion = |patient: &PatientId| Exclusion {
        patient_id: patient.to_string(),
        modality: String::new(),
        step: "cv".to_owned(),
        reason: format!("{source} gives no fold; give one to have the patient judged"),
    };
    let left_out = cohort.patients.iter().zip(folds).filter(|(_, fold)| fold.is_none());
    left_out.map(|(patient, _)| exclusion(patient)).collect()
}

/// Reads `patient_id, fold`, separated by commas, semicolons or tabs. Patients of the file who are not in the cohort are counted and said:
/// a list of folds often covers more than was aligned.
fn read_splits(path: &Path, cohort: &Cohort) -> Result<Vec<Option<u32>>> {
    input::check_file(path, "a CSV with the columns `patient_id` and `fold`")?;
    let bytes = fs_err::read(path)?;
    let header = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let header = String::from_utf8_lossy(header);
    let count = |delimiter: u8| header.matches(char::from(delimiter)).count();
    let delimiter = [b';', b'\t', b','].into_iter().max_by_key(|&delimiter| count(delimiter));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.expect("there are three to choose from"))
        .from_reader(bytes.as_slice());
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
                "{}: `fold` must be a whole number from 0, found {}",
                place(),
                output::cell_in_words(&record[fold_column])
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
