//! `oncoweave container gate` and `evaluate`: what a pipeline asks before it trains on a cohort, and
//! before it registers a model.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use oncoweave_cohort::write_aligned;
use oncoweave_core::split::{Stratum, stratified_folds};
use oncoweave_core::{Cohort, Evaluation};
use oncoweave_model::Model;
use serde_json::{Value, json};

use crate::{Outcome, aligned::Aligned, evaluation_folder, output};

#[derive(clap::Args)]
pub(crate) struct GateArgs {
    /// Fail with fewer patients of known outcome
    #[arg(long, default_value_t = 100)]
    min_patients: usize,
    /// Fail with fewer events
    #[arg(long, default_value_t = 30)]
    min_events: usize,
    /// The test part is one of so many parts, where the table has no folds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=20))]
    parts: u16,
    /// The start of the random numbers
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Refuses a cohort that is too small; parts the others into `train` and `test`.
pub(crate) fn gate(root: &Path, args: &GateArgs) -> Result<Outcome> {
    let (input, out) = (root.join("processing/input/cohort"), root.join("processing/output"));
    let path = only_file(&input, "parquet", "the aligned table")?;
    let aligned = Aligned::read(&path)?;
    let known = aligned.cohort.survival.iter().flatten();
    let (patients, events) = (known.clone().count(), known.filter(|it| it.event).count());
    for (what, found, least, flag) in [
        ("patients of known outcome", patients, args.min_patients, "--min-patients"),
        ("events", events, args.min_events, "--min-events"),
    ] {
        if found < least {
            let sentence = format!(
                "the cohort has {found} {what}, fewer than the {least} that {flag} asks for; add \
                 patients, or ask for fewer"
            );
            leave_message(root, &sentence)?;
            bail!("{sentence}");
        }
    }
    let folds = folds(&aligned.cohort, args)?;
    let test = *folds.iter().flatten().min().context("no patient has a known outcome")?;
    let rows = |wanted: fn(u32, u32) -> bool| -> Vec<usize> {
        let in_part = |row: &usize| folds[*row].is_some_and(|fold| wanted(fold, test));
        aligned.rows().into_iter().filter(in_part).collect()
    };
    let parts =
        [("train", rows(|fold, test| fold != test)), ("test", rows(|fold, test| fold == test))];
    for (name, rows) in &parts {
        ensure!(!rows.is_empty(), "the {name} part is empty; the table's folds are all alike");
        let folder = out.join(name);
        fs_err::create_dir_all(&folder)?;
        let part = aligned.cohort.select(rows);
        let id = format!("{}-{name}", aligned.dataset().id);
        write_aligned(
            &folder.join("cohort.parquet"),
            &id,
            &part,
            &aligned.exclusions,
            aligned.extraction.as_ref(),
        )?;
    }
    let quality = json!({
        "patients": patients,
        "events": events,
        "excluded": aligned.exclusions.len(),
        "train_patients": parts[0].1.len(),
        "test_patients": parts[1].1.len(),
    });
    write_json(&out.join("quality.json"), &quality)?;
    output::data(&quality.to_string())?;
    Ok(Outcome::Complete)
}

/// The fold of each patient: the table's own where it has some, else dealt out among those with a
/// known outcome.
fn folds(cohort: &Cohort, args: &GateArgs) -> Result<Vec<Option<u32>>> {
    if cohort.folds.iter().any(Option::is_some) {
        return Ok(cohort.folds.clone());
    }
    let rows: Vec<usize> =
        (0..cohort.len()).filter(|&row| cohort.survival[row].is_some()).collect();
    let stratum = |&row: &usize| Stratum {
        survival: cohort.survival[row],
        label: cohort.labels[row].as_deref(),
    };
    let strata: Vec<Stratum> = rows.iter().map(stratum).collect();
    let dealt = stratified_folds(&strata, args.parts.into(), args.seed)?;
    let mut folds = vec![None; cohort.len()];
    for (&row, fold) in rows.iter().zip(dealt) {
        folds[row] = Some(fold);
    }
    Ok(folds)
}

/// Judges the model of the inputs, a folder or a `model.tar.gz`, on the table of the inputs.
pub(crate) fn evaluate(root: &Path) -> Result<Outcome> {
    let (input, out) = (root.join("processing/input"), root.join("processing/output"));
    let unpacked = tempfile::tempdir().context("no folder to unpack the model into")?;
    let model = Model::load(&model_folder(&input.join("model"), unpacked.path())?)?;
    let path = only_file(&input.join("cohort"), "parquet", "the aligned table")?;
    let aligned = Aligned::read(&path)?;
    let (mut evaluation, predictions) =
        oncoweave_model::evaluate(&model, &aligned.dataset(), &aligned.rows())?;
    evaluation_folder::notes(&evaluation);
    evaluation.exclusions.extend(aligned.exclusions);
    let evaluation = evaluation_folder::write(&out, evaluation, &predictions, None)?;
    let verdict = verdict(&evaluation)?;
    write_json(&out.join("verdict.json"), &verdict)?;
    output::data(&verdict.to_string())?;
    Ok(Outcome::Complete)
}

fn model_folder(input: &Path, unpacked: &Path) -> Result<PathBuf> {
    if input.join("model.toml").is_file() {
        return Ok(input.to_owned());
    }
    let path = only_file(input, "gz", "model.tar.gz")?;
    let file = fs_err::File::open(&path)?;
    // `unpack` leaves out what would lie outside of the folder.
    tar::Archive::new(GzDecoder::new(file))
        .unpack(unpacked)
        .with_context(|| format!("{}: no archive of a model", path.display()))?;
    Ok(unpacked.to_owned())
}

/// The model's C-index beside that of the first baseline, on the same patients: what the registry
/// keeps and what decides whether the model goes there. It names no patient.
fn verdict(evaluation: &Evaluation) -> Result<Value> {
    let c_index = |place: usize| evaluation.models.get(place).and_then(|model| model.c_index);
    let model = c_index(0).context("the C-index is undefined: no two patients can be compared")?;
    let (baseline, name) = match (c_index(1), evaluation.models.get(1)) {
        (Some(baseline), Some(model)) => (baseline, &model.name),
        _ => bail!("the model folder has no baseline to compare with; train it with this version"),
    };
    Ok(json!({
        "c_index": model,
        "baseline": name,
        "baseline_c_index": baseline,
        "gain": model.value - baseline.value,
        "patients": evaluation.patients,
        "events": evaluation.events,
    }))
}

/// The one file of a folder with an ending; lineage lies beside an aligned table.
fn only_file(folder: &Path, ending: &str, what: &str) -> Result<PathBuf> {
    let mut found = vec![];
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let lineage = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().ends_with("lineage.parquet"));
        if path.extension().is_some_and(|it| it == ending) && !lineage {
            found.push(path);
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        count => bail!("{}: expected one file .{ending}, {what}, found {count}", folder.display()),
    }
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    evaluation_folder::write_text(path, &serde_json::to_string_pretty(value)?)
}

/// What the platform shows as the reason of a job's end.
fn leave_message(root: &Path, sentence: &str) -> Result<()> {
    let folder = root.join("output");
    fs_err::create_dir_all(&folder)?;
    evaluation_folder::write_text(&folder.join("message"), sentence)
}
