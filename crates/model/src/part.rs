//! Patients as tensors, and the loss over them.

use std::cell::OnceCell;

use oncoweave_core::{
    Survival,
    competing_risks::CompetingOutcome,
    preprocess::{Prepared, PreparedBlock},
};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::{
    Architecture, ClassWeight, HeadsConfig,
    hazards::Observed,
    loss::{RiskSets, class_loss},
    network::{Inputs, Network, Outputs, from_tensor, to_i64},
    risk_bank::RiskBank,
};

/// Rows that are copied into a tensor at once.
const ROWS_AT_ONCE: usize = 256;

/// With more numbers than this a processor's tensors would be a large second copy of the table:
/// they are made batch by batch.
const MOST_HELD: usize = 1 << 26;

/// Patients with what a network reads of them and learns from.
pub(crate) struct Data<'a> {
    pub(crate) prepared: &'a Prepared<'a>,
    /// What each block is multiplied with.
    pub(crate) factors: &'a [f32],
    /// SHA-256 over the blocks, once it was asked for.
    pub(crate) digest: OnceCell<[u8; 32]>,
    /// (patients,).
    pub(crate) outcomes: Vec<Survival>,
    /// The same with the cause among the network's events, (patients,).
    pub(crate) causes: Vec<CompetingOutcome>,
    /// The class's number, -1 where unknown, (patients,).
    pub(crate) classes: Vec<i64>,
}

impl Data<'_> {
    /// SHA-256 over what the network reads of everybody.
    pub(crate) fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| {
            let mut hash = Sha256::new();
            let everybody: Vec<usize> = (0..self.outcomes.len()).collect();
            for (block, factor) in self.prepared.blocks.iter().zip(self.factors) {
                hash.update(factor.to_le_bytes());
                for places in everybody.chunks(ROWS_AT_ONCE) {
                    let x = block.select(places).x;
                    let bytes: Vec<u8> = x.iter().flat_map(|value| value.to_le_bytes()).collect();
                    hash.update(bytes);
                }
                let present: Vec<u8> = block.present().iter().copied().map(u8::from).collect();
                hash.update(present);
            }
            hash.finalize().into()
        })
    }

    /// What the network reads of some patients.
    fn inputs(&self, rows: &[usize], device: Device) -> Inputs {
        let blocks = &self.prepared.blocks;
        let present: Vec<f32> = rows
            .iter()
            .flat_map(|&row| blocks.iter().map(move |one| f32::from(u8::from(one.present()[row]))))
            .collect();
        let shape = [to_i64(rows.len()), to_i64(blocks.len())];
        let factors = blocks.iter().zip(self.factors);
        Inputs {
            blocks: factors.map(|(block, &factor)| filled(block, factor, rows, device)).collect(),
            present: Tensor::from_slice(&present).reshape(shape).to_device(device),
        }
    }
}

/// Rows of a block times a factor as a tensor, (rows, columns), without a second copy of it all on
/// the way.
fn filled(block: &PreparedBlock, factor: f32, rows: &[usize], device: Device) -> Tensor {
    let shape = [to_i64(rows.len()), to_i64(block.ncols())];
    let tensor = Tensor::empty(shape, (Kind::Float, device));
    let mut start = 0;
    for some in rows.chunks(ROWS_AT_ONCE) {
        let mut x = block.select(some).x;
        x *= factor;
        let values = x.as_slice().expect("it is in row order");
        let some = to_i64(some.len());
        tensor.narrow(0, start, some).copy_(&Tensor::from_slice(values).view([some, shape[1]]));
        start += some;
    }
    tensor
}

/// What a network reads of some patients.
pub(crate) enum Reading<'a> {
    Held(Inputs),
    /// It is made of the table whenever it is asked for.
    Asked {
        data: &'a Data<'a>,
        rows: Vec<usize>,
        device: Device,
    },
}

impl<'a> Reading<'a> {
    /// Of rows of `data`.
    pub(crate) fn new(data: &'a Data<'a>, rows: &[usize], device: Device) -> Self {
        let values = rows.len() * data.prepared.ncols();
        if device.is_cuda() || values <= MOST_HELD {
            Self::Held(data.inputs(rows, device))
        } else {
            Self::Asked { data, rows: rows.to_vec(), device }
        }
    }

    /// The number of patients.
    pub(crate) fn patients(&self) -> usize {
        match self {
            Self::Held(inputs) => usize::try_from(inputs.present.size()[0]).unwrap_or(0),
            Self::Asked { rows, .. } => rows.len(),
        }
    }

