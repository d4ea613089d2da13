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

/// The weights of scores at some times in their mean over time by the trapezoidal rule, from the
/// first to the last of the times.
pub(crate) fn trapezoids(times_days: &[f64]) -> Result<Vec<f64>, Undefined> {
    let increasing = times_days.windows(2).all(|pair| pair[0] < pair[1]);
    let (&[first, .., last], true) = (times_days, increasing) else {
        return Err(Undefined::TooFewTimes { times: times_days.len() });
    };
    let mut weights = vec![0.0; times_days.len()];
    for (place, pair) in times_days.windows(2).enumerate() {
        let half = 0.5 * (pair[1] - pair[0]) / (last - first);
        weights[place] += half;
        weights[place + 1] += half;
    }
    Ok(weights)
}

/// The mean of a score over time by the trapezoidal rule; the score is asked for by a time's place.
pub(crate) fn mean_over_time(
    times_days: &[f64],
    mut score: impl FnMut(usize) -> Result<f64, Undefined>,
) -> Result<f64, Undefined> {
    let weighted = |(place, weight): (usize, f64)| score(place).map(|score| weight * score);
    trapezoids(times_days)?.into_iter().enumerate().map(weighted).sum()
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

/// How a new model moves patients relative to an old one, in shares of those it should move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reclassification {
    /// Among those with the event, the share moved up less the share moved down.
    pub events: f64,
    /// Among those without, the share moved down less the share moved up.
    pub non_events: f64,
}

impl Reclassification {
    /// The net reclassification improvement, from -2 to 2. It can be above 0 for a model that is
    /// worse, so that it should not stand alone: Hilden and Gerds, Stat Med 2014;33:3405.
    #[must_use]
    pub fn improvement(&self) -> f64 {
        self.events + self.non_events
    }
}

/// Net reclassification by the predicted probabilities of the event by day `time_days`, old and
/// new, where `observed` gives the share of some patients, by their rows, who had it.
pub(crate) fn reclassification(
    [old, new]: [&[f64]; 2],
    (time_days, followed_days): (f64, &[f64]),
    cutoffs: &[f64],
    observed: impl Fn(&[usize]) -> Option<f64>,
) -> Result<Reclassification, Undefined> {
    let category = |row: f64| cutoffs.iter().filter(|&&cutoff| row >= cutoff).count();
    let is_above = |a: f64, b: f64| {
        if cutoffs.is_empty() { a > b } else { category(a) > category(b) }
    };
    let everybody: Vec<usize> = (0..new.len()).collect();
    let moved = |is_moved: &dyn Fn(usize) -> bool| {
        let rows: Vec<usize> = everybody.iter().copied().filter(|&row| is_moved(row)).collect();
        if rows.is_empty() {
            return Ok((0.0, 0.0));
        }
        let last_days = rows.iter().map(|&row| followed_days[row]).fold(0.0, f64::max);
        let event =
            observed(&rows).ok_or(Undefined::HorizonPastFollowUp { time_days, last_days })?;
        let share = rows.len() as f64 / new.len() as f64;
        Ok((share * event, share * (1.0 - event)))
    };
    let (up_events, up_others) = moved(&|row| is_above(new[row], old[row]))?;
    let (down_events, down_others) = moved(&|row| is_above(old[row], new[row]))?;
    let event = observed(&everybody).ok_or(Undefined::NoPatient)?;
    if event <= 0.0 {
        return Err(Undefined::NoCase { time_days });
    }
    if event >= 1.0 {
        return Err(Undefined::OneClass { patients: new.len() });
    }
    Ok(Reclassification {
        events: (up_events - down_events) / event,
        non_events: (down_others - up_others) / (1.0 - event),
    })
}
