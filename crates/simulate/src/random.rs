use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

/// One independent stream of random numbers for each patient and purpose, so that a change in
/// how images are drawn leaves every genome and outcome as it was.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Truth = 0,
    Genome = 1,
    Ct = 2,
    Mr = 3,
    FollowUpCt = 4,
    CtUids = 5,
    FollowUpUids = 6,
    Table = 7,
    Mess = 8,
    Dates = 9,
}

/// The stream of one patient for one purpose; it does not depend on threads or other patients.
pub(crate) fn stream(seed: u64, patient: usize, purpose: Purpose) -> ChaCha12Rng {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    random.set_stream(patient as u64 * 16 + purpose as u64);
    random
}

/// A standard normal number within ±2.2, so that no tumor outgrows its image.
pub(crate) fn bounded_normal(random: &mut ChaCha12Rng) -> f64 {
    normal(random).clamp(-2.2, 2.2)
}

/// A standard normal number.
pub(crate) fn normal(random: &mut ChaCha12Rng) -> f64 {
    random.sample(StandardNormal)
}

/// `2.25.` and a version 4 UUID as a decimal number (DICOM PS3.5 B.2).
pub(crate) fn uid(random: &mut ChaCha12Rng) -> String {
    let bits: u128 = random.random();
    let version = (bits & !(0xf << 76)) | (0x4 << 76);
    let variant = (version & !(0b11 << 62)) | (0b10 << 62);
    format!("2.25.{variant}")
}

/// The index of one weight, drawn in proportion to the weights.
pub(crate) fn choose(random: &mut ChaCha12Rng, weights: &[f64]) -> usize {
    let mut left = random.random::<f64>() * weights.iter().sum::<f64>();
    for (index, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    weights.len() - 1
}
