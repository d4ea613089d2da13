//! Interpolation along one axis of an array; three of them, one after the other, are interpolation
//! in the volume. Beyond its ends an axis goes on with its last value.

use rayon::prelude::*;

use crate::Interpolation;

/// The pole of the cubic B-spline's filter: 3^½ - 2.
const POLE: f32 = -0.267_949_2;
/// Columns that go through the filter together, so that all of their rows stay in the cache.
const PANEL: usize = 512;

/// A row of points on an axis, in voxels of the array from the center of its first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Points {
    pub(crate) first: f64,
    pub(crate) step: f64,
    pub(crate) count: usize,
}

impl Points {
    pub(crate) fn coordinate(&self, index: usize) -> f64 {
        self.first + self.step * index as f64
    }
}

/// An array with x fastest.
pub(super) struct Grid {
    pub(super) size: [usize; 3],
    pub(super) values: Vec<f64>,
}

/// A row that a value is made of, and its weight. Behind the rows of an axis stand two more: its
/// first and its last as they were before the spline filter.
type Tap = (usize, f32);

/// The rows of a panel.
type Rows<'a> = Vec<&'a mut [f32]>;

/// The values at points along an axis of an array with x fastest; the size of the others stays.
pub(crate) fn along(
    values: &[f32],
    size: [usize; 3],
    axis: usize,
    points: Points,
    method: Interpolation,
) -> Vec<f32> {
    let inputs = size[axis];
    let stride: usize = size[..axis].iter().product();
    let taps: Vec<Vec<Tap>> =
        (0..points.count).map(|index| taps(points.coordinate(index), inputs, method)).collect();
    let mut outputs = vec![0.0; values.len() / inputs * points.count];
    if axis == 0 {
        let rows = outputs.par_chunks_exact_mut(points.count).zip(values.par_chunks_exact(inputs));
        rows.with_min_len(64).for_each_init(Vec::new, |row, (output, input)| {
            row.clear();
            row.extend_from_slice(input);
            prepare(row, 1, method);
            for (output, taps) in output.iter_mut().zip(&taps) {
                *output = taps.iter().map(|&(tap, weight)| weight * row[tap]).sum();
            }
        });
        return outputs;
    }
    let blocks = outputs.chunks_exact_mut(points.count * stride);
    let panels: Vec<(&[f32], usize, Rows<'_>)> = blocks
        .zip(values.chunks_exact(inputs * stride))
        .flat_map(|(output, input)| panels(output, stride).map(move |(at, rows)| (input, at, rows)))
        .collect();
    panels.into_par_iter().for_each_init(Vec::new, |rows, (input, at, outputs)| {
        let width = outputs[0].len();
        rows.clear();
        for row in input.chunks_exact(stride) {
            rows.extend_from_slice(&row[at..at + width]);
        }
        prepare(rows, width, method);
        for (output, taps) in outputs.into_iter().zip(&taps) {
            for &(tap, weight) in taps {
                let row = &rows[tap * width..(tap + 1) * width];
                output.iter_mut().zip(row).for_each(|(output, value)| *output += weight * value);
            }
        }
    });
    outputs
}

/// The rows of a block cut into panels, each with the column that it begins at.
pub(super) fn panels(block: &mut [f32], stride: usize) -> impl Iterator<Item = (usize, Rows<'_>)> {
    let mut panels: Vec<Rows<'_>> = Vec::new();
    panels.resize_with(stride.div_ceil(PANEL), Vec::new);
    for row in block.chunks_exact_mut(stride) {
        for (panel, part) in panels.iter_mut().zip(row.chunks_mut(PANEL)) {
            panel.push(part);
        }
    }
    panels.into_iter().enumerate().map(|(number, rows)| (number * PANEL, rows))
}

/// Adds the first and the last row to the rows, and turns the others into coefficients where the
/// method asks for them.
fn prepare(rows: &mut Vec<f32>, width: usize, method: Interpolation) {
    let last = rows.len() - width;
    rows.extend_from_within(..width);
    rows.extend_from_within(last..last + width);
    if method == Interpolation::Cubic {
        spline_coefficients(&mut rows[..last + width], width);
    }
}

/// The rows whose weighted sum is the value at a coordinate.
fn taps(coordinate: f64, inputs: usize, method: Interpolation) -> Vec<Tap> {
    let below = floor(coordinate);
    let t = coordinate - coordinate.floor();
    let (first, weights) = match method {
        Interpolation::Nearest => (floor(coordinate + 0.5), vec![1.0]),
        Interpolation::Linear => (below, vec![1.0 - t, t]),
        Interpolation::Cubic => (below - 1, cubic_weights(t).to_vec()),
    };
    let last = signed(inputs) - 1;
    let mut taps: Vec<(usize, f64)> = Vec::new();
    for (row, weight) in (first..).zip(weights) {
        let inside = usize::try_from(row.clamp(0, last)).unwrap_or(0);
        let edge = if row < 0 { inputs } else { inputs + 1 };
        // Beyond the ends the coefficients of a constant come back, by the pole at each step.
        let beyond = i32::try_from(row.abs_diff(row.clamp(0, last))).unwrap_or(i32::MAX);
        let share = match method {
            Interpolation::Cubic => f64::from(POLE).powi(beyond),
            Interpolation::Nearest | Interpolation::Linear => 1.0,
        };
        for (row, weight) in [(inside, weight * share), (edge, weight * (1.0 - share))] {
            match taps.iter_mut().find(|tap| tap.0 == row) {
                Some(tap) => tap.1 += weight,
                None if weight != 0.0 => taps.push((row, weight)),
                None => {}
            }
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "intensities are float32 as well")]
    taps.into_iter().map(|(row, weight)| (row, weight as f32)).collect()
}

/// The cubic B-spline at a point between the second and the third of four coefficients.
pub(crate) fn cubic_weights(t: f64) -> [f64; 4] {
    let outer = |t: f64| t.powi(3) / 6.0;
    let inner = |t: f64| 2.0 / 3.0 - t.powi(2) + t.powi(3) / 2.0;
    [outer(1.0 - t), inner(t), inner(1.0 - t), outer(t)]
}

/// Turns rows into the coefficients of the cubic B-spline through them (Unser, IEEE Signal
/// Processing Magazine 1999), as if the first and the last row went on for ever.
fn spline_coefficients(rows: &mut [f32], width: usize) {
    let last = rows.len() - width;
    let ends = rows[last..].to_vec();
    for value in &mut rows[..width] {
        *value /= 1.0 - POLE;
    }
    for start in (width..rows.len()).step_by(width) {
        let (before, row) = rows.split_at_mut(start);
        let before = &before[start - width..];
        row[..width].iter_mut().zip(before).for_each(|(value, before)| *value += POLE * before);
    }
    for (value, end) in rows[last..].iter_mut().zip(ends) {
        let settled = end / (1.0 - POLE);
        *value = -POLE * (settled / (1.0 - POLE) + (*value - settled) / (1.0 - POLE * POLE));
    }
    for start in (0..last).step_by(width).rev() {
        let (row, after) = rows[start..].split_at_mut(width);
        row.iter_mut().zip(after).for_each(|(value, after)| *value = POLE * (*after - *value));
    }
    for value in rows {
        *value *= 6.0;
    }
}

/// Turns an array with x fastest into spline coefficients along one of its axes.
pub(crate) fn spline_coefficients_along(values: &mut [f32], size: [usize; 3], axis: usize) {
    let stride: usize = size[..axis].iter().product();
    if axis == 0 {
        return values.par_chunks_exact_mut(size[0]).for_each(|row| spline_coefficients(row, 1));
    }
    let blocks = values.chunks_exact_mut(size[axis] * stride);
    let panels: Vec<Rows<'_>> =
        blocks.flat_map(|block| panels(block, stride).map(|(_, rows)| rows)).collect();
    panels.into_par_iter().for_each_init(Vec::new, |buffer: &mut Vec<f32>, mut rows| {
        let width = rows[0].len();
        buffer.clear();
        for row in &rows {
            buffer.extend_from_slice(row);
        }
        spline_coefficients(buffer, width);
        rows.iter_mut().zip(buffer.chunks_exact(width)).for_each(|(a, b)| a.copy_from_slice(b));
    });
}

fn signed(rows: usize) -> isize {
    isize::try_from(rows).expect("an array has fewer rows than bytes")
}

#[expect(clippy::cast_possible_truncation, reason = "a coordinate lies on or near the array")]
fn floor(coordinate: f64) -> isize {
    coordinate.floor() as isize
}
