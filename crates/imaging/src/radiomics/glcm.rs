//! The gray level co-occurrence matrix (Haralick et al., 1973; IBSI LFYI) of neighbors at
//! distance 1.

use std::iter;

use oncoweave_core::Feature;

use super::levels::Levels;
use super::parts::{Part, averaged};
use super::{Definition, named};
use crate::Aggregation;

const DEFINITIONS: [Definition; 25] = [
    Definition::new("cm_joint_max", "", "share of the most frequent pair of gray levels", "GYBY"),
    Definition::new("cm_joint_avg", "", "mean gray level over pairs", "60VM"),
    Definition::new("cm_joint_var", "", "variance of the gray level over pairs", "UR99"),
    Definition::new("cm_joint_entr", "bit", "entropy of pairs of gray levels", "TU9B"),
    Definition::new("cm_diff_avg", "", "mean absolute difference within a pair", "TF7R"),
    Definition::new("cm_diff_var", "", "variance of the absolute difference within a pair", "D3YU"),
    Definition::new(
        "cm_diff_entr",
        "bit",
        "entropy of the absolute difference within a pair",
        "NTRS",
    ),
    Definition::new("cm_sum_avg", "", "mean sum of a pair", "ZGXS"),
    Definition::new("cm_sum_var", "", "variance of the sum of a pair", "OEEB"),
    Definition::new("cm_sum_entr", "bit", "entropy of the sum of a pair", "P6QZ"),
    Definition::new(
        "cm_energy",
        "",
        "angular second moment: sum of squared shares of pairs",
        "8ZQL",
    ),
    Definition::new("cm_contrast", "", "mean squared difference within a pair", "ACUI"),
    Definition::new(
        "cm_dissimilarity",
        "",
        "mean absolute difference within a pair, summed over pairs",
        "8S9J",
    ),
    Definition::new("cm_inv_diff", "", "inverse difference", "IB1Z"),
    Definition::new(
        "cm_inv_diff_norm",
        "",
        "inverse difference, divided by the number of gray levels",
        "NDRX",
    ),
    Definition::new("cm_inv_diff_mom", "", "inverse difference moment", "WF0Z"),
    Definition::new(
        "cm_inv_diff_mom_norm",
        "",
        "inverse difference moment, divided by the number of gray levels",
        "1QCO",
    ),
    Definition::new("cm_inv_var", "", "inverse variance", "E8JP"),
    Definition::new("cm_corr", "", "correlation of the gray levels of a pair", "NI2N"),
    Definition::new("cm_auto_corr", "", "mean product of the gray levels of a pair", "QWB0"),
    Definition::new(
        "cm_clust_tend",
        "",
        "cluster tendency: second moment of the sum of a pair",
        "DG8W",
    ),
    Definition::new(
        "cm_clust_shade",
        "",
        "cluster shade: third moment of the sum of a pair",
        "7NFM",
    ),
    Definition::new(
        "cm_clust_prom",
        "",
        "cluster prominence: fourth moment of the sum of a pair",
        "AE86",
    ),
    Definition::new("cm_info_corr1", "", "first measure of information correlation", "R8DG"),
    Definition::new("cm_info_corr2", "", "second measure of information correlation", "JN9H"),
];

/// Co-occurrence features with an aggregation; all undefined where no two voxels are neighbors.
pub(crate) fn features(levels: &Levels, aggregation: Aggregation) -> Vec<Feature> {
    let values = averaged(levels, aggregation, |part| Matrix::new(levels, part).features());
    named(&DEFINITIONS, values, aggregation.suffix(), "")
}

/// The same features and the maximal correlation coefficient (Haralick et al., 1973), which is no
/// IBSI feature.
pub(crate) fn features_and_maximal_correlation(
    levels: &Levels,
    aggregation: Aggregation,
) -> Vec<Feature> {
    let values: [f64; 26] = averaged(levels, aggregation, |part| {
        let matrix = Matrix::new(levels, part);
        let features = matrix.features();
        std::array::from_fn(|number| match features.get(number) {
            Some(&value) => value,
            None => matrix.maximal_correlation(),
        })
    });
    let [shared @ .., correlation] = values;
    let mut features = named(&DEFINITIONS, shared, aggregation.suffix(), "");
    let meaning = "maximal correlation coefficient";
    features.push(Feature::new("cm_max_corr", "", meaning, Some(correlation)));
    features
}

