//! Which voxels and directions share a texture matrix (IBSI 3.6).

use super::levels::Levels;
use crate::Aggregation;

/// The directions (x, y, z) to the 13 neighbors that lie after a voxel in memory; the first four
/// stay in the slice. The other 13 are their opposites.
pub(crate) const DIRECTIONS: [[isize; 3]; 13] = [
    [1, 0, 0],
    [-1, 1, 0],
    [0, 1, 0],
    [1, 1, 0],
    [-1, -1, 1],
    [0, -1, 1],
    [1, -1, 1],
    [-1, 0, 1],
    [0, 0, 1],
    [1, 0, 1],
    [-1, 1, 1],
    [0, 1, 1],
    [1, 1, 1],
];
const IN_SLICE: usize = 4;

/// What one matrix is made from.
pub(crate) struct Part<'a> {
    /// The voxels, ascending.
    pub(crate) indices: &'a [usize],
    /// How far away in memory the neighbor of each direction is.
    pub(crate) steps: Vec<usize>,
    /// How much each direction counts.
    pub(crate) weights: Vec<f64>,
}

impl Part<'_> {
    /// The distances in memory to all neighbors, on either side.
    pub(crate) fn neighbors(&self, index: usize) -> impl Iterator<Item = usize> {
        self.steps.iter().flat_map(move |step| [index - step, index + step])
    }
}

/// The parts that an aggregation takes apart a region; features are averaged over them.
pub(crate) fn parts(levels: &Levels, aggregation: Aggregation) -> Vec<Part<'_>> {
    let [width, height, _] = levels.size;
    let steps: Vec<usize> = DIRECTIONS
        .iter()
        .map(|&[x, y, z]| {
            let unsigned = |length: usize| isize::try_from(length).expect("a box fits in memory");
            usize::try_from(x + unsigned(width) * (y + unsigned(height) * z))
                .expect("the neighbor lies after the voxel")
        })
        .collect();
    let all = levels.indices.as_slice();
    // Directions within a slice never leave it: to take all voxels merges the slices.
    let slices = || all.chunk_by(|a, b| a / (width * height) == b / (width * height));
    let part = |indices, steps: &[usize]| {
        let weights = levels.weights[..steps.len()].to_vec();
        Part { indices, steps: steps.to_vec(), weights }
    };
    let each = |indices, steps: &[usize]| -> Vec<Part<'_>> {
        let part = |&step| Part { indices, steps: vec![step], weights: vec![1.0] };
        steps.iter().map(part).collect()
    };
    let in_slice = &steps[..IN_SLICE];
    match aggregation {
        Aggregation::Averaged2d => slices().flat_map(|slice| each(slice, in_slice)).collect(),
        Aggregation::SliceMerged2d => slices().map(|slice| part(slice, in_slice)).collect(),
        Aggregation::DirectionMerged25d => each(all, in_slice),
        Aggregation::Merged25d => vec![part(all, in_slice)],
        Aggregation::Averaged3d => each(all, &steps),
        Aggregation::Merged3d => vec![part(all, &steps)],
    }
}

/// Measures each part and averages; a feature that is undefined for a part is averaged over the
/// others.
pub(crate) fn averaged<const N: usize>(
    levels: &Levels,
    aggregation: Aggregation,
    mut measure: impl FnMut(&Part) -> [f64; N],
) -> [f64; N] {
    let mut sums = [0.0; N];
    let mut counts = [0.0; N];
    for part in parts(levels, aggregation) {
        for (number, value) in measure(&part).into_iter().enumerate() {
            if value.is_finite() {
                sums[number] += value;
                counts[number] += 1.0;
            }
        }
    }
    std::array::from_fn(|number| sums[number] / counts[number])
}
