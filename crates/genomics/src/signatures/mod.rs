//! How many mutations of a tumor each mutational process made: its exposures to signatures.

mod matrix;
mod nnls;
mod sparse;

use serde::{Deserialize, Serialize};

pub use matrix::SignatureMatrix;
use nnls::{Problem, nonnegative_least_squares};

/// How exposures are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureMethod {
    /// Few signatures, by `SigProfilerAssignment`'s steps of removal and addition, which never
    /// remove SBS1 and SBS5, as it does by default.
    #[default]
    Sparse,
    /// The same steps with no signature that stays: `add_background_signatures=False`.
    SparseWithoutBackground,
    /// All signatures of the matrix, by non-negative least squares alone.
    Nnls,
}

impl SignatureMethod {
    /// The paper that defines the method.
    pub(crate) fn standard(self) -> &'static str {
        match self {
            Self::Sparse => {
                "SigProfilerAssignment 1.1 (Díaz-Gay et al. 2023, Bioinformatics 39:btad756), \
                 penalties 0.05, 0.05 and 0.01, SBS1 and SBS5 kept"
            }
            Self::SparseWithoutBackground => {
                "SigProfilerAssignment 1.1 (Díaz-Gay et al. 2023, Bioinformatics 39:btad756), \
                 penalties 0.05, 0.05 and 0.01, no signature kept"
            }
            Self::Nnls => "non-negative least squares (Lawson and Hanson 1974, chapter 23)",
        }
    }
}

/// The exposures of one tumor.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposures {
    /// Mutations of each signature, in the matrix's order; they add up to the tumor's mutations.
    pub mutations: Vec<f64>,
    /// Cosine similarity of the spectrum and its reconstruction, 0 to 1.
    pub cosine_similarity: f64,
}

/// The exposures of a spectrum to the signatures of a matrix.
///
/// `spectrum` has one count for each of the matrix's channels, in its order. With
/// [`SignatureMethod::Nnls`] the weights that minimize the Euclidean distance are scaled to the
/// number of mutations; the sparse methods follow Díaz-Gay et al. 2023 (Bioinformatics 39:btad756)
/// and give whole numbers. `None` where the spectrum is empty or no signature fits it.
///
/// # Panics
/// When the spectrum has not as many counts as the matrix has channels.
#[must_use]
pub fn exposures(
    spectrum: &[f64],
    matrix: &SignatureMatrix,
    method: SignatureMethod,
) -> Option<Exposures> {
    assert_eq!(spectrum.len(), matrix.channels().len(), "one count a channel");
    let total: f64 = spectrum.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let target = Target::new(spectrum, matrix);
    let mutations = match method {
        SignatureMethod::Nnls => {
            let all: Vec<usize> = (0..matrix.signatures().len()).collect();
            target.fit(&all).mutations(total)?
        }
        SignatureMethod::Sparse => sparse::exposures(&target, true)?,
        SignatureMethod::SparseWithoutBackground => sparse::exposures(&target, false)?,
    };
    let cosine_similarity = target.cosine_similarity(&mutations);
    Some(Exposures { mutations, cosine_similarity })
}

/// A spectrum to be explained by a matrix.
struct Target<'a> {
    spectrum: &'a [f64],
    matrix: &'a SignatureMatrix,
    /// Each signature, scaled to length 1, times the spectrum.
    projection: Vec<f64>,
}

/// The best weights over some signatures.
struct Fit {
    /// One weight for each signature of the matrix, zero for those that were left out.
    weights: Vec<f64>,
    /// The Euclidean distance of the reconstruction, as a share of the spectrum's length.
    distance: f64,
}

impl Fit {
    /// The weights scaled to add up to a number of mutations.
    fn mutations(&self, total: f64) -> Option<Vec<f64>> {
        let sum: f64 = self.weights.iter().sum();
        (sum > 0.0).then(|| self.weights.iter().map(|weight| weight / sum * total).collect())
    }
}

impl<'a> Target<'a> {
    fn new(spectrum: &'a [f64], matrix: &'a SignatureMatrix) -> Self {
        let projection = matrix
            .columns
            .iter()
            .zip(&matrix.lengths)
            .map(|(column, length)| dot(column, spectrum) / length)
            .collect();
        Self { spectrum, matrix, projection }
    }

    /// Fits the spectrum with some of the signatures.
    fn fit(&self, signatures: &[usize]) -> Fit {
        let problem = Problem { gram: &self.matrix.gram, projection: &self.projection };
        let scaled = nonnegative_least_squares(&problem, signatures);
        let mut weights = vec![0.0; self.matrix.columns.len()];
        for (&signature, weight) in signatures.iter().zip(scaled) {
            weights[signature] = weight / self.matrix.lengths[signature];
        }
        let rest: Vec<f64> = self
            .reconstruction(&weights)
            .iter()
            .zip(self.spectrum)
            .map(|(fitted, found)| found - fitted)
            .collect();
        Fit { weights, distance: (dot(&rest, &rest) / dot(self.spectrum, self.spectrum)).sqrt() }
    }

