//! Who is at risk, has the event and is censored at each time.

use crate::{LeftTruncated, Survival};

/// What happened at one time.
pub(crate) struct Counts {
    pub(crate) time_days: f64,
    pub(crate) at_risk: usize,
    pub(crate) events: usize,
    pub(crate) censored: usize,
}

/// Every distinct time in order.
pub(crate) fn counts(outcomes: &[Survival]) -> impl Iterator<Item = Counts> + use<> {
    counts_after_entries(outcomes.to_vec(), vec![])
}

/// Every distinct time of the end of a follow-up in order.
pub(crate) fn counts_left_truncated(
    outcomes: &[LeftTruncated],
) -> impl Iterator<Item = Counts> + use<> {
    let entries = outcomes.iter().map(|outcome| outcome.entry_days).collect();
    counts_after_entries(outcomes.iter().map(|outcome| outcome.exit).collect(), entries)
}

/// Where there are no entries, everybody is at risk from the beginning.
fn counts_after_entries(
    mut sorted: Vec<Survival>,
    mut entries: Vec<f64>,
) -> impl Iterator<Item = Counts> {
    sorted.sort_unstable_by(|a, b| a.time_days.total_cmp(&b.time_days));
    entries.sort_unstable_by(f64::total_cmp);
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = sorted.get(start)?;
        let now = sorted[start..].partition_point(|other| other.time_days <= first.time_days);
        let events = sorted[start..start + now].iter().filter(|outcome| outcome.event).count();
        let to_come =
            entries.len() - entries.partition_point(|&entry_days| entry_days < first.time_days);
        let at_risk = sorted.len() - start - to_come;
        start += now;
        Some(Counts { time_days: first.time_days, at_risk, events, censored: now - events })
    })
}
