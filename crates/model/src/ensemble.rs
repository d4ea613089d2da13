use ndarray::{Array, ArrayD, Axis, Ix1, Ix2, concatenate, s};

use crate::{Architecture, ArchitectureKind, InputLayer, Norm, network::Weights};

/// Makes one network of several of one shape whose outputs are the means of theirs, so that an
/// ensemble is saved, read and scored like any network.
///
/// The reference design becomes a wider network of the same design. Networks of another shape stay
/// as they are, side by side, see [`Architecture::members`].
pub(crate) fn unite(member: &Architecture, weights: &[Weights]) -> (Architecture, Weights) {
    let plain = Architecture {
        kind: ArchitectureKind::EarlyFusion,
        norm: Norm::None,
        inputs: member
            .inputs
            .iter()
            .map(|one| InputLayer { bottleneck: 0, ..one.clone() })
            .collect(),
        ..member.clone()
    };
    if plain == *member || weights.len() == 1 {
        return merge(member, weights);
    }
    let united = Architecture { members: weights.len(), ..member.clone() };
    let mut all = Weights::new();
    for (prefix, weights) in united.prefixes().iter().zip(weights) {
        let named =
            weights.iter().map(|(name, values)| (format!("{prefix}{name}"), values.clone()));
        all.extend(named);
    }
    (united, all)
}

/// Merges networks of the reference design.
///
/// The members' units stand side by side. In `combined_fc` a member's units read the units of the
/// same member alone, all other weights are zero; `output_fc` takes the mean.
fn merge(member: &Architecture, weights: &[Weights]) -> (Architecture, Weights) {
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
    for name in member
        .inputs
        .iter()
        .filter(|input| input.token)
        .map(|input| format!("{}_missing", input.stem()))
    {
        all.insert(name.clone(), stack(&name, 0)); // (members x width,)
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
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::{
        Missing, NetworkConfig,
        network::{Input, Inputs, Network, Outputs},
    };

    fn member(kind: ArchitectureKind, missing: Missing) -> Architecture {
        let settings =
            NetworkConfig { kind, missing, width: 4, fused_width: 3, ..NetworkConfig::default() };
        let inputs = [
            Input { modality: "genomics", columns: 5, lacked: false },
            Input { modality: "ct", columns: 2, lacked: true },
        ];
        Architecture::new(&settings, &inputs, &["a".to_owned(), "b".to_owned()], vec![])
    }

    #[test]
    fn the_united_network_is_the_mean_of_its_members() {
        let kinds = [
            (ArchitectureKind::EarlyFusion, Missing::Zeros),
            (ArchitectureKind::EarlyFusion, Missing::Token),
            (ArchitectureKind::Gated, Missing::Token),
            (ArchitectureKind::Attention, Missing::Mask),
        ];
        for (kind, missing) in kinds {
            let member = member(kind, missing);
            let weights: Vec<Weights> = (0..3).map(|seed| member.initial_weights(seed)).collect();
            let blocks = [5, 2].map(|columns| {
                let numbers = Tensor::arange(6 * columns, (Kind::Float, Device::Cpu));
                numbers.sin().reshape([6, columns])
            });
            let present = Tensor::ones([6, 2], tch::kind::FLOAT_CPU);
            let _same = present.get(2).get(1).fill_(0.0);
            let inputs = Inputs { blocks: blocks.into(), present };
            let (united, all) = unite(&member, &weights);
            assert_eq!(united.mismatch(&all), None);
            let output = Network::new(&united, &all, Device::Cpu).forward(&inputs);
            let mean = |pick: fn(&Outputs) -> &Tensor| {
                let outputs = weights.iter().map(|weights| {
                    let output = Network::new(&member, weights, Device::Cpu).forward(&inputs);
                    pick(&output).shallow_clone()
                });
                Tensor::stack(&outputs.collect::<Vec<_>>(), 0).mean_dim(0, false, Kind::Float)
            };
            let pairs = [
                (&output.log_risk, mean(|output| &output.log_risk)),
                (&output.logits, mean(|output| &output.logits)),
            ];
            for (found, expected) in pairs {
                let difference = (found - expected).abs().max().double_value(&[]);
                assert!(difference < 1e-6, "{kind:?}: {difference}");
            }
        }
    }

    #[test]
    fn one_member_stays_as_it_is() {
        let member = member(ArchitectureKind::Gated, Missing::Token);
        let weights = member.initial_weights(1);
        assert_eq!(unite(&member, std::slice::from_ref(&weights)), (member, weights));
    }
}
