//! What each modality is worth to a stack.

use oncoweave_core::{Cohort, Contribution, Estimate};

use crate::{
    FUSION, Model, Predictor,
    evaluate::scores,
    figures::c_difference,
    held_out::{Candidate, Scores, Setting},
    table::Table,
    train::with_causes,
};

/// A modality in one fold: its share of the risk, and the scores without it.
pub(crate) type InOneFold = (String, f64, Result<Scores, String>);

/// A modality with the models that do without it.
pub(crate) struct Worth {
    pub(crate) modality: String,
    /// One for each part.
    pub(crate) shares: Vec<f64>,
    pub(crate) without: Candidate,
}

/// The modalities of a stack with their shares; none of another model.
pub(crate) fn shares(model: &Model) -> Vec<(&str, f64)> {
    match &model.predictor {
        Predictor::Stack(stack) => {
            stack.shares.iter().map(|share| (share.modality.as_str(), share.share)).collect()
        }
        Predictor::Network(_) | Predictor::Linear(_) => vec![],
    }
}

pub(crate) fn score_without(
    model: &Model,
    modality: &str,
    (cohort, rows): (&Cohort, &[usize]),
    times: &[f64],
) -> Result<Scores, String> {
    let without = model.without(modality);
    let without = without.ok_or_else(|| format!("no model is left without {modality}"))?;
    scores(&without, &[], (cohort, rows), times).map_err(|error| with_causes(&error))
}

/// Turns the modalities of each fold into the folds of each modality. A fold whose training part
/// has nothing of a modality says nothing of its worth.
pub(crate) fn modality_worths(folds: Vec<Vec<InOneFold>>) -> Vec<Worth> {
    let count = folds.len();
    let mut worths: Vec<Worth> = vec![];
    for (fold, modalities) in folds.into_iter().enumerate() {
        for (modality, share, scores) in modalities {
            let place = worths.iter().position(|worth| worth.modality == modality);
            let place = place.unwrap_or_else(|| {
                let absent = || Err(format!("{modality} is not there in this fold"));
                let without = Candidate {
                    name: format!("{FUSION} without {modality}"),
                    modalities: vec![],
                    scores: (0..count).map(|_| absent()).collect(),
                };
                worths.push(Worth {
                    modality: modality.clone(),
                    shares: vec![0.0; count],
                    without,
                });
                worths.len() - 1
            });
            worths[place].shares[fold] = share;
            worths[place].without.scores[fold] = scores;
        }
    }
    worths
}

/// What a modality is worth to the first model.
pub(crate) fn contribution(
    setting: &Setting,
    first: &Candidate,
    worth: &Worth,
    notes: &mut Vec<String>,
) -> Contribution {
    let without = &worth.without;
    let (a, b) = (Table::new(setting, first, without), Table::new(setting, without, first));
    let gain = c_difference(&a, &b, [&first.name, &without.name]).map_err(|reason| {
        notes.push(format!("the gain by {} is undefined: {reason}", worth.modality));
    });
    let gain = gain.ok();
    Contribution {
        modality: worth.modality.clone(),
        weight_share: worth.shares.iter().sum::<f64>() / worth.shares.len().max(1) as f64,
        gain: gain.as_ref().map(|gain| Estimate {
            value: gain.delta_c_index,
            low: gain.low,
            high: gain.high,
        }),
        p: gain.map(|gain| gain.p),
    }
}
