use rand::{Rng, rngs::ChaCha12Rng};
use tch::Tensor;

use crate::{Architecture, NetworkConfig, network::to_i64};

/// What one training step drops; each mask holds 0 or 1 / (1 - share).
pub(crate) struct Dropout {
    /// One for each modality, (batch, columns); empty where no input is dropped.
    pub(crate) inputs: Vec<Tensor>,
    /// (batch, `fused_width`).
    pub(crate) fused: Tensor,
}

impl Dropout {
    /// Draws masks from our own generator: libtorch's is shared by all threads.
    pub(crate) fn draw(
        random: &mut ChaCha12Rng,
        architecture: &Architecture,
        network: &NetworkConfig,
        patients: usize,
    ) -> Self {
        let inputs = if network.input_dropout > 0.0 {
            let columns = architecture.inputs.iter().map(|input| input.columns);
            columns.map(|columns| mask(random, patients, columns, network.input_dropout)).collect()
        } else {
            vec![]
        };
        Self { inputs, fused: mask(random, patients, architecture.fused_width, network.dropout) }
    }
}

/// A mask of (patients, columns). A byte decides each unit, because drawing a float for each would
/// cost more than the network: the share is rounded to 256ths, and what is kept is scaled by the
/// share as rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is at least 0 and below 1"
)]
fn mask(random: &mut ChaCha12Rng, patients: usize, columns: usize, share: f64) -> Tensor {
    let dropped = (share * 256.0).round().min(255.0) as u8;
    let kept = 256.0 / (256.0 - f32::from(dropped));
    let mut bytes = vec![0; patients * columns];
    random.fill_bytes(&mut bytes);
    let value = |byte: u8| if byte < dropped { 0.0 } else { kept };
    let values: Vec<f32> = bytes.into_iter().map(value).collect();
    Tensor::from_slice(&values).reshape([to_i64(patients), to_i64(columns)])
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_mask_keeps_the_mean() {
        let mut random = ChaCha12Rng::seed_from_u64(1);
        for share in [0.0, 0.2, 0.3, 0.9, 0.9999] {
            let mask = mask(&mut random, 1000, 100, share);
            let kept = mask.gt(0.0).mean(tch::Kind::Double).double_value(&[]);
            assert!((kept - (1.0 - share)).abs() < 0.01, "{share}: kept {kept}");
            let mean = mask.mean(tch::Kind::Double).double_value(&[]);
            let tolerance = if share > 0.99 { 0.2 } else { 0.02 };
            assert!((mean - 1.0).abs() < tolerance, "{share}: mean {mean}");
        }
    }
}
