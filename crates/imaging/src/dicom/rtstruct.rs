use std::path::Path;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use ndarray::Array3;

use super::attributes::{items, numbers, text, whole};
use super::choose::choose;
use super::contours::{Contour, rasterize};
use super::file::read_header;
use super::{NOT_WHOLE, in_file, in_region};
use crate::{Error, Geometry, Mask, Volume};

/// Draws a structure of an RTSTRUCT on a volume's grid.
///
/// A voxel is inside when its center is. Of the `CLOSED_PLANAR` contours of a slice one within
/// another is a hole, those that overlap in part are joined; `CLOSEDPLANAR_XOR` ones are combined
/// by exclusive or. A contour belongs to the slice nearest to its plane; where several planes are
/// nearest to one slice, the closest of them is taken. Points, open contours and those of fewer
/// than three points enclose nothing and are left out. `roi` is a structure's name, without regard
/// to case and surrounding spaces, its number, or a pattern of `*` and `?`; `None` takes the only
/// one.
///
/// # Errors
/// When the file is broken; the structure is not there or none was chosen among several; it was
/// drawn in another frame of reference than the image's, has no closed contour, or a contour lies
/// beyond the slices or across them.
pub fn read_rtstruct(path: &Path, volume: &Volume, roi: Option<&str>) -> Result<Mask, Error> {
    let header = read_header(path)?.ok_or_else(|| in_file(path, NOT_WHOLE))?;
    draw(&header.object, volume, roi).map_err(|problem| in_region(path, problem))
}

fn draw(object: &InMemDicomObject, volume: &Volume, roi: Option<&str>) -> Result<Mask, String> {
    let structures = structures(object);
    let names: Vec<(u32, &str)> =
        structures.iter().map(|structure| (structure.number, structure.name.as_str())).collect();
    let structure = &structures[choose("structure", &names, roi)?];
    check_frame(structure.frame_of_reference.as_deref(), volume)?;
    let voxels = Contours::of(object, structure.number)
        .and_then(|contours| contours.voxels(&volume.geometry))
        .map_err(|problem| format!("{}: {problem}", structure.named()))?;
    Ok(Mask { voxels, geometry: volume.geometry })
}

/// The structures that an object names.
pub(super) fn structures(object: &InMemDicomObject) -> Vec<Structure> {
    items(object, tags::STRUCTURE_SET_ROI_SEQUENCE).iter().filter_map(Structure::of).collect()
}

/// A structure that contours may belong to.
pub(super) struct Structure {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) frame_of_reference: Option<String>,
}

impl Structure {
    fn of(item: &InMemDicomObject) -> Option<Self> {
        Some(Self {
            number: whole(item, tags::ROI_NUMBER)?,
            name: text(item, tags::ROI_NAME).unwrap_or_default(),
            frame_of_reference: text(item, tags::REFERENCED_FRAME_OF_REFERENCE_UID),
        })
    }

    fn named(&self) -> String {
        format!("structure {} `{}`", self.number, self.name)
    }
}

/// Refuses a region drawn in other coordinates than the image's.
pub(super) fn check_frame(frame: Option<&str>, volume: &Volume) -> Result<(), String> {
    match (frame, volume.frame_of_reference.as_deref()) {
        (Some(region), Some(image)) if region != image => Err(format!(
            "was drawn in the frame of reference {region}, the image has {image}: register and \
             resample first"
        )),
        _ => Ok(()),
    }
}

/// The contours of a structure.
#[derive(Default)]
pub(super) struct Contours {
    /// The closed ones of three points or more.
    pub(super) closed: Vec<Contour>,
    /// How many are points, open lines or of kinds that enclose nothing.
    pub(super) others: usize,
    /// How many closed ones have two points or less.
    pub(super) flat: usize,
}

impl Contours {
    /// Those of one structure.
    pub(super) fn of(object: &InMemDicomObject, number: u32) -> Result<Self, String> {
        let mut contours = Self::default();
        let structures = items(object, tags::ROI_CONTOUR_SEQUENCE).iter();
        let own =
            structures.filter(|item| whole(item, tags::REFERENCED_ROI_NUMBER) == Some(number));
        for (count, item) in own.flat_map(|item| items(item, tags::CONTOUR_SEQUENCE)).enumerate() {
            contours.add(item).map_err(|problem| format!("contour {} {problem}", count + 1))?;
        }
        Ok(contours)
    }

    fn add(&mut self, item: &InMemDicomObject) -> Result<(), String> {
        let is_xor = match text(item, tags::CONTOUR_GEOMETRIC_TYPE).as_deref() {
            Some("CLOSED_PLANAR") => false,
            Some("CLOSEDPLANAR_XOR") => true,
            _ => {
                self.others += 1;
                return Ok(());
            }
        };
        let coordinates = numbers(item, tags::CONTOUR_DATA);
        let (points, rest) = coordinates.as_chunks::<3>();
        if !rest.is_empty() || coordinates.iter().any(|coordinate| !coordinate.is_finite()) {
            return Err("has a broken list of points".to_owned());
        }
        if points.len() < 3 {
            self.flat += 1;
        } else {
            self.closed.push(Contour { points: points.to_vec(), is_xor });
        }
        Ok(())
    }

    /// The voxels inside.
    pub(super) fn voxels(&self, geometry: &Geometry) -> Result<Array3<bool>, String> {
        if self.closed.is_empty() {
            return Err(format!(
                "expected closed planar contours of three points or more, found none, {} of fewer \
                 points and {} of other kinds",
                self.flat, self.others
            ));
        }
        rasterize(&self.closed, geometry)
    }
}
