//! The grey level co-occurrence matrix (Haralick et al., 1973; IBSI LFYI) of neighbours at
//! distance 1 in 13 directions, merged into one matrix for the volume (IBSI IAZD).

use std::iter;

use oncoweave_core::Feature;

use super::levels::Levels;
use super::{Definition, named};

const DEFINITIONS: [Definition; 25] = [
    Definition {
        name: "cm_joint_max_3d_comb",
        unit: "",
        meaning: "share of the most frequent pair of grey levels",
        code: "GYBY",
    },
    Definition {
        name: "cm_joint_avg_3d_comb",
        unit: "",
        meaning: "mean grey level over pairs",
        code: "60VM",
    },
    Definition {
        name: "cm_joint_var_3d_comb",
        unit: "",
        meaning: "variance of the grey level over pairs",
        code: "UR99",
    },
    Definition {
        name: "cm_joint_entr_3d_comb",
        unit: "bit",
        meaning: "entropy of pairs of grey levels",
        code: "TU9B",
    },
    Definition {
        name: "cm_diff_avg_3d_comb",
        unit: "",
        meaning: "mean absolute difference within a pair",
        code: "TF7R",
    },
    Definition {
        name: "cm_diff_var_3d_comb",
        unit: "",
        meaning: "variance of the absolute difference within a pair",
        code: "D3YU",
    },
    Definition {
        name: "cm_diff_entr_3d_comb",
        unit: "bit",
        meaning: "entropy of the absolute difference within a pair",
        code: "NTRS",
    },
    Definition {
        name: "cm_sum_avg_3d_comb",
        unit: "",
        meaning: "mean sum of a pair",
        code: "ZGXS",
    },
    Definition {
        name: "cm_sum_var_3d_comb",
        unit: "",
        meaning: "variance of the sum of a pair",
        code: "OEEB",
    },
    Definition {
        name: "cm_sum_entr_3d_comb",
        unit: "bit",
        meaning: "entropy of the sum of a pair",
        code: "P6QZ",
    },
    Definition {
        name: "cm_energy_3d_comb",
        unit: "",
        meaning: "angular second moment: sum of squared shares of pairs",
        code: "8ZQL",
    },
    Definition {
        name: "cm_contrast_3d_comb",
        unit: "",
        meaning: "mean squared difference within a pair",
        code: "ACUI",
    },
    Definition {
        name: "cm_dissimilarity_3d_comb",
        unit: "",
        meaning: "mean absolute difference within a pair, summed over pairs",
        code: "8S9J",
    },
    Definition {
        name: "cm_inv_diff_3d_comb",
        unit: "",
        meaning: "inverse difference",
        code: "IB1Z",
    },
    Definition {
        name: "cm_inv_diff_norm_3d_comb",
        unit: "",
        meaning: "inverse difference, divided by the number of grey levels",
        code: "NDRX",
    },
    Definition {
        name: "cm_inv_diff_mom_3d_comb",
        unit: "",
        meaning: "inverse difference moment",
        code: "WF0Z",
    },
    Definition {
        name: "cm_inv_diff_mom_norm_3d_comb",
        unit: "",
        meaning: "inverse difference moment, divided by the number of grey levels",
        code: "1QCO",
    },
    Definition { name: "cm_inv_var_3d_comb", unit: "", meaning: "inverse variance", code: "E8JP" },
    Definition {
        name: "cm_corr_3d_comb",
        unit: "",
        meaning: "correlation of the grey levels of a pair",
        code: "NI2N",
    },
    Definition {
        name: "cm_auto_corr_3d_comb",
        unit: "",
        meaning: "mean product of the grey levels of a pair",
        code: "QWB0",
    },
    Definition {
        name: "cm_clust_tend_3d_comb",
        unit: "",
        meaning: "cluster tendency: second moment of the sum of a pair",
        code: "DG8W",
    },
    Definition {
        name: "cm_clust_shade_3d_comb",
        unit: "",
        meaning: "cluster shade: third moment of the sum of a pair",
        code: "7NFM",
    },
    Definition {
        name: "cm_clust_prom_3d_comb",
        unit: "",
        meaning: "cluster prominence: fourth moment of the sum of a pair",
        code: "AE86",
    },
    Definition {
        name: "cm_info_corr1_3d_comb",
        unit: "",
        meaning: "first measure of information correlation",
        code: "R8DG",
    },
    Definition {
        name: "cm_info_corr2_3d_comb",
        unit: "",
        meaning: "second measure of information correlation",
        code: "JN9H",
    },
];

