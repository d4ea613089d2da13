//! DICOM SEG: segments, and where their frames are.

use std::collections::BTreeMap;
use std::path::Path;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use ndarray::Array3;

use super::attributes::{items, required, text, vector as numbers_of, whole};
use super::choose::choose;
use super::file::{Header, read_header};
use super::frames::{Frame, frames};
use super::rtstruct::check_frame;
use super::seg_grid::own_grid;
use super::seg_pixels::{Encoding, Pixels};
use super::series::orientation;
use super::{NOT_WHOLE, in_file, in_region};
use crate::onto_grid::{Placement, at, onto_grid};
use crate::{Error, Geometry, ImagingSettings, Mask, Volume, vector};

/// Places a segment of a DICOM SEG on a volume's grid, each frame by its own position.
///
/// Binary and fractional segmentations and label maps are read. `roi` is the segment's label,
/// without regard to case and surrounding spaces, its number, or a pattern of `*` and `?`; `None`
/// takes the only one. `region_threshold` is the share or probability from which on a pixel of a
/// fractional one is inside. Frames may cover a part of the image or more than it, as long as
/// nothing outside is marked. Where they are not on its grid, `resample_mask` gives each voxel of
/// the image the nearest pixel.
///
/// # Errors
/// When the file is broken, tiled or without a place in the patient; the segment is not there or
/// none was chosen among several; two frames of the segment lie at one place; or a frame does not
/// lie on the image's grid and is not to be resampled.
pub fn read_seg(path: &Path, volume: &Volume, settings: &ImagingSettings) -> Result<Mask, Error> {
    let header = read_header(path)?.ok_or_else(|| in_file(path, NOT_WHOLE))?;
    place(&header, volume, settings).map_err(|problem| match problem {
        Problem::File(problem) => in_file(path, problem),
        Problem::Region(problem) => in_region(path, problem),
        Problem::Grid(error) => error.within(path, path),
    })
}

/// What stands in the way, and whether of the file, the region or the grid.
pub(super) enum Problem {
    File(String),
    Region(String),
    Grid(Error),
}

fn place(header: &Header, volume: &Volume, settings: &ImagingSettings) -> Result<Mask, Problem> {
    let seg = Segmentation::of(header).map_err(Problem::File)?;
    let names: Vec<(u32, &str)> =
        seg.segments.iter().map(|(number, label)| (*number, label.as_str())).collect();
    let chosen = choose("segment", &names, settings.roi.as_deref()).map_err(Problem::Region)?;
    let segment = names[chosen].0;
    let frame_of_reference = text(&header.object, tags::FRAME_OF_REFERENCE_UID);
    check_frame(frame_of_reference.as_deref(), volume).map_err(Problem::Region)?;
    let threshold = settings.region_threshold;
    let geometry = volume.geometry;
    match seg.on(&geometry, segment, threshold).map_err(Problem::Region)? {
        Ok(voxels) => Ok(Mask { voxels, geometry }),
        Err(_) if settings.resample_mask => {
            let mask = seg.on_own_grid(segment, threshold).map_err(Problem::Region)?;
            onto_grid(mask, &geometry, true).map_err(Problem::Grid)
        }
        Err(problem) => Err(Problem::Region(format!(
            "{problem}; set resample_mask = true, or resample the segmentation first"
        ))),
    }
}

/// A SEG whose pixels can be read.
pub(super) struct Segmentation<'a> {
    /// Number and label of each segment.
    pub(super) segments: Vec<(u32, String)>,
    frames: Vec<Frame<'a>>,
    pixels: Pixels<'a>,
}

impl<'a> Segmentation<'a> {
    pub(super) fn of(header: &'a Header) -> Result<Self, String> {
        let object = &header.object;
        let organization = text(object, tags::DIMENSION_ORGANIZATION_TYPE).unwrap_or_default();
        if organization.starts_with("TILED") || object.get(tags::TOTAL_PIXEL_MATRIX_ROWS).is_some()
        {
            return Err("is a tiled segmentation of a slide, expected one of a volume".to_owned());
        }
        let frames = frames(object);
        Ok(Self { segments: segments(object), pixels: Pixels::of(header, frames.len())?, frames })
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.pixels.encoding
    }

