//! Folds of patients for cross-validation.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use crate::{Survival, Undefined};

/// What the folds should be alike in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stratum<'a> {
    /// Follow-up, where known.
    pub survival: Option<Survival>,
    /// The subtype or other class, where known.
    pub label: Option<&'a str>,
}

/// Deals patients into folds 0 to `folds - 1` that are alike in events, labels and follow-up.
///
/// Patients are put in order (events, then censored, then unknown; in each by label; in each by
/// time) and dealt out like cards: every `folds` neighbours go to different folds. So fold sizes
/// and events per fold differ by at most one, and every fold has early and late events. One seed
/// gives one split, whatever the machine.
///
/// # Errors
/// When there are fewer than two folds or patients than folds, or follow-up is known and there
/// are fewer events than folds.
pub fn stratified_folds(
    strata: &[Stratum],
    folds: usize,
    seed: u64,
) -> Result<Vec<u32>, Undefined> {
    let patients = strata.len();
    if folds < 2 || folds > patients {
        return Err(Undefined::InvalidFolds { folds, patients });
    }
    let events = strata.iter().filter(|stratum| event_order(stratum) == 0).count();
    if events < folds && strata.iter().any(|stratum| stratum.survival.is_some()) {
        return Err(Undefined::TooFewEvents { folds, events });
    }
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..patients).collect();
    // Patients that are equal in all respects must not be dealt in file order.
    order.shuffle(&mut generator);
    order.sort_by(|&a, &b| {
        let (a, b) = (&strata[a], &strata[b]);
        let time = |stratum: &Stratum| stratum.survival.map_or(0.0, |outcome| outcome.time_days);
        (event_order(a), a.label).cmp(&(event_order(b), b.label)).then(time(a).total_cmp(&time(b)))
    });
    let mut fold_of = vec![0; patients];
    let mut deal: Vec<u32> = (0..).take(folds).collect();
    for neighbours in order.chunks(folds) {
        deal.shuffle(&mut generator);
        for (&row, &fold) in neighbours.iter().zip(&deal) {
            fold_of[row] = fold;
        }
    }
    Ok(fold_of)
}

fn event_order(stratum: &Stratum) -> u8 {
    match stratum.survival {
        Some(Survival { event: true, .. }) => 0,
        Some(Survival { event: false, .. }) => 1,
        None => 2,
    }
}
