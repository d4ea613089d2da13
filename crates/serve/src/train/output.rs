//! What a job leaves.

use std::path::Path;

use oncoweave_cohort::{PredictionLayout, write_atomically, write_predictions};
use oncoweave_model::{EpochReport, MetricsWriter, Model};

use crate::channels::Table;
use crate::{Error, Root, metrics};

/// Each epoch's figures for TensorBoard, in `tensorboard` of the output folder. They are no reason
/// to lose a training run: what cannot be written is told once and then left.
#[derive(Default)]
pub(super) struct Figures(Option<MetricsWriter>);

impl Figures {
    pub(super) fn open(root: &Root) -> Self {
        Self(MetricsWriter::open(&root.output()).inspect_err(Self::tell).ok())
    }

    pub(super) fn write(&mut self, report: &EpochReport) {
        if let Some(Err(error)) = self.0.as_mut().map(|writer| writer.write(report)) {
            Self::tell(&error);
            self.0 = None;
        }
    }

    fn tell(error: &oncoweave_model::Error) {
        tracing::warn!(%error, "the epochs' figures cannot be written, TensorBoard shows none");
    }
}

/// Writes the model into a folder that may be a mount of the platform, which cannot be renamed:
/// whole beside the old files first, then moved into place, `model.toml` last.
pub(super) fn save(model: &Model, folder: &Path) -> Result<(), Error> {
    const MARK: &str = "model.toml";
    let new = folder.join(".new");
    fs_err::create_dir_all(folder)?;
    model.save(&new)?;
    remove(&folder.join(MARK))?;
    let mut names = Vec::new();
    for entry in fs_err::read_dir(&new)? {
        names.push(entry?.file_name());
    }
    names.sort_by_key(|name| name == MARK);
    for name in names {
        remove(&folder.join(&name))?;
        fs_err::rename(new.join(&name), folder.join(&name))?;
    }
    Ok(fs_err::remove_dir(&new)?)
}

/// Removes what is there, if anything is.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        fs_err::remove_dir_all(path)?;
    } else if path.exists() {
        fs_err::remove_file(path)?;
    }
    Ok(())
}

/// Evaluates a model into a folder, and prints its figures.
pub(super) fn evaluate(
    model: &Model,
    table: &Table,
    folder: &Path,
    print: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let (evaluation, predictions) =
        oncoweave_model::evaluate(model, &table.dataset(), &table.rows())?;
    if let Some(line) = metrics::evaluated(&evaluation) {
        print(&line);
    }
    let layout = PredictionLayout {
        horizons_days: evaluation.horizons_days.clone(),
        classes: model.classes().to_vec(),
        competing: evaluation.competing.iter().map(|event| event.name.clone()).collect(),
    };
    write_predictions(&folder.join("predictions.parquet"), &predictions, &layout)?;
    let text = serde_json::to_string_pretty(&evaluation).expect("an evaluation has only text keys");
    write_atomically::<std::io::Error>(&folder.join("evaluation.json"), |file| {
        file.write_all(text.as_bytes())
    })?;
    Ok(())
}
