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
