use std::{cell::RefCell, collections::BTreeMap};

use rand::{Rng, rngs::ChaCha12Rng};
use tch::{Kind, Tensor};

use super::to_i64;
use crate::{Norm, statistics::Activation};

/// The tensors of one member of a network, and what goes on while it runs.
#[derive(Clone, Copy)]
pub(crate) struct Layers<'a> {
    pub(crate) tensors: &'a BTreeMap<String, Tensor>,
    /// What stands before the names of this member's tensors.
    pub(crate) prefix: &'a str,
    /// `None` while scoring.
    pub(crate) training: Option<&'a Training>,
    /// Where activations are noted, if anybody asks.
    pub(crate) trace: Option<&'a Trace>,
}

/// What happens in training alone. Masks come from our own generator: libtorch's is shared by all
/// threads.
pub(crate) struct Training {
    pub(crate) random: RefCell<ChaCha12Rng>,
    /// Share of the fused layer's units that is dropped.
    pub(crate) dropout: f64,
    /// Share of the inputs.
    pub(crate) input_dropout: f64,
    /// Share of each encoder's units.
    pub(crate) encoder_dropout: f64,
    /// Share of the patients that each modality is hidden from.
    pub(crate) modality_dropout: f64,
    /// Where only a part of a batch goes through the network.
    pub(crate) rows: RefCell<Option<Rows>>,
}

/// Which rows of a batch go through the network.
pub(crate) struct Rows {
    /// The patients of the batch.
    batch: usize,
    /// The places of the rows in it, (rows,).
    places: Tensor,
}

impl Training {
    /// Says which rows of a batch go next through the network. Random numbers are drawn anew from
    /// `start`, where they stood before the batch.
    pub(crate) fn pass(&self, batch: usize, places: Tensor, start: u128) {
        self.random.borrow_mut().set_word_pos(start);
        self.rows.replace(Some(Rows { batch, places }));
    }

    /// A mask for the rows that go through the network, which is drawn for the whole batch. The
    /// first of the sizes is the number of rows.
    fn mask(&self, sizes: &[i64], share: f64) -> Tensor {
        let random = &mut self.random.borrow_mut();
        match &*self.rows.borrow() {
            None => mask(random, sizes, share),
            Some(Rows { batch, places }) => {
                let all = [&[to_i64(*batch)], &sizes[1..]].concat();
                mask(random, &all, share).index_select(0, places)
            }
        }
    }
}

/// The activations of a pass, in the order of the network.
pub(crate) type Trace = RefCell<Vec<(String, Activation)>>;

/// A product with fewer outputs takes a path in libtorch whose rounding depends on where a row stands
/// in memory (seen with 2 to 11). A patient's numbers must not, so scoring adds outputs of 0.
const FEW_OUTPUTS: i64 = 16;
const NORM_EPSILON: f64 = 1e-5;
const BATCH_NORM_MOMENTUM: f64 = 0.1;

