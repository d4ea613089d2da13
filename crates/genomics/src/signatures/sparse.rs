//! Few signatures for one tumor, by the steps of `SigProfilerAssignment` 1.1: remove signatures
//! that hardly help, then add and remove one at a time while the fit gets better.

use super::Target;

/// A removal may raise the distance by so much at first, and by so much after an addition.
const INITIAL_REMOVAL: f64 = 0.05;
const REMOVAL: f64 = 0.01;
/// An addition must lower the distance by more.
const ADDITION: f64 = 0.05;

/// Signatures that age leaves in every tumor.
const BACKGROUND: [&str; 2] = ["SBS1", "SBS5"];

/// Signatures of one process, which are offered together.
const CONNECTED: [&[&str]; 4] = [
    &["SBS2", "SBS13"],
    &["SBS7a", "SBS7b", "SBS7c", "SBS7d"],
    &["SBS10a", "SBS10b"],
    &["SBS17a", "SBS17b"],
];

/// Exposures and the distance of the reconstruction that they stand for.
#[derive(Clone, Debug)]
struct State {
    mutations: Vec<f64>,
    distance: f64,
}

impl State {
    fn active(&self) -> Vec<usize> {
        (0..self.mutations.len()).filter(|&place| self.mutations[place] > 0.0).collect()
    }
}

/// Whole mutations of each signature of the target's matrix.
pub(super) fn exposures(target: &Target<'_>, with_background: bool) -> Option<Vec<f64>> {
    let names = target.matrix.signatures();
    let all: Vec<usize> = (0..names.len()).collect();
    let places = |wanted: &[&str]| -> Vec<usize> {
        all.iter().copied().filter(|&place| wanted.contains(&names[place].as_str())).collect()
    };
    let permanent = if with_background { places(&BACKGROUND) } else { Vec::new() };
    let connected: Vec<Vec<usize>> = CONNECTED.iter().map(|group| places(group)).collect();

    let total: f64 = target.spectrum.iter().sum();
    let fit = target.fit(&all);
    let whole = State { mutations: rounded(&fit.mutations(total)?), distance: fit.distance };
    let first = remove(target, &whole, INITIAL_REMOVAL, &[]);
    let mut present = with(&first.active(), &permanent);
    let mut best: Option<State> = None;
    loop {
        let candidates: Vec<usize> =
            all.iter().copied().filter(|place| !present.contains(place)).collect();
        let groups =
            connected.iter().filter(|group| group.iter().any(|place| present.contains(place)));
        let offered =
            groups.fold(with(&present, &permanent), |present, group| with(&present, group));
        let layer = candidates
            .into_iter()
            .filter_map(|candidate| add_and_remove(target, &offered, candidate, &permanent))
            .reduce(|best, next| if next.distance < best.distance { next } else { best });
        match layer {
            Some(layer) if best.as_ref().is_none_or(|best| layer.distance < best.distance) => {
                present = layer.active();
                best = Some(layer);
            }
            _ => break,
        }
    }
    Some(rounded(&best.unwrap_or(first).mutations))
}

/// One candidate joins those present if it helps; then those that hardly help go.
fn add_and_remove(
    target: &Target<'_>,
    present: &[usize],
    candidate: usize,
    permanent: &[usize],
) -> Option<State> {
    let added = add(target, present, candidate)?;
    let removed = remove(target, &added, REMOVAL, permanent);
    Some(if added.active().len() == removed.active().len() { added } else { removed })
}

/// The fit with the candidate where it is better by more than the penalty, else the one without.
fn add(target: &Target<'_>, present: &[usize], candidate: usize) -> Option<State> {
    let total: f64 = target.spectrum.iter().sum();
    let state = |signatures: &[usize]| {
        let fit = target.fit(signatures);
        let mutations = rounded_at_the_largest(&fit.mutations(total)?, total);
        Some(State { mutations, distance: fit.distance })
    };
    let without = if present.is_empty() { None } else { state(present) };
    if present.contains(&candidate) {
        return without;
    }
    let joined = state(&with(present, &[candidate]));
    match (without, joined) {
        (Some(without), Some(joined)) if without.distance - joined.distance > ADDITION => {
            Some(joined)
        }
        (None, joined) => joined,
        (without, _) => without,
    }
}

/// Takes away one signature after another, each time the one that is missed least, while the
/// distance rises by no more than the penalty.
fn remove(target: &Target<'_>, from: &State, penalty: f64, permanent: &[usize]) -> State {
    let total: f64 = target.spectrum.iter().sum();
    let mut distance = target.fit(&from.active()).distance;
    let mut state = State { mutations: rounded(&from.mutations), distance };
    while state.active().len() > 1 {
        let active = state.active();
        let mut least: Option<(f64, State)> = None;
        for &candidate in active.iter().filter(|place| !permanent.contains(place)) {
            let rest: Vec<usize> =
                active.iter().copied().filter(|&place| place != candidate).collect();
            let fit = target.fit(&rest);
            let Some(mutations) = fit.mutations(total) else { continue };
            // A fit that does not get worse counts as if it rose by just the penalty.
            let rise = match fit.distance - distance {
                rise if rise < 0.0 => penalty,
                rise => rise,
            };
            if least.as_ref().is_none_or(|(other, _)| rise < *other) {
                least = Some((rise, State { mutations, distance: fit.distance }));
            }
        }
        match least {
            Some((rise, next)) if rise <= penalty => {
                distance = next.distance;
                state = next;
            }
            _ => break,
        }
    }
    state
}

fn with(places: &[usize], more: &[usize]) -> Vec<usize> {
    let mut all: Vec<usize> = places.iter().chain(more).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whole numbers with the same rounded sum: all are rounded up, then those that gained most give
/// one back.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of values, each rounded up by less than one"
)]
fn rounded(values: &[f64]) -> Vec<f64> {
    let sum = values.iter().sum::<f64>().round_ties_even();
    let mut whole: Vec<f64> = values.iter().map(|value| value.ceil()).collect();
    let surplus = (whole.iter().sum::<f64>() - sum + 1e-10) as usize;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| {
        (values[one] - whole[one]).total_cmp(&(values[other] - whole[other]))
    });
    for &place in order.iter().take(surplus) {
        whole[place] -= 1.0;
    }
    whole
}

/// Whole numbers with the same sum: each to the nearest, and the largest takes the difference.
fn rounded_at_the_largest(values: &[f64], total: f64) -> Vec<f64> {
    let mut whole: Vec<f64> = values.iter().map(|value| value.round_ties_even()).collect();
    let rest = total.round_ties_even() - whole.iter().sum::<f64>();
    let largest = (0..values.len())
        .fold(0, |best, next| if values[next] > values[best] { next } else { best });
    if let Some(value) = whole.get_mut(largest) {
        *value += rest;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_keeps_the_sum() {
        assert_eq!(rounded(&[1.4, 2.3, 0.3]), [2.0, 2.0, 0.0]);
        assert_eq!(rounded(&[3.0, 0.0]), [3.0, 0.0]);
        assert_eq!(rounded_at_the_largest(&[1.4, 2.3, 0.3], 4.0), [1.0, 3.0, 0.0]);
    }
}
