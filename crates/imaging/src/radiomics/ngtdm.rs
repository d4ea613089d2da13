//! Neighborhood gray tone differences (Amadasun and King, 1989; IBSI IPET): how far a voxel's gray
//! level is from the mean of its neighbors.

use oncoweave_core::Feature;

use super::levels::Levels;
use super::parts::{Part, averaged};
use super::{Definition, named};
use crate::Aggregation;

const DEFINITIONS: [Definition; 5] = [
    Definition::new("ngt_coarseness", "", "coarseness", "QCDE"),
    Definition::new("ngt_contrast", "", "contrast", "65HE"),
    Definition::new("ngt_busyness", "", "busyness", "NQ30"),
    Definition::new("ngt_complexity", "", "complexity", "HDEZ"),
    Definition::new("ngt_strength", "", "strength", "1X9X"),
];

/// Gray tone difference features with an aggregation, of which the dimension alone matters.
pub(crate) fn features(levels: &Levels, aggregation: Aggregation) -> Vec<Feature> {
    let values = averaged(levels, aggregation.merged(), |part| measure(&tones(levels, part)));
    named(&DEFINITIONS, values, aggregation.dimension_suffix(), "")
}

/// A gray level that voxels with neighbors have.
#[derive(Clone, Copy)]
struct Tone {
    level: f64,
    /// How many voxels with neighbors have it.
    count: f64,
    /// The sum of their distances from the mean of their neighbors.
    difference: f64,
}

fn tones(levels: &Levels, part: &Part) -> Vec<Tone> {
    let level_of: Vec<f64> =
        [0].iter().chain(&levels.present).map(|&level| f64::from(level)).collect();
    let mut tones: Vec<Tone> =
        level_of.iter().map(|&level| Tone { level, count: 0.0, difference: 0.0 }).collect();
    for &index in part.indices {
        let (mut sum, mut neighbors) = (0.0, 0.0);
        for neighbor in part.neighbors(index) {
            let rank = levels.ranks[neighbor];
            sum += level_of[usize::from(rank)];
            neighbors += f64::from(u8::from(rank > 0));
        }
        if neighbors > 0.0 {
            let tone = &mut tones[usize::from(levels.ranks[index])];
            tone.count += 1.0;
            tone.difference += (tone.level - sum / neighbors).abs();
        }
    }
    tones.retain(|tone| tone.count > 0.0);
    tones
}

fn measure(tones: &[Tone]) -> [f64; 5] {
    let voxels: f64 = tones.iter().map(|tone| tone.count).sum();
    if voxels == 0.0 {
        return [f64::NAN; 5];
    }
    let weighted: f64 = tones.iter().map(|tone| tone.count / voxels * tone.difference).sum();
    let differences: f64 = tones.iter().map(|tone| tone.difference).sum();
    let levels = tones.len() as f64;
    let [mut spread, mut busyness, mut complexity, mut strength] = [0.0; 4];
    for a in tones {
        for b in tones {
            let (a_share, b_share) = (a.count / voxels, b.count / voxels);
            let distance = a.level - b.level;
            spread += a_share * b_share * distance.powi(2);
            busyness += (a.level * a_share - b.level * b_share).abs();
            complexity += distance.abs() * (a_share * a.difference + b_share * b.difference)
                / (a_share + b_share);
            strength += (a_share + b_share) * distance.powi(2);
        }
    }
    // IBSI: what one gray level alone, or no difference, would divide by zero is set.
    let coarseness = if weighted > 0.0 { (1.0 / weighted).min(1e6) } else { 1e6 };
    let ratio = |value: f64, by: f64| if by > 0.0 { value / by } else { 0.0 };
    [
        coarseness,
        ratio(spread, levels * (levels - 1.0)) * differences / voxels,
        ratio(weighted, busyness),
        complexity / voxels,
        ratio(strength, differences),
    ]
}
