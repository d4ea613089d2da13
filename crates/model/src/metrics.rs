//! What each epoch gave, as JSON lines and for TensorBoard.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{EpochReport, Error, LayerStatistics, tensorboard::EventFile};

/// The file of JSON lines.
const LINES: &str = "metrics.jsonl";
/// The folder of event files: a run for each network.
const TENSORBOARD: &str = "tensorboard";

/// Writes every epoch's figures to `metrics.jsonl` and to event files that TensorBoard shows, in
/// one folder. A run that goes on from a checkpoint replaces the epochs that it repeats.
pub struct MetricsWriter {
    folder: PathBuf,
    lines: File,
    /// The event file of each model and member that has been heard of.
    events: BTreeMap<(String, usize), EventFile>,
}

/// One line of `metrics.jsonl`. A figure that is not defined is null.
#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    member: usize,
    epoch: usize,
    learning_rate: f64,
    train_loss: f64,
    validation_loss: Option<f64>,
    validation_c_index: Option<f64>,
    gradient_norm: f64,
    layers: &'a [LayerStatistics],
}

/// What says which epoch of which network a line is about.
#[derive(Deserialize)]
struct Key {
    model: String,
    member: usize,
    epoch: usize,
}

impl MetricsWriter {
    /// Opens the files in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        fs_err::create_dir_all(folder)?;
        let lines = append(&folder.join(LINES))?;
        Ok(Self { folder: folder.to_owned(), lines, events: BTreeMap::new() })
    }

    /// Writes one epoch.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&mut self, report: &EpochReport) -> Result<(), Error> {
        let record = report.record;
        let key = (report.model.to_owned(), report.member);
        let is_new = !self.events.contains_key(&key);
        if is_new {
            self.forget_from(report)?;
        }
        let events = match self.events.entry(key) {
            Entry::Occupied(events) => events.into_mut(),
            Entry::Vacant(place) => {
                // A competing event's name may hold anything.
                let model =
                    report.model.replace(|one: char| !(one.is_alphanumeric() || one == '-'), "_");
                let run = format!("{model}_{}", report.member);
                let run = self.folder.join(TENSORBOARD).join(run);
                place.insert(EventFile::create(&run, record.epoch)?)
            }
        };
        events.scalars(record.epoch, &scalars(report))?;
        let line = Line {
            model: report.model,
            member: report.member,
            epoch: record.epoch,
            learning_rate: report.learning_rate,
            train_loss: record.train_loss,
            validation_loss: record.validation_loss,
            validation_c_index: record.validation_c_index,
            gradient_norm: record.gradient_norm,
            layers: report.layers,
        };
        let mut text = serde_json::to_string(&line).map_err(std::io::Error::from)?;
        text.push('\n');
        Ok(self.lines.write_all(text.as_bytes())?)
    }

    /// Drops the lines about this epoch and later ones of the same network.
    fn forget_from(&mut self, report: &EpochReport) -> Result<(), Error> {
        let path = self.folder.join(LINES);
        let text = fs_err::read_to_string(&path)?;
        let stays = |line: &&str| {
            // A line that was cut off with the run is no epoch's.
            serde_json::from_str::<Key>(line).is_ok_and(|key| {
                (key.model.as_str(), key.member) != (report.model, report.member)
                    || key.epoch < report.record.epoch
            })
        };
        let kept: Vec<&str> = text.lines().filter(stays).collect();
        if kept.len() < text.lines().count() {
            let temporary = path.with_extension("partial");
            let mut text = kept.join("\n");
            if !text.is_empty() {
                text.push('\n');
            }
            fs_err::write(&temporary, text)?;
            fs_err::rename(&temporary, &path)?;
            self.lines = append(&path)?;
        }
        Ok(())
    }
}

fn append(path: &Path) -> Result<File, Error> {
    let file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
    Ok(file.into_parts().0)
}

fn scalars(report: &EpochReport) -> Vec<(String, f64)> {
    let record = report.record;
    let mut scalars = vec![
        ("loss/train".to_owned(), record.train_loss),
        ("gradient_norm".to_owned(), record.gradient_norm),
        ("learning_rate".to_owned(), report.learning_rate),
    ];
    scalars.extend(record.validation_loss.map(|loss| ("loss/validation".to_owned(), loss)));
    scalars.extend(record.validation_c_index.map(|c| ("c_index/validation".to_owned(), c)));
    for layer in report.layers {
        let name = &layer.layer;
        scalars.push((format!("weight_norm/{name}"), layer.weight_norm));
        scalars.push((format!("gradient_norm/{name}"), layer.gradient_norm));
        if let Some(activation) = &layer.activation {
            scalars.push((format!("activation_mean/{name}"), activation.mean));
            scalars.push((format!("activation_sd/{name}"), activation.sd));
            scalars.push((format!("dead_share/{name}"), activation.dead_share));
        }
    }
    scalars
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EpochRecord;

    fn write(folder: &Path, epochs: std::ops::RangeInclusive<usize>, loss: f64) {
        let mut writer = MetricsWriter::open(folder).unwrap();
        for epoch in epochs {
            let record = EpochRecord {
                epoch,
                train_loss: loss,
                validation_loss: None,
                validation_c_index: Some(0.6),
                gradient_norm: 1.0,
            };
            let report = EpochReport {
                model: "network, ct alone",
                member: 2,
                members: 2,
                record: &record,
                epochs: 9,
                best_epoch: 1,
                learning_rate: 0.1,
                layers: &[],
            };
            writer.write(&report).unwrap();
        }
    }

    #[test]
    fn a_resumed_run_has_each_epoch_once() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 1..=4, 1.0);
        let path = folder.path().join(LINES);
        let mut text = fs_err::read_to_string(&path).unwrap();
        text.push_str("{\"model\":\"network, ct al");
        fs_err::write(&path, text).unwrap();
        write(folder.path(), 3..=5, 2.0);
        let text = fs_err::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let epochs: Vec<u64> = lines.iter().map(|line| line["epoch"].as_u64().unwrap()).collect();
        assert_eq!(epochs, [1, 2, 3, 4, 5]);
        let losses: Vec<f64> =
            lines.iter().map(|line| line["train_loss"].as_f64().unwrap()).collect();
        assert_eq!(losses, [1.0, 1.0, 2.0, 2.0, 2.0]);
        assert!(lines[0]["validation_loss"].is_null());
        let run = folder.path().join(TENSORBOARD).join("network__ct_alone_2");
        assert_eq!(fs_err::read_dir(run).unwrap().count(), 2);
    }
}
