//! Gray level run lengths (Galloway, 1975; IBSI TP0I): how many voxels of one gray level follow
//! each other in a direction.

use oncoweave_core::Feature;

use super::levels::Levels;
use super::parts::{Part, averaged};
use super::{Definition, emphasis, named};
use crate::Aggregation;

const DEFINITIONS: [Definition; 16] = [
    Definition::new("rlm_sre", "", "short runs emphasis", "22OV"),
    Definition::new("rlm_lre", "", "long runs emphasis", "W4KF"),
    Definition::new("rlm_lgre", "", "low gray level run emphasis", "V3SW"),
    Definition::new("rlm_hgre", "", "high gray level run emphasis", "G3QZ"),
    Definition::new("rlm_srlge", "", "short run low gray level emphasis", "HTZT"),
    Definition::new("rlm_srhge", "", "short run high gray level emphasis", "GD3A"),
    Definition::new("rlm_lrlge", "", "long run low gray level emphasis", "IVPO"),
    Definition::new("rlm_lrhge", "", "long run high gray level emphasis", "3KUM"),
    Definition::new("rlm_glnu", "", "gray level non-uniformity of runs", "R5YN"),
    Definition::new("rlm_glnu_norm", "", "normalized gray level non-uniformity of runs", "OVBL"),
    Definition::new("rlm_rlnu", "", "run length non-uniformity", "W92Y"),
    Definition::new("rlm_rlnu_norm", "", "normalized run length non-uniformity", "IC23"),
    Definition::new("rlm_r_perc", "", "number of runs over voxels", "9ZK5"),
    Definition::new("rlm_gl_var", "", "variance of the gray levels of runs", "8CE5"),
    Definition::new("rlm_rl_var", "", "variance of run lengths", "SXLW"),
    Definition::new("rlm_rl_entr", "bit", "entropy of gray levels and run lengths", "HJ9O"),
];

/// Run length features with an aggregation.
pub(crate) fn features(levels: &Levels, aggregation: Aggregation) -> Vec<Feature> {
    let values = averaged(levels, aggregation, |part| {
        let voxels = part.indices.len() as f64 * part.weights.iter().sum::<f64>();
        emphasis::features(&runs(levels, part), voxels)
    });
    named(&DEFINITIONS, values, aggregation.suffix(), "")
}

fn runs(levels: &Levels, part: &Part) -> Vec<emphasis::Cell> {
    let columns = levels.size.into_iter().max().unwrap_or(0);
    let mut counts = vec![0.0; levels.present.len() * columns];
    for &index in part.indices {
        let rank = levels.ranks[index];
        let row = (usize::from(rank) - 1) * columns;
        for (&step, weight) in part.steps.iter().zip(&part.weights) {
            if levels.ranks[index - step] == rank {
                continue;
            }
            let mut length = 1;
            while levels.ranks[index + length * step] == rank {
                length += 1;
            }
            counts[row + length] += weight;
        }
    }
    emphasis::cells(&levels.present, &counts, columns)
}
