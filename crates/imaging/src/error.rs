use std::path::{Path, PathBuf};

use crate::Geometry;

/// Why an image, a mask or a setting cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A DICOM file is broken, cut off, or lacks what an image needs.
    #[error("{}: {problem}", .path.display())]
    Dicom {
        /// The file.
        path: PathBuf,
        /// What was expected and found, without values of identifying tags.
        problem: String,
    },
    /// The slices of a series do not form one volume.
    #[error("{}: {problem}", .folder.display())]
    Series {
        /// The folder that the series lies in.
        folder: PathBuf,
        /// Which slice, what was expected, and what was found.
        problem: String,
    },
    /// A NIfTI file is broken, cut off, or of an unsupported kind.
    #[error("{}: {problem}", .path.display())]
    Nifti {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        problem: String,
    },
    /// The structure, segment or label asked for is not there, or none was chosen among several.
    #[error("{}: {problem}", .path.display())]
    Region {
        /// The file of the mask.
        path: PathBuf,
        /// What was asked for and what there is.
        problem: String,
    },
    /// Image and mask are not on the same grid.
    #[error(
        "the mask is not on the image's grid: {}; image {image}; mask {mask}; set resample_mask = true, or resample the mask onto the image first",
        .image.differences(.mask)
    )]
    GeometryMismatch {
        /// The image's grid.
        image: Box<Geometry>,
        /// The mask's grid.
        mask: Box<Geometry>,
    },
    /// The mask marks what the image does not show.
    #[error(
        "{outside} of the mask's {marked} voxels lie outside the image: the image lacks slices, or the mask is that of another"
    )]
    OutsideImage {
        /// Voxels of the mask outside the image.
        outside: usize,
        /// All that it marks.
        marked: usize,
    },
    /// What is wrong with an examination, and where it lies.
    #[error("{}: {problem}", .path.display())]
    Within {
        /// The file, or the folder of a series with its mask.
        path: PathBuf,
        /// What is wrong: one of the variants that name no file.
        problem: Box<Self>,
    },
    /// No voxel of the mask is inside.
    #[error("the mask is empty: no voxel center of the image lies inside the region")]
    EmptyMask,
    /// A single voxel is inside, which has neither shape nor texture.
    #[error(
        "the mask holds one voxel only, expected at least two: no shape or texture can be measured"
    )]
    OneVoxelMask,
    /// The region is smaller than the settings ask for.
    #[error("the region is too small: found {found}, expected {expected}")]
    SmallRegion {
        /// What it has.
        found: String,
        /// What it must have.
        expected: String,
    },
    /// A parameter file of pyradiomics cannot be used.
    #[error("{}: {problem}", .path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        problem: String,
    },
    /// Re-segmentation left nothing of the region.
    #[error(
        "re-segmentation left no voxel of the region: choose a wider range, or check that the image has the unit that the range is in"
    )]
    EmptyIntensityMask,
    /// The image holds a value that is no number inside the region.
    #[error("voxel ({x}, {y}, {z}) of the region is not a finite number")]
    NotFinite {
        /// Column.
        x: usize,
        /// Row.
        y: usize,
        /// Slice.
        z: usize,
    },
    /// The image's intensities do not allow a step of its preparation.
    #[error("{step}: {problem}")]
    Preparation {
        /// The setting that asks for the step.
        step: &'static str,
        /// What was expected and found, and what to do.
        problem: String,
    },
    /// No patch for an embedding model can be cut round the region.
    #[error("no patch can be cut round the region: {problem}")]
    Patch {
        /// Why, and which setting to change.
        problem: String,
    },
    /// A setting is out of its range, or two settings exclude each other.
    #[error("imaging setting {0}")]
    Settings(String),
    /// The bins are so narrow that the texture matrix would not fit in memory.
    #[error(
        "bins of width {width} give {levels} gray levels, expected at most {limit}: choose a larger bin_width"
    )]
    TooManyLevels {
        /// The width asked for.
        width: f64,
        /// The levels it gives.
        levels: u64,
        /// The most there may be.
        limit: u32,
    },
}

impl Error {
    /// Names the file where the error does not: `mask` for a region that cannot be measured,
    /// `image` for the intensities.
    pub(crate) fn within(self, image: &Path, mask: &Path) -> Self {
        let path = match self {
            Self::EmptyMask
            | Self::OneVoxelMask
            | Self::SmallRegion { .. }
            | Self::GeometryMismatch { .. }
            | Self::OutsideImage { .. } => mask,
            Self::NotFinite { .. }
            | Self::TooManyLevels { .. }
            | Self::EmptyIntensityMask
            | Self::Preparation { .. }
            | Self::Patch { .. } => image,
            other => return other,
        };
        Self::Within { path: path.to_owned(), problem: Box::new(self) }
    }
}
