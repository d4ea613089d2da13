//! One line for one event, which the platform reads numbers from by regular expressions such as
//! `val:cindex=([-0-9.eE+]+);`.

use std::fmt::Write as _;
use std::path::Path;

use oncoweave_core::Evaluation;
use oncoweave_model::{EpochRecord, EpochReport, MemberRecord, Model, Predictor};

/// `epoch=3; train:loss=0.51; val:loss=0.62; val:cindex=0.68;`, with `member=2;` after the epoch
/// where the model is made of several networks.
pub(crate) fn epoch(report: &EpochReport) -> String {
    let mut line = format!("epoch={};", report.record.epoch);
    if report.members > 1 {
        let _ = write!(line, " member={};", report.member);
    }
    figures(&mut line, &[report.record]);
    line
}

/// What is kept, once more and last: a tuner takes the last value it sees. For a stack its C on
/// inner folds, for a network the mean over its members at the epochs that are kept.
pub(crate) fn kept(model: &Model) -> String {
    match model.predictor() {
        Predictor::Stack(stack) => {
            let weighted = stack.members.iter().filter(|member| member.weight > 0.0).count();
            let c = stack.c_index.map_or_else(String::new, |c| format!(" val:cindex={c:.6};"));
            format!("kept members={weighted};{c}")
        }
        Predictor::Network(_) | Predictor::Linear(_) => kept_networks(&model.training().members),
    }
}

fn kept_networks(members: &[MemberRecord]) -> String {
    let records: Vec<&EpochRecord> = members
        .iter()
        .filter_map(|member| member.epochs.iter().find(|epoch| epoch.epoch == member.best_epoch))
        .collect();
    let mut line = format!("kept members={};", members.len());
    figures(&mut line, &records);
    line
}

/// The last line of a job that was asked to stop, which is no metric.
pub(crate) fn stopped(epoch: usize, checkpoints: Option<&Path>) -> String {
    match checkpoints {
        Some(folder) => {
            format!("stopped after epoch {epoch}; checkpoint kept in {}", folder.display())
        }
        None => format!("stopped after epoch {epoch}; no checkpoints folder, nothing kept"),
    }
}

/// A figure that any of the records lacks is left out.
fn figures(line: &mut String, records: &[&EpochRecord]) {
    type Figure = fn(&EpochRecord) -> Option<f64>;
    let figures: [(&str, Figure); 3] = [
        ("train:loss", |record| Some(record.train_loss)),
        ("val:loss", |record| record.validation_loss),
        ("val:cindex", |record| record.validation_c_index),
    ];
    for (name, figure) in figures {
        let values: Option<Vec<f64>> = records.iter().map(|record| figure(record)).collect();
        if let Some(values) = values.filter(|values| !values.is_empty()) {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let _ = write!(line, " {name}={mean:.6};");
        }
    }
}

/// The model's figures on the validation channel: `validation:cindex=0.66;`.
pub(crate) fn evaluated(evaluation: &Evaluation) -> Option<String> {
    let c = evaluation.models.first()?.c_index?;
    let mut line = format!("validation:cindex={:.6};", c.value);
    if let Some(ibs) = evaluation.models[0].ibs {
        let _ = write!(line, " validation:ibs={ibs:.6};");
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize, validation_c_index: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            train_loss: 0.5 + epoch as f64 / 100.0,
            validation_loss: Some(0.62),
            validation_c_index,
            gradient_norm: 1.0,
        }
    }

    #[test]
    fn a_line_holds_what_is_defined() {
        for (member, members, c, expected) in [
            (
                1,
                1,
                Some(0.68),
                "epoch=1; train:loss=0.510000; val:loss=0.620000; val:cindex=0.680000;",
            ),
            (2, 4, None, "epoch=1; member=2; train:loss=0.510000; val:loss=0.620000;"),
        ] {
            let record = record(1, c);
            let report = EpochReport {
                model: "fusion",
                member,
                members,
                record: &record,
                epochs: 5,
                best_epoch: 1,
                learning_rate: 0.001,
                layers: &[],
            };
            assert_eq!(epoch(&report), expected);
        }
    }

    #[test]
    fn the_last_line_is_the_mean_of_what_is_kept() {
        let member = |best_epoch, second: Option<f64>| MemberRecord {
            seed: 1,
            validation_patients: 9,
            best_epoch,
            epochs: vec![record(1, Some(0.6)), record(2, second)],
        };
        assert_eq!(
            kept_networks(&[member(1, Some(0.9)), member(2, Some(0.7))]),
            "kept members=2; train:loss=0.515000; val:loss=0.620000; val:cindex=0.650000;"
        );
        assert_eq!(
            kept_networks(&[member(1, None), member(2, None)]),
            "kept members=2; train:loss=0.515000; val:loss=0.620000;"
        );
    }
}
