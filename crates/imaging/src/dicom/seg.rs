use std::path::Path;

use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, open_file};
use ndarray::Array3;

use super::attributes::{items, named, required, text, vector as numbers_of, whole};
use super::frames::{Frame, frames};
use super::rtstruct::{check_frame, choose};
use super::series::orientation;
use super::{NOT_WHOLE, in_file, in_region};
use crate::{Error, Geometry, Mask, Volume, vector};

/// Places a segment of a binary DICOM SEG on a volume's grid, each frame by its own position.
///
/// `segment` is the segment's label, without regard to case and surrounding spaces, or its number;
/// `None` takes the only one.
///
/// # Errors
/// When the file is broken, not binary or compressed; the segment is not there or none was chosen
/// among several; or a frame does not lie on the image's grid.
pub fn read_seg(path: &Path, volume: &Volume, segment: Option<&str>) -> Result<Mask, Error> {
    let object = open_file(path).map_err(|_| in_file(path, NOT_WHOLE))?;
    let segments: Vec<(u32, String)> = items(&object, tags::SEGMENT_SEQUENCE)
        .iter()
        .filter_map(|item| {
            let label = text(item, tags::SEGMENT_LABEL).unwrap_or_default();
            Some((whole(item, tags::SEGMENT_NUMBER)?, label))
        })
        .collect();
    let names: Vec<(u32, &str)> =
        segments.iter().map(|(number, label)| (*number, label.as_str())).collect();
    let chosen = choose("segment", &names, segment).map_err(|problem| in_region(path, problem))?;
    let frame_of_reference = text(&object, tags::FRAME_OF_REFERENCE_UID);
    check_frame(frame_of_reference.as_deref(), volume)
        .map_err(|problem| in_region(path, problem))?;
    let bits = Bits::of(&object).map_err(|problem| in_file(path, problem))?;
    let mut voxels = Array3::from_elem(volume.geometry.shape(), false);
    for (number, frame) in frames(&object).iter().enumerate() {
        first_voxel(frame, segments[chosen].0, &volume.geometry)
            .and_then(|first| first.map_or(Ok(()), |first| bits.copy(number, first, &mut voxels)))
            .map_err(|problem| in_region(path, format!("frame {}: {problem}", number + 1)))?;
    }
    Ok(Mask { voxels, geometry: volume.geometry })
}

/// The pixels of all frames, one bit each without padding between frames.
struct Bits {
    rows: usize,
    columns: usize,
    bytes: Vec<u8>,
}

impl Bits {
    fn of(object: &InMemDicomObject) -> Result<Self, String> {
        let kind = text(object, tags::SEGMENTATION_TYPE).unwrap_or_default();
        if kind != "BINARY" || whole(object, tags::BITS_ALLOCATED) != Some(1) {
            return Err(
                "expected a binary segmentation of one bit a pixel, found a fractional one \
                        or a label map: convert it first"
                    .to_owned(),
            );
        }
        let (rows, columns) =
            (required(object, tags::ROWS)? as usize, required(object, tags::COLUMNS)? as usize);
        let expected = frames(object).len();
        let stated = whole(object, tags::NUMBER_OF_FRAMES).unwrap_or(1) as usize;
        if stated != expected {
            return Err(format!("states {stated} frames and describes {expected}"));
        }
        let pixels = object
            .get(tags::PIXEL_DATA)
            .ok_or_else(|| format!("has no {}", named(tags::PIXEL_DATA)))?;
        let bytes = pixels
            .value()
            .primitive()
            .ok_or("is compressed: convert it to explicit little endian first")?
            .to_bytes()
            .into_owned();
        let needed = (rows * columns * expected).div_ceil(8);
        if bytes.len() < needed {
            return Err(format!("is cut off: expected {needed} bytes, found {}", bytes.len()));
        }
        Ok(Self { rows, columns, bytes })
    }

    fn get(&self, frame: usize, row: usize, column: usize) -> bool {
        let bit = (frame * self.rows + row) * self.columns + column;
        self.bytes[bit / 8] >> (bit % 8) & 1 == 1
    }

    /// Marks the voxels of a frame whose first pixel is a given voxel (x, y, z).
    fn copy(&self, frame: usize, first: [i64; 3], voxels: &mut Array3<bool>) -> Result<(), String> {
        let [x, y, z] = first;
        for row in 0..self.rows {
            for column in 0..self.columns {
                if !self.get(frame, row, column) {
                    continue;
                }
                let index = [z, y + signed(row), x + signed(column)]
                    .map(|index| usize::try_from(index).unwrap_or(usize::MAX));
                *voxels.get_mut(index).ok_or("marks pixels outside the image")? = true;
            }
        }
        Ok(())
    }
}

fn signed(index: usize) -> i64 {
    i64::try_from(index).expect("rows and columns are 16-bit numbers")
}

/// How far a frame may lie off the grid, in voxels.
const OFF_GRID: f64 = 0.1;

/// The voxel (x, y, z) of a frame's first pixel; `None` for a frame of another segment.
fn first_voxel(
    frame: &Frame,
    segment: u32,
    geometry: &Geometry,
) -> Result<Option<[i64; 3]>, String> {
    let identification = frame.group(tags::SEGMENT_IDENTIFICATION_SEQUENCE)?;
    if required(identification, tags::REFERENCED_SEGMENT_NUMBER)? != segment {
        return Ok(None);
    }
    let axes = orientation(frame.group(tags::PLANE_ORIENTATION_SEQUENCE)?)?;
    for (axis, image) in axes.into_iter().zip(geometry.direction) {
        if vector::norm(vector::subtract(axis, image)) > 1e-3 {
            return Err(format!(
                "lies along {axis:.4?}, the image along {image:.4?}: resample the segmentation first"
            ));
        }
    }
    let measures = frame.group(tags::PIXEL_MEASURES_SEQUENCE)?;
    let [rows_mm, columns_mm]: [f64; 2] = numbers_of(measures, tags::PIXEL_SPACING)?;
    let [x_mm, y_mm, _] = geometry.spacing_mm;
    if (columns_mm - x_mm).abs() > 1e-3 * x_mm || (rows_mm - y_mm).abs() > 1e-3 * y_mm {
        return Err(format!(
            "has pixels of {columns_mm} x {rows_mm} mm, the image of {x_mm} x {y_mm} mm: resample \
             the segmentation first"
        ));
    }
    let position = frame.group(tags::PLANE_POSITION_SEQUENCE)?;
    let index = geometry.index(numbers_of(position, tags::IMAGE_POSITION_PATIENT)?);
    if index.iter().any(|index| (index - index.round()).abs() > OFF_GRID || index.abs() > 1e6) {
        return Err(format!("starts at voxel {index:.2?} of the image, expected whole numbers"));
    }
    Ok(Some(index.map(nearest)))
}

#[expect(clippy::cast_possible_truncation, reason = "at most a million")]
fn nearest(index: f64) -> i64 {
    index.round() as i64
}
