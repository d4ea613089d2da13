//! The histogram of gray levels (IBSI ZVCW).

use oncoweave_core::Feature;

use super::levels::Levels;
use super::statistics::first_order;
use super::{Definition, named};

const DEFINITIONS: [Definition; 23] = [
    Definition::new("ih_mean", "", "mean gray level", "X6K6"),
    Definition::new("ih_var", "", "variance of the gray level", "CH89"),
    Definition::new("ih_skew", "", "skewness of the gray level", "88K1"),
    Definition::new("ih_kurt", "", "excess kurtosis of the gray level", "C3I7"),
    Definition::new("ih_median", "", "median gray level", "WIFQ"),
    Definition::new("ih_min", "", "least gray level", "1PR8"),
    Definition::new("ih_p10", "", "10th percentile of the gray level", "GPMT"),
    Definition::new("ih_p90", "", "90th percentile of the gray level", "OZ0C"),
    Definition::new("ih_max", "", "greatest gray level", "3NCY"),
    Definition::new("ih_mode", "", "most frequent gray level, the one next to the mean", "AMMC"),
    Definition::new("ih_iqr", "", "interquartile range of the gray level", "WR0O"),
    Definition::new("ih_range", "", "greatest minus least gray level", "5Z3W"),
    Definition::new("ih_mad", "", "mean absolute deviation from the mean gray level", "D2ZX"),
    Definition::new(
        "ih_rmad",
        "",
        "mean absolute deviation of the gray levels from the 10th to the 90th percentile",
        "WRZB",
    ),
    Definition::new("ih_medad", "", "mean absolute deviation from the median gray level", "4RNL"),
    Definition::new("ih_cov", "", "standard deviation over mean of the gray level", "CWYJ"),
    Definition::new("ih_qcod", "", "interquartile range over the sum of the quartiles", "SLWD"),
    Definition::new("ih_entropy", "bit", "entropy of the gray levels", "TLU2"),
    Definition::new("ih_uniformity", "", "sum of the squared shares of the gray levels", "BJ5W"),
    Definition::new("ih_max_grad", "", "greatest gradient of the histogram", "12CE"),
    Definition::new("ih_max_grad_g", "", "gray level of the greatest gradient", "8E6O"),
    Definition::new("ih_min_grad", "", "least gradient of the histogram", "VQB3"),
    Definition::new("ih_min_grad_g", "", "gray level of the least gradient", "RHQZ"),
];

/// Features of the histogram of gray levels.
pub(crate) fn features(levels: &Levels) -> Vec<Feature> {
    let histogram = levels.histogram();
    let sorted: Vec<f64> = (1_u16..)
        .zip(&histogram)
        .flat_map(|(level, &count)| std::iter::repeat_n(f64::from(level), count))
        .collect();
    let statistics = first_order(&sorted);
    let total = sorted.len() as f64;
    let shares =
        || histogram.iter().map(|&count| count as f64 / total).filter(|&share| share > 0.0);
    let entropy = -shares().map(|share| share * share.log2()).sum::<f64>();
    let uniformity = shares().map(|share| share * share).sum();
    let (to_maximum, from_range) = statistics.split_at(9);
    let mut values = to_maximum
        .iter()
        .copied()
        .chain([mode(&histogram, statistics[0])])
        .chain(from_range.iter().copied())
        .chain([entropy, uniformity])
        .chain(gradients(&histogram));
    let values = std::array::from_fn(|_| values.next().unwrap_or(f64::NAN));
    named(&DEFINITIONS, values, "", "")
}

/// The most frequent gray level; among several the one nearest to the mean, and the lower of two.
fn mode(histogram: &[usize], mean: f64) -> f64 {
    let greatest = histogram.iter().max();
    let levels = (1_u32..).zip(histogram).filter(|&(_, count)| Some(count) == greatest);
    levels
        .map(|(level, _)| f64::from(level))
        .min_by(|a, b| (a - mean).abs().total_cmp(&(b - mean).abs()))
        .unwrap_or(f64::NAN)
}

/// The greatest gradient and its gray level, the least and its: central differences inside, one-sided
/// at the ends. Undefined where there is one gray level.
fn gradients(histogram: &[usize]) -> [f64; 4] {
    let last = histogram.len() - 1;
    if last == 0 {
        return [f64::NAN; 4];
    }
    let mut found = [f64::NEG_INFINITY, f64::NAN, f64::INFINITY, f64::NAN];
    for index in 0..=last {
        let (before, after) = (index.saturating_sub(1), (index + 1).min(last));
        let rise = histogram[after] as f64 - histogram[before] as f64;
        let gradient = rise / (after - before) as f64;
        let level = (index + 1) as f64;
        if gradient > found[0] {
            (found[0], found[1]) = (gradient, level);
        }
        if gradient < found[2] {
            (found[2], found[3]) = (gradient, level);
        }
    }
    found
}