/// Texture features of the merged matrix; all undefined where no two voxels are neighbours.
pub(crate) fn features(levels: &Levels) -> Vec<Feature> {
    let matrix = Matrix::merged(levels);
    named(&DEFINITIONS, matrix.features(), "")
}

/// How often two grey levels are neighbours, in both orders.
struct Matrix<'a> {
    /// The grey levels of rows and columns.
    present: &'a [u16],
    /// The number of grey levels, whether they occur or not.
    levels: u16,
    /// Row by row; symmetric.
    counts: Vec<u64>,
}

impl<'a> Matrix<'a> {
    fn merged(levels: &'a Levels) -> Self {
        let width = levels.present.len();
        let [columns, rows, _] = levels.size;
        // The 13 neighbours that lie after a voxel; the box's border makes all of them exist.
        let plane = columns * rows;
        let forward: [usize; 13] = [
            1,
            columns - 1,
            columns,
            columns + 1,
            plane - columns - 1,
            plane - columns,
            plane - columns + 1,
            plane - 1,
            plane,
            plane + 1,
            plane + columns - 1,
            plane + columns,
            plane + columns + 1,
        ];
        let mut ordered = vec![0_u64; width * width];
        for &index in &levels.indices {
            let row = (usize::from(levels.ranks[index]) - 1) * width;
            for step in forward {
                let neighbour = usize::from(levels.ranks[index + step]);
                if neighbour > 0 {
                    ordered[row + neighbour - 1] += 1;
                }
            }
        }
        let mut counts = vec![0; width * width];
        for i in 0..width {
            for j in 0..width {
                counts[i * width + j] = ordered[i * width + j] + ordered[j * width + i];
            }
        }
        Self { present: &levels.present, levels: levels.count, counts }
    }

    fn features(&self) -> [f64; 25] {
        let total = self.counts.iter().sum::<u64>() as f64;
        if total == 0.0 {
            return [f64::NAN; 25];
        }
        let shares = Shares::new(self, total);
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
    fn new(matrix: &Matrix, total: f64) -> Self {
        let width = matrix.present.len();
        let levels = usize::from(matrix.levels);
        let mut single = vec![0; width];
        let mut sum = vec![0; 2 * levels + 1];
        let mut difference = vec![0; levels];
        let (mut greatest, mut joint_entropy, mut energy, mut product) = (0, 0.0, 0.0, 0.0);
        for (row, &i) in matrix.present.iter().enumerate() {
            for (column, &j) in matrix.present.iter().enumerate() {
                let count = matrix.counts[row * width + column];
                if count == 0 {
                    continue;
                }
                single[row] += count;
                sum[usize::from(i) + usize::from(j)] += count;
                difference[usize::from(i.abs_diff(j))] += count;
                greatest = greatest.max(count);
                let share = count as f64 / total;
                joint_entropy -= share * share.log2();
                energy += share * share;
                product += share * f64::from(i) * f64::from(j);
            }
        }
        let shares = |counts: Vec<u64>, values: &mut dyn Iterator<Item = f64>| {
            let occurring = values.zip(counts).filter(|&(_, count)| count > 0);
            occurring.map(|(value, count)| (value, count as f64 / total)).collect()
        };
        let naturals = || iter::successors(Some(0.0), |&value| Some(value + 1.0));
        Self {
            single: shares(single, &mut matrix.present.iter().map(|&level| f64::from(level))),
            sum: shares(sum, &mut naturals()),
            difference: shares(difference, &mut naturals()),
            greatest: greatest as f64 / total,
            joint_entropy,
            energy,
            product,
        }
    }
}

/// The mean power of the distance from a centre.
fn moment(shares: &[(f64, f64)], centre: f64, power: i32) -> f64 {
    shares.iter().map(|&(value, share)| share * (value - centre).powi(power)).sum()
}

fn entropy(shares: &[(f64, f64)]) -> f64 {
    -shares.iter().map(|&(_, share)| share * share.log2()).sum::<f64>()
}
