//! Diffusion by the modified curvature equation (Whitaker and Xue, ICIP 2001): intensities flow
//! along edges but not across them. Beyond its edge an image goes on with its nearest voxel.

use rayon::prelude::*;

/// Slices that are worked on together, whatever the number of threads.
const SLAB: usize = 4;
/// What keeps a division by a gradient of zero finite.
const LEAST_GRADIENT_SQUARED: f64 = 1e-10;

/// An array with x fastest.
#[derive(Clone, Copy)]
struct Image<'a> {
    values: &'a [f32],
    size: [usize; 3],
    /// Voxels per mm along each axis.
    scale: [f64; 3],
    /// Minus the squared gradient at which an edge weakens the flow by a factor of e.
    edge: f64,
}

/// The derivatives along x, y and z at each voxel of a slice, by central differences.
type Slopes = [Vec<f64>; 3];

/// One step of so long a time. Gradients so many times (`conductance`) the root mean square one
/// count as edges.
pub(super) fn diffused(
    values: &[f32],
    size: [usize; 3],
    spacing_mm: [f64; 3],
    [conductance, time_step]: [f64; 2],
) -> Vec<f32> {
    let scale = spacing_mm.map(f64::recip);
    let mut image = Image { values, size, scale, edge: -1.0 };
    let squares = |z: usize| image.slopes(z).iter().flatten().map(|slope| slope * slope).sum();
    // Added in order, so that the sum is the same on any number of threads.
    let squares: Vec<f64> = (0..size[2]).into_par_iter().map(squares).collect();
    let mean = squares.into_iter().sum::<f64>() / values.len() as f64;
    // Of an image without any gradient nothing flows.
    image.edge = (-2.0 * conductance * conductance * mean).min(-f64::MIN_POSITIVE);
    let plane = size[0] * size[1];
    let mut next = values.to_vec();
    next.par_chunks_mut(plane * SLAB).enumerate().for_each(|(slab, output)| {
        let start = slab * SLAB;
        let mut slopes = image.slopes(start);
        let mut below = match start.checked_sub(1) {
            Some(z) => image.flux_up(z, [&image.slopes(z), &slopes]),
            None => vec![0.0; plane],
        };
        for (z, output) in (start..).zip(output.chunks_exact_mut(plane)) {
            let next_slopes = image.slopes((z + 1).min(size[2] - 1));
            let above = image.flux_up(z, [&slopes, &next_slopes]);
            let speeds = image.speeds(z, &slopes, [&below, &above]);
            image.step_slice(z, &speeds, time_step, output);
            below = above;
            slopes = next_slopes;
        }
    });
    next
}

/// What flows through a face between two voxels: the derivative across it over the whole gradient,
/// weakened at edges. `along` are the derivatives in the face, each summed over both voxels.
fn flux(across: f64, along: [f64; 2], edge: f64) -> f64 {
    let squared = across * across + (along[0] * along[0] + along[1] * along[1]) / 4.0;
    across / (LEAST_GRADIENT_SQUARED + squared).sqrt() * (squared / edge).exp()
}

