//! The CT of one patient as numbers: lung, chest wall and tumor in HU.

use rand::RngExt;
use rand::rngs::ChaCha12Rng;

use crate::lesion::{Ellipsoid, Grid, texture};
use crate::random::normal;
use crate::truth::Tumor;

/// Width and height of a slice in pixels.
pub(crate) const WIDTH: usize = 64;

/// How a hospital's scanner writes its images.
pub(crate) struct Scanner {
    pub(crate) pixel_mm: f64,
    pub(crate) slice_mm: f64,
    /// HU of one stored unit.
    pub(crate) slope: f64,
    /// HU of the stored value 0.
    pub(crate) intercept: f64,
    /// Whether the first instance is the lowest slice.
    pub(crate) upward: bool,
}

/// One scanner for each hospital. Intercepts differ, as they do in life.
pub(crate) const SCANNERS: [Scanner; 3] = [
    Scanner { pixel_mm: 2.0, slice_mm: 3.0, slope: 1.0, intercept: -1024.0, upward: true },
    Scanner { pixel_mm: 2.2, slice_mm: 2.5, slope: 1.0, intercept: 0.0, upward: true },
    Scanner { pixel_mm: 2.4, slice_mm: 3.0, slope: 0.5, intercept: -1000.0, upward: false },
];

/// One CT with what is known about it.
pub(crate) struct Ct {
    pub(crate) grid: Grid,
    /// Stored values, x fastest, then y, then slices upward.
    pub(crate) stored: Vec<i16>,
    pub(crate) lesion: Ellipsoid,
    pub(crate) lung: Ellipsoid,
}

/// Draws the chest round a tumor. The tumor's mean and standard deviation in HU are the truth's,
/// but for the scanner's noise of 6 HU and rounding.
pub(crate) fn draw_ct(random: &mut ChaCha12Rng, tumor: &Tumor, scanner: &Scanner) -> Ct {
    let shift: [f64; 3] = [0, 1, 2].map(|_| random.random_range(-6.0..6.0));
    let middle = [-68.0, 14.0, -160.0];
    let center = [0, 1, 2].map(|axis| middle[axis] + shift[axis]);
    let lesion = Ellipsoid::draw(random, tumor.diameter_mm, center);
    let grid = frame(middle, &lesion, scanner);
    let fov_mm = WIDTH as f64 * scanner.pixel_mm;
    let lung = Ellipsoid::upright(grid.center(), [0.4 * fov_mm, 0.45 * fov_mm, 400.0]);

    let mask = grid.inside(&lesion);
    let grain = texture(random, &grid, &mask);
    let stored = (0..grid.len())
        .map(|index| {
            // A rim beyond the surface is tumor too, so that a contour rounded to hundredths of a
            // millimeter never takes a voxel of lung for tumor.
            let tissue = if lesion.level(grid.point(index)) <= 1.04 {
                tumor.mean_hu + tumor.texture_hu * grain[index]
            } else {
                background(&lung, grid.point(index), grain[index])
            };
            store(tissue + 6.0 * normal(random), scanner)
        })
        .collect();
    Ct { grid, stored, lesion, lung }
}

/// As many slices as hold the tumor with a margin, from 24 to 40.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn frame(middle: [f64; 3], lesion: &Ellipsoid, scanner: &Scanner) -> Grid {
    let height_mm = 2.0 * lesion.semi_axes[2] + 24.0;
    let slices = (height_mm / scanner.slice_mm).ceil().clamp(24.0, 40.0);
    let half_width_mm = scanner.pixel_mm * (WIDTH as f64 - 1.0) / 2.0;
    let half_height_mm = scanner.slice_mm * (slices - 1.0) / 2.0;
    Grid {
        size: [WIDTH, WIDTH, slices as usize],
        spacing: [scanner.pixel_mm, scanner.pixel_mm, scanner.slice_mm],
        origin: [middle[0] - half_width_mm, middle[1] - half_width_mm, middle[2] - half_height_mm],
    }
}

fn background(lung: &Ellipsoid, point: [f64; 3], grain: f64) -> f64 {
    match lung.level(point) {
        level if level <= 1.0 => -830.0 + 35.0 * grain,
        level if level <= 1.35 => 40.0 + 10.0 * grain,
        _ => -990.0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to 16 bits")]
fn store(hu: f64, scanner: &Scanner) -> i16 {
    let stored = ((hu - scanner.intercept) / scanner.slope).round();
    stored.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
}