/// How often two gray levels are neighbors.
struct Matrix<'a> {
    /// The gray levels of rows and columns.
    present: &'a [u16],
    /// The number of gray levels, whether they occur or not.
    levels: u16,
    /// Row by row, pairs in either order.
    counts: Vec<f64>,
}

impl<'a> Matrix<'a> {
    fn new(levels: &'a Levels, part: &Part) -> Self {
        // A row and a column more for neighbors outside, which are not looked at.
        let width = levels.present.len() + 1;
        let inner = levels.present.len();
        let mut counts = vec![0.0; inner * inner];
        // Directions of one weight are counted together.
        let weighted: Vec<(usize, f64)> =
            part.steps.iter().copied().zip(part.weights.iter().copied()).collect();
        for alike in weighted.chunk_by(|a, b| a.1.total_cmp(&b.1).is_eq()) {
            let mut ordered = vec![0_u32; width * width];
            for &index in part.indices {
                let row = usize::from(levels.ranks[index]) * width;
                for (step, _) in alike {
                    ordered[row + usize::from(levels.ranks[index + step])] += 1;
                }
            }
            let weight = alike[0].1;
            for (row, counts) in counts.chunks_exact_mut(inner).enumerate() {
                for (column, count) in counts.iter_mut().enumerate() {
                    let one = ordered[(row + 1) * width + column + 1];
                    let other = ordered[(column + 1) * width + row + 1];
                    *count += weight * (f64::from(one) + f64::from(other));
                }
            }
        }
        Self { present: &levels.present, levels: levels.count, counts }
    }

    /// How often two levels are neighbors, in either order.
    fn count(&self, row: usize, column: usize) -> f64 {
        self.counts[row * self.present.len() + column]
    }

    /// The second singular value of the shares over the roots of their margins. The first is 1, of
    /// the roots themselves; without it, the power method finds the second.
    fn maximal_correlation(&self) -> f64 {
        const STEPS: usize = 20_000;
        let width = self.present.len();
        let mut cells = Vec::new();
        let mut margins = vec![0.0; width];
        for (row, margin) in margins.iter_mut().enumerate() {
            for column in 0..width {
                let count = self.count(row, column);
                *margin += count;
                if count > 0.0 {
                    cells.push((row, column, count));
                }
            }
        }
        let total: f64 = margins.iter().sum();
        if total == 0.0 {
            return f64::NAN;
        }
        for (row, column, count) in &mut cells {
            *count /= (margins[*row] * margins[*column]).sqrt();
        }
        let first: Vec<f64> = margins.iter().map(|margin| (margin / total).sqrt()).collect();
        let mut vector: Vec<f64> = (0..width).map(|index| (index as f64 + 1.0).sqrt()).collect();
        let mut value = 1.0;
        for _ in 0..STEPS {
            let along: f64 = first.iter().zip(&vector).map(|(a, b)| a * b).sum();
            let mut next = vec![0.0; width];
            for (value, first) in vector.iter_mut().zip(&first) {
                *value -= along * first;
            }
            let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length < 1e-12 {
                // One gray level alone, or levels that know nothing of each other.
                return if width == 1 { 1.0 } else { 0.0 };
            }
            for &(row, column, share) in &cells {
                next[row] += share * vector[column] / length;
            }
            let found = next.iter().map(|value| value * value).sum::<f64>().sqrt();
            vector = next;
            if (found - value).abs() < 1e-13 {
                return found;
            }
            value = found;
        }
        value
    }

