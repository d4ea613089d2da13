use tch::Tensor;

/// `AdamW` with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2), written out so
/// that its moments can be saved and a resumed run goes on with the same bits.
pub(crate) struct AdamW {
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f64,
    /// Steps taken.
    pub(crate) step: i32,
    /// The running mean of each parameter's gradient.
    pub(crate) first: Vec<Tensor>,
    /// The running mean of its square.
    pub(crate) second: Vec<Tensor>,
}

const BETA_FIRST: f64 = 0.9;
const BETA_SECOND: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl AdamW {
    pub(crate) fn new(parameters: &[&Tensor], learning_rate: f64, weight_decay: f64) -> Self {
        let zeros = || parameters.iter().map(|parameter| parameter.zeros_like().detach()).collect();
        Self { learning_rate, weight_decay, step: 0, first: zeros(), second: zeros() }
    }

    /// Moves every parameter against its gradient.
    pub(crate) fn step(&mut self, parameters: &[&Tensor], gradients: &[Tensor]) {
        let _guard = tch::no_grad_guard();
        self.step += 1;
        let first_correction = 1.0 - BETA_FIRST.powi(self.step);
        let second_correction = 1.0 - BETA_SECOND.powi(self.step);
        let step_size = self.learning_rate / first_correction;
        for (index, (&parameter, gradient)) in parameters.iter().zip(gradients).enumerate() {
            let first = &mut self.first[index];
            *first = &*first * BETA_FIRST + gradient * (1.0 - BETA_FIRST);
            let second = &mut self.second[index];
            *second = &*second * BETA_SECOND + gradient * gradient * (1.0 - BETA_SECOND);
            let mut parameter = parameter.shallow_clone();
            if parameter.dim() > 1 {
                // A bias has one dimension; shrinking it would only shift the units' thresholds.
                let _same = parameter.g_mul_scalar_(1.0 - self.learning_rate * self.weight_decay);
            }
            let scale = (&*second / second_correction).sqrt() + EPSILON;
            let _same = parameter.g_sub_(&(&*first * step_size / scale));
        }
    }
}

/// Scales the gradients down together so that their joint length is at most `longest`.
/// Gives the length before.
pub(crate) fn clip_by_norm(gradients: &mut [Tensor], longest: f64) -> f64 {
    let squares = gradients.iter().map(|gradient| gradient.square().sum(tch::Kind::Double));
    let norm = squares.map(|square| square.double_value(&[])).sum::<f64>().sqrt();
    if norm > longest {
        for gradient in gradients {
            *gradient = &*gradient * (longest / norm);
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_the_learning_rate_whatever_the_gradient() {
        let weight = Tensor::from_slice(&[1_f32, -2.0]).reshape([1, 2]);
        let gradient = Tensor::from_slice(&[100_f32, -0.01]).reshape([1, 2]);
        let mut optimizer = AdamW::new(&[&weight], 0.1, 0.5);
        optimizer.step(&[&weight], &[gradient]);
        // 1 x (1 - 0.1 x 0.5) - 0.1 and -2 x 0.95 + 0.1
        for (column, expected) in [(0, 0.85), (1, -1.8)] {
            assert!((weight.double_value(&[0, column]) - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn biases_do_not_decay() {
        let bias = Tensor::from_slice(&[3_f32]);
        let mut optimizer = AdamW::new(&[&bias], 0.1, 0.5);
        optimizer.step(&[&bias], &[Tensor::from_slice(&[0_f32])]);
        assert!((bias.double_value(&[0]) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn long_gradients_are_cut_and_short_ones_are_not() {
        for (longest, expected) in [(1.0, 0.6), (50.0, 3.0)] {
            let mut gradients = [Tensor::from_slice(&[3_f32]), Tensor::from_slice(&[-4_f32])];
            assert!((clip_by_norm(&mut gradients, longest) - 5.0).abs() < 1e-12);
            assert!((gradients[0].double_value(&[0]) - expected).abs() < 1e-6);
        }
    }
}