    /// The frames of a segment by their number in the file, from 0. In a label map all may show it.
    fn of_segment(&self, segment: u32) -> Result<Vec<(usize, Geometry)>, String> {
        let mut own = Vec::new();
        let mut places: BTreeMap<[i64; 3], usize> = BTreeMap::new();
        for (number, frame) in self.frames.iter().enumerate() {
            let found = self
                .geometry(frame, segment)
                .map_err(|problem| format!("frame {}: {problem}", number + 1))?;
            let Some(geometry) = found else { continue };
            if let Some(earlier) = places.insert(micrometers(geometry.origin_mm), number) {
                return Err(format!(
                    "frames {} and {} show the segment at one place: several points in time or \
                     other dimensions cannot be told apart",
                    earlier + 1,
                    number + 1
                ));
            }
            own.push((number, geometry));
        }
        Ok(own)
    }

    /// Where a frame is; `None` for one of another segment.
    fn geometry(&self, frame: &Frame, segment: u32) -> Result<Option<Geometry>, String> {
        if !matches!(self.pixels.encoding, Encoding::LabelMap) {
            let identification = frame.group(tags::SEGMENT_IDENTIFICATION_SEQUENCE)?;
            if required(identification, tags::REFERENCED_SEGMENT_NUMBER)? != segment {
                return Ok(None);
            }
        }
        let no_place = |problem: String| {
            format!("{problem}: a segmentation without a place in the patient, as of a radiograph")
        };
        let position = frame.group(tags::PLANE_POSITION_SEQUENCE).map_err(no_place)?;
        let [row, column] = orientation(frame.group(tags::PLANE_ORIENTATION_SEQUENCE)?)?;
        let measures = frame.group(tags::PIXEL_MEASURES_SEQUENCE)?;
        let [rows_mm, columns_mm]: [f64; 2] = numbers_of(measures, tags::PIXEL_SPACING)?;
        // The distance between slices, where the file says it.
        let slices_mm = [tags::SPACING_BETWEEN_SLICES, tags::SLICE_THICKNESS]
            .into_iter()
            .find_map(|tag| numbers_of(measures, tag).ok().filter(|&[mm]: &[f64; 1]| mm > 0.0));
        if rows_mm <= 0.0 || columns_mm <= 0.0 {
            return Err(format!(
                "pixel spacing must be positive, found {columns_mm} x {rows_mm} mm"
            ));
        }
        Ok(Some(Geometry {
            size: [self.pixels.columns, self.pixels.rows, 1],
            spacing_mm: [columns_mm, rows_mm, slices_mm.map_or(1.0, |[mm]| mm)],
            origin_mm: numbers_of(position, tags::IMAGE_POSITION_PATIENT)?,
            direction: [row, column, vector::cross(row, column)],
        }))
    }

    /// The voxels of a segment on a grid that its frames lie on; the inner error says which frame
    /// does not and why.
    pub(super) fn on(
        &self,
        grid: &Geometry,
        segment: u32,
        threshold: Option<f64>,
    ) -> Result<Result<Array3<bool>, String>, String> {
        let mut voxels = Array3::from_elem(grid.shape(), false);
        for (number, geometry) in self.of_segment(segment)? {
            let in_frame = |problem: &str| format!("frame {}: {problem}", number + 1);
            let Some(placement) = Placement::between(&geometry, grid) else {
                // The thickness of one frame is not that of a grid.
                let thick = [geometry.spacing_mm[0], geometry.spacing_mm[1], grid.spacing_mm[2]];
                let geometry = Geometry { spacing_mm: thick, ..geometry };
                return Ok(Err(in_frame(&grid.differences(&geometry))));
            };
            let inside = self.pixels.inside(number, segment, threshold);
            for (pixel, _) in inside?.into_iter().enumerate().filter(|(_, inside)| *inside) {
                let (row, column) = (pixel / self.pixels.columns, pixel % self.pixels.columns);
                let place = at(placement.of([column, row, 0]), grid.size)
                    .ok_or_else(|| in_frame("marks pixels outside the image"))?;
                voxels[place] = true;
            }
        }
        Ok(Ok(voxels))
    }

