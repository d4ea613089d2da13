//! Interpolation along one axis of an array; three of them, one after the other, are interpolation
//! in the volume. Beyond its ends an axis goes on with its last value.

use crate::Interpolation;

/// A row of points on an axis, in voxels of the array from the center of its first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Points {
    pub(super) first: f64,
    pub(super) step: f64,
    pub(super) count: usize,
}

impl Points {
    pub(super) fn coordinate(&self, index: usize) -> f64 {
        self.first + self.step * index as f64
    }
}

/// An array with x fastest.
pub(super) struct Grid {
    pub(super) size: [usize; 3],
    pub(super) values: Vec<f64>,
}

impl Grid {
    /// The values at points along an axis.
    pub(super) fn along(&self, axis: usize, points: Points, method: Interpolation) -> Self {
        let inputs = self.size[axis];
        let stride: usize = self.size[..axis].iter().product();
        let mut size = self.size;
        size[axis] = points.count;
        let mut values = vec![0.0; size.iter().product()];
        // Splines are filtered on rows padded so far that every point lies between them.
        let beyond = points.coordinate(points.count - 1) - (inputs - 1) as f64;
        let pad = match method {
            Interpolation::Cubic => 4 + ceiling(beyond.max(-points.first)),
            Interpolation::Nearest | Interpolation::Linear => 0,
        };
        let mut padded = vec![0.0; (inputs + 2 * pad) * stride];
        let blocks = self.values.chunks_exact(inputs * stride);
        for (block, output) in blocks.zip(values.chunks_exact_mut(points.count * stride)) {
            let rows = if pad == 0 {
                block
            } else {
                for (row, values) in padded.chunks_exact_mut(stride).enumerate() {
                    let source = row.saturating_sub(pad).min(inputs - 1) * stride;
                    values.copy_from_slice(&block[source..source + stride]);
                }
                spline_coefficients(&mut padded, stride);
                &padded
            };
            for (index, output) in output.chunks_exact_mut(stride).enumerate() {
                let (first, weights) = taps(points.coordinate(index), method);
                for (tap, weight) in (first..).zip(weights).filter(|&(_, weight)| weight != 0.0) {
                    let row = clamp(tap + signed(pad), rows.len() / stride) * stride;
                    for (output, value) in output.iter_mut().zip(&rows[row..row + stride]) {
                        *output += weight * value;
                    }
                }
            }
        }
        Self { size, values }
    }
}

/// The first row and the weights of the rows that make up the value at a coordinate.
fn taps(coordinate: f64, method: Interpolation) -> (isize, [f64; 4]) {
    let below = floor(coordinate);
    let t = coordinate - coordinate.floor();
    match method {
        Interpolation::Nearest => (floor(coordinate + 0.5), [1.0, 0.0, 0.0, 0.0]),
        Interpolation::Linear => (below, [1.0 - t, t, 0.0, 0.0]),
        Interpolation::Cubic => {
            let outer = |t: f64| t.powi(3) / 6.0;
            let inner = |t: f64| 2.0 / 3.0 - t.powi(2) + t.powi(3) / 2.0;
            (below - 1, [outer(1.0 - t), inner(t), inner(1.0 - t), outer(t)])
        }
    }
}

/// Turns rows into the coefficients of the cubic B-spline through them (Unser, IEEE Signal
/// Processing Magazine 1999), as if the first and the last row went on for ever.
fn spline_coefficients(rows: &mut [f64], stride: usize) {
    let pole = 3.0_f64.sqrt() - 2.0;
    let last = rows.len() - stride;
    let ends: Vec<f64> = rows[last..].iter().map(|value| value / (1.0 - pole)).collect();
    for value in &mut rows[..stride] {
        *value /= 1.0 - pole;
    }
    for index in stride..rows.len() {
        rows[index] += pole * rows[index - stride];
    }
    for (value, end) in rows[last..].iter_mut().zip(ends) {
        *value = -pole * (end / (1.0 - pole) + (*value - end) / (1.0 - pole * pole));
    }
    for index in (0..last).rev() {
        rows[index] = pole * (rows[index + stride] - rows[index]);
    }
    for value in rows {
        *value *= 6.0;
    }
}

fn clamp(row: isize, rows: usize) -> usize {
    usize::try_from(row).map_or(0, |row| row.min(rows - 1))
}

fn signed(rows: usize) -> isize {
    isize::try_from(rows).expect("an array has fewer rows than bytes")
}

#[expect(clippy::cast_possible_truncation, reason = "a coordinate lies on or near the array")]
fn floor(coordinate: f64) -> isize {
    coordinate.floor() as isize
}

/// A number of rows; what is negative is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn ceiling(rows: f64) -> usize {
    rows.ceil() as usize
}
