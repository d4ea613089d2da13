use std::sync::Arc;

use ndarray::Array2;
use oncoweave_core::preprocess::{Block, Prepared, PreparedBlock, Preprocessing};
use serde::{Deserialize, Serialize};

use crate::{
    Model, Predictor, RiskScale,
    score::{Ready, in_parts},
};

/// A weighted sum of models: each member's log-risk, less its mean and divided by its standard
/// deviation, times its weight.
///
/// A member all of whose modalities a patient lacks adds nothing: it is taken at its mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Every model that the weights were chosen among; many have weight 0.
    pub members: Vec<Member>,
    /// How far the risk moves with each modality, in the order of the columns.
    pub shares: Vec<Share>,
    /// How the weights came to be, in one sentence.
    pub choice: String,
    /// Harrell's C of the stack, each inner fold scored by weights that were fitted without it; the
    /// mean over inner folds. Which modalities are left out, and whether one model is taken alone,
    /// is chosen on all folds, which flatters it a little.
    pub c_index: Option<f64>,
    /// For each modality the same stack as if the modality had never been measured.
    pub without: Vec<Without>,
}

/// One model of a [`Stack`].
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The model, fitted to all training patients.
    pub model: Model,
    /// The log hazard ratio of one standard deviation of its risk; 0 or more.
    pub weight: f64,
    /// Its mean log-risk over the training patients.
    pub mean: f64,
    /// The standard deviation of its out-of-fold log-risk within folds.
    pub standard_deviation: f64,
    /// Harrell's C of its out-of-fold log-risk, the mean over inner folds.
    pub c_index: Option<f64>,
}

/// One modality's part in a model's risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The modality.
    pub modality: String,
    /// The standard deviation, over the training patients, of what the log-risk changes by when the
    /// modality is taken as never measured; as a share of the sum over modalities. 0 where a stack
    /// has no member with a weight that reads it.
    pub share: f64,
}

/// A stack whose weights were chosen anew among the members that do not read a modality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Without {
    /// The modality that it does without.
    pub modality: String,
    /// One weight a member.
    pub weights: Vec<f64>,
    /// Its own baseline hazard.
    pub scale: RiskScale,
}

impl Stack {
    /// Whether any member with a weight reads a modality.
    #[must_use]
    pub fn reads(&self, modality: &str) -> bool {
        let mut weighted = self.members.iter().filter(|member| member.weight > 0.0);
        weighted.any(|member| member.model.modalities().iter().any(|name| name == modality))
    }

    /// The member whose class probabilities are the stack's own: the first with a subtype head,
    /// which reads all modalities wherever that network could be fitted.
    pub(crate) fn classifier(&self) -> Option<&Model> {
        self.classifier_place().map(|place| &self.members[place].model)
    }

    /// The place of [`Self::classifier`] among the members.
    pub(crate) fn classifier_place(&self) -> Option<usize> {
        self.members.iter().position(|member| !member.model.classes().is_empty())
    }

    /// The members that read all modalities or one.
    pub(crate) fn compared_with(&self, modalities: usize) -> Vec<&Model> {
        let width = |model: &Model| model.preprocessing.modalities.len();
        let models = self.members.iter().map(|member| &member.model);
        models.filter(|model| [1, modalities].contains(&width(model))).collect()
    }

    /// The log-risk of each patient, (patients,), from the blocks of all modalities that are read.
    pub(crate) fn log_risks(&self, blocks: &[&Block]) -> Vec<f64> {
        let patients = blocks.first().map_or(0, |block| block.x.nrows());
        let mut log_risks = vec![0.0; patients];
        for member in self.members.iter().filter(|member| member.weight > 0.0) {
            for (sum, share) in log_risks.iter_mut().zip(member.shares(blocks)) {
                *sum += share;
            }
        }
        log_risks
    }
}

impl Member {
    /// What the member adds to each patient's log-risk, (patients,).
    fn shares(&self, blocks: &[&Block]) -> Vec<f64> {
        let own = pick(blocks, &self.model);
        self.shares_of(&own, &self.model.predictor.log_risks(&own))
    }

