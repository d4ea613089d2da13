use tch::Tensor;

use crate::network::Network;

/// `AdamW` with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2), written out so
/// that its moments can be saved and a resumed run goes on with the same bits. It works on the flat
/// tensor of all parameters.
pub(crate) struct AdamW {
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f64,
    /// Steps taken.
    pub(crate) step: i32,
    /// The running mean of the gradient, flat.
    pub(crate) first: Tensor,
    /// The running mean of its square, flat.
    pub(crate) second: Tensor,
    /// 1 where a number decays, flat. A bias or another vector does not: shrinking it would only
    /// shift the units' thresholds.
    decays: Tensor,
}

const BETA_FIRST: f64 = 0.9;
const BETA_SECOND: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl AdamW {
    pub(crate) fn new(network: &Network, learning_rate: f64, weight_decay: f64) -> Self {
        let zeros = || network.flat.zeros_like();
        let decays = zeros();
        for slot in network.slots().iter().filter(|slot| slot.shape.len() > 1) {
            let _same = slot.of(&decays).fill_(1.0);
        }
        Self { learning_rate, weight_decay, step: 0, first: zeros(), second: zeros(), decays }
    }

    /// Moves every parameter against its gradient; both are flat.
    pub(crate) fn step(&mut self, parameters: &Tensor, gradients: &Tensor) {
        let _guard = tch::no_grad_guard();
        self.step += 1;
        let first_correction = 1.0 - BETA_FIRST.powi(self.step);
        let second_correction = 1.0 - BETA_SECOND.powi(self.step);
        let _same = self.first.lerp_(gradients, 1.0 - BETA_FIRST);
        let _same = self.second.lerp_(&gradients.square(), 1.0 - BETA_SECOND);
        let mut scale = self.second.sqrt();
        let _same = scale.g_mul_scalar_(1.0 / second_correction.sqrt());
        let _same = scale.g_add_scalar_(EPSILON);
        let mut change = &self.first / scale;
        let _same = change.g_mul_scalar_(-self.learning_rate / first_correction);
        let mut parameters = parameters.shallow_clone();
        let decay = self.learning_rate * self.weight_decay;
        if decay > 0.0 {
            let _same = change.g_sub_(&(&parameters * &self.decays).g_mul_scalar_(decay));
        }
        let _same = parameters.g_add_(&change);
    }
}

/// Scales a flat gradient down so that its length is at most `longest`. Gives the length before.
pub(crate) fn clip_by_norm(gradients: &mut Tensor, longest: f64) -> f64 {
    let norm = gradients.norm().double_value(&[]);
    if norm > longest {
        let _same = gradients.g_mul_scalar_(longest / norm);
    }
    norm
}

#[cfg(test)]
mod tests {
    use tch::nn::{self, OptimizerConfig};

    use super::*;
    use crate::network::{Architecture, Input, Slot};

    /// A network whose parameters are all `value`.
    fn network(value: f32) -> Network {
        let input = Input { modality: "ct", columns: 2, lacked: false };
        let settings = crate::NetworkConfig { width: 1, fused_width: 1, ..Default::default() };
        let architecture = Architecture::new(&settings, &[input], &[], vec![]);
        let mut weights = architecture.initial_weights(1);
        for values in weights.values_mut() {
            values.fill(value);
        }
        Network::new(&architecture, &weights, tch::Device::Cpu)
    }

    #[test]
    fn the_first_step_is_the_learning_rate_whatever_the_gradient_and_biases_do_not_decay() {
        for gradient in [100.0, -0.01] {
            let network = network(2.0);
            let mut optimizer = AdamW::new(&network, 0.1, 0.5);
            optimizer.step(&network.flat, &network.flat.full_like(gradient));
            let moved = -0.1 * gradient.signum();
            for (name, values) in network.weights() {
                // Weights shrink by 0.1 x 0.5 of themselves, biases do not.
                let expected = moved + if name.ends_with("weight") { 1.9 } else { 2.0 };
                for value in values {
                    assert!((f64::from(value) - expected).abs() < 1e-5, "{name}: {value}");
                }
            }
        }
    }

    #[test]
    fn many_steps_are_those_of_libtorch() {
        let (network, device) = (network(2.0), tch::Device::Cpu);
        let mut optimizer = AdamW::new(&network, 0.1, 0.5);
        let store = nn::VarStore::new(device);
        let copy = |slot: &Slot| {
            // The second group does not decay.
            let path = store.root().set_group(usize::from(slot.shape.len() == 1));
            path.var_copy(&slot.name.replace('.', "_"), &slot.of(&network.flat))
        };
        let copies: Vec<Tensor> = network.slots().iter().map(copy).collect();
        let settings = nn::AdamW { wd: 0.5, ..nn::AdamW::default() };
        let mut expected = settings.build(&store, 0.1).unwrap();
        expected.set_weight_decay_group(1, 0.0);
        let places = Tensor::arange(network.flat.size()[0], (tch::Kind::Float, device));
        for step in 0..30 {
            if step == 20 {
                optimizer.learning_rate = 0.02;
                expected.set_lr(0.02);
            }
            // They change in sign, and in size by five orders of magnitude.
            let gradients = (&places * 0.7 + f64::from(step)).sin() * 10_f64.powi(step % 6 - 3);
            optimizer.step(&network.flat, &gradients);
            let of_slot =
                |(slot, copy): (&Slot, &Tensor)| (slot.of(&gradients) * copy).sum(tch::Kind::Float);
            let of_slots = network.slots().iter().zip(&copies).map(of_slot);
            expected.backward_step(&of_slots.reduce(|sum, one| sum + one).unwrap());
            for (slot, copy) in network.slots().iter().zip(&copies) {
                let apart = (slot.of(&network.flat) - copy).abs().max().double_value(&[]);
                assert!(apart < 2e-6, "step {step}, {}: {apart}", slot.name);
            }
        }
    }

    #[test]
    fn long_gradients_are_cut_and_short_ones_are_not() {
        for (longest, expected) in [(1.0, 0.6), (50.0, 3.0)] {
            let mut gradients = Tensor::from_slice(&[3_f32, -4.0]);
            assert!((clip_by_norm(&mut gradients, longest) - 5.0).abs() < 1e-6);
            assert!((gradients.double_value(&[0]) - expected).abs() < 1e-6);
        }
    }
}