    fn reconstruction(&self, weights: &[f64]) -> Vec<f64> {
        let mut reconstruction = vec![0.0; self.spectrum.len()];
        for (column, &weight) in self.matrix.columns.iter().zip(weights) {
            if weight > 0.0 {
                for (sum, part) in reconstruction.iter_mut().zip(column) {
                    *sum += weight * part;
                }
            }
        }
        reconstruction
    }

    fn cosine_similarity(&self, weights: &[f64]) -> f64 {
        let fitted = self.reconstruction(weights);
        let lengths = (dot(&fitted, &fitted) * dot(self.spectrum, self.spectrum)).sqrt();
        if lengths > 0.0 { dot(&fitted, self.spectrum) / lengths } else { 0.0 }
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(columns: &[[f64; 4]]) -> SignatureMatrix {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("matrix.txt");
        let names: Vec<String> = (0..columns.len()).map(|place| format!("S{place}")).collect();
        let mut lines = vec![format!("Type\t{}", names.join("\t"))];
        for channel in 0..4 {
            let shares: Vec<String> =
                columns.iter().map(|column| column[channel].to_string()).collect();
            lines.push(format!("c{channel}\t{}", shares.join("\t")));
        }
        fs_err::write(&path, lines.join("\n") + "\n").unwrap();
        SignatureMatrix::read(&path).unwrap()
    }

    /// The weights and similarities are those of `scipy.optimize.nnls`, scipy 1.17.1.
    #[test]
    fn nonnegative_least_squares_are_those_of_scipy() {
        let matrix = matrix(&[[0.5, 0.3, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4], [0.0, 0.1, 0.4, 0.5]]);
        for (spectrum, weights, similarity) in [
            (
                [50.0, 40.0, 30.0, 20.0],
                [95.238_095_238_095_27, 42.857_142_857_142_726, 0.0],
                0.989_361_399_507_772_9,
            ),
            (
                [5.0, 10.0, 60.0, 70.0],
                [4.166_666_666_666_679, 0.0, 141.666_666_666_666_66],
                0.997_218_353_443_439_5,
            ),
            ([10.0, 0.0, 0.0, 0.0], [13.888_888_888_888_891, 0.0, 0.0], 0.833_333_333_333_333_4),
            (
                [1.0, 5.0, 3.0, 2.0],
                [3.253_968_253_968_252, 7.380_952_380_952_383, 0.0],
                0.859_361_529_568_457_2,
            ),
        ] {
            let found = exposures(&spectrum, &matrix, SignatureMethod::Nnls).unwrap();
            let scale = spectrum.iter().sum::<f64>() / weights.iter().sum::<f64>();
            for (mutations, weight) in found.mutations.iter().zip(weights) {
                assert!((mutations - weight * scale).abs() < 1e-6, "{spectrum:?}: {found:?}");
            }
            assert!((found.cosine_similarity - similarity).abs() < 1e-12, "{spectrum:?}");
        }
    }

    #[test]
    fn a_tumor_without_substitutions_has_no_exposures() {
        let matrix = matrix(&[[0.5, 0.3, 0.1, 0.1]]);
        assert_eq!(exposures(&[0.0; 4], &matrix, SignatureMethod::Sparse), None);
    }

    #[test]
    fn signatures_that_are_the_same_share_and_do_not_fail() {
        let matrix = matrix(&[[0.5, 0.3, 0.1, 0.1], [0.5, 0.3, 0.1, 0.1]]);
        for method in [SignatureMethod::Nnls, SignatureMethod::Sparse] {
            let found = exposures(&[50.0, 30.0, 10.0, 10.0], &matrix, method).unwrap();
            assert!((found.mutations.iter().sum::<f64>() - 100.0).abs() < 1e-9);
            assert!((found.cosine_similarity - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_no_matrix_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("matrix.txt");
        for (text, expected) in [
            ("", "found no data"),
            ("Type\tS1\n", "found no channel"),
            ("Type\nA\n", "found no signature"),
            ("Type\tS1\tS1\nA\t1\t1\n", "found the signature `S1` twice"),
            ("Type\tS1\nA\t1\nA\t1\n", "found the channel `A` twice"),
            ("Type\tS1\nA\t0\n", "found zeros alone for `S1`"),
            ("Type\tS1\nA\t1e200\n", "found shares of `S1` that are too large"),
            ("Type\tS1\nA\n", "matrix.txt:2: expected 2 columns, found 1"),
            ("Type\tS1\nA\t-1\n", "matrix.txt:2: expected a share of zero or more"),
        ] {
            fs_err::write(&path, text).unwrap();
            let message = SignatureMatrix::read(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
