//! The place of one frame in space.

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{numbers, required, text, vector as numbers_of, whole};
use super::file::Header;
use super::frames::{Frame, frames};
use super::series::orientation;
use crate::vector::{self, Vector};

/// One frame of a file, with the attributes that hold for it: its own, those that all frames share,
/// or those of the file.
pub(super) struct View<'a> {
    pub(super) header: &'a Header,
    /// The functional groups of a frame in an enhanced object.
    frame: Option<Frame<'a>>,
}

impl<'a> View<'a> {
    /// The object that holds an attribute of a functional group, or the file's own.
    pub(super) fn holder(&self, group: Tag, tag: Tag) -> &'a InMemDicomObject {
        let item = self.frame.as_ref().and_then(|frame| frame.group(group).ok());
        item.filter(|item| item.get(tag).is_some()).unwrap_or(&self.header.object)
    }

    /// Whether it is a frame of an enhanced object.
    pub(super) fn is_enhanced(&self) -> bool {
        self.frame.is_some()
    }

    /// The words that tell what kind of image it is, such as `ORIGINAL\PRIMARY\AXIAL`.
    pub(super) fn image_type(&self) -> String {
        let of_frame = [
            tags::CT_IMAGE_FRAME_TYPE_SEQUENCE,
            tags::MR_IMAGE_FRAME_TYPE_SEQUENCE,
            tags::PET_FRAME_TYPE_SEQUENCE,
        ]
        .into_iter()
        .find_map(|group| text(self.holder(group, tags::FRAME_TYPE), tags::FRAME_TYPE));
        of_frame.or_else(|| text(&self.header.object, tags::IMAGE_TYPE)).unwrap_or_default()
    }
}

/// The frames of a file.
///
/// # Errors
/// When it states several frames and not where they are, or another number of them.
pub(super) fn views(header: &Header) -> Result<Vec<View<'_>>, String> {
    let object = &header.object;
    let stated = whole(object, tags::NUMBER_OF_FRAMES).unwrap_or(1) as usize;
    let groups = frames(object);
    if groups.is_empty() && stated == 1 {
        return Ok(vec![View { header, frame: None }]);
    }
    if groups.is_empty() {
        let class = text(object, tags::SOP_CLASS_UID).unwrap_or_default();
        return Err(format!(
            "is a multi-frame {} of {stated} frames that does not say where they are in space: \
             convert it to a classic series first",
            class_name(&class)
        ));
    }
    if groups.len() != stated {
        return Err(format!("states {stated} frames and describes {}", groups.len()));
    }
    Ok(groups.into_iter().map(|frame| View { header, frame: Some(frame) }).collect())
}

fn class_name(uid: &str) -> &'static str {
    match uid {
        uids::MULTI_FRAME_SINGLE_BIT_SECONDARY_CAPTURE_IMAGE_STORAGE
        | uids::MULTI_FRAME_GRAYSCALE_BYTE_SECONDARY_CAPTURE_IMAGE_STORAGE
        | uids::MULTI_FRAME_GRAYSCALE_WORD_SECONDARY_CAPTURE_IMAGE_STORAGE
        | uids::MULTI_FRAME_TRUE_COLOR_SECONDARY_CAPTURE_IMAGE_STORAGE
        | uids::SECONDARY_CAPTURE_IMAGE_STORAGE => "secondary capture",
        uids::NUCLEAR_MEDICINE_IMAGE_STORAGE => "nuclear medicine image",
        uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE => "ultrasound image",
        _ => "image",
    }
}

/// One slice's place in space.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    /// Which file of the series, and which of its frames.
    pub(super) file: usize,
    pub(super) frame: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Distance between rows, then between columns.
    pub(super) pixel_spacing_mm: [f64; 2],
    /// Unit vectors along a row and down a column.
    pub(super) row: Vector,
    pub(super) column: Vector,
    pub(super) position_mm: Vector,
    /// The position along the normal of the first slice of its volume.
    pub(super) along_mm: f64,
}

impl Plane {
    pub(super) fn of(view: &View, file: usize, frame: usize) -> Result<Self, String> {
        let object = &view.header.object;
        let (rows, columns) =
            (required(object, tags::ROWS)? as usize, required(object, tags::COLUMNS)? as usize);
        if rows == 0 || columns == 0 {
            return Err("has no pixels".to_owned());
        }
        let measures = view.holder(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING);
        let pixel_spacing_mm: [f64; 2] = numbers_of(measures, tags::PIXEL_SPACING)?;
        if pixel_spacing_mm.iter().any(|&spacing| spacing <= 0.0) {
            return Err(format!("pixel spacing must be positive, found {pixel_spacing_mm:?} mm"));
        }
        let [row, column] = orientation(
            view.holder(tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT),
        )?;
        let position = view.holder(tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT);
        let position_mm = numbers_of(position, tags::IMAGE_POSITION_PATIENT)?;
        Ok(Self {
            file,
            frame,
            rows,
            columns,
            pixel_spacing_mm,
            row,
            column,
            position_mm,
            along_mm: 0.0,
        })
    }

    /// Whether two slices can be of one volume: equal in size, spacing and orientation.
    pub(super) fn fits(&self, other: &Self) -> bool {
        let spacings = self.pixel_spacing_mm.iter().zip(other.pixel_spacing_mm);
        let turned = |a, b| vector::norm(vector::subtract(a, b)) > 1e-3;
        (self.rows, self.columns) == (other.rows, other.columns)
            && spacings.into_iter().all(|(a, b)| (a - b).abs() <= 1e-3 * b)
            && !turned(self.row, other.row)
            && !turned(self.column, other.column)
    }

    pub(super) fn normal(&self) -> Vector {
        vector::cross(self.row, self.column)
    }

    /// The anatomical plane that it lies in, give or take 35 degrees.
    pub(super) fn name(&self) -> &'static str {
        match self.normal().map(f64::abs) {
            [x, ..] if x > 0.82 => "sagittal",
            [_, y, _] if y > 0.82 => "coronal",
            [.., z] if z > 0.82 => "axial",
            _ => "oblique",
        }
    }
}

/// The thickness of the slice, or the distance to the next, where a file says so.
pub(super) fn thickness_mm(view: &View) -> Option<f64> {
    [tags::SPACING_BETWEEN_SLICES, tags::SLICE_THICKNESS]
        .into_iter()
        .find_map(|tag| {
            numbers(view.holder(tags::PIXEL_MEASURES_SEQUENCE, tag), tag).first().copied()
        })
        .filter(|&spacing| spacing.is_finite() && spacing > 0.0)
}
