//! Patients as tensors, and the loss over them.

use ndarray::{Array2, Axis};
use oncoweave_core::Survival;
use tch::{Device, Tensor};

use crate::{
    Architecture, ClassWeight, HeadsConfig,
    hazards::Observed,
    loss::{RiskSets, class_loss},
    network::{Inputs, Outputs, from_tensor, to_i64, to_tensor},
    risk_bank::RiskBank,
};

/// Patients as matrices.
pub(crate) struct Data {
    /// One a modality, (patients, columns).
    pub(crate) blocks: Vec<Array2<f32>>,
    /// Whether each patient has any value of each modality, one list a modality.
    pub(crate) present: Vec<Vec<bool>>,
    /// (patients,).
    pub(crate) outcomes: Vec<Survival>,
    /// The class's number, -1 where unknown, (patients,).
    pub(crate) classes: Vec<i64>,
}

/// A part of the patients as tensors.
pub(crate) struct Part {
    pub(crate) inputs: Inputs,
    pub(crate) outcomes: Vec<Survival>,
    classes: Tensor,
    survival: SurvivalLoss,
}

/// The part of the loss that survival gives.
enum SurvivalLoss {
    /// No patient says anything, or somebody else says it.
    None,
    Cox(RiskSets),
    DiscreteTime(Observed),
}

/// What decides the loss beside the patients.
pub(crate) struct LossSettings<'a> {
    heads: &'a HeadsConfig,
    architecture: &'a Architecture,
    /// (classes,).
    class_weights: Option<Tensor>,
    device: Device,
}

/// A loss to go down from.
pub(crate) struct Loss {
    /// Its value.
    pub(crate) value: f64,
    /// A scalar with the loss's gradient.
    pub(crate) tensor: Tensor,
}

impl<'a> LossSettings<'a> {
    /// Weighs the classes by their frequency in the training part.
    pub(crate) fn new(
        heads: &'a HeadsConfig,
        architecture: &'a Architecture,
        classes: impl Iterator<Item = i64>,
        device: Device,
    ) -> Self {
        let mut counts = vec![0_u32; architecture.classes.len()];
        for class in classes.filter_map(|class| usize::try_from(class).ok()) {
            counts[class] += 1;
        }
        let total = f64::from(counts.iter().sum::<u32>());
        #[expect(clippy::cast_possible_truncation, reason = "tensors are float32")]
        let weight = |&count: &u32| {
            // A class that only the validation part has is never seen here.
            (total / (counts.len() as f64 * f64::from(count.max(1)))) as f32
        };
        let balanced = heads.class_weight == ClassWeight::Balanced && !counts.is_empty();
        let class_weights = balanced.then(|| {
            let weights: Vec<f32> = counts.iter().map(weight).collect();
            Tensor::from_slice(&weights).to_device(device)
        });
        Self { heads, architecture, class_weights, device }
    }
}

impl Part {
    pub(crate) fn new(data: &Data, rows: &[usize], settings: &LossSettings) -> Self {
        let device = settings.device;
        let block = |block: &Array2<f32>| {
            to_tensor(&block.select(Axis(0), rows).into_dyn()).to_device(device)
        };
        let classes: Vec<i64> = rows.iter().map(|&row| data.classes[row]).collect();
        let outcomes: Vec<Survival> = rows.iter().map(|&row| data.outcomes[row]).collect();
        let present: Vec<f32> = rows
            .iter()
            .flat_map(|&row| data.present.iter().map(move |one| f32::from(u8::from(one[row]))))
            .collect();
        let shape = [to_i64(rows.len()), to_i64(data.present.len())];
        Self {
            inputs: Inputs {
                blocks: data.blocks.iter().map(block).collect(),
                present: Tensor::from_slice(&present).reshape(shape).to_device(device),
            },
            survival: SurvivalLoss::new(&outcomes, settings),
            outcomes,
            classes: Tensor::from_slice(&classes).to_device(device),
        }
    }