impl Layers<'_> {
    pub(crate) fn get(&self, name: &str) -> &Tensor {
        // Without a prefix, as in every network in training, no name is built.
        if self.prefix.is_empty() {
            &self.tensors[name]
        } else {
            &self.tensors[&format!("{}{name}", self.prefix)]
        }
    }

    /// (.., inputs) to (.., outputs).
    pub(crate) fn linear(&self, name: &str, input: &Tensor) -> Tensor {
        let bias = self.get(&format!("{name}.bias"));
        let weight = self.get(&format!("{name}.weight"));
        let outputs = weight.size()[0];
        if self.training.is_some() || !(2..FEW_OUTPUTS).contains(&outputs) {
            return input.linear(weight, Some(bias));
        }
        let more = FEW_OUTPUTS - outputs;
        let weight = weight.constant_pad_nd([0, 0, 0, more]);
        let bias = bias.constant_pad_nd([0, more]);
        input.linear(&weight, Some(&bias)).narrow(-1, 0, outputs)
    }

    /// The last dimension normalized for each patient.
    pub(crate) fn layer_norm(&self, name: &str, input: &Tensor) -> Tensor {
        let (weight, bias) =
            (self.get(&format!("{name}.weight")), self.get(&format!("{name}.bias")));
        input.layer_norm(weight.size(), Some(weight), Some(bias), NORM_EPSILON, false)
    }

    /// The normalization of an encoder, (batch, units).
    pub(crate) fn norm(&self, norm: Norm, name: &str, input: Tensor) -> Tensor {
        match norm {
            Norm::None => input,
            Norm::Layer => self.layer_norm(name, &input),
            Norm::Batch => {
                let tensor = |part: &str| Some(self.get(&format!("{name}.{part}")));
                // One patient alone has no spread; the running statistics stand in.
                let training = self.training.is_some() && input.size()[0] > 1;
                input.batch_norm(
                    tensor("weight"),
                    tensor("bias"),
                    tensor("running_mean"),
                    tensor("running_var"),
                    training,
                    BATCH_NORM_MOMENTUM,
                    NORM_EPSILON,
                    true,
                )
            }
        }
    }

    /// `ReLU`, its output noted.
    pub(crate) fn relu(&self, name: &str, input: &Tensor) -> Tensor {
        self.noted(name, input.relu())
    }

    /// Notes an activation under the name of its layer.
    pub(crate) fn noted(&self, name: &str, activation: Tensor) -> Tensor {
        if let Some(trace) = self.trace {
            trace.borrow_mut().push((name.to_owned(), Activation::of(&activation)));
        }
        activation
    }

    /// Drops units of the layer over all modalities.
    pub(crate) fn dropout(&self, input: Tensor) -> Tensor {
        self.dropped(input, |training| training.dropout)
    }

    /// Drops units of an encoder.
    pub(crate) fn encoder_dropout(&self, input: Tensor) -> Tensor {
        self.dropped(input, |training| training.encoder_dropout)
    }

    /// Drops inputs.
    pub(crate) fn input_dropout(&self, input: &Tensor) -> Tensor {
        self.dropped(input.shallow_clone(), |training| training.input_dropout)
    }

    fn dropped(&self, input: Tensor, share: fn(&Training) -> f64) -> Tensor {
        match self.training {
            Some(training) if share(training) > 0.0 => {
                let mask = training.mask(&input.size(), share(training));
                let mask = mask.to_device(input.device());
                input * mask
            }
            _ => input,
        }
    }

    /// Hides each modality from a share of the patients, but never the last one that a patient has.
    /// `present` holds 0 or 1, (batch, modalities).
    pub(crate) fn hide(&self, present: Tensor) -> Tensor {
        let Some(training) = self.training.filter(|training| training.modality_dropout > 0.0)
        else {
            return present;
        };
        let kept = training.mask(&present.size(), training.modality_dropout).gt(0.0);
        let left = &present * kept.to_device(present.device()).to_kind(Kind::Float);
        let any = left.sum_dim_intlist(1, true, Kind::Float).gt(0.0); // (batch, 1)
        left.where_self(&any, &present)
    }
}

/// A mask of 0 or 1 / (1 - share). A byte decides each unit, because drawing a float for each would
/// cost more than the network: the share is rounded to 256ths, and what is kept is scaled by the
/// share as rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is at least 0 and below 1"
)]
fn mask(random: &mut ChaCha12Rng, sizes: &[i64], share: f64) -> Tensor {
    let dropped = (share * 256.0).round().min(255.0) as u8;
    let kept = 256.0 / (256.0 - f32::from(dropped));
    let units: i64 = sizes.iter().product();
    let mut bytes = vec![0; usize::try_from(units).expect("sizes are not negative")];
    random.fill_bytes(&mut bytes);
    let value = |byte: u8| if byte < dropped { 0.0 } else { kept };
    let values: Vec<f32> = bytes.into_iter().map(value).collect();
    debug_assert_eq!(to_i64(values.len()), units);
    Tensor::from_slice(&values).reshape(sizes)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_mask_keeps_the_mean() {
        let mut random = ChaCha12Rng::seed_from_u64(1);
        for share in [0.0, 0.2, 0.3, 0.9, 0.9999] {
            let mask = mask(&mut random, &[1000, 100], share);
            let kept = mask.gt(0.0).mean(Kind::Double).double_value(&[]);
            assert!((kept - (1.0 - share)).abs() < 0.01, "{share}: kept {kept}");
            let mean = mask.mean(Kind::Double).double_value(&[]);
            let tolerance = if share > 0.99 { 0.2 } else { 0.02 };
            assert!((mean - 1.0).abs() < tolerance, "{share}: mean {mean}");
        }
    }

    #[test]
    fn the_last_modality_of_a_patient_is_never_hidden() {
        let training = Training {
            random: RefCell::new(ChaCha12Rng::seed_from_u64(1)),
            dropout: 0.0,
            input_dropout: 0.0,
            encoder_dropout: 0.0,
            modality_dropout: 0.5,
            rows: RefCell::new(None),
        };
        let tensors = BTreeMap::new();
        let layers =
            Layers { tensors: &tensors, prefix: "", training: Some(&training), trace: None };
        let present = Tensor::from_slice(&[1_f32, 1.0, 0.0, 1.0]).reshape([2, 2]).repeat([500, 1]);
        let left = layers.hide(present.shallow_clone());
        assert!(left.sum_dim_intlist(1, false, Kind::Float).min().double_value(&[]) > 0.0);
        assert!((&present - &left).min().double_value(&[]) >= 0.0, "the absent stay absent");
        let share = (&present - &left).sum(Kind::Double).double_value(&[]) / 1500.0;
        // Half of the patients with both lose one; who would lose both loses none; one alone stays.
        assert!((share - 1.0 / 6.0).abs() < 0.03, "{share}");
    }
}
