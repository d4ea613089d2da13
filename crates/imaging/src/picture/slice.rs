use ndarray::{ArrayView2, Axis};

use super::canvas::Picture;
use super::glyphs::{HEIGHT, WIDTH};
use super::plane::{Plane, Shown, Side};
use super::window::Window;
use crate::{Mask, Volume};

/// What is to be seen of a volume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Which way the slice cuts the patient.
    pub plane: Plane,
    /// The slice's index along the volume's axis that runs across the plane.
    pub slice: usize,
    /// The indices (x, y, z) of the first and the last voxel to be seen; `None` shows all.
    pub part: Option<([usize; 3], [usize; 3])>,
    /// The intensities shown black and white.
    pub window: Window,
    /// The edge of the square that the picture fits into, in pixels.
    pub pixels: usize,
}

/// The color of a region's outline.
const OUTLINE: [u8; 3] = [255, 190, 0];

/// Draws a slice the right way up, true in its proportions, with the outline of a mask on the same
/// grid, letters at the edges for the patient's sides and the slice's number, from 1, below.
///
/// # Panics
/// When the slice or the part lies outside the volume, or the mask is on another grid.
#[must_use]
pub fn slice_picture(volume: &Volume, mask: Option<&Mask>, view: &View) -> Picture {
    let shown = view.plane.shown(&volume.geometry);
    let frame = Frame::of(volume, view, &shown);
    let voxels = volume.voxels.index_axis(Axis(2 - shown.through), view.slice);
    let mut picture = Picture::black(frame.width, frame.height);
    for row in 0..frame.height {
        for column in 0..frame.width {
            let value = between(&voxels, &shown, frame.voxel(row, column));
            picture.pixels[row * frame.width + column] = [view.window.gray(value); 3];
        }
    }
    if let Some(mask) = mask {
        let inside = mask.voxels.index_axis(Axis(2 - shown.through), view.slice);
        frame.draw_outline(&inside, &shown, &mut picture);
    }
    label(
        &mut picture,
        &shown,
        &format!("{}/{}", view.slice + 1, volume.geometry.size[shown.through]),
    );
    picture
}

/// How the pixels of a picture lie on the voxels of a slice.
struct Frame {
    width: usize,
    height: usize,
    /// The voxel index at the center of the first pixel, along the picture's right and down.
    start: [f64; 2],
    /// Voxels a pixel, signed.
    step: [f64; 2],
}

impl Frame {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to pixels")]
    fn of(volume: &Volume, view: &View, shown: &Shown) -> Self {
        let geometry = volume.geometry;
        let last = geometry.size.map(|length| length - 1);
        let (first, last) = view.part.unwrap_or(([0; 3], last));
        let sides = [shown.right, shown.down];
        let lengths_mm = sides.map(|side| {
            (last[side.axis] + 1 - first[side.axis]) as f64 * geometry.spacing_mm[side.axis]
        });
        let mm = lengths_mm[0].max(lengths_mm[1]) / view.pixels as f64;
        let pixels = lengths_mm.map(|length| (length / mm).round().max(1.0));
        let mut start = [0.0; 2];
        let mut step = [0.0; 2];
        for (place, Side { axis, is_turned, .. }) in sides.into_iter().enumerate() {
            let voxels = (last[axis] + 1 - first[axis]) as f64 / pixels[place];
            (start[place], step[place]) = if is_turned {
                (last[axis] as f64 + 0.5 - 0.5 * voxels, -voxels)
            } else {
                (first[axis] as f64 - 0.5 + 0.5 * voxels, voxels)
            };
        }
        Self { width: pixels[0] as usize, height: pixels[1] as usize, start, step }
    }

    /// The voxel indices along the picture's right and down, not rounded.
    fn voxel(&self, row: usize, column: usize) -> [f64; 2] {
        [self.start[0] + self.step[0] * column as f64, self.start[1] + self.step[1] * row as f64]
    }

    /// Colors the pixels inside the region that have a neighbor outside.
    fn draw_outline(&self, inside: &ArrayView2<bool>, shown: &Shown, picture: &mut Picture) {
        let is_inside = |row: usize, column: usize| {
            let [right, down] = self.voxel(row, column);
            inside[element(shown, [index(right), index(down)])]
        };
        let marked: Vec<bool> = (0..self.height)
            .flat_map(|row| (0..self.width).map(move |column| (row, column)))
            .map(|(row, column)| is_inside(row, column))
            .collect();
        let at = |row: usize, column: usize| {
            row < self.height && column < self.width && marked[row * self.width + column]
        };
        for row in 0..self.height {
            for column in 0..self.width {
                let neighbors = [
                    (row.wrapping_sub(1), column),
                    (row + 1, column),
                    (row, column.wrapping_sub(1)),
                    (row, column + 1),
                ];
                if at(row, column) && neighbors.iter().any(|&(row, column)| !at(row, column)) {
                    picture.pixels[row * self.width + column] = OUTLINE;
                }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the slice")]
fn index(voxel: f64) -> usize {
    voxel.round().max(0.0) as usize
}

/// The element of a slice for indices along the picture's right and down: the volume's axes z, y
/// and x are the array's 0, 1 and 2, so that the slice has the greater axis first.
fn element(shown: &Shown, [right, down]: [usize; 2]) -> [usize; 2] {
    if shown.right.axis > shown.down.axis { [right, down] } else { [down, right] }
}

/// The value between four voxels of a slice.
fn between(voxels: &ArrayView2<f32>, shown: &Shown, place: [f64; 2]) -> f32 {
    let (first, second) = voxels.dim();
    let sizes = element(shown, [0, 1]);
    // The length of the slice along the picture's right and down.
    let lengths = if sizes == [0, 1] { [first, second] } else { [second, first] };
    let mut low = [0; 2];
    let mut high = [0; 2];
    let mut part = [0.0; 2];
    for side in 0..2 {
        let place = place[side].clamp(0.0, lengths[side] as f64 - 1.0);
        low[side] = index(place.floor());
        high[side] = (low[side] + 1).min(lengths[side] - 1);
        part[side] = place - place.floor();
    }
    let at = |right, down| f64::from(voxels[element(shown, [right, down])]);
    let upper = at(low[0], low[1]) * (1.0 - part[0]) + at(high[0], low[1]) * part[0];
    let lower = at(low[0], high[1]) * (1.0 - part[0]) + at(high[0], high[1]) * part[0];
    #[expect(clippy::cast_possible_truncation, reason = "between numbers of that size")]
    let value = (upper * (1.0 - part[1]) + lower * part[1]) as f32;
    value
}

/// Writes the patient's sides at the edges, and a text in the lower left corner.
fn label(picture: &mut Picture, shown: &Shown, text: &str) {
    const GAP: usize = 3;
    let (width, height) = (picture.width, picture.height);
    // A picture narrower than its letters stays without them.
    if width < 6 * WIDTH || height < 4 * HEIGHT {
        return;
    }
    let [left, right] = shown.right.letters.map(String::from);
    let [upper, lower] = shown.down.letters.map(String::from);
    let (middle_x, middle_y) = ((width - WIDTH) / 2, (height - HEIGHT) / 2);
    picture.write(&left, GAP, middle_y);
    picture.write(&right, width - WIDTH - GAP, middle_y);
    picture.write(&upper, middle_x, GAP);
    picture.write(&lower, middle_x, height - HEIGHT - GAP);
    if (text.len() + 1) * (WIDTH + 1) < middle_x {
        picture.write(text, GAP, height - HEIGHT - GAP);
    }
}