    /// The mask of a segment on the grid that the frames of all segments span.
    pub(super) fn on_own_grid(&self, segment: u32, threshold: Option<f64>) -> Result<Mask, String> {
        let mut all = Vec::new();
        for (number, _) in &self.segments {
            all.extend(self.of_segment(*number)?.into_iter().map(|(_, geometry)| geometry));
        }
        let geometry = own_grid(&all)?;
        let voxels = self.on(&geometry, segment, threshold)??;
        Ok(Mask { voxels, geometry })
    }
}

/// Number and label of the segments that an object describes.
pub(super) fn segments(object: &InMemDicomObject) -> Vec<(u32, String)> {
    let segment = |item: &InMemDicomObject| {
        let label = text(item, tags::SEGMENT_LABEL).unwrap_or_default();
        Some((whole(item, tags::SEGMENT_NUMBER)?, label))
    };
    // Segment 0 of a label map is what belongs to none.
    let is_background = |number: u32| {
        number == 0 && text(object, tags::SEGMENTATION_TYPE).as_deref() == Some("LABELMAP")
    };
    items(object, tags::SEGMENT_SEQUENCE)
        .iter()
        .filter_map(segment)
        .filter(|(number, _)| !is_background(*number))
        .collect()
}

/// A position to the thousandth of a millimeter, to tell whether two are the same.
#[expect(clippy::cast_possible_truncation, reason = "saturates far outside of any patient")]
fn micrometers(position_mm: [f64; 3]) -> [i64; 3] {
    position_mm.map(|coordinate| (coordinate * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// The voxels that highdicom finds inside in its own files and those of the shared data, and the
    /// sum of their positions.
    #[test]
    fn segments_have_the_voxels_that_highdicom_finds() {
        let golden = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden"));
        let path = golden.join("imaging_seg.csv");
        let mut rows = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
        let mut read = 0;
        for row in rows.records().map(Result::unwrap) {
            let (set, file) = row[0].split_once('/').unwrap();
            let folder = if set == "imaging_seg" {
                golden.join(set)
            } else if let Some(folder) = crate::real_data::imaging(set) {
                folder
            } else {
                continue;
            };
            let header = read_header(&folder.join(file)).unwrap().unwrap();
            let seg = Segmentation::of(&header);
            let segment = row[1].parse();
            let mask = seg.and_then(|seg| seg.on_own_grid(segment.clone().unwrap_or(1), None));
            let Ok(mask) = mask else {
                assert_eq!(&row[1], "refused", "{}: {}", &row[0], mask.unwrap_err());
                continue;
            };
            assert!(segment.is_ok(), "{}", &row[0]);
            assert_eq!(mask.count().to_string(), &row[2], "{} {}", &row[0], &row[1]);
            let mut sum = [0.0; 3];
            for ((z, y, x), _) in mask.voxels.indexed_iter().filter(|(_, inside)| **inside) {
                let place = mask.geometry.position_mm([x as f64, y as f64, z as f64]);
                sum = vector::add(sum, place);
            }
            for (ours, highdicom) in sum.iter().zip(row.iter().skip(3)) {
                let highdicom: f64 = highdicom.parse().unwrap();
                let tolerance = 1e-6 * (1.0 + highdicom.abs());
                assert!((ours - highdicom).abs() < tolerance, "{}: {sum:?}", &row[0]);
            }
            read += 1;
        }
        assert!(read >= 12, "{read}");
    }
}
