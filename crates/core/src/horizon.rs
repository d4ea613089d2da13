//! What probabilities at a time are judged by, whether they are of survival or, beside competing
//! events, of the event.

use crate::Undefined;

/// Checks that there are patients, some of them followed up past the time, with finite
/// probabilities.
pub(crate) fn check(
    followed_days: impl Iterator<Item = f64>,
    probabilities: impl ExactSizeIterator<Item = f64>,
    what: &'static str,
    time_days: f64,
) -> Result<(), Undefined> {
    if probabilities.len() == 0 {
        return Err(Undefined::NoPatient);
    }
    let mut each = probabilities.enumerate();
    if let Some((row, value)) = each.find(|(_, value)| !value.is_finite()) {
        return Err(Undefined::NotFinite { what, row, value });
    }
    check_reach(followed_days, time_days)
}

/// Checks that somebody was followed up past the time.
pub(crate) fn check_reach(
    followed_days: impl Iterator<Item = f64>,
    time_days: f64,
) -> Result<(), Undefined> {
    let last_days = followed_days.fold(0.0, f64::max);
    if time_days >= last_days {
        return Err(Undefined::HorizonPastFollowUp { time_days, last_days });
    }
    Ok(())
}

/// The mean of a score over time by the trapezoidal rule, from the first to the last of some times;
/// the score is asked for by a time's place.
pub(crate) fn mean_over_time(
    times_days: &[f64],
    score: impl FnMut(usize) -> Result<f64, Undefined>,
) -> Result<f64, Undefined> {
    let increasing = times_days.windows(2).all(|pair| pair[0] < pair[1]);
    let (&[first, .., last], true) = (times_days, increasing) else {
        return Err(Undefined::TooFewTimes { times: times_days.len() });
    };
    let scores: Vec<f64> = (0..times_days.len()).map(score).collect::<Result<_, _>>()?;
    let steps = times_days.windows(2).zip(scores.windows(2));
    let area: f64 =
        steps.map(|(time, score)| (time[1] - time[0]) * f64::midpoint(score[0], score[1])).sum();
    Ok(area / (last - first))
}

/// Splits patients into groups of equal size from the lowest value to the highest; a remainder goes
/// to the first groups.
pub(crate) fn equal_groups(values: &[f64], groups: usize) -> Result<Vec<Vec<usize>>, Undefined> {
    if groups == 0 || groups > values.len() {
        return Err(Undefined::InvalidGroups { groups, patients: values.len() });
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (size, longer) = (values.len() / groups, values.len() % groups);
    let mut rest = order.as_slice();
    let group = |index: usize| {
        let (rows, others) = rest.split_at(size + usize::from(index < longer));
        rest = others;
        rows.to_vec()
    };
    Ok((0..groups).map(group).collect())
}

/// The net benefit at one threshold, in true positives per patient; treating nobody has 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetBenefit {
    /// The probability of the event from which on a patient would be treated.
    pub threshold: f64,
    /// Of treating those whom the model puts at or above the threshold; `None` where their
    /// follow-up does not reach the horizon.
    pub model: Option<f64>,
    /// Of treating everybody.
    pub all: f64,
}

/// A decision curve by the predicted probabilities of the event, where `observed` gives the share of
/// some patients, by their rows, who had it.
pub(crate) fn decision_curve(
    predicted: &[f64],
    thresholds: &[f64],
    observed: impl Fn(&[usize]) -> Option<f64>,
) -> Result<Vec<NetBenefit>, Undefined> {
    if let Some(&value) = thresholds.iter().find(|value| !(**value >= 0.0 && **value < 1.0)) {
        return Err(Undefined::InvalidShare { what: "a threshold below 1", value });
    }
    let everybody: Vec<usize> = (0..predicted.len()).collect();
    let event = observed(&everybody).ok_or(Undefined::NoPatient)?;
    let at = |&threshold: &f64| {
        let worth = |share: f64, event: f64| {
            share * (event - (1.0 - event) * threshold / (1.0 - threshold))
        };
        let treated: Vec<usize> =
            everybody.iter().copied().filter(|&row| predicted[row] >= threshold).collect();
        let share = treated.len() as f64 / predicted.len() as f64;
        let model = if treated.is_empty() {
            Some(0.0)
        } else {
            observed(&treated).map(|event| worth(share, event))
        };
        NetBenefit { threshold, model, all: worth(1.0, event) }
    };
    Ok(thresholds.iter().map(at).collect())
}
