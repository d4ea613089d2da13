//! Neighboring gray level dependence (Sun and Wee, 1983; IBSI REK0): how many neighbors have a
//! voxel's own gray level, or one at most the coarseness away. Distance 1; the voxel itself counts.

use oncoweave_core::Feature;

use super::levels::Levels;
use super::parts::{Part, averaged};
use super::{Definition, emphasis, named};
use crate::Aggregation;

const DEFINITIONS: [Definition; 17] = [
    Definition::new("ngl_lde", "", "low dependence emphasis", "SODN"),
    Definition::new("ngl_hde", "", "high dependence emphasis", "IMOQ"),
    Definition::new("ngl_lgce", "", "low gray level count emphasis", "TL9H"),
    Definition::new("ngl_hgce", "", "high gray level count emphasis", "OAE7"),
    Definition::new("ngl_ldlge", "", "low dependence low gray level emphasis", "EQ3F"),
    Definition::new("ngl_ldhge", "", "low dependence high gray level emphasis", "JA6D"),
    Definition::new("ngl_hdlge", "", "high dependence low gray level emphasis", "NBZI"),
    Definition::new("ngl_hdhge", "", "high dependence high gray level emphasis", "9QMG"),
    Definition::new("ngl_glnu", "", "gray level non-uniformity", "FP8K"),
    Definition::new("ngl_glnu_norm", "", "normalized gray level non-uniformity", "5SPA"),
    Definition::new("ngl_dcnu", "", "dependence count non-uniformity", "Z87G"),
    Definition::new("ngl_dcnu_norm", "", "normalized dependence count non-uniformity", "OKJI"),
    Definition::new("ngl_dc_perc", "", "dependences over voxels: 1", "6XV8"),
    Definition::new("ngl_gl_var", "", "variance of gray levels", "1PFV"),
    Definition::new("ngl_dc_var", "", "variance of dependence counts", "DNX2"),
    Definition::new("ngl_dc_entr", "bit", "entropy of gray levels and dependences", "FCBV"),
    Definition::new("ngl_dc_energy", "", "sum of squared shares of dependences", "CAS9"),
];

/// The voxel itself and its 26 neighbors, and a column for none.
const COLUMNS: usize = 28;

/// Dependence features with an aggregation, of which the dimension alone matters.
pub(crate) fn features(levels: &Levels, aggregation: Aggregation, coarseness: u16) -> Vec<Feature> {
    let values = averaged(levels, aggregation.merged(), |part| {
        let cells = dependences(levels, part, coarseness);
        let voxels = part.indices.len() as f64;
        let shared = emphasis::features(&cells, voxels);
        let energy = cells.iter().map(|cell| (cell.count / voxels).powi(2)).sum();
        std::array::from_fn(|number| shared.get(number).copied().unwrap_or(energy))
    });
    named(&DEFINITIONS, values, aggregation.dimension_suffix(), "")
}

fn dependences(levels: &Levels, part: &Part, coarseness: u16) -> Vec<emphasis::Cell> {
    let mut counts = vec![0.0; levels.present.len() * COLUMNS];
    let level = |rank: u16| levels.present[usize::from(rank) - 1];
    for &index in part.indices {
        let rank = levels.ranks[index];
        let alike = part.neighbors(index).filter(|&neighbor| {
            let other = levels.ranks[neighbor];
            // Outside is no level at all.
            other == rank
                || (coarseness > 0 && other > 0 && level(other).abs_diff(level(rank)) <= coarseness)
        });
        counts[(usize::from(rank) - 1) * COLUMNS + 1 + alike.count()] += 1.0;
    }
    emphasis::cells(&levels.present, &counts, COLUMNS)
}
