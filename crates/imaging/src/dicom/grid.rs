//! The grid that the slices of a volume form, and what keeps them from forming one.

use std::fmt;

use super::plane::Plane;
use super::stacks::SAME_PLACE_MM;
use crate::vector::{self, Vector};
use crate::{Geometry, ImagingSettings, SliceGaps, Tilt};

/// How far slices may lie from an even grid, in slice spacings: positions are often rounded to a
/// tenth of a millimetre.
const UNEVEN: f64 = 0.05;

/// How far slices may be shifted against each other in their plane, in pixels.
const SHIFTED: f64 = 0.1;

/// What keeps slices from being an even grid.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// Two slices lie at one place: their indices.
    Duplicate { first: usize, along_mm: f64 },
    /// Slices are missing between two.
    Missing { count: f64, low_mm: f64, high_mm: f64, usual_mm: f64 },
    /// A slice lies beside its place on an even grid.
    Uneven { along_mm: f64, expected_mm: f64, spacing_mm: f64 },
    /// The slices are shifted evenly against each other: a tilted gantry.
    Tilted { degrees: f64 },
    /// A slice is shifted in its plane.
    Shifted { along_mm: f64, shift_mm: f64 },
}

impl Fault {
    /// Whether the settings ask for the correction of such a fault.
    pub(super) fn is_corrected(&self, settings: &ImagingSettings) -> bool {
        match self {
            Self::Missing { .. } | Self::Uneven { .. } => {
                settings.slice_gaps == SliceGaps::Interpolate
            }
            Self::Tilted { .. } => settings.tilt == Tilt::Resample,
            Self::Duplicate { .. } | Self::Shifted { .. } => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { along_mm, .. } => write!(f, "two slices lie at {along_mm:.2} mm"),
            Self::Missing { count, low_mm, high_mm, usual_mm } => write!(
                f,
                "{count} slice{} missing between {low_mm:.2} mm and {high_mm:.2} mm: slices are \
                 {usual_mm:.2} mm apart elsewhere; set slice_gaps to \"interpolate\" to fill them",
                if *count > 1.0 { "s" } else { "" }
            ),
            Self::Uneven { along_mm, expected_mm, spacing_mm } => write!(
                f,
                "slices are unevenly spaced: one lies at {along_mm:.2} mm, expected \
                 {expected_mm:.2} mm for slices {spacing_mm:.2} mm apart; set slice_gaps to \
                 \"interpolate\" to resample them"
            ),
            Self::Tilted { degrees } => write!(
                f,
                "the gantry was tilted by {degrees:.2} degrees: slices are shifted against each \
                 other; set tilt to \"resample\" to straighten them"
            ),
            Self::Shifted { along_mm, shift_mm } => write!(
                f,
                "slice at {along_mm:.2} mm is shifted by {shift_mm:.2} mm within its plane against \
                 the first: export the series again"
            ),
        }
    }
}

/// Everything that keeps sorted slices from being an even grid.
pub(super) fn faults(planes: &[Plane]) -> Vec<Fault> {
    let duplicates: Vec<Fault> = planes
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[1].along_mm - pair[0].along_mm < SAME_PLACE_MM)
        .map(|(first, pair)| Fault::Duplicate { first, along_mm: pair[0].along_mm })
        .collect();
    if !duplicates.is_empty() {
        return duplicates;
    }
    let mut faults = spacing_faults(planes);
    faults.extend(shift_fault(planes));
    faults
}

/// The distance between slices that is usual: the median.
fn usual_gap_mm(planes: &[Plane]) -> f64 {
    let mut gaps: Vec<f64> =
        planes.windows(2).map(|pair| pair[1].along_mm - pair[0].along_mm).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    gaps[gaps.len() / 2]
}

/// The distance between slices if they are as evenly spaced as they can be.
fn even_gap_mm(planes: &[Plane]) -> f64 {
    (planes[planes.len() - 1].along_mm - planes[0].along_mm) / (planes.len() - 1) as f64
}

fn spacing_faults(planes: &[Plane]) -> Vec<Fault> {
    if planes.len() < 2 {
        return Vec::new();
    }
    let usual_mm = usual_gap_mm(planes);
    let missing: Vec<Fault> = planes
        .windows(2)
        .map(|pair| (pair[0].along_mm, pair[1].along_mm))
        .filter(|(low_mm, high_mm)| high_mm - low_mm > 1.5 * usual_mm)
        .map(|(low_mm, high_mm)| {
            let count = ((high_mm - low_mm) / usual_mm).round() - 1.0;
            Fault::Missing { count, low_mm, high_mm, usual_mm }
        })
        .collect();
    if !missing.is_empty() {
        return missing;
    }
    let spacing_mm = even_gap_mm(planes);
    let expected = |number: usize| planes[0].along_mm + number as f64 * spacing_mm;
    planes
        .iter()
        .enumerate()
        .map(|(number, plane)| (plane.along_mm, expected(number)))
        .find(|(along_mm, expected_mm)| (along_mm - expected_mm).abs() > UNEVEN * spacing_mm)
        .map(|(along_mm, expected_mm)| Fault::Uneven { along_mm, expected_mm, spacing_mm })
        .into_iter()
        .collect()
}

