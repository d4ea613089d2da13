use ndarray::Axis;

use super::canvas::Picture;
use super::plane::Plane;
use super::slice::{View, slice_picture};
use super::window::display_window;
use crate::{Mask, Volume};

/// Slices of each row.
const COLUMNS: usize = 5;
/// The edge of a slice's square in pixels.
const PIXELS: usize = 240;
/// Pixels between slices.
const GAP: usize = 4;
/// What is seen round the region in the row that shows it enlarged, in mm.
const MARGIN_MM: f64 = 20.0;

/// Draws rows of axial, coronal and sagittal slices, evenly chosen through the region, with its
/// outline; below the axial ones the same slices enlarged round the region.
///
/// Without a mask, or with an empty one, the slices are chosen through the whole volume.
///
/// # Panics
/// When the mask is on another grid.
#[must_use]
pub fn contact_sheet(volume: &Volume, mask: Option<&Mask>) -> Picture {
    let window = display_window(volume);
    let whole = |plane| (plane, None);
    let mut rows = vec![whole(Plane::Axial), whole(Plane::Coronal), whole(Plane::Sagittal)];
    if let Some(part) = mask.and_then(|mask| part_round(volume, mask)) {
        rows.insert(1, (Plane::Axial, Some(part)));
    }
    let pitch = PIXELS + GAP;
    let mut sheet = Picture::black(COLUMNS * pitch + GAP, rows.len() * pitch + GAP);
    for (row, (plane, part)) in rows.into_iter().enumerate() {
        let axis = plane.shown(&volume.geometry).through;
        let slices = evenly(&slices_with(volume, mask, axis));
        for (column, slice) in slices.into_iter().enumerate() {
            let view = View { plane, slice, part, window, pixels: PIXELS };
            let picture = slice_picture(volume, mask, &view);
            let left = GAP + column * pitch + (PIXELS - picture.width) / 2;
            let top = GAP + row * pitch + (PIXELS - picture.height) / 2;
            sheet.paste(&picture, left, top);
        }
    }
    sheet
}

/// The slices along an axis that show the region, or all where there is none.
fn slices_with(volume: &Volume, mask: Option<&Mask>, axis: usize) -> Vec<usize> {
    let all = 0..volume.geometry.size[axis];
    let Some(mask) = mask else { return all.collect() };
    let shows = |slice: &usize| mask.voxels.index_axis(Axis(2 - axis), *slice).iter().any(|&v| v);
    let marked: Vec<usize> = all.clone().filter(shows).collect();
    if marked.is_empty() { all.collect() } else { marked }
}

/// Up to five slices, the middles of equal parts of a list.
fn evenly(slices: &[usize]) -> Vec<usize> {
    let count = slices.len();
    let chosen = count.min(COLUMNS);
    (0..chosen).map(|number| slices[(2 * number + 1) * count / (2 * chosen)]).collect()
}

/// The voxels of the region and some round it; `None` where that is nearly all, or nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few voxels")]
fn part_round(volume: &Volume, mask: &Mask) -> Option<([usize; 3], [usize; 3])> {
    let geometry = volume.geometry;
    let (mut low, mut high) = mask.bounding_box()?;
    let mut is_small = false;
    for axis in 0..3 {
        let margin = (MARGIN_MM / geometry.spacing_mm[axis]).ceil().min(1e6) as usize;
        low[axis] = low[axis].saturating_sub(margin);
        high[axis] = (high[axis] + margin).min(geometry.size[axis] - 1);
    }
    let shown = Plane::Axial.shown(&geometry);
    for axis in [shown.right.axis, shown.down.axis] {
        is_small |= 10 * (high[axis] + 1 - low[axis]) < 7 * geometry.size[axis];
    }
    is_small.then_some((low, high))
}
