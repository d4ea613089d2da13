use ndarray::Axis;

use crate::{Geometry, Mask};

/// Which way a slice cuts the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// Across the body, seen from the feet: the patient's left is on the right, the front above.
    Axial,
    /// Seen from the front: the patient's left is on the right, the head above.
    Coronal,
    /// Seen from the left: the front is on the left, the head above.
    Sagittal,
}

/// The sides of the patient that a direction in LPS leads to, the nearest first: one letter of `L`,
/// `R`, `P`, `A`, `S` (head) and `I` (feet), or several for an oblique one.
#[must_use]
pub fn axis_letters(direction: [f64; 3]) -> String {
    let mut parts: Vec<(f64, char)> = direction
        .into_iter()
        .zip([['L', 'R'], ['P', 'A'], ['S', 'I']])
        .map(|(part, [plus, minus])| (part.abs(), if part > 0.0 { plus } else { minus }))
        .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Below six degrees it is none of the direction's sides.
    parts
        .iter()
        .enumerate()
        .filter(|(place, part)| *place == 0 || part.0 > 0.1)
        .map(|(_, part)| part.1)
        .collect()
}

/// The axes of a volume that a picture shows, for volumes along the body's axes or near to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The axis from left to right.
    pub(super) right: Side,
    /// The axis from top to bottom.
    pub(super) down: Side,
    /// The axis across the picture.
    pub(super) through: usize,
}

/// An axis of a volume, and which way it runs in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) axis: usize,
    /// Whether indices grow to the left, or upwards.
    pub(super) is_turned: bool,
    /// Where the picture's left or upper edge lies in the patient, then its right or lower edge.
    pub(super) letters: [char; 2],
}

impl Plane {
    /// The planes of a volume's axes, each the nearest to one of the body's.
    pub(super) fn shown(self, geometry: &Geometry) -> Shown {
        let of_body = body_axes(geometry);
        // Along LPS: which body axis runs to the right, which down, and whether against its sign.
        let (right, down, through) = match self {
            Self::Axial => ((0, false), (1, false), 2),
            Self::Coronal => ((0, false), (2, true), 1),
            Self::Sagittal => ((1, false), (2, true), 0),
        };
        let side = |(body, against): (usize, bool)| {
            let axis = of_body[body];
            let grows = geometry.direction[axis][body] > 0.0;
            let [low, high] = [['R', 'L'], ['A', 'P'], ['I', 'S']][body];
            let letters = if against { [high, low] } else { [low, high] };
            Side { axis, is_turned: grows == against, letters }
        };
        Shown { right: side(right), down: side(down), through: of_body[through] }
    }
}

/// How many slices a grid has in a plane.
#[must_use]
pub fn slice_count(geometry: &Geometry, plane: Plane) -> usize {
    geometry.size[plane.shown(geometry).through]
}

/// The slice in which most of a region lies; the middle one where the region is empty.
#[must_use]
pub fn largest_slice(mask: &Mask, plane: Plane) -> usize {
    let through = Axis(2 - plane.shown(&mask.geometry).through);
    let slices = mask.voxels.axis_iter(through);
    let inside = slices.map(|slice| slice.iter().filter(|&&inside| inside).count());
    let largest = inside.enumerate().max_by_key(|&(place, count)| (count, usize::MAX - place));
    match largest {
        Some((slice, count)) if count > 0 => slice,
        _ => mask.voxels.len_of(through) / 2,
    }
}

/// For each body axis the volume's axis that runs along it most, each taken once.
fn body_axes(geometry: &Geometry) -> [usize; 3] {
    const ORDERS: [[usize; 3]; 6] =
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let along = |order: &[usize; 3]| -> f64 {
        order.iter().enumerate().map(|(body, &axis)| geometry.direction[axis][body].abs()).sum()
    };
    ORDERS.into_iter().max_by(|a, b| along(a).total_cmp(&along(b))).expect("there are six")
}
