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
    OtherDeath = 10,
    LateEntry = 11,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_version_4_uuids_within_64_characters() {
        let mut random = stream(1, 2, Purpose::CtUids);
        for _ in 0..100 {
            let uid = uid(&mut random);
            let bits: u128 = uid.strip_prefix("2.25.").unwrap().parse().unwrap();
            assert!(uid.len() <= 64);
            assert_eq!((bits >> 76 & 0xf, bits >> 62 & 0b11), (4, 0b10));
        }
    }

    #[test]
    fn choices_follow_their_weights() {
        let mut random = stream(1, 0, Purpose::Truth);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[choose(&mut random, &[1.0, 0.0, 3.0])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2_300..2_700).contains(&counts[0]), "{counts:?}");
    }
}
