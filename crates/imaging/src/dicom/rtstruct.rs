use std::path::Path;

use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, open_file};

use super::attributes::{items, numbers, text, whole};
use super::contours::{Contour, rasterise};
use super::{NOT_WHOLE, in_file, in_region};
use crate::{Error, Mask, Volume};

/// Draws a structure of an RTSTRUCT on a volume's grid.
///
/// A voxel is inside when its centre is, by the even-odd rule over all contours of its slice: a
/// contour within another is a hole. A contour belongs to the slice nearest to its plane; where
/// several planes are nearest to one slice, the closest of them is taken. `roi` is a structure's
/// name, without regard to case and surrounding spaces, or its number; `None` takes the only one.
///
/// # Errors
/// When the file is broken; the structure is not there or none was chosen among several; it was
/// drawn in another frame of reference than the image's, has no closed contour, or a contour lies
/// beyond the slices or across them.
pub fn read_rtstruct(path: &Path, volume: &Volume, roi: Option<&str>) -> Result<Mask, Error> {
    let object = open_file(path).map_err(|_| in_file(path, NOT_WHOLE))?;
    let structures: Vec<Structure> =
        items(&object, tags::STRUCTURE_SET_ROI_SEQUENCE).iter().filter_map(Structure::of).collect();
    let names: Vec<(u32, &str)> =
        structures.iter().map(|structure| (structure.number, structure.name.as_str())).collect();
    let chosen = choose("structure", &names, roi).map_err(|problem| in_region(path, problem))?;
    let structure = &structures[chosen];
    check_frame(structure.frame_of_reference.as_deref(), volume)
        .map_err(|problem| in_region(path, problem))?;
    let contours = contours_of(&object, structure.number)
        .map_err(|problem| in_region(path, format!("{}: {problem}", structure.named())))?;
    let voxels = rasterise(&contours, &volume.geometry)
        .map_err(|problem| in_region(path, format!("{}: {problem}", structure.named())))?;
    Ok(Mask { voxels, geometry: volume.geometry })
}

struct Structure {
    number: u32,
    name: String,
    frame_of_reference: Option<String>,
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

/// The index of the region that a name or number chooses, or of the only one.
pub(super) fn choose(
    what: &str,
    regions: &[(u32, &str)],
    choice: Option<&str>,
) -> Result<usize, String> {
    let listed = || {
        let listed: Vec<String> =
            regions.iter().map(|(number, name)| format!("{number} `{name}`")).collect();
        listed.join(", ")
    };
    let Some(choice) = choice.map(str::trim) else {
        return match regions.len() {
            0 => Err(format!("holds no {what}")),
            1 => Ok(0),
            count => Err(format!(
                "holds {count} {what}s and none was chosen: set roi to one of {}",
                listed()
            )),
        };
    };
    let matching = |matches: &dyn Fn(&(u32, &str)) -> bool| -> Vec<usize> {
        (0..regions.len()).filter(|&index| matches(&regions[index])).collect()
    };
    let mut found = matching(&|(_, name)| name.trim() == choice);
    if found.is_empty() {
        found = matching(&|(_, name)| name.trim().eq_ignore_ascii_case(choice));
    }
    if found.is_empty() {
        found = matching(&|(number, _)| choice.parse() == Ok(*number));
    }
    match found[..] {
        [index] => Ok(index),
        [] => Err(format!("holds no {what} `{choice}`; it has {}", listed())),
        _ => Err(format!(
            "holds {} {what}s `{choice}`: choose by number from {}",
            found.len(),
            listed()
        )),
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

/// The closed contours of a structure.
fn contours_of(object: &InMemDicomObject, number: u32) -> Result<Vec<Contour>, String> {
    let mut contours = Vec::new();
    let mut others = 0;
    for structure in items(object, tags::ROI_CONTOUR_SEQUENCE) {
        if whole(structure, tags::REFERENCED_ROI_NUMBER) != Some(number) {
            continue;
        }
        for item in items(structure, tags::CONTOUR_SEQUENCE) {
            let kind = text(item, tags::CONTOUR_GEOMETRIC_TYPE).unwrap_or_default();
            if !matches!(kind.as_str(), "CLOSED_PLANAR" | "CLOSEDPLANAR_XOR") {
                others += 1;
                continue;
            }
            let coordinates = numbers(item, tags::CONTOUR_DATA);
            let (points, rest) = coordinates.as_chunks::<3>();
            if !rest.is_empty() || coordinates.iter().any(|coordinate| !coordinate.is_finite()) {
                return Err(format!("contour {} has a broken list of points", contours.len() + 1));
            }
            contours.push(Contour { points: points.to_vec() });
        }
    }
    if contours.is_empty() {
        return Err(format!(
            "expected closed planar contours, found none and {others} of other kinds"
        ));
    }
    Ok(contours)
}
