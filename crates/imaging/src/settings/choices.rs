use serde::{Deserialize, Serialize};

/// How values between voxel centers are found (IBSI 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// The value of the nearest voxel.
    Nearest,
    /// Bilinear or trilinear.
    #[default]
    Linear,
    /// Bicubic or tricubic, by cubic B-splines through every voxel; `b_spline` is the same.
    #[serde(alias = "b_spline")]
    Cubic,
}

/// How texture matrices of slices and directions become one value (IBSI 3.6).
///
/// Families without directions (size zones, distance zones, gray tone differences and
/// dependences) look at the dimension alone: `2d`, `2.5d` or `3d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregation {
    /// A matrix for each slice and direction, features averaged (IBSI BTW3).
    #[serde(rename = "2d_averaged")]
    Averaged2d,
    /// Directions merged in each slice, features averaged over slices (IBSI SUJT).
    #[serde(rename = "2d_slice_merged")]
    SliceMerged2d,
    /// Slices merged for each direction, features averaged over directions (IBSI JJUI).
    #[serde(rename = "2.5d_direction_merged")]
    DirectionMerged25d,
    /// Slices and directions merged (IBSI ZW7Z).
    #[serde(rename = "2.5d_merged")]
    Merged25d,
    /// A matrix for each of the 13 directions in the volume, features averaged (IBSI ITBB).
    #[serde(rename = "3d_averaged")]
    Averaged3d,
    /// The 13 directions in the volume merged (IBSI IAZD).
    #[serde(rename = "3d_merged")]
    Merged3d,
}

impl Aggregation {
    /// Every aggregation, from slices to the volume.
    pub const ALL: [Self; 6] = [
        Self::Averaged2d,
        Self::SliceMerged2d,
        Self::DirectionMerged25d,
        Self::Merged25d,
        Self::Averaged3d,
        Self::Merged3d,
    ];

    /// The ending of a feature's name where directions matter, such as `_3d_comb`.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Averaged2d => "_2d_avg",
            Self::SliceMerged2d => "_2d_comb",
            Self::DirectionMerged25d => "_2_5d_avg",
            Self::Merged25d => "_2_5d_comb",
            Self::Averaged3d => "_3d_avg",
            Self::Merged3d => "_3d_comb",
        }
    }

    /// The ending of a feature's name where directions do not matter, such as `_3d`.
    #[must_use]
    pub fn dimension_suffix(self) -> &'static str {
        match self {
            Self::Averaged2d | Self::SliceMerged2d => "_2d",
            Self::DirectionMerged25d | Self::Merged25d => "_2_5d",
            Self::Averaged3d | Self::Merged3d => "_3d",
        }
    }

    /// The aggregation of the same dimension with all directions merged.
    pub(crate) fn merged(self) -> Self {
        match self {
            Self::Averaged2d | Self::SliceMerged2d => Self::SliceMerged2d,
            Self::DirectionMerged25d | Self::Merged25d => Self::Merged25d,
            Self::Averaged3d | Self::Merged3d => Self::Merged3d,
        }
    }
}

/// A group of features (IBSI chapter 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Size and shape, `morph_` (IBSI HCUG).
    Morphology,
    /// Peaks in a sphere of 1 cm³, `loc_` (IBSI 9ST6).
    LocalIntensity,
    /// First-order statistics, `stat_` (IBSI UHIW).
    Statistics,
    /// The histogram of gray levels, `ih_` (IBSI ZVCW).
    Histogram,
    /// The intensity-volume histogram, `ivh_` (IBSI P88C).
    VolumeHistogram,
    /// Gray level co-occurrence, `cm_` (IBSI LFYI).
    Glcm,
    /// Gray level run lengths, `rlm_` (IBSI TP0I).
    Glrlm,
    /// Gray level size zones, `szm_` (IBSI 9SAK).
    Glszm,
    /// Gray level distance zones, `dzm_` (IBSI VMDZ).
    Gldzm,
    /// Neighborhood gray tone differences, `ngt_` (IBSI IPET).
    Ngtdm,
    /// Neighboring gray level dependence, `ngl_` (IBSI REK0).
    Ngldm,
}

impl Family {
    /// Every family, in the order of the features.
    pub const ALL: [Self; 11] = [
        Self::Morphology,
        Self::LocalIntensity,
        Self::Statistics,
        Self::Histogram,
        Self::VolumeHistogram,
        Self::Glcm,
        Self::Glrlm,
        Self::Glszm,
        Self::Gldzm,
        Self::Ngtdm,
        Self::Ngldm,
    ];
}

/// By whose definitions and names features are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// The Image Biomarker Standardisation Initiative's.
    #[default]
    Ibsi,
    /// Those of pyradiomics 3, for models that were fitted on them: its 107 features, bins of 25
    /// where none are set. `aggregation` and `families` do not apply.
    Pyradiomics,
}

/// A convolutional filter that an image goes through before its intensities are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// The mean over a box (IBSI S60F).
    Mean {
        /// The box's edge in voxels, odd.
        support: usize,
    },
    /// The Laplacian of Gaussian (IBSI L6PA).
    LaplacianOfGaussian {
        /// The standard deviation of the Gaussian in mm.
        sigma_mm: f64,
        /// After how many standard deviations it ends; 4 when not given.
        cutoff: Option<f64>,
    },
    /// Laws kernels, one for each axis (IBSI JTXT).
    Laws {
        /// Their names in one word, such as `L5E5E5` along x, y and z.
        kernels: String,
        /// Whether the greatest response over all rotations by right angles is taken.
        #[serde(default)]
        rotation_invariant: bool,
        /// How far in voxels absolute responses are averaged to texture energy; `None` leaves the
        /// response.
        energy_distance: Option<usize>,
    },
}

/// What a filter sees beyond the image's edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// Zeros.
    Zero,
    /// The nearest voxel.
    Nearest,
    /// The image again.
    Periodic,
    /// The image mirrored, its edge twice.
    #[default]
    Mirror,
}
