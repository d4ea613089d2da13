//! What an image is and holds, and what is wrong with it, for people to look at. Nothing of a
//! header that tells who the patient is or when, and no free text beside the names of regions.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use fs_err::File;
use serde::Serialize;

use crate::{Error, Geometry, ImagingSettings, Mask, Volume, dicom, nifti};

/// The formats that an image is inspected in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageFormat {
    /// A DICOM file, or a folder of them.
    Dicom,
    /// NIfTI-1 or NIfTI-2.
    Nifti,
}

/// What an image is and holds.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ImageInspection {
    /// What was inspected.
    pub path: PathBuf,
    /// Its format.
    pub format: ImageFormat,
    /// The images in it, each one volume or what should have been one.
    pub images: Vec<ImageSummary>,
    /// The structures, segments and labels in it.
    pub regions: Vec<RegionSummary>,
    /// DICOM objects that are neither: their kind and how many there are.
    pub others: Vec<(String, usize)>,
    /// What is wrong beside the faults of single images and regions.
    pub faults: Vec<String>,
}

/// One volume, or slices that should be one.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct ImageSummary {
    /// What it is, such as `CT Image Storage` or `NIfTI-1, int16, gzip`.
    pub kind: String,
    /// The `SeriesInstanceUID`; empty for a NIfTI.
    pub series: String,
    /// The `SeriesNumber`.
    pub series_number: Option<i32>,
    /// Files or frames that it was made of.
    pub slices: Option<usize>,
    /// By what it differs from other volumes of its series.
    pub differs_by: Option<String>,
    /// Volumes of a NIfTI along its fourth dimension and beyond.
    pub volumes: Option<usize>,
    /// The DICOM modality; empty where the file does not say.
    pub modality: String,
    /// The unit of intensities; empty where it is not known, or the voxels were not read.
    pub unit: String,
    /// The grid; `None` where there is no single one.
    pub geometry: Option<Geometry>,
    /// The least and greatest finite intensity; `None` where the voxels were not read.
    pub intensities: Option<[f32; 2]>,
    /// What is wrong with it.
    pub faults: Vec<String>,
}

/// A structure, segment or label.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct RegionSummary {
    /// The file that it stands in.
    pub path: PathBuf,
    /// `RTSTRUCT`, `SEG BINARY` and the like, or `label`.
    pub kind: String,
    /// Its number or label.
    pub number: u32,
    /// Its name; empty for a label.
    pub name: String,
    /// Voxels of the image that are inside; `None` where it could not be drawn.
    pub voxels: Option<usize>,
    /// Their volume in mL.
    pub volume_ml: Option<f64>,
    /// What is wrong with it, or left out of it.
    pub faults: Vec<String>,
}

/// An inspection, and what it read for a picture.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspected {
    /// What to tell.
    pub inspection: ImageInspection,
    /// The image that the settings choose, or the only one; `None` where it cannot be read.
    pub volume: Option<Volume>,
    /// The region that the settings choose, or the only one, on the image's grid.
    pub mask: Option<Mask>,
    /// Why there is no such region, where several or none fit.
    pub mask_fault: Option<String>,
}

/// Tells an image by its content, or by a name that only images have; a folder is taken for one of
/// DICOM files. `None` for all else.
///
/// # Errors
/// When the file cannot be opened.
pub fn image_format(path: &Path) -> Result<Option<ImageFormat>, Error> {
    if path.is_dir() {
        return Ok(Some(ImageFormat::Dicom));
    }
    let mut head = Vec::new();
    let mut file = File::open(path)?;
    file.by_ref().take(348).read_to_end(&mut head)?;
    if head.get(128..132) == Some(b"DICM") {
        return Ok(Some(ImageFormat::Dicom));
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        let start = std::mem::take(&mut head);
        // What cannot be expanded is told by its name.
        let _ = MultiGzDecoder::new(start.chain(file)).take(348).read_to_end(&mut head);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let nifti =
        nifti::is_nifti(&head) || ends(&[".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz"]);
    let dicom = ends(&[".dcm", ".dicom", ".ima"]);
    Ok(match (nifti, dicom) {
        (true, _) => Some(ImageFormat::Nifti),
        (_, true) => Some(ImageFormat::Dicom),
        _ => None,
    })
}

/// Inspects a DICOM folder or file, or a NIfTI image with the label image `mask` beside it.
///
/// The image's voxels are read for their range, and each region is drawn for its size; what cannot
/// be is listed with the reason and stops nothing else.
///
/// # Errors
/// When nothing can be read: the path is not there, or is neither DICOM nor NIfTI.
pub fn inspect_image(
    path: &Path,
    mask: Option<&Path>,
    settings: &ImagingSettings,
) -> Result<Inspected, Error> {
    match (image_format(path)?, mask) {
        (Some(ImageFormat::Nifti), mask) => nifti::inspect(path, mask, settings),
        (_, Some(_)) => Err(Error::Region {
            path: path.to_owned(),
            problem: "a mask file belongs to a NIfTI image; choose a structure of DICOM by roi"
                .to_owned(),
        }),
        (_, None) => dicom::inspect(path, settings),
    }
}

/// The least and greatest finite intensity, and how many are none.
pub(crate) fn intensities(volume: &Volume) -> (Option<[f32; 2]>, usize) {
    let mut range: Option<[f32; 2]> = None;
    let mut others = 0;
    for &value in &volume.voxels {
        if value.is_finite() {
            let [low, high] = range.unwrap_or([value; 2]);
            range = Some([low.min(value), high.max(value)]);
        } else {
            others += 1;
        }
    }
    (range, others)
}

impl ImageSummary {
    /// Adds what the voxels tell.
    pub(crate) fn add_voxels(&mut self, volume: &Volume) {
        let (range, others) = intensities(volume);
        self.intensities = range;
        self.unit.clone_from(&volume.unit);
        if others > 0 {
            self.faults.push(format!("{others} voxels are not finite numbers"));
        }
    }
}

impl RegionSummary {
    /// Adds the size of a mask, and the slices within it that it leaves out.
    pub(crate) fn add_mask(&mut self, mask: &Mask) {
        let voxels = mask.count();
        self.voxels = Some(voxels);
        self.volume_ml = Some(voxels as f64 * mask.geometry.voxel_volume_mm3() / 1000.0);
        match voxels {
            0 => self.faults.push("holds no voxel of the image".to_owned()),
            1 => self.faults.push("holds one voxel only".to_owned()),
            _ => {}
        }
        let slices = mask.voxels.outer_iter().map(|slice| slice.iter().any(|&inside| inside));
        let marked: Vec<bool> = slices.collect();
        if let (Some(first), Some(last)) =
            (marked.iter().position(|&marked| marked), marked.iter().rposition(|&marked| marked))
        {
            let left_out = marked[first..last].iter().filter(|&&marked| !marked).count();
            if left_out > 0 {
                self.faults.push(format!(
                    "{left_out} slices between its first and its last have none of it"
                ));
            }
        }
    }
}
