//! The intensity-volume histogram (IBSI P88C): the share of a region that has at least an intensity.

use oncoweave_core::Feature;

use super::{Definition, named};
use crate::ImagingSettings;

const DEFINITIONS: [Definition; 7] = [
    Definition::new("ivh_v10", "", "share of the volume above 10% of the intensity range", "NK6P"),
    Definition::new("ivh_v90", "", "share of the volume above 90% of the intensity range", "4279"),
    Definition::new("ivh_i10", "@", "least intensity that at most 10% of the volume reach", "PWN1"),
    Definition::new("ivh_i90", "@", "least intensity that at most 90% of the volume reach", "BOHI"),
    Definition::new("ivh_diff_v10_v90", "", "difference of the two shares of volume", "WITY"),
    Definition::new("ivh_diff_i10_i90", "@", "difference of the two intensities", "JXJA"),
    Definition::new("ivh_auc", "", "area under the histogram", "9CMM"),
];

/// The number of bins of intensities in arbitrary units.
const ARBITRARY_BINS: f64 = 1000.0;

/// A row of bins of one width.
struct Bins {
    /// The lower edge of the first.
    start: f64,
    width: f64,
    count: f64,
    /// The intensity that stands for the first bin, and the step to the next.
    intensities: [f64; 2],
}

impl Bins {
    /// Bins for sorted intensities: as set, else of one Hounsfield unit, else so many of arbitrary
    /// units.
    fn new(sorted: &[f64], intensity_unit: &str, settings: &ImagingSettings) -> Self {
        let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
        let start = settings.resegment_min.unwrap_or(first);
        let range = settings.resegment_max.unwrap_or(last) - start;
        let width_and_center = match (settings.ivh_bin_width, settings.ivh_bin_count) {
            (Some(width), _) => Some((width, 0.5)),
            (None, None) if intensity_unit == "HU" => Some((1.0, 0.0)),
            _ => None,
        };
        if let Some((width, center)) = width_and_center {
            let count = (range / width).floor() + 1.0;
            return Self { start, width, count, intensities: [start + center * width, width] };
        }
        let count = settings.ivh_bin_count.map_or(ARBITRARY_BINS, f64::from);
        Self { start: first, width: (last - first) / count, count, intensities: [1.0, 1.0] }
    }

    fn index(&self, intensity: f64) -> f64 {
        let index = ((intensity - self.start) / self.width).floor();
        index.clamp(0.0, self.count - 1.0)
    }

    fn intensity(&self, index: f64) -> f64 {
        self.intensities[0] + self.intensities[1] * index
    }
}

/// Features of the intensities of a region that is not empty, sorted.
pub(crate) fn features(
    sorted: &[f64],
    intensity_unit: &str,
    settings: &ImagingSettings,
) -> Vec<Feature> {
    let bins = Bins::new(sorted, intensity_unit, settings);
    let total = sorted.len() as f64;
    let last = bins.count - 1.0;
    // The volume share of a bin is that of the voxels in it and above.
    let share_from = |index: f64| {
        let below = sorted.partition_point(|&intensity| bins.index(intensity) < index);
        (sorted.len() - below) as f64 / total
    };
    let share_at = |fraction: f64| {
        if last > 0.0 && bins.width > 0.0 { share_from((fraction * last).ceil()) } else { f64::NAN }
    };
    let intensity_at = |fraction: f64| {
        let allowed = index_below(fraction * total, sorted.len());
        bins.intensity(bins.index(sorted[sorted.len() - 1 - allowed]) + 1.0)
    };
    let (v10, v90) = (share_at(0.1), share_at(0.9));
    let (i10, i90) = (intensity_at(0.1), intensity_at(0.9));
    // The trapezoidal rule; the shares sum to the mean number of bins up to a voxel's own.
    let sum = sorted.iter().map(|&value| bins.index(value) + 1.0).sum::<f64>() / total;
    let area = (sum - f64::midpoint(1.0, share_from(last))) / last;
    named(&DEFINITIONS, [v10, v90, i10, i90, v10 - v90, i10 - i90, area], "", intensity_unit)
}

/// How many voxels a share of the volume is, at most all but one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= share < length")]
fn index_below(share: f64, length: usize) -> usize {
    (share.floor() as usize).min(length - 1)
}
