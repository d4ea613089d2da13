//! Who is at risk, has the event and is censored at each time.

use crate::Survival;

/// What happened at one time.
pub(crate) struct Counts {
    pub(crate) time_days: f64,
    pub(crate) at_risk: usize,
    pub(crate) events: usize,
    pub(crate) censored: usize,
}

/// Every distinct time of the end of a follow-up in order.
pub(crate) fn counts(outcomes: &[Survival]) -> impl Iterator<Item = Counts> + use<> {
    let entries = entries(outcomes);
    let mut sorted = outcomes.to_vec();
    sorted.sort_unstable_by(|a, b| a.time_days.total_cmp(&b.time_days));
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = sorted.get(start)?;
        let now = sorted[start..].partition_point(|other| other.time_days <= first.time_days);
        let events = sorted[start..start + now].iter().filter(|outcome| outcome.event).count();
        let at_risk = sorted.len() - start - to_come(&entries, first.time_days);
        start += now;
        Some(Counts { time_days: first.time_days, at_risk, events, censored: now - events })
    })
}

/// The times of late entries, rising.
pub(super) fn entries(outcomes: &[Survival]) -> Vec<f64> {
    let mut entries: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.entry_days).collect();
    entries.sort_unstable_by(f64::total_cmp);
    entries
}

/// How many of rising entries come at a time or later: they are not at risk yet.
pub(super) fn to_come(entries: &[f64], time_days: f64) -> usize {
    entries.len() - entries.partition_point(|&entry| entry < time_days)
}
