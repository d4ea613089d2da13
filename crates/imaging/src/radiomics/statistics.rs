use oncoweave_core::Feature;

use super::{Definition, named};

const DEFINITIONS: [Definition; 18] = [
    Definition::new("stat_mean", "@", "mean intensity", "Q4LE"),
    Definition::new(
        "stat_var",
        "@2",
        "variance of intensity, divided by the number of voxels",
        "ECT3",
    ),
    Definition::new("stat_skew", "", "skewness of intensity", "KE2A"),
    Definition::new(
        "stat_kurt",
        "",
        "excess kurtosis of intensity, 0 for a normal distribution",
        "IPH6",
    ),
    Definition::new("stat_median", "@", "median intensity", "Y12H"),
    Definition::new("stat_min", "@", "least intensity", "1GSF"),
    Definition::new("stat_p10", "@", "10th percentile of intensity", "QG58"),
    Definition::new("stat_p90", "@", "90th percentile of intensity", "8DWT"),
    Definition::new("stat_max", "@", "greatest intensity", "84IY"),
    Definition::new("stat_iqr", "@", "interquartile range of intensity", "SALO"),
    Definition::new("stat_range", "@", "greatest minus least intensity", "2OJQ"),
    Definition::new("stat_mad", "@", "mean absolute deviation from the mean", "4FUA"),
    Definition::new(
        "stat_rmad",
        "@",
        "mean absolute deviation of the intensities from the 10th to the 90th percentile",
        "1128",
    ),
    Definition::new("stat_medad", "@", "mean absolute deviation from the median", "N72L"),
    Definition::new("stat_cov", "", "standard deviation over mean", "7TET"),
    Definition::new("stat_qcod", "", "interquartile range over the sum of the quartiles", "9S40"),
    Definition::new("stat_energy", "@2", "sum of squared intensities", "N8CA"),
    Definition::new("stat_rms", "@", "root of the mean squared intensity", "5ZWQ"),
];

/// First-order statistics of the sorted intensities of a region that is not empty.
pub(crate) fn features(sorted: &[f64], intensity_unit: &str) -> Vec<Feature> {
    let shared = first_order(sorted);
    let mean_square = mean(sorted, |value| value * value);
    let energy = [mean_square * sorted.len() as f64, mean_square.sqrt()];
    let mut values = shared.into_iter().chain(energy);
    let values = std::array::from_fn(|_| values.next().unwrap_or(f64::NAN));
    named(&DEFINITIONS, values, "", intensity_unit)
}

/// The statistics that intensities and gray levels share, of sorted values: mean, variance,
/// skewness, excess kurtosis, median, minimum, 10th and 90th percentile, maximum, interquartile
/// range, range, mean, robust mean and median absolute deviation, coefficient of variation and
/// quartile coefficient of dispersion.
pub(crate) fn first_order(sorted: &[f64]) -> [f64; 16] {
    let mean_value = mean(sorted, |value| value);
    let moment = |power: i32| mean(sorted, |value| (value - mean_value).powi(power));
    let variance = moment(2);
    // IBSI: both are 0 where all intensities are equal.
    let (skewness, kurtosis) = if variance == 0.0 {
        (0.0, 0.0)
    } else {
        (moment(3) / variance.powf(1.5), moment(4) / variance.powi(2) - 3.0)
    };
    let [p10, p25, median, p75, p90] =
        [0.10, 0.25, 0.50, 0.75, 0.90].map(|share| percentile(sorted, share));
    let (least, greatest) = (percentile(sorted, 0.0), percentile(sorted, 1.0));
    let start = sorted.partition_point(|&value| value < p10);
    let end = sorted.partition_point(|&value| value <= p90);
    let robust = &sorted[start..end];
    let robust_mean = mean(robust, |value| value);
    [
        mean_value,
        variance,
        skewness,
        kurtosis,
        median,
        least,
        p10,
        p90,
        greatest,
        p75 - p25,
        greatest - least,
        mean(sorted, |value| (value - mean_value).abs()),
        mean(robust, |value| (value - robust_mean).abs()),
        mean(sorted, |value| (value - median).abs()),
        variance.sqrt() / mean_value,
        (p75 - p25) / (p75 + p25),
    ]
}

fn mean(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    values.iter().map(|&value| of(value)).sum::<f64>() / values.len() as f64
}

/// The value below which a share of sorted values lies, interpolated linearly between neighbors
/// (Hyndman and Fan, 1996, definition 7).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= rank < length")]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * (sorted.len() - 1) as f64;
    let below = sorted[rank.floor() as usize];
    let above = sorted[rank.ceil() as usize];
    below + (above - below) * rank.fract()
}
