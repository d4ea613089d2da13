use ndarray::Zip;

use crate::{Error, ImagingSettings, Mask, Volume};

/// The part of a mask whose intensities lie in the range and are no outliers; `None` where the
/// settings ask for neither. Outliers are told by the mean and the standard deviation of what the
/// range left.
pub(super) fn resegment(
    volume: &Volume,
    mask: &Mask,
    settings: &ImagingSettings,
) -> Result<Option<Mask>, Error> {
    let ImagingSettings { resegment_min, resegment_max, outlier_sigma, .. } = settings;
    if resegment_min.is_none() && resegment_max.is_none() && outlier_sigma.is_none() {
        return Ok(None);
    }
    let mut resegmented = mask.clone();
    keep(volume, &mut resegmented, [*resegment_min, *resegment_max]);
    if let Some(sigma) = outlier_sigma {
        let (mean, deviation) = mean_and_deviation(volume, &resegmented);
        let range = [mean - sigma * deviation, mean + sigma * deviation];
        keep(volume, &mut resegmented, range.map(Some));
    }
    if resegmented.count() == 0 { Err(Error::EmptyIntensityMask) } else { Ok(Some(resegmented)) }
}

/// Leaves out the voxels whose intensity is outside a range, both ends of which are inside.
fn keep(volume: &Volume, mask: &mut Mask, [least, greatest]: [Option<f64>; 2]) {
    let least = least.unwrap_or(f64::NEG_INFINITY);
    let greatest = greatest.unwrap_or(f64::INFINITY);
    Zip::from(&mut mask.voxels).and(&volume.voxels).for_each(|inside, &intensity| {
        // Written so that what is no number stays and is reported with its place.
        let outside = f64::from(intensity) < least || f64::from(intensity) > greatest;
        *inside &= !outside;
    });
}

/// The mean and the population standard deviation of a region's intensities.
fn mean_and_deviation(volume: &Volume, mask: &Mask) -> (f64, f64) {
    let intensities = || {
        let pairs = volume.voxels.iter().zip(&mask.voxels);
        pairs.filter(|&(_, &inside)| inside).map(|(&intensity, _)| f64::from(intensity))
    };
    let count = intensities().count() as f64;
    let mean = intensities().sum::<f64>() / count;
    let squares = intensities().map(|intensity| (intensity - mean).powi(2)).sum::<f64>();
    (mean, (squares / count).sqrt())
}
