//! The Laplacian of Gaussian as ITK's recursive filters approximate it (Deriche, INRIA research
//! report 1893, 1993; Farnebäck and Westin, Journal of Mathematical Imaging and Vision 2006), which
//! pyradiomics uses. As there, every pass is computed in double precision and stored in single.

use super::image::{Block, LANES};

/// The two pairs of poles of the approximation, before they are divided by the standard deviation:
/// frequency and decay.
const FREQUENCIES: [f64; 2] = [0.6681, 2.0787];
const DECAYS: [f64; 2] = [-1.3932, -1.3732];
/// The amplitudes of the cosines and sines of the Gaussian and its second derivative.
const SMOOTHING: [[f64; 2]; 2] = [[1.3530, 1.8151], [-0.3531, 0.0902]];
const SECOND_DERIVATIVE: [[f64; 2]; 2] = [[-1.3563, 5.2318], [0.3446, -2.2355]];

/// After so many standard deviations a voxel is forgotten to less than single precision.
pub(super) const REACH: f64 = 14.0;

/// A recursive filter of fourth order, run forwards and backwards.
#[derive(Clone, Copy)]
struct Recursion {
    /// Weights of the voxel and the three before it.
    forwards: [f64; 4],
    /// Weights of the four voxels after it.
    backwards: [f64; 4],
    /// Weights of the four results before, which are taken away.
    results: [f64; 4],
}

/// Sums over a filter's weights, each times its position to the powers 0, 1 and 2.
type Moments = [f64; 3];

impl Recursion {
    /// The Gaussian, whose standard deviation is in voxels.
    fn gaussian(sigma: f64) -> Self {
        let (results, [total, ..]) = denominator(sigma);
        let (weights, [sum, ..]) = numerator(sigma, SMOOTHING);
        let norm = 2.0 * sum / total - weights[0];
        Self::symmetric(weights.map(|weight| weight / norm), results)
    }

    /// Its second derivative along the line, times a factor.
    fn second_derivative(sigma: f64, factor: f64) -> Self {
        let (results, [total, first, second]) = denominator(sigma);
        let (smooth, smooth_moments) = numerator(sigma, SMOOTHING);
        let (curved, curved_moments) = numerator(sigma, SECOND_DERIVATIVE);
        let beta = -(2.0 * curved_moments[0] - total * curved[0])
            / (2.0 * smooth_moments[0] - total * smooth[0]);
        let weights: [f64; 4] = std::array::from_fn(|tap| curved[tap] + beta * smooth[tap]);
        let [sum, of_first, of_second]: Moments =
            std::array::from_fn(|power| curved_moments[power] + beta * smooth_moments[power]);
        let norm =
            (of_second * total * total - second * sum * total - 2.0 * of_first * first * total
                + 2.0 * first * first * sum)
                / total.powi(3);
        Self::symmetric(weights.map(|weight| weight * factor / norm), results)
    }

    fn symmetric(forwards: [f64; 4], results: [f64; 4]) -> Self {
        let backwards = std::array::from_fn(|tap| {
            forwards.get(tap + 1).copied().unwrap_or(0.0) - results[tap] * forwards[0]
        });
        Self { forwards, backwards, results }
    }

    /// Filters lines of four voxels or more, beyond whose ends their outermost voxels go on.
    fn apply(&self, input: &[[f64; LANES]], output: &mut [[f64; LANES]]) {
        let total = 1.0 + self.results.iter().sum::<f64>();
        let last = input.len() - 1;
        // What the filter has come to after an endless row of the same value.
        let steady = |weights: [f64; 4], value: [f64; LANES]| {
            let gain = weights.iter().sum::<f64>() / total;
            value.map(|value| value * gain)
        };
        let mut before = [steady(self.forwards, input[0]); 4];
        let mut seen = [input[0]; 3];
        for (input, output) in input.iter().zip(output.iter_mut()) {
            let [n0, n1, n2, n3] = self.forwards;
            let [d1, d2, d3, d4] = self.results;
            *output = std::array::from_fn(|lane| {
                input[lane] * n0 + seen[0][lane] * n1 + seen[1][lane] * n2 + seen[2][lane] * n3
                    - (before[0][lane] * d1
                        + before[1][lane] * d2
                        + before[2][lane] * d3
                        + before[3][lane] * d4)
            });
            before = [*output, before[0], before[1], before[2]];
            seen = [*input, seen[0], seen[1]];
        }
        let mut after = [steady(self.backwards, input[last]); 4];
        let mut seen = [input[last]; 4];
        for (input, output) in input.iter().zip(output.iter_mut()).rev() {
            let [m1, m2, m3, m4] = self.backwards;
            let [d1, d2, d3, d4] = self.results;
            let result: [f64; LANES] = std::array::from_fn(|lane| {
                seen[0][lane] * m1 + seen[1][lane] * m2 + seen[2][lane] * m3 + seen[3][lane] * m4
                    - (after[0][lane] * d1
                        + after[1][lane] * d2
                        + after[2][lane] * d3
                        + after[3][lane] * d4)
            });
            after = [result, after[0], after[1], after[2]];
            seen = [*input, seen[0], seen[1], seen[2]];
            for (output, result) in output.iter_mut().zip(result) {
                *output += result;
            }
        }
    }
}

