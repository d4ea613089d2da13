use ndarray::{Array, ArrayD, Axis, Ix1, Ix2, concatenate, s};

use crate::{Architecture, network::Weights};

/// Merges networks of one shape into one wider network whose log-risk and logits are the means of
/// theirs, so that an ensemble is saved, read and scored like any network.
///
/// The members' units stand side by side. In `combined_fc` a member's units read the units of the
/// same member alone, all other weights are zero; `output_fc` takes the mean.
pub(crate) fn merge(member: &Architecture, weights: &[Weights]) -> (Architecture, Weights) {
    if let [alone] = weights {
        return (member.clone(), alone.clone());
    }
    let count = weights.len();
    let merged = Architecture {
        width: member.width * count,
        fused_width: member.fused_width * count,
        ..member.clone()
    };
    let stack = |name: &str, axis: usize| {
        let parts: Vec<_> = weights.iter().map(|weights| weights[name].view()).collect();
        concatenate(Axis(axis), &parts).expect("the members have one shape")
    };
    let mut all = Weights::new();
    for input in &member.inputs {
        for part in ["weight", "bias"] {
            let name = format!("{}.{part}", input.layer);
            all.insert(name.clone(), stack(&name, 0)); // (members x width, columns) or without columns
        }
    }
    all.insert("combined_fc.weight".to_owned(), combined(member, &merged, weights));
    all.insert("combined_fc.bias".to_owned(), stack("combined_fc.bias", 0));
    let share = 1.0 / count as f32;
    all.insert("output_fc.weight".to_owned(), stack("output_fc.weight", 1) * share);
    let zero: Array<f32, Ix1> = Array::zeros(member.outputs());
    let sum = weights.iter().fold(zero.into_dyn(), |sum, weights| sum + &weights["output_fc.bias"]);
    all.insert("output_fc.bias".to_owned(), sum * share);
    (merged, all)
}

/// (members x `fused_width`, modalities x members x width), zero between members.
fn combined(member: &Architecture, merged: &Architecture, weights: &[Weights]) -> ArrayD<f32> {
    let (width, fused) = (member.width, member.fused_width);
    let mut all: Array<f32, Ix2> =
        Array::zeros((merged.fused_width, merged.width * merged.inputs.len()));
    for (number, weights) in weights.iter().enumerate() {
        let own = weights["combined_fc.weight"].view();
        let own = own.into_dimensionality::<Ix2>().expect("a weight is a matrix");
        let rows = number * fused..(number + 1) * fused;
        for modality in 0..member.inputs.len() {
            let to = modality * merged.width + number * width;
            let from = modality * width;
            all.slice_mut(s![rows.clone(), to..to + width])
                .assign(&own.slice(s![.., from..from + width]));
        }
    }
    all.into_dyn()
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;
    use crate::network::{ArchitectureKind, InputLayer, Network};

    #[test]
    fn the_merged_network_is_the_mean_of_its_members() {
        let member = Architecture {
            kind: ArchitectureKind::EarlyFusion,
            width: 3,
            fused_width: 4,
            classes: vec!["a".to_owned(), "b".to_owned()],
            inputs: vec![InputLayer::new("genomics", 5), InputLayer::new("ct", 2)],
        };
        let weights: Vec<Weights> = (0..3).map(|seed| member.initial_weights(seed)).collect();
        let blocks = [5, 2].map(|columns| {
            Tensor::arange(6 * columns, (Kind::Float, tch::Device::Cpu)).sin().reshape([6, columns])
        });
        let (merged, all) = merge(&member, &weights);
        assert_eq!(merged.mismatch(&all), None);
        let output = Network::new(&merged, &all).forward(&blocks, None);
        let mean = |pick: fn(&crate::network::Outputs) -> &Tensor| {
            let outputs = weights.iter().map(|weights| {
                let output = Network::new(&member, weights).forward(&blocks, None);
                pick(&output).shallow_clone()
            });
            Tensor::stack(&outputs.collect::<Vec<_>>(), 0).mean_dim(0, false, Kind::Float)
        };
        let pairs = [
            (&output.log_risk, mean(|output| &output.log_risk)),
            (&output.logits, mean(|output| &output.logits)),
        ];
        for (found, expected) in pairs {
            assert!((found - expected).abs().max().double_value(&[]) < 1e-6);
        }
    }

    #[test]
    fn one_member_stays_as_it_is() {
        let member = Architecture {
            kind: ArchitectureKind::EarlyFusion,
            width: 3,
            fused_width: 4,
            classes: vec![],
            inputs: vec![InputLayer::new("ct", 2)],
        };
        let weights = member.initial_weights(1);
        assert_eq!(merge(&member, std::slice::from_ref(&weights)), (member, weights));
    }
}