/// How far the slices are shifted in their plane for each mm along the normal.
fn shift_a_mm(planes: &[Plane]) -> Vector {
    let (first, last) = (&planes[0], &planes[planes.len() - 1]);
    let along = last.along_mm - first.along_mm;
    vector::scale(shift_mm(last, first), 1.0 / along)
}

/// The part of the way from one slice to another that lies in the plane.
fn shift_mm(plane: &Plane, first: &Plane) -> Vector {
    let offset = vector::subtract(plane.position_mm, first.position_mm);
    let normal = first.normal();
    vector::subtract(offset, vector::scale(normal, vector::dot(offset, normal)))
}

fn shift_fault(planes: &[Plane]) -> Option<Fault> {
    let first = planes.first()?;
    let limit = SHIFTED * first.pixel_spacing_mm[0].min(first.pixel_spacing_mm[1]);
    let shifted = planes.iter().find(|plane| vector::norm(shift_mm(plane, first)) > limit)?;
    let rate = shift_a_mm(planes);
    let is_even = planes.iter().all(|plane| {
        let expected = vector::scale(rate, plane.along_mm - first.along_mm);
        vector::norm(vector::subtract(shift_mm(plane, first), expected)) <= limit
    });
    Some(if is_even && planes.len() > 2 {
        Fault::Tilted { degrees: vector::norm(rate).atan().to_degrees() }
    } else {
        Fault::Shifted {
            along_mm: shifted.along_mm,
            shift_mm: vector::norm(shift_mm(shifted, first)),
        }
    })
}

/// The grid of slices, and how they are brought onto it.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) geometry: Geometry,
    /// For slices of a tilted gantry: how far the pixels of each lie beside the grid's, in pixels
    /// along x and y.
    pub(super) shifts: Option<Vec<[f64; 2]>>,
    /// For uneven slices: where each slice lies, in slices of the grid.
    pub(super) places: Option<Vec<f64>>,
}

/// The grid of slices whose faults are corrected.
///
/// # Errors
/// When a single slice has no thickness, or more slices are missing than are there.
pub(super) fn grid(
    planes: &[Plane],
    faults: &[Fault],
    thickness_mm: Option<f64>,
) -> Result<Grid, String> {
    let first = &planes[0];
    let spacing_mm = match planes.len() {
        1 => thickness_mm.ok_or("a single slice needs a positive slice thickness")?,
        _ => even_gap_mm(planes),
    };
    let mut grid = Grid {
        geometry: Geometry {
            size: [first.columns, first.rows, planes.len()],
            spacing_mm: [first.pixel_spacing_mm[1], first.pixel_spacing_mm[0], spacing_mm],
            origin_mm: first.position_mm,
            direction: [first.row, first.column, first.normal()],
        },
        shifts: None,
        places: None,
    };
    let is = |kind: fn(&Fault) -> bool| faults.iter().any(kind);
    if is(|fault| matches!(fault, Fault::Tilted { .. })) {
        straighten(&mut grid, planes);
    }
    if is(|fault| matches!(fault, Fault::Missing { .. } | Fault::Uneven { .. })) {
        even_out(&mut grid, planes)?;
    }
    Ok(grid)
}

/// Widens the grid so that it holds all slices of a tilted gantry.
fn straighten(grid: &mut Grid, planes: &[Plane]) {
    let geometry = &mut grid.geometry;
    let spacing = geometry.spacing_mm;
    let mut shifts: Vec<[f64; 2]> = planes
        .iter()
        .map(|plane| {
            let shift = shift_mm(plane, &planes[0]);
            [0, 1].map(|axis| vector::dot(shift, geometry.direction[axis]) / spacing[axis])
        })
        .collect();
    for axis in [0, 1] {
        let least = shifts.iter().map(|shift| shift[axis]).fold(0.0, f64::min).floor();
        let greatest = shifts.iter().map(|shift| shift[axis]).fold(0.0, f64::max).ceil();
        for shift in &mut shifts {
            shift[axis] -= least;
        }
        let step = vector::scale(geometry.direction[axis], least * spacing[axis]);
        geometry.origin_mm = vector::add(geometry.origin_mm, step);
        geometry.size[axis] += whole(greatest - least);
    }
    grid.shifts = Some(shifts);
}

/// Spaces the grid evenly, at about the distance that is usual.
fn even_out(grid: &mut Grid, planes: &[Plane]) -> Result<(), String> {
    let first_mm = planes[0].along_mm;
    let length_mm = planes[planes.len() - 1].along_mm - first_mm;
    let steps = (length_mm / usual_gap_mm(planes)).round().max(1.0);
    if steps > 2.0 * planes.len() as f64 {
        return Err(format!(
            "more slices are missing than the {} that are there: copy the series again",
            planes.len()
        ));
    }
    let spacing_mm = length_mm / steps;
    grid.geometry.size[2] = whole(steps) + 1;
    grid.geometry.spacing_mm[2] = spacing_mm;
    grid.places =
        Some(planes.iter().map(|plane| (plane.along_mm - first_mm) / spacing_mm).collect());
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number that is not negative; a greater one is cut to the greatest"
)]
fn whole(number: f64) -> usize {
    number as usize
}
