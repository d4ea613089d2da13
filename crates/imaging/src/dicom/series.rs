use std::path::{Path, PathBuf};

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use ndarray::Array3;
use rayon::prelude::*;

use super::attributes::{numbers, required, text, vector as numbers_of, whole};
use super::folder::{Contents, Header};
use super::{in_file, in_folder, pixels};
use crate::vector::{self, Vector};
use crate::{Error, Geometry, Volume};

/// One slice's place in space.
struct Slice {
    path: PathBuf,
    rows: usize,
    columns: usize,
    /// Distance between rows, then between columns.
    pixel_spacing_mm: [f64; 2],
    /// Unit vectors along a row and down a column.
    row: Vector,
    column: Vector,
    position_mm: Vector,
    /// The position along the normal of the first slice.
    along_mm: f64,
}

/// How far slices may lie from an even grid, in slice spacings: positions are often rounded to a
/// tenth of a millimetre.
const UNEVEN: f64 = 0.05;

/// How far slices may be shifted against each other in their plane, in pixels.
const SHIFTED: f64 = 0.1;

pub(super) fn read(folder: &Path, contents: &Contents) -> Result<Volume, Error> {
    let headers = choose(folder, contents)?;
    let slices = sorted_slices(headers)?;
    let geometry =
        geometry_of(&slices, &headers[0].object).map_err(|problem| in_folder(folder, problem))?;
    let mut voxels = Array3::zeros(geometry.shape());
    let pixels_a_slice = geometry.size[0] * geometry.size[1];
    voxels
        .as_slice_mut()
        .expect("a new array is contiguous")
        .par_chunks_mut(pixels_a_slice)
        .zip(&slices)
        .try_for_each(|(values, slice)| pixels::read_into(&slice.path, values))?;
    let first = &headers[0].object;
    let modality = text(first, tags::MODALITY).unwrap_or_default();
    Ok(Volume {
        voxels,
        geometry,
        unit: pixels::unit(first, &modality),
        modality,
        frame_of_reference: text(first, tags::FRAME_OF_REFERENCE_UID),
    })
}

/// The only series, or the only one that a mask in the folder refers to.
fn choose<'a>(folder: &Path, contents: &'a Contents) -> Result<&'a [Header], Error> {
    let series = &contents.series;
    let referenced: Vec<&Vec<Header>> = series
        .iter()
        .filter(|(uid, _)| contents.masks.iter().any(|mask| mask.references.contains(uid)))
        .map(|(_, headers)| headers)
        .collect();
    match (series.len(), referenced.as_slice()) {
        (0, _) => Err(in_folder(folder, "holds no DICOM image series".to_owned())),
        (1, _) => Ok(series.values().next().expect("there is one")),
        (_, [headers]) => Ok(headers),
        (count, _) => Err(in_folder(
            folder,
            format!(
                "holds {count} image series, and no RTSTRUCT or SEG that refers to exactly one of \
                 them: keep one"
            ),
        )),
    }
}

/// The slices in ascending order along the normal, all of one size, spacing and orientation.
fn sorted_slices(headers: &[Header]) -> Result<Vec<Slice>, Error> {
    let mut slices = Vec::with_capacity(headers.len());
    for header in headers {
        let slice = Slice::of(header).map_err(|problem| in_file(&header.path, problem))?;
        slices.push(slice);
    }
    let first = &slices[0];
    for slice in &slices[1..] {
        if let Some(difference) = slice.difference(first) {
            return Err(in_file(&slice.path, difference));
        }
    }
    let normal = vector::cross(first.row, first.column);
    for slice in &mut slices {
        slice.along_mm = vector::dot(normal, slice.position_mm);
    }
    slices.sort_by(|a, b| a.along_mm.total_cmp(&b.along_mm));
    Ok(slices)
}

impl Slice {
    fn of(header: &Header) -> Result<Self, String> {
        let object = &header.object;
        let frames = whole(object, tags::NUMBER_OF_FRAMES).unwrap_or(1);
        if frames != 1 {
            return Err(format!(
                "is a multi-frame image of {frames} frames, expected one slice a file: convert it \
                 to a classic series first"
            ));
        }
        let (rows, columns) =
            (required(object, tags::ROWS)? as usize, required(object, tags::COLUMNS)? as usize);
        if rows == 0 || columns == 0 {
            return Err("has no pixels".to_owned());
        }
        let pixel_spacing_mm: [f64; 2] = numbers_of(object, tags::PIXEL_SPACING)?;
        if pixel_spacing_mm.iter().any(|&spacing| spacing <= 0.0) {
            return Err(format!("pixel spacing must be positive, found {pixel_spacing_mm:?} mm"));
        }
        let [row, column] = orientation(object)?;
        let position_mm = numbers_of(object, tags::IMAGE_POSITION_PATIENT)?;
        let path = header.path.clone();
        Ok(Self { path, rows, columns, pixel_spacing_mm, row, column, position_mm, along_mm: 0.0 })
    }