    fn features(&self) -> [f64; 25] {
        let Some(shares) = Shares::new(self) else { return [f64::NAN; 25] };
        let mean = moment(&shares.single, 0.0, 1);
        let variance = moment(&shares.single, mean, 2);
        let sum_mean = moment(&shares.sum, 0.0, 1);
        let difference_mean = moment(&shares.difference, 0.0, 1);
        let levels = f64::from(self.levels);
        let over_differences = |weight: &dyn Fn(f64) -> f64| -> f64 {
            shares.difference.iter().map(|&(k, share)| share * weight(k)).sum()
        };
        let single_entropy = entropy(&shares.single);
        // The matrix is symmetric, so that both cross entropies are twice that of one level.
        let independent_entropy = 2.0 * single_entropy;
        let information = (independent_entropy - shares.joint_entropy).max(0.0);
        [
            shares.greatest,
            mean,
            variance,
            shares.joint_entropy,
            difference_mean,
            moment(&shares.difference, difference_mean, 2),
            entropy(&shares.difference),
            sum_mean,
            moment(&shares.sum, sum_mean, 2),
            entropy(&shares.sum),
            shares.energy,
            moment(&shares.difference, 0.0, 2),
            difference_mean,
            over_differences(&|k| 1.0 / (1.0 + k)),
            over_differences(&|k| 1.0 / (1.0 + k / levels)),
            over_differences(&|k| 1.0 / (1.0 + k * k)),
            over_differences(&|k| 1.0 / (1.0 + k * k / (levels * levels))),
            over_differences(&|k| if k > 0.0 { 1.0 / (k * k) } else { 0.0 }),
            (shares.product - mean * mean) / variance,
            shares.product,
            moment(&shares.sum, 2.0 * mean, 2),
            moment(&shares.sum, 2.0 * mean, 3),
            moment(&shares.sum, 2.0 * mean, 4),
            (shares.joint_entropy - independent_entropy) / single_entropy,
            (1.0 - (-2.0 * information).exp()).sqrt(),
        ]
    }
}

/// The distributions that the features are taken from: pairs of a value and its share.
struct Shares {
    single: Vec<(f64, f64)>,
    sum: Vec<(f64, f64)>,
    difference: Vec<(f64, f64)>,
    greatest: f64,
    joint_entropy: f64,
    energy: f64,
    /// The mean product of a pair.
    product: f64,
}

impl Shares {
    /// `None` for a matrix without pairs.
    fn new(matrix: &Matrix) -> Option<Self> {
        let width = matrix.present.len();
        let total: f64 = matrix.counts.iter().sum();
        if total == 0.0 {
            return None;
        }
        let levels = usize::from(matrix.levels);
        let mut single = vec![0.0; width];
        let mut sum = vec![0.0; 2 * levels + 1];
        let mut difference = vec![0.0; levels];
        let [mut greatest, mut joint_entropy, mut energy, mut product] = [0.0_f64; 4];
        for (row, &i) in matrix.present.iter().enumerate() {
            for (column, &j) in matrix.present.iter().enumerate() {
                let count = matrix.count(row, column);
                if count == 0.0 {
                    continue;
                }
                single[row] += count;
                sum[usize::from(i) + usize::from(j)] += count;
                difference[usize::from(i.abs_diff(j))] += count;
                greatest = greatest.max(count);
                let share = count / total;
                joint_entropy -= share * share.log2();
                energy += share * share;
                product += share * f64::from(i) * f64::from(j);
            }
        }
        let shares = |counts: Vec<f64>, values: &mut dyn Iterator<Item = f64>| {
            let occurring = values.zip(counts).filter(|&(_, count)| count > 0.0);
            occurring.map(|(value, count)| (value, count / total)).collect()
        };
        let naturals = || iter::successors(Some(0.0), |&value| Some(value + 1.0));
        Some(Self {
            single: shares(single, &mut matrix.present.iter().map(|&level| f64::from(level))),
            sum: shares(sum, &mut naturals()),
            difference: shares(difference, &mut naturals()),
            greatest: greatest / total,
            joint_entropy,
            energy,
            product,
        })
    }
}

/// The mean power of the distance from a center.
fn moment(shares: &[(f64, f64)], center: f64, power: i32) -> f64 {
    shares.iter().map(|&(value, share)| share * (value - center).powi(power)).sum()
}

fn entropy(shares: &[(f64, f64)]) -> f64 {
    -shares.iter().map(|&(_, share)| share * share.log2()).sum::<f64>()
}
