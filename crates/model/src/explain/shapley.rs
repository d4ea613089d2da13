use oncoweave_core::preprocess::Block;

use super::{gradients::Scorers, repeated, targets::Targets};
use crate::Model;

/// The Shapley values of one output.
pub(super) struct ModalityShapley {
    pub(super) value: f64,
    pub(super) nothing_known: f64,
    pub(super) modalities: Vec<f64>,
}

/// Exact Shapley values over modalities for each output of one patient.
pub(super) fn by_modality(
    (model, targets): (&Model, &Targets),
    scorers: &Scorers,
    patient: &[Block],
) -> Vec<ModalityShapley> {
    let players = patient.len();
    let coalitions = 1_usize << players;
    let mut blocks = repeated(patient, coalitions);
    for (player, block) in blocks.iter_mut().enumerate() {
        let part = model.preprocessing.modalities.iter().find(|part| part.name == block.modality);
        let absent = part.map(oncoweave_core::preprocess::ModalityColumns::absent_row);
        let absent = absent.expect("a block of this model");
        for coalition in (0..coalitions).filter(|coalition| coalition >> player & 1 == 0) {
            block.x.row_mut(coalition).assign(&absent);
            block.present[coalition] = false;
        }
    }
    let drivers = scorers.drivers(&blocks.iter().collect::<Vec<_>>());
    // (coalitions, outputs).
    let outputs: Vec<Vec<f64>> = drivers.iter().map(|own| targets.of(own)).collect();
    let weights = weights(players);
    let of_output = |output: usize| {
        let share = |player: usize| {
            let without = (0..coalitions).filter(|coalition| coalition >> player & 1 == 0);
            let gain = |coalition: usize| {
                let size = coalition.count_ones() as usize;
                let with = coalition | 1 << player;
                weights[size] * (outputs[with][output] - outputs[coalition][output])
            };
            without.map(gain).sum()
        };
        ModalityShapley {
            value: outputs[coalitions - 1][output],
            nothing_known: outputs[0][output],
            modalities: (0..players).map(share).collect(),
        }
    };
    (0..outputs[0].len()).map(of_output).collect()
}

/// The weight of a coalition of each size that a player joins: size! (players - size - 1)! /
/// players!.
fn weights(players: usize) -> Vec<f64> {
    let factorial = |number: usize| (1..=number).map(|factor| factor as f64).product::<f64>();
    let weight = |size: usize| factorial(size) * factorial(players - size - 1) / factorial(players);
    (0..players).map(weight).collect()
}
