use oncoweave_core::Feature;

use super::{Definition, named};

const DEFINITIONS: [Definition; 18] = [
    Definition { name: "stat_mean", unit: "@", meaning: "mean intensity", code: "Q4LE" },
    Definition {
        name: "stat_var",
        unit: "@2",
        meaning: "variance of intensity, divided by the number of voxels",
        code: "ECT3",
    },
    Definition { name: "stat_skew", unit: "", meaning: "skewness of intensity", code: "KE2A" },
    Definition {
        name: "stat_kurt",
        unit: "",
        meaning: "excess kurtosis of intensity, 0 for a normal distribution",
        code: "IPH6",
    },
    Definition { name: "stat_median", unit: "@", meaning: "median intensity", code: "Y12H" },
    Definition { name: "stat_min", unit: "@", meaning: "least intensity", code: "1GSF" },
    Definition {
        name: "stat_p10",
        unit: "@",
        meaning: "10th percentile of intensity",
        code: "QG58",
    },
    Definition {
        name: "stat_p90",
        unit: "@",
        meaning: "90th percentile of intensity",
        code: "8DWT",
    },
    Definition { name: "stat_max", unit: "@", meaning: "greatest intensity", code: "84IY" },
    Definition {
        name: "stat_iqr",
        unit: "@",
        meaning: "interquartile range of intensity",
        code: "SALO",
    },
    Definition {
        name: "stat_range",
        unit: "@",
        meaning: "greatest minus least intensity",
        code: "2OJQ",
    },
    Definition {
        name: "stat_mad",
        unit: "@",
        meaning: "mean absolute deviation from the mean",
        code: "4FUA",
    },
    Definition {
        name: "stat_rmad",
        unit: "@",
        meaning: "mean absolute deviation of the intensities from the 10th to the 90th percentile",
        code: "1128",
    },
    Definition {
        name: "stat_medad",
        unit: "@",
        meaning: "mean absolute deviation from the median",
        code: "N72L",
    },
    Definition {
        name: "stat_cov",
        unit: "",
        meaning: "standard deviation over mean",
        code: "7TET",
    },
    Definition {
        name: "stat_qcod",
        unit: "",
        meaning: "interquartile range over the sum of the quartiles",
        code: "9S40",
    },
    Definition {
        name: "stat_energy",
        unit: "@2",
        meaning: "sum of squared intensities",
        code: "N8CA",
    },
    Definition {
        name: "stat_rms",
        unit: "@",
        meaning: "root of the mean squared intensity",
        code: "5ZWQ",
    },
];

/// First-order statistics of the intensities of a region that is not empty.
pub(crate) fn features(values: &[f32], intensity_unit: &str) -> Vec<Feature> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let mean_value = mean(&sorted, |value| value);
    let moment = |power: i32| mean(&sorted, |value| (value - mean_value).powi(power));
    let variance = moment(2);
    // IBSI: both are 0 where all intensities are equal.
    let (skewness, kurtosis) = if variance == 0.0 {
        (0.0, 0.0)
    } else {
        (moment(3) / variance.powf(1.5), moment(4) / variance.powi(2) - 3.0)
    };
    let [p10, p25, median, p75, p90] =
        [0.10, 0.25, 0.50, 0.75, 0.90].map(|share| percentile(&sorted, share));
    let (least, greatest) = (percentile(&sorted, 0.0), percentile(&sorted, 1.0));
    let start = sorted.partition_point(|&value| f64::from(value) < p10);
    let end = sorted.partition_point(|&value| f64::from(value) <= p90);
    let robust = &sorted[start..end];
    let robust_mean = mean(robust, |value| value);
    let mean_square = mean(&sorted, |value| value * value);
    let values = [
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
        mean(&sorted, |value| (value - mean_value).abs()),
        mean(robust, |value| (value - robust_mean).abs()),
        mean(&sorted, |value| (value - median).abs()),
        variance.sqrt() / mean_value,
        (p75 - p25) / (p75 + p25),
        mean_square * sorted.len() as f64,
        mean_square.sqrt(),
    ];
    named(&DEFINITIONS, values, intensity_unit)
}

fn mean(values: &[f32], of: impl Fn(f64) -> f64) -> f64 {
    values.iter().map(|&value| of(f64::from(value))).sum::<f64>() / values.len() as f64
}

/// The value below which a share of sorted values lies, interpolated linearly between neighbours
/// (Hyndman and Fan, 1996, definition 7).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= rank < length")]
fn percentile(sorted: &[f32], share: f64) -> f64 {
    let rank = share * (sorted.len() - 1) as f64;
    let below = f64::from(sorted[rank.floor() as usize]);
    let above = f64::from(sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}