impl Image<'_> {
    fn row(&self, y: usize, z: usize) -> &[f32] {
        let start = (z * self.size[1] + y) * self.size[0];
        &self.values[start..start + self.size[0]]
    }

    /// The rows before and after one along y and z, each drawn into the image.
    fn beside(&self, y: usize, z: usize) -> [[&[f32]; 2]; 2] {
        let [_, height, depth] = self.size;
        [
            [self.row(y.saturating_sub(1), z), self.row((y + 1).min(height - 1), z)],
            [self.row(y, z.saturating_sub(1)), self.row(y, (z + 1).min(depth - 1))],
        ]
    }

    fn slopes(&self, z: usize) -> Slopes {
        let [width, height, _] = self.size;
        let mut slopes: Slopes = std::array::from_fn(|_| Vec::with_capacity(width * height));
        let half = self.scale.map(|scale| scale / 2.0);
        let difference = |low: f32, high: f32| f64::from(high) - f64::from(low);
        for y in 0..height {
            let row = self.row(y, z);
            slopes[0].extend((0..width).map(|x| {
                half[0] * difference(row[x.saturating_sub(1)], row[(x + 1).min(width - 1)])
            }));
            for (axis, [low, high]) in self.beside(y, z).into_iter().enumerate() {
                let pairs = low.iter().zip(high);
                slopes[axis + 1]
                    .extend(pairs.map(|(&low, &high)| half[axis + 1] * difference(low, high)));
            }
        }
        slopes
    }

    /// The flux from each voxel of a slice to the next slice.
    fn flux_up(&self, z: usize, [here, next]: [&Slopes; 2]) -> Vec<f64> {
        let plane = self.size[0] * self.size[1];
        let values = &self.values[z * plane..(z + 1) * plane];
        let Some(above) = self.values.get((z + 1) * plane..(z + 2) * plane) else {
            return vec![0.0; plane];
        };
        (0..plane)
            .map(|index| {
                let across = (f64::from(above[index]) - f64::from(values[index])) * self.scale[2];
                let along = [here[0][index] + next[0][index], here[1][index] + next[1][index]];
                flux(across, along, self.edge)
            })
            .collect()
    }

    /// The flux from each voxel of a row to the next row.
    fn flux_to_next_row(&self, y: usize, z: usize, slopes: &Slopes) -> Vec<f64> {
        let [width, height, _] = self.size;
        if y + 1 == height {
            return vec![0.0; width];
        }
        let (row, next) = (self.row(y, z), self.row(y + 1, z));
        (0..width)
            .map(|x| {
                let across = (f64::from(next[x]) - f64::from(row[x])) * self.scale[1];
                let (here, there) = (y * width + x, (y + 1) * width + x);
                let along =
                    [slopes[0][here] + slopes[0][there], slopes[2][here] + slopes[2][there]];
                flux(across, along, self.edge)
            })
            .collect()
    }

    /// What flows to each voxel of a slice, given what flows to it from below and from it to above.
    fn speeds(&self, z: usize, slopes: &Slopes, [below, above]: [&[f64]; 2]) -> Vec<f64> {
        let width = self.size[0];
        let mut speeds: Vec<f64> = above.iter().zip(below).map(|(up, low)| up - low).collect();
        let mut before = vec![0.0; width];
        for (y, speeds) in speeds.chunks_exact_mut(width).enumerate() {
            let after = self.flux_to_next_row(y, z, slopes);
            let row = self.row(y, z);
            let mut left = 0.0;
            for (x, speed) in speeds.iter_mut().enumerate() {
                let index = y * width + x;
                let right = row.get(x + 1).map_or(0.0, |&next| {
                    let across = (f64::from(next) - f64::from(row[x])) * self.scale[0];
                    let along = |axis: usize| slopes[axis][index] + slopes[axis][index + 1];
                    flux(across, [along(1), along(2)], self.edge)
                });
                *speed += right - left + after[x] - before[x];
                left = right;
            }
            before = after;
        }
        speeds
    }

    /// Moves a slice on: speed times gradient.
    fn step_slice(&self, z: usize, speeds: &[f64], time_step: f64, output: &mut [f32]) {
        let width = self.size[0];
        let rows = output.chunks_exact_mut(width).zip(speeds.chunks_exact(width));
        for (y, (output, speeds)) in rows.enumerate() {
            let row = self.row(y, z);
            let beside = self.beside(y, z);
            for (x, (output, &speed)) in output.iter_mut().zip(speeds).enumerate() {
                let value = f64::from(row[x]);
                let squared = |axis: usize, low: f32, high: f32| {
                    let ends = [value - f64::from(low), f64::from(high) - value];
                    upwind(speed, ends.map(|difference| difference * self.scale[axis]))
                };
                let [[back, front], [down, up]] = beside;
                let gradient = squared(0, row[x.saturating_sub(1)], row[(x + 1).min(width - 1)])
                    + squared(1, back[x], front[x])
                    + squared(2, down[x], up[x]);
                #[expect(clippy::cast_possible_truncation, reason = "intensities are float32")]
                let moved = (value + time_step * gradient.sqrt() * speed) as f32;
                *output = moved;
            }
        }
    }
}

/// The square of a derivative taken from where the flow comes.
fn upwind(speed: f64, [backward, forward]: [f64; 2]) -> f64 {
    let (up, down) = if speed > 0.0 { (forward, backward) } else { (backward, forward) };
    up.max(0.0).powi(2) + down.min(0.0).powi(2)
}