    /// The same where the model's own blocks and log-risks are known.
    pub(crate) fn shares_of(&self, own: &[&Block], log_risks: &[f64]) -> Vec<f64> {
        let share = |(patient, log_risk): (usize, &f64)| {
            if own.iter().any(|block| block.present[patient]) {
                self.weight * (log_risk - self.mean) / self.standard_deviation
            } else {
                0.0
            }
        };
        log_risks.iter().enumerate().map(share).collect()
    }
}

/// The blocks that a model reads, in its own order.
pub(crate) fn pick<'a>(blocks: &[&'a Block], model: &Model) -> Vec<&'a Block> {
    let block = |(modality, _): (&str, usize)| {
        let found = blocks.iter().find(|block| block.modality == modality);
        *found.expect("a stack's blocks are those of its members")
    };
    model.preprocessing.widths().into_iter().map(block).collect()
}

impl Model {
    /// The stack as it would be had the modality never been measured, named
    /// `fusion without <modality>`; `None` for another model, or where no weight was left.
    #[must_use]
    pub fn without(&self, modality: &str) -> Option<Self> {
        let Predictor::Stack(stack) = &self.predictor else { return None };
        let without = stack.without.iter().find(|without| without.modality == modality)?;
        let members = stack.members.iter().zip(&without.weights);
        let members = members.filter(|(_, weight)| **weight > 0.0);
        let members: Vec<Member> =
            members.map(|(member, &weight)| Member { weight, ..member.clone() }).collect();
        (!members.is_empty()).then(|| Self {
            name: format!("{} without {modality}", self.name),
            predictor: Predictor::Stack(Stack {
                members,
                without: vec![],
                shares: vec![],
                ..stack.clone()
            }),
            scale: without.scale.clone(),
            config: self.config.clone(),
            preprocessing: self.preprocessing.clone(),
            training: self.training.clone(),
            reference: self.reference.clone(),
            extraction: None,
            baselines: vec![],
            competing: vec![],
        })
    }
}

/// How far the training patients' risk moves when each modality is taken as never measured, the way
/// explanations hide it.
pub(crate) fn shares(
    predictor: &Predictor,
    (columns, prepared): (&Preprocessing, &Prepared),
) -> Vec<Share> {
    let ready = Ready::new(predictor);
    let moved = |blocks: &[&Block]| -> Vec<Vec<f64>> {
        let as_they_are = ready.outputs(predictor, blocks).log_risks;
        let mut moved = vec![vec![]; as_they_are.len()];
        for hidden in blocks {
            let absent = Block {
                x: hidden_rows(columns, hidden),
                present: vec![false; hidden.present.len()],
                modality: hidden.modality.clone(),
                names: Arc::clone(&hidden.names),
            };
            let is_hidden = |block: &Block| block.modality == hidden.modality;
            let changed: Vec<&Block> = blocks
                .iter()
                .map(|block| if is_hidden(block) { &absent } else { *block })
                .collect();
            let changed = ready.outputs(predictor, &changed).log_risks;
            for ((moved, before), after) in moved.iter_mut().zip(&as_they_are).zip(changed) {
                moved.push(before - after);
            }
        }
        moved
    };
    let moved = in_parts(&prepared.blocks.iter().collect::<Vec<_>>(), moved);
    let of = |place: usize| deviation(&moved.iter().map(|one| one[place]).collect::<Vec<_>>());
    let each: Vec<f64> = (0..prepared.blocks.len()).map(of).collect();
    let sum = each.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let share = |(block, own): (&PreparedBlock, f64)| Share {
        modality: block.modality().to_owned(),
        share: own / sum,
    };
    prepared.blocks.iter().zip(each).map(share).collect()
}

/// A block's rows as those of patients without the modality, (patients, columns).
fn hidden_rows(columns: &Preprocessing, block: &Block) -> Array2<f32> {
    let own = columns.modalities.iter().find(|own| own.name == block.modality);
    let row = own.expect("a block of these columns").absent_row();
    row.broadcast(block.x.raw_dim()).expect("one value a column").to_owned()
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}
