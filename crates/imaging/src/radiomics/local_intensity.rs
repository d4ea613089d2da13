//! Peaks of the mean intensity in a sphere of 1 cm³ (IBSI 9ST6), which may reach out of the region.

use oncoweave_core::Feature;

use super::region::Region;
use super::{Definition, named};
use crate::Volume;

const DEFINITIONS: [Definition; 2] = [
    Definition::new("loc_peak_loc", "@", "mean round the voxel of greatest intensity", "VJGA"),
    Definition::new("loc_peak_glob", "@", "greatest mean round a voxel of the region", "0F91"),
];

/// The peaks of a region.
pub(crate) fn features(volume: &Volume, region: &Region) -> Vec<Feature> {
    let chords = chords(region.spacing_mm);
    let rows = Rows::new(volume, region, &chords);
    let greatest = region.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut local, mut global) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (&index, &value) in region.indices.iter().zip(&region.values) {
        let position = region.position(index);
        let peak = rows.mean(std::array::from_fn(|a| region.start[a] + position[a] - 1), &chords);
        global = global.max(peak);
        if value >= greatest {
            local = local.max(peak);
        }
    }
    named(&DEFINITIONS, [local, global], "", &volume.unit)
}

/// A line of voxels along x in the sphere: how far its center is off in y and z, and how many voxels
/// it has on either side of it.
struct Chord {
    y: isize,
    z: isize,
    half: usize,
}

fn chords([x, y, z]: [f64; 3]) -> Vec<Chord> {
    // A sphere of 1000 mm³; a hair more so that rounding leaves no voxel on its surface out.
    let squared = (3000.0 / (4.0 * std::f64::consts::PI)).powf(2.0 / 3.0) * (1.0 + 1e-9);
    let reach = |spacing: f64| whole(squared.sqrt() / spacing);
    let mut chords = Vec::new();
    for z_step in -reach(z)..=reach(z) {
        for y_step in -reach(y)..=reach(y) {
            let left = squared - (y_step as f64 * y).powi(2) - (z_step as f64 * z).powi(2);
            if left >= 0.0 {
                let half = whole(left.sqrt() / x).unsigned_abs();
                chords.push(Chord { y: y_step, z: z_step, half });
            }
        }
    }
    chords
}

#[expect(clippy::cast_possible_truncation, reason = "bounded before the cast")]
fn whole(voxels: f64) -> isize {
    voxels.min(1e6) as isize
}

/// Sums of the intensities along each row, from the first voxel that a sphere may hold; what is no
/// number is left out.
struct Rows {
    low: [usize; 3],
    size: [usize; 3],
    /// For each voxel the sum and the number of those before it in its row; one more at the end.
    before: Vec<(f64, f64)>,
}

impl Rows {
    fn new(volume: &Volume, region: &Region, chords: &[Chord]) -> Self {
        let reach = [
            chords.iter().map(|chord| chord.half).max(),
            chords.iter().map(|chord| chord.y.unsigned_abs()).max(),
            chords.iter().map(|chord| chord.z.unsigned_abs()).max(),
        ]
        .map(|reach| reach.unwrap_or(0));
        let low: [usize; 3] =
            std::array::from_fn(|axis| region.start[axis].saturating_sub(reach[axis]));
        let size: [usize; 3] = std::array::from_fn(|axis| {
            let end = region.start[axis] + region.size[axis] - 2 + reach[axis];
            end.min(volume.geometry.size[axis]) - low[axis]
        });
        let mut before = Vec::with_capacity((size[0] + 1) * size[1] * size[2]);
        for z in low[2]..low[2] + size[2] {
            for y in low[1]..low[1] + size[1] {
                let (mut sum, mut count) = (0.0, 0.0);
                before.push((sum, count));
                for x in low[0]..low[0] + size[0] {
                    let value = volume.voxels[[z, y, x]];
                    if value.is_finite() {
                        sum += f64::from(value);
                        count += 1.0;
                    }
                    before.push((sum, count));
                }
            }
        }
        Self { low, size, before }
    }

    /// The mean intensity in the sphere round a voxel of the volume.
    fn mean(&self, center: [usize; 3], chords: &[Chord]) -> f64 {
        let [x, y, z] = std::array::from_fn(|axis| center[axis] - self.low[axis]);
        let (mut sum, mut count) = (0.0, 0.0);
        for chord in chords {
            let (Some(y), Some(z)) = (y.checked_add_signed(chord.y), z.checked_add_signed(chord.z))
            else {
                continue;
            };
            if y >= self.size[1] || z >= self.size[2] {
                continue;
            }
            let row = (z * self.size[1] + y) * (self.size[0] + 1);
            let start = self.before[row + x.saturating_sub(chord.half)];
            let end = self.before[row + (x + chord.half + 1).min(self.size[0])];
            sum += end.0 - start.0;
            count += end.1 - start.1;
        }
        sum / count
    }
}
