//! DICOM: a folder's image series, and the masks that an RTSTRUCT or a SEG draws on it.

use std::path::{Path, PathBuf};

use crate::{Error, ImagingSettings, Mask, Volume};

mod attributes;
mod choose;
mod codec;
mod contours;
mod correct;
mod file;
mod folder;
mod frames;
mod grid;
mod inspect;
mod jpeg2000;
mod layout;
mod object;
mod pixels;
mod plane;
mod rtstruct;
mod seg;
mod seg_grid;
mod seg_pixels;
mod series;
mod stacks;
mod stored;
mod survey;
mod suv;

#[cfg(test)]
mod acceptance;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod volume_tests;

pub(crate) use inspect::inspect;
pub use rtstruct::read_rtstruct;
pub use seg::read_seg;
pub use survey::{
    ObjectSurvey, RegionsSurvey, SeriesSurvey, Survey, VolumeSurvey, survey_dicom_folder,
};

use folder::{Contents, MaskFile, MaskKind};

/// What is said of a file that the reader cannot follow to its end; its own words quote bytes.
const NOT_WHOLE: &str = "is cut off or no valid DICOM file; copy it again";

/// Reads the image series of a folder and the mask that its RTSTRUCT or SEG draws on it.
///
/// The folder is searched with its subfolders, by content and not by file name. Where it holds
/// several image series, the one that the mask refers to is taken.
///
/// # Errors
/// As [`read_series`] and [`read_rtstruct`] or [`read_seg`], and when the folder does not hold
/// exactly one RTSTRUCT or SEG.
pub fn read_dicom_folder(
    folder: &Path,
    settings: &ImagingSettings,
) -> Result<(Volume, Mask), Error> {
    let contents = Contents::of(folder)?;
    let mask = the_only_mask(folder, &contents.masks)?;
    let volume = series::read(folder, &contents, settings)?;
    let roi = settings.roi.as_deref();
    let mask = match mask.kind {
        MaskKind::RtStruct => read_rtstruct(&mask.header.path, &volume, roi)?,
        MaskKind::Seg => read_seg(&mask.header.path, &volume, settings)?,
    };
    Ok((volume, mask))
}

/// Reads the image series of a folder and its subfolders: CT in HU, PET and MR as the file's
/// rescale gives them, PET as SUV where `pet_unit` asks for it. Slices and frames are grouped and
/// sorted by where they are in space, not by file names; localizers are set aside, and what is the
/// same slice again is read once.
///
/// `MONOCHROME1` says how an image is shown, not what its values mean, and changes nothing. Padded
/// pixels are rescaled as all others unless `padding_value` says what they become.
///
/// # Errors
/// Names the file or the slice's position when a file is broken, cut off or compressed in a way
/// that cannot be decoded; when slices are missing, doubled, unevenly spaced, shifted, or differ in
/// size, spacing or orientation, unless the settings ask for a correction; when an attribute that
/// the unit needs is missing; and when the folder holds no series, or several and neither a setting
/// nor an RTSTRUCT or SEG chooses one of them.
pub fn read_series(folder: &Path, settings: &ImagingSettings) -> Result<Volume, Error> {
    series::read(folder, &Contents::of(folder)?, settings)
}

fn the_only_mask<'a>(folder: &Path, masks: &'a [MaskFile]) -> Result<&'a MaskFile, Error> {
    match masks {
        [mask] => Ok(mask),
        [] => Err(in_folder(folder, "holds no RTSTRUCT and no SEG, expected one".to_owned())),
        several => Err(in_folder(
            folder,
            format!(
                "expected one RTSTRUCT or SEG, found {}: {}; keep one",
                several.len(),
                listed(several.iter().map(|mask| mask.header.path.as_path()))
            ),
        )),
    }
}

/// Up to ten names of files, then how many more there are.
fn listed<'a>(paths: impl ExactSizeIterator<Item = &'a Path>) -> String {
    let more = paths.len().saturating_sub(10);
    let names: Vec<String> = paths
        .take(10)
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

fn in_folder(folder: &Path, problem: String) -> Error {
    Error::Series { folder: folder.to_owned(), problem }
}

fn in_file(path: &Path, problem: impl Into<String>) -> Error {
    Error::Dicom { path: PathBuf::from(path), problem: problem.into() }
}

fn in_region(path: &Path, problem: impl Into<String>) -> Error {
    Error::Region { path: PathBuf::from(path), problem: problem.into() }
}