    /// All patients.
    pub(crate) fn all(&self) -> Inputs {
        match self {
            Self::Held(inputs) => inputs.shared(),
            Self::Asked { data, rows, device } => data.inputs(rows, *device),
        }
    }

    /// Patients by their places.
    pub(crate) fn pick(&self, places: &[usize]) -> Inputs {
        match self {
            Self::Held(inputs) => {
                inputs.select(&places.iter().map(|&place| to_i64(place)).collect::<Vec<_>>())
            }
            Self::Asked { data, rows, device } => {
                let rows: Vec<usize> = places.iter().map(|&place| rows[place]).collect();
                data.inputs(&rows, *device)
            }
        }
    }

    /// The network's outputs for all patients.
    pub(crate) fn outputs(&self, network: &Network) -> Outputs {
        let Self::Asked { rows, .. } = self else { return network.forward(&self.all()) };
        let places: Vec<usize> = (0..rows.len()).collect();
        let raw = |places: &[usize]| network.raw(&self.pick(places), None, None);
        let raw: Vec<Tensor> = places.chunks(ROWS_AT_ONCE).map(raw).collect();
        network.outputs(&Tensor::cat(&raw, 0))
    }
}

/// A part of the patients.
pub(crate) struct Part<'a> {
    pub(crate) reading: Reading<'a>,
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

    /// Where tensors live.
    pub(crate) fn device(&self) -> Device {
        self.device
    }
}

impl<'a> Part<'a> {
    pub(crate) fn new(data: &'a Data<'a>, rows: &[usize], settings: &LossSettings) -> Self {
        let reading = Reading::new(data, rows, settings.device);
        Self { reading, ..Self::in_shards(data, rows, settings) }
    }

    /// Patients of whom [`crate::team::Shards`] have what the network reads.
    pub(crate) fn in_shards(data: &Data, rows: &[usize], settings: &LossSettings) -> Self {
        let device = settings.device;
        let classes: Vec<i64> = rows.iter().map(|&row| data.classes[row]).collect();
        let outcomes: Vec<Survival> = rows.iter().map(|&row| data.outcomes[row]).collect();
        Self {
            reading: Reading::Held(Inputs {
                blocks: vec![],
                present: Tensor::zeros([to_i64(rows.len()), 0], (Kind::Float, device)),
            }),
            survival: match settings.architecture.intervals() {
                Some(intervals) => {
                    let causes: Vec<_> = rows.iter().map(|&row| data.causes[row]).collect();
                    let events = settings.architecture.events();
                    let weight = settings.heads.event_weight;
                    let observed = Observed::new(&causes, (intervals, events), weight);
                    SurvivalLoss::DiscreteTime(observed.to_device(device))
                }
                None => SurvivalLoss::cox(&outcomes, settings),
            },
            outcomes,
            classes: Tensor::from_slice(&classes).to_device(device),
        }
    }

    /// Some of its patients; `in_a_bank` says that a [`RiskBank`] gives their Cox loss.
    pub(crate) fn pick(&self, rows: &[usize], in_a_bank: bool, settings: &LossSettings) -> Self {
        let index: Vec<i64> = rows.iter().map(|&row| to_i64(row)).collect();
        let reading = Reading::Held(self.reading.pick(rows));
        let index = Tensor::from_slice(&index).to_device(settings.device);
        let outcomes: Vec<Survival> = rows.iter().map(|&row| self.outcomes[row]).collect();
        let survival = match &self.survival {
            SurvivalLoss::DiscreteTime(observed) => {
                SurvivalLoss::DiscreteTime(observed.pick(&index))
            }
            _ if in_a_bank => SurvivalLoss::None,
            _ => SurvivalLoss::cox(&outcomes, settings),
        };
        Self { reading, survival, outcomes, classes: self.classes.index_select(0, &index) }
    }

    /// Survival loss plus weighted class loss; `None` where neither is defined.
    pub(crate) fn loss(&self, outputs: &Outputs, settings: &LossSettings) -> Option<Loss> {
        let survival = match (&self.survival, &outputs.all_hazards) {
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
    fn cox(outcomes: &[Survival], settings: &LossSettings) -> Self {
        match RiskSets::new(outcomes, settings.heads.event_weight) {
            Some(risk_sets) => Self::Cox(risk_sets.moved_to(settings.device)),
            None => Self::None,
        }
    }
}
