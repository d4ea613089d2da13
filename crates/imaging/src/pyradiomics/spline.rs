//! Interpolation along the axes of a block as ITK has it.

use super::image::{Block, LANES};
use super::setting::Interpolator;

/// Points on an axis, in voxels from the first of a block; `None` where there is no image.
pub(super) type Points = Vec<Option<f64>>;

/// The values at points along an axis; 0 where there is no image.
pub(super) fn interpolated(
    block: &Block,
    axis: usize,
    points: &Points,
    interpolator: Interpolator,
) -> Block {
    let length = block.size[axis];
    let taps: Vec<Option<Vec<(usize, f64)>>> =
        points.iter().map(|point| point.map(|point| taps(point, length, interpolator))).collect();
    let mut lines = vec![[0.0; LANES]; length];
    block.along(
        axis,
        points.len(),
        |value| value,
        |input, output| {
            lines.copy_from_slice(input);
            if interpolator == Interpolator::BSpline {
                coefficients(&mut lines);
            }
            for (taps, output) in taps.iter().zip(output) {
                *output = [0.0; LANES];
                for &(index, weight) in taps.iter().flatten() {
                    for (output, value) in output.iter_mut().zip(lines[index]) {
                        *output += weight * value;
                    }
                }
            }
        },
    )
}

/// The voxels that make up the value at a point, with their weights.
fn taps(point: f64, length: usize, interpolator: Interpolator) -> Vec<(usize, f64)> {
    let t = point - point.floor();
    let below = whole(point.floor());
    match interpolator {
        Interpolator::Nearest => vec![(clamped(whole((point + 0.5).floor()), length), 1.0)],
        Interpolator::Linear => {
            vec![(clamped(below, length), 1.0 - t), (clamped(below + 1, length), t)]
        }
        Interpolator::BSpline => {
            let outer = |t: f64| t.powi(3) / 6.0;
            let inner = |t: f64| 2.0 / 3.0 - t.powi(2) + t.powi(3) / 2.0;
            let weights = [outer(1.0 - t), inner(t), inner(1.0 - t), outer(t)];
            let mirrored = |index: i64| mirrored(index, length);
            (below - 1..).map(mirrored).zip(weights).collect()
        }
    }
}

fn clamped(index: i64, length: usize) -> usize {
    usize::try_from(index).map_or(0, |index| index.min(length - 1))
}

/// An index in an axis that goes on mirrored, its outermost voxels once.
fn mirrored(index: i64, length: usize) -> usize {
    let Ok(last) = i64::try_from(length - 1) else { return 0 };
    if last == 0 {
        return 0;
    }
    let index = index.rem_euclid(2 * last);
    clamped(index.min(2 * last - index), length)
}

#[expect(clippy::cast_possible_truncation, reason = "a point lies on or near the axis")]
fn whole(coordinate: f64) -> i64 {
    coordinate as i64
}

/// Turns lines into the coefficients of the cubic B-splines through them, mirrored at their ends
/// (Unser, IEEE Signal Processing Magazine 1999).
fn coefficients(lines: &mut [[f64; LANES]]) {
    let pole = 3.0_f64.sqrt() - 2.0;
    let length = lines.len();
    if length == 1 {
        return;
    }
    // So many voxels away nothing is left of the double precision.
    let horizon = 40;
    let mut sums = [0.0; LANES];
    let mut power = 1.0;
    for step in 0..horizon {
        let index = mirrored(step, length);
        for (sum, value) in sums.iter_mut().zip(lines[index]) {
            *sum += power * value;
        }
        power *= pole;
    }
    lines[0] = sums;
    for index in 1..length {
        let before = lines[index - 1];
        for (value, before) in lines[index].iter_mut().zip(before) {
            *value += pole * before;
        }
    }
    let before = lines[length - 2];
    for (value, before) in lines[length - 1].iter_mut().zip(before) {
        *value = pole / (pole * pole - 1.0) * (pole * before + *value);
    }
    for index in (0..length - 1).rev() {
        let after = lines[index + 1];
        for (value, after) in lines[index].iter_mut().zip(after) {
            *value = pole * (after - *value);
        }
    }
    for value in lines.iter_mut().flatten() {
        *value *= 6.0;
    }
}