    /// Some of its patients; `in_a_bank` says that a [`RiskBank`] gives their Cox loss.
    pub(crate) fn pick(&self, rows: &[usize], in_a_bank: bool, settings: &LossSettings) -> Self {
        let index: Vec<i64> = rows.iter().map(|&row| to_i64(row)).collect();
        let index = Tensor::from_slice(&index).to_device(settings.device);
        let outcomes: Vec<Survival> = rows.iter().map(|&row| self.outcomes[row]).collect();
        let select = |tensor: &Tensor| tensor.index_select(0, &index);
        let survival = match &self.survival {
            SurvivalLoss::DiscreteTime(observed) => {
                SurvivalLoss::DiscreteTime(observed.pick(&index))
            }
            _ if in_a_bank => SurvivalLoss::None,
            _ => SurvivalLoss::new(&outcomes, settings),
        };
        Self {
            inputs: Inputs {
                blocks: self.inputs.blocks.iter().map(select).collect(),
                present: select(&self.inputs.present),
            },
            survival,
            outcomes,
            classes: select(&self.classes),
        }
    }

    /// Survival loss plus weighted class loss; `None` where neither is defined.
    pub(crate) fn loss(&self, outputs: &Outputs, settings: &LossSettings) -> Option<Loss> {
        let survival = match (&self.survival, &outputs.hazards) {
            (SurvivalLoss::Cox(risk_sets), _) => Some(risk_sets.loss(&outputs.log_risk)),
            (SurvivalLoss::DiscreteTime(observed), Some(hazards)) => Some(observed.loss(hazards)),
            (SurvivalLoss::DiscreteTime(_), None) | (SurvivalLoss::None, _) => None,
        };
        let tensor = match (survival, self.weighted_class_loss(outputs, settings)) {
            (Some(survival), Some(classes)) => survival + classes,
            (survival, classes) => survival.or(classes)?,
        };
        Some(Loss { value: tensor.double_value(&[]), tensor })
    }

    /// The same with the Cox loss of a bank over the whole training part. `rows` are these
    /// patients' numbers there.
    pub(crate) fn bank_loss(
        &self,
        outputs: &Outputs,
        (bank, rows): (&mut RiskBank, &[usize]),
        settings: &LossSettings,
    ) -> Loss {
        let risks: Vec<f64> =
            from_tensor(&outputs.log_risk).iter().map(|&risk| f64::from(risk)).collect();
        bank.renew(rows, &risks);
        let slope = bank.slope(rows);
        // As many times as there are batches: the expectation is the gradient of the whole.
        let times = bank.patients() as f64 / rows.len() as f64;
        let gradient: Vec<f64> = slope.gradient.iter().map(|one| one * times).collect();
        let gradient = Tensor::from_slice(&gradient)
            .to_kind(outputs.log_risk.kind())
            .to_device(settings.device);
        let survival = outputs.log_risk.dot(&gradient);
        match self.weighted_class_loss(outputs, settings) {
            Some(classes) => {
                let value = slope.loss + classes.double_value(&[]);
                Loss { value, tensor: survival + classes }
            }
            None => Loss { value: slope.loss, tensor: survival },
        }
    }

    fn weighted_class_loss(&self, outputs: &Outputs, settings: &LossSettings) -> Option<Tensor> {
        if outputs.logits.size()[1] == 0 {
            return None;
        }
        let weights = settings.class_weights.as_ref();
        let loss = class_loss(&outputs.logits, &self.classes, weights)?;
        Some(loss * settings.heads.subtype_weight)
    }
}

impl SurvivalLoss {
    fn new(outcomes: &[Survival], settings: &LossSettings) -> Self {
        let (device, weight) = (settings.device, settings.heads.event_weight);
        match settings.architecture.intervals() {
            Some(intervals) => {
                Self::DiscreteTime(Observed::new(outcomes, intervals, weight).to_device(device))
            }
            None => match RiskSets::new(outcomes, weight) {
                Some(risk_sets) => Self::Cox(risk_sets.moved_to(device)),
                None => Self::None,
            },
        }
    }
}