/// The weights of the results before, and their moments.
fn denominator(sigma: f64) -> ([f64; 4], Moments) {
    let [cos1, cos2] = FREQUENCIES.map(|frequency| (frequency / sigma).cos());
    let [exp1, exp2] = DECAYS.map(|decay| (decay / sigma).exp());
    let weights = [
        -2.0 * (exp2 * cos2 + exp1 * cos1),
        4.0 * cos2 * cos1 * exp1 * exp2 + exp1 * exp1 + exp2 * exp2,
        -2.0 * cos1 * exp1 * exp2 * exp2 - 2.0 * cos2 * exp2 * exp1 * exp1,
        exp1 * exp1 * exp2 * exp2,
    ];
    let [d1, d2, d3, d4] = weights;
    let moments = [
        1.0 + d1 + d2 + d3 + d4,
        d1 + 2.0 * d2 + 3.0 * d3 + 4.0 * d4,
        d1 + 4.0 * d2 + 9.0 * d3 + 16.0 * d4,
    ];
    (weights, moments)
}

/// The weights of the voxel and the three before it, and their moments.
fn numerator(sigma: f64, [[a1, b1], [a2, b2]]: [[f64; 2]; 2]) -> ([f64; 4], Moments) {
    let [(sin1, cos1), (sin2, cos2)] = FREQUENCIES.map(|frequency| (frequency / sigma).sin_cos());
    let [exp1, exp2] = DECAYS.map(|decay| (decay / sigma).exp());
    let n0 = a1 + a2;
    let n1 =
        exp2 * (b2 * sin2 - (a2 + 2.0 * a1) * cos2) + exp1 * (b1 * sin1 - (a1 + 2.0 * a2) * cos1);
    let n2 = ((a1 + a2) * cos2 * cos1 - (b1 * cos2 * sin1 + b2 * cos1 * sin2)) * 2.0 * exp1 * exp2
        + a2 * exp1 * exp1
        + a1 * exp2 * exp2;
    let n3 =
        exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2) + exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1);
    let moments = [n0 + n1 + n2 + n3, n1 + 2.0 * n2 + 3.0 * n3, n1 + 4.0 * n2 + 9.0 * n3];
    ([n0, n1, n2, n3], moments)
}

/// How the lines of a block are filtered, and the box in it whose response is wanted.
pub(super) struct Lines {
    pub(super) sigma_mm: f64,
    pub(super) spacing_mm: [f64; 3],
    /// Where the box begins.
    pub(super) start: [usize; 3],
    pub(super) size: [usize; 3],
}

impl Lines {
    /// Filters a block along an axis and leaves of it what the box needs.
    fn pass<T: Copy + Into<f64>>(
        &self,
        block: &Block<T>,
        axis: usize,
        recursion: Recursion,
    ) -> Block<f32> {
        let (start, count) = (self.start[axis], self.size[axis]);
        let mut lines = vec![[0.0; LANES]; block.size[axis]];
        block.along(axis, count, rounded, |input, output| {
            recursion.apply(input, &mut lines);
            output.copy_from_slice(&lines[start..start + count]);
        })
    }
}

/// The Laplacian of Gaussian of a box in a block of at least four voxels along each axis, normalized
/// across scales.
pub(super) fn laplacian_of_gaussian<T: Copy + Into<f64>>(block: &Block<T>, lines: &Lines) -> Block {
    let sigmas = lines.spacing_mm.map(|spacing| lines.sigma_mm / spacing);
    let mut sum = vec![0.0_f32; lines.size.iter().product()];
    for axis in 0..3 {
        let factor = lines.sigma_mm * lines.sigma_mm;
        let curvature = Recursion::second_derivative(sigmas[axis], factor);
        let mut response = lines.pass(block, axis, curvature);
        for other in (0..3).filter(|&other| other != axis) {
            response = lines.pass(&response, other, Recursion::gaussian(sigmas[other]));
        }
        let scale = 1.0 / (lines.spacing_mm[axis] * lines.spacing_mm[axis]);
        for (sum, value) in sum.iter_mut().zip(response.values) {
            *sum = rounded(f64::from(*sum) + f64::from(value) * scale);
        }
    }
    Block { size: lines.size, values: sum.into_iter().map(f64::from).collect() }
}

/// Rounded to single precision.
pub(super) fn single(value: f64) -> f64 {
    f64::from(rounded(value))
}

#[expect(clippy::cast_possible_truncation, reason = "what is meant")]
fn rounded(value: f64) -> f32 {
    value as f32
}
