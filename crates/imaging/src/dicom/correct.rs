//! Brings slices onto the grid that they should have been on.

use ndarray::{Array3, ArrayView2, ArrayViewMut2, Axis, Zip};
use rayon::prelude::*;

use super::grid::Grid;

/// Moves tilted slices and fills gaps, where the grid says so; both linearly.
pub(super) fn onto_grid(mut slices: Array3<f32>, grid: &Grid) -> Array3<f32> {
    if let Some(shifts) = &grid.shifts {
        slices = straightened(&slices, shifts, grid.geometry.size);
    }
    if let Some(places) = &grid.places {
        slices = evened_out(&slices, places, grid.geometry.size[2]);
    }
    slices
}

/// Slices moved within their plane. What no slice covers gets the least intensity of all.
fn straightened(slices: &Array3<f32>, shifts: &[[f64; 2]], size: [usize; 3]) -> Array3<f32> {
    let least = slices.iter().copied().fold(f32::INFINITY, f32::min);
    let mut moved = Array3::from_elem((shifts.len(), size[1], size[0]), least);
    let parts: Vec<_> = moved.outer_iter_mut().zip(slices.outer_iter()).zip(shifts).collect();
    parts.into_par_iter().for_each(|((to, from), &shift)| move_slice(to, &from, shift));
    moved
}

fn move_slice(mut to: ArrayViewMut2<f32>, from: &ArrayView2<f32>, [x, y]: [f64; 2]) {
    let (rows, columns) = from.dim();
    for ((row, column), value) in to.indexed_iter_mut() {
        let Some((row, down)) = split(row as f64 - y, rows) else { continue };
        let Some((column, right)) = split(column as f64 - x, columns) else { continue };
        let at = |row: usize, column: usize| from[[row.min(rows - 1), column.min(columns - 1)]];
        let upper = mix(at(row, column), at(row, column + 1), right);
        let lower = mix(at(row + 1, column), at(row + 1, column + 1), right);
        *value = mix(upper, lower, down);
    }
}

/// The whole and the broken part of a place among so many; `None` beyond them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the number of pixels"
)]
fn split(place: f64, count: usize) -> Option<(usize, f32)> {
    // A hair beyond the edge is rounding.
    const HAIR: f64 = 1e-6;
    if place < -HAIR || place > (count - 1) as f64 + HAIR {
        return None;
    }
    let place = place.clamp(0.0, (count - 1) as f64);
    Some((place as usize, place.fract() as f32))
}

fn mix(a: f32, b: f32, share: f32) -> f32 {
    if share == 0.0 { a } else { a + (b - a) * share }
}

/// Slices at whole places, each between the two that are nearest to it.
fn evened_out(slices: &Array3<f32>, places: &[f64], count: usize) -> Array3<f32> {
    let (_, rows, columns) = slices.dim();
    let mut even = Array3::zeros((count, rows, columns));
    let parts: Vec<_> = even.outer_iter_mut().collect();
    parts.into_par_iter().enumerate().for_each(|(place, mut slice)| {
        let place = place as f64;
        let upper = places.partition_point(|&other| other < place - 1e-6).min(places.len() - 1);
        let lower = if places[upper] <= place + 1e-6 { upper } else { upper.saturating_sub(1) };
        #[expect(clippy::cast_possible_truncation, reason = "a share")]
        let share = match places[upper] - places[lower] {
            0.0 => 0.0,
            gap => ((place - places[lower]) / gap) as f32,
        };
        Zip::from(&mut slice)
            .and(slices.index_axis(Axis(0), lower))
            .and(slices.index_axis(Axis(0), upper))
            .for_each(|value, &a, &b| *value = mix(a, b, share));
    });
    even
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope along all axes, which linear interpolation keeps.
    fn slope(z: f64, y: f64, x: f64) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let value = (3.0 * z + 2.0 * y - x) as f32;
        value
    }

    #[test]
    fn a_linear_image_is_the_same_after_its_gaps_are_filled() {
        let places = [0.0, 1.0, 2.4, 5.0];
        let slices =
            Array3::from_shape_fn((4, 2, 3), |(z, y, x)| slope(places[z], y as f64, x as f64));
        let even = evened_out(&slices, &places, 6);
        for ((z, y, x), value) in even.indexed_iter() {
            assert!((value - slope(z as f64, y as f64, x as f64)).abs() < 1e-5, "{z} {y} {x}");
        }
    }

    #[test]
    fn a_linear_image_is_the_same_after_its_slices_are_moved() {
        let shifts = [[0.0, 0.0], [0.25, 0.5], [0.5, 1.0]];
        let slices = Array3::from_shape_fn((3, 5, 6), |(z, y, x)| {
            slope(z as f64, y as f64 + shifts[z][1], x as f64 + shifts[z][0])
        });
        let straight = straightened(&slices, &shifts, [7, 6, 3]);
        let least = slices.iter().copied().fold(f32::INFINITY, f32::min);
        for ((z, y, x), &value) in straight.indexed_iter() {
            let [right, down] = shifts[z];
            let covered = (right..=5.0 + right).contains(&(x as f64))
                && (down..=4.0 + down).contains(&(y as f64));
            let expected = if covered { slope(z as f64, y as f64, x as f64) } else { least };
            assert!((value - expected).abs() < 1e-5, "{z} {y} {x}: {value} {expected}");
        }
    }
}
