//! The tumor in space, shared by CT and MR: an ellipsoid and the field of its texture.

use std::f64::consts::TAU;

use rand::RngExt;
use rand::rngs::ChaCha12Rng;

use crate::random::{bounded_normal, normal};

/// An ellipsoid turned about the z axis; lengths in mm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ellipsoid {
    pub(crate) center: [f64; 3],
    pub(crate) semi_axes: [f64; 3],
    angle: f64,
}

impl Ellipsoid {
    /// A slightly stretched sphere of the given diameter that keeps the sphere's volume.
    pub(crate) fn draw(random: &mut ChaCha12Rng, diameter_mm: f64, center: [f64; 3]) -> Self {
        let stretch = [0.08 * bounded_normal(random), 0.08 * bounded_normal(random)];
        let radius = diameter_mm / 2.0;
        let semi_axes = [
            radius * stretch[0].exp(),
            radius * stretch[1].exp(),
            radius * (-stretch[0] - stretch[1]).exp(),
        ];
        Self { center, semi_axes, angle: random.random_range(0.0..TAU) }
    }

    /// An ellipsoid along the axes.
    pub(crate) fn upright(center: [f64; 3], semi_axes: [f64; 3]) -> Self {
        Self { center, semi_axes, angle: 0.0 }
    }

    /// 0 at the center, 1 on the surface, more outside.
    pub(crate) fn level(&self, point: [f64; 3]) -> f64 {
        let [dx, dy, dz] = [0, 1, 2].map(|axis| point[axis] - self.center[axis]);
        let (sin, cos) = self.angle.sin_cos();
        let along = (cos * dx + sin * dy) / self.semi_axes[0];
        let across = (cos * dy - sin * dx) / self.semi_axes[1];
        (along.powi(2) + across.powi(2) + (dz / self.semi_axes[2]).powi(2)).sqrt()
    }

    /// The section with the plane at height `z`, as `(x, y)` on a polygon of `corners`; `None`
    /// where the plane misses the ellipsoid.
    pub(crate) fn outline(&self, z: f64, corners: u32) -> Option<Vec<[f64; 2]>> {
        let height = (z - self.center[2]) / self.semi_axes[2];
        let scale = 1.0 - height.powi(2);
        if scale <= 0.0 {
            return None;
        }
        let scale = scale.sqrt();
        let (sin, cos) = self.angle.sin_cos();
        let corner = |step: u32| {
            let turn = TAU * f64::from(step) / f64::from(corners);
            let along = scale * self.semi_axes[0] * turn.cos();
            let across = scale * self.semi_axes[1] * turn.sin();
            [
                self.center[0] + cos * along - sin * across,
                self.center[1] + sin * along + cos * across,
            ]
        };
        Some((0..corners).map(corner).collect())
    }
}

/// A grid whose axes are the patient's, x fastest; lengths in mm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) size: [usize; 3],
    pub(crate) spacing: [f64; 3],
    /// The center of the first voxel.
    pub(crate) origin: [f64; 3],
}

impl Grid {
    pub(crate) fn len(&self) -> usize {
        self.size.iter().product()
    }

    /// Where the voxel number `index` has its center.
    pub(crate) fn point(&self, index: usize) -> [f64; 3] {
        let [width, height, _] = self.size;
        let place = [index % width, index / width % height, index / (width * height)];
        [0, 1, 2].map(|axis| self.origin[axis] + self.spacing[axis] * place[axis] as f64)
    }

    pub(crate) fn center(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| {
            self.origin[axis] + self.spacing[axis] * (self.size[axis] as f64 - 1.0) / 2.0
        })
    }

    /// Which voxels have their center inside.
    pub(crate) fn inside(&self, lesion: &Ellipsoid) -> Vec<bool> {
        (0..self.len()).map(|index| lesion.level(self.point(index)) <= 1.0).collect()
    }
}

/// Noise with a grain of three voxels, of mean 0 and standard deviation 1 inside the mask.
pub(crate) fn texture(random: &mut ChaCha12Rng, grid: &Grid, mask: &[bool]) -> Vec<f64> {
    let mut field: Vec<f64> = (0..grid.len()).map(|_| normal(random)).collect();
    let strides = [1, grid.size[0], grid.size[0] * grid.size[1]];
    for (axis, stride) in strides.into_iter().enumerate() {
        field = smooth(&field, stride, grid.size[axis]);
    }
    let inside: Vec<f64> =
        field.iter().zip(mask).filter(|&(_, &inside)| inside).map(|(&value, _)| value).collect();
    let count = inside.len() as f64;
    let mean = inside.iter().sum::<f64>() / count;
    let variance = inside.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    field.iter().map(|value| (value - mean) / variance.sqrt()).collect()
}

/// The mean of each voxel and its neighbors along one axis; neighbors beyond the edge are left out.
fn smooth(field: &[f64], stride: usize, length: usize) -> Vec<f64> {
    (0..field.len())
        .map(|index| {
            let place = index / stride % length;
            let mut sum = field[index];
            let mut count = 1.0;
            if place > 0 {
                sum += field[index - stride];
                count += 1.0;
            }
            if place + 1 < length {
                sum += field[index + stride];
                count += 1.0;
            }
            sum / count
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn voxels_and_outlines_enclose_the_sphere_of_the_diameter() {
        let grid =
            Grid { size: [64, 64, 40], spacing: [2.0, 2.0, 3.0], origin: [-63.0, -63.0, -58.5] };
        for (index, diameter_mm) in [22.4, 30.0, 40.0, 57.6].into_iter().enumerate() {
            let mut random = stream(1, index, Purpose::Ct);
            let lesion = Ellipsoid::draw(&mut random, diameter_mm, [1.0, -2.0, 0.7]);
            let truth = std::f64::consts::PI / 6.0 * diameter_mm.powi(3);
            let voxels = grid.inside(&lesion).iter().filter(|&&inside| inside).count() as f64;
            assert!((voxels * 12.0 / truth - 1.0).abs() < 0.04, "{diameter_mm} mm: {voxels}");

            let heights = (0..40).map(|slice| -58.5 + 3.0 * f64::from(slice));
            let areas: f64 = heights.filter_map(|z| lesion.outline(z, 48)).map(|o| area(&o)).sum();
            assert!((areas * 3.0 / truth - 1.0).abs() < 0.04, "{diameter_mm} mm: {areas}");
        }
    }

    fn area(polygon: &[[f64; 2]]) -> f64 {
        let next = polygon.iter().cycle().skip(1);
        polygon.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>() / 2.0
    }

    #[test]
    fn texture_is_standard_inside_the_mask() {
        let grid = Grid { size: [16, 16, 8], spacing: [1.0; 3], origin: [0.0; 3] };
        let lesion = Ellipsoid::upright(grid.center(), [5.0, 5.0, 3.0]);
        let mask = grid.inside(&lesion);
        let field = texture(&mut stream(1, 0, Purpose::Ct), &grid, &mask);
        let inside: Vec<f64> =
            field.iter().zip(&mask).filter(|&(_, &inside)| inside).map(|(&v, _)| v).collect();
        let mean = inside.iter().sum::<f64>() / inside.len() as f64;
        let square = inside.iter().map(|v| v * v).sum::<f64>() / inside.len() as f64;
        assert!(mean.abs() < 1e-9 && (square - 1.0).abs() < 1e-9, "{mean} {square}");
    }
}