    /// In what a slice does not fit to the first one.
    fn difference(&self, first: &Self) -> Option<String> {
        if (self.rows, self.columns) != (first.rows, first.columns) {
            return Some(format!(
                "slice has {} x {} pixels, the others {} x {}",
                self.columns, self.rows, first.columns, first.rows
            ));
        }
        let spacings = self.pixel_spacing_mm.iter().zip(first.pixel_spacing_mm);
        if spacings.into_iter().any(|(a, b)| (a - b).abs() > 1e-3 * b) {
            return Some(format!(
                "slice has pixels of {:?} mm, the others of {:?} mm",
                self.pixel_spacing_mm, first.pixel_spacing_mm
            ));
        }
        let turned = |a, b| vector::norm(vector::subtract(a, b)) > 1e-3;
        if turned(self.row, first.row) || turned(self.column, first.column) {
            return Some(format!(
                "slice at {:.2?} mm lies along {:.4?} {:.4?}, the others along {:.4?} {:.4?}: \
                 remove localizers and mixed orientations from the series",
                self.position_mm, self.row, self.column, first.row, first.column
            ));
        }
        None
    }
}

/// The unit vectors along a row and down a column.
pub(super) fn orientation(object: &InMemDicomObject) -> Result<[Vector; 2], String> {
    let cosines: [f64; 6] = numbers_of(object, tags::IMAGE_ORIENTATION_PATIENT)?;
    let axes: [Vector; 2] = [0, 3].map(|start| std::array::from_fn(|axis| cosines[start + axis]));
    let lengths = axes.map(vector::norm);
    let cosine = vector::dot(axes[0], axes[1]);
    if lengths.iter().any(|length| (length - 1.0).abs() > 0.01) || cosine.abs() > 0.01 {
        return Err(format!("expected two unit vectors at right angles, found {axes:?}"));
    }
    Ok([0, 1].map(|axis| vector::scale(axes[axis], 1.0 / lengths[axis])))
}

/// The grid of sorted slices.
fn geometry_of(slices: &[Slice], first_header: &InMemDicomObject) -> Result<Geometry, String> {
    let first = &slices[0];
    let spacing = slice_spacing_mm(slices, first_header)?;
    let normal = vector::cross(first.row, first.column);
    for slice in slices {
        let offset = vector::subtract(slice.position_mm, first.position_mm);
        let shift = vector::norm(vector::subtract(
            offset,
            vector::scale(normal, vector::dot(offset, normal)),
        ));
        if shift > SHIFTED * first.pixel_spacing_mm[0].min(first.pixel_spacing_mm[1]) {
            return Err(format!(
                "slice at {:.2} mm is shifted by {shift:.2} mm within its plane against the first: \
                 a tilted gantry; resample the series first",
                slice.along_mm
            ));
        }
    }
    Ok(Geometry {
        size: [first.columns, first.rows, slices.len()],
        spacing_mm: [first.pixel_spacing_mm[1], first.pixel_spacing_mm[0], spacing],
        origin_mm: first.position_mm,
        direction: [first.row, first.column, normal],
    })
}

/// The distance between slices, which must be the same throughout.
fn slice_spacing_mm(slices: &[Slice], first_header: &InMemDicomObject) -> Result<f64, String> {
    if slices.len() == 1 {
        return [tags::SPACING_BETWEEN_SLICES, tags::SLICE_THICKNESS]
            .iter()
            .find_map(|&tag| numbers(first_header, tag).first().copied())
            .filter(|&spacing| spacing.is_finite() && spacing > 0.0)
            .ok_or_else(|| "a single slice needs a positive slice thickness".to_owned());
    }
    let mut gaps: Vec<f64> =
        slices.windows(2).map(|pair| pair[1].along_mm - pair[0].along_mm).collect();
    if let Some(slice) = gaps.iter().position(|&gap| gap < 1e-3) {
        return Err(format!(
            "two slices lie at {:.2} mm: {}; remove one",
            slices[slice].along_mm,
            super::listed(slices[slice..slice + 2].iter().map(|slice| slice.path.as_path()))
        ));
    }
    let wide = gaps.clone();
    gaps.sort_unstable_by(f64::total_cmp);
    let usual = gaps[gaps.len() / 2];
    if let Some(slice) = wide.iter().position(|&gap| gap > 1.5 * usual) {
        let (low, high) = (slices[slice].along_mm, slices[slice + 1].along_mm);
        let missing = ((high - low) / usual).round() - 1.0;
        return Err(format!(
            "{missing} slice{} missing between {low:.2} mm and {high:.2} mm: slices are {usual:.2} \
             mm apart elsewhere",
            if missing > 1.0 { "s" } else { "" }
        ));
    }
    let first = slices[0].along_mm;
    let spacing = (slices[slices.len() - 1].along_mm - first) / (slices.len() - 1) as f64;
    for (number, slice) in slices.iter().enumerate() {
        let expected = first + number as f64 * spacing;
        if (slice.along_mm - expected).abs() > UNEVEN * spacing {
            return Err(format!(
                "slices are unevenly spaced: one lies at {:.2} mm, expected {expected:.2} mm for \
                 slices {spacing:.2} mm apart; resample the series first",
                slice.along_mm
            ));
        }
    }
    Ok(spacing)
}
