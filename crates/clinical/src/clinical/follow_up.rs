//! What a row says of follow-up.

use oncoweave_core::Survival;

use super::Reader;
use crate::{OutcomeSettings, TimeUnit, cell, column};

/// No follow-up is longer than 100 years; one that seems so is in another unit.
const LONGEST_DAYS: f64 = 100.0 * 365.25;

impl Reader<'_> {
    /// Follow-up, and the competing event that ended it.
    pub(super) fn survival(
        &self,
        row: usize,
        faults: &mut Vec<String>,
    ) -> Option<(Survival, Option<String>)> {
        let outcome = self.outcome?;
        let (time, event) = (outcome.time.as_ref()?, outcome.event.as_ref()?);
        let unit = outcome.time_unit;
        let time_days = match self.known(time, row) {
            None => Err(format!(
                "expected a number of {}, found a missing cell; fill it in",
                unit_name(unit)
            )),
            Some(text) => days(text, unit, false),
        };
        let observed = match self.known(event, row) {
            // A value may be declared although it is a word for "missing" elsewhere.
            None if self.cell(event, row).is_empty() => {
                Err("expected whether the event was observed, found an empty cell; fill it in"
                    .to_owned())
            }
            _ => ending(self.cell(event, row), outcome),
        };
        let mut keep = |column: &str, fault| faults.push(format!("column `{column}`: {fault}"));
        let time_days = time_days.map_err(|fault| keep(time, fault)).ok();
        let observed = observed.map_err(|fault| keep(event, fault)).ok();
        let mut entry_days = None;
        if let Some(entry) = &outcome.entry
            && let Some(text) = self.known(entry, row)
        {
            let found = days(text, unit, true).and_then(|days| before_the_end(days, time_days));
            entry_days = found.map_err(|fault| keep(entry, fault)).ok();
        }
        let (time_days, (event, competing)) = (time_days?, observed?);
        let survival = Survival::new(time_days, event)
            .expect("the time was found to be finite and not negative")
            .entered_late(entry_days)
            .expect("the entry was found to be finite and before the end");
        Some((survival, competing))
    }
}

/// A time of a cell that is not missing; `signed` where it may lie before the index date.
fn days(text: &str, unit: TimeUnit, signed: bool) -> Result<f64, String> {
    let name = unit_name(unit);
    match cell::number(text) {
        Some(number) if number * unit.days() > LONGEST_DAYS => Err(format!(
            "expected a number of {name} of at most 100 years, found a longer time; \
             is `time_unit` right?"
        )),
        Some(number) if signed || number >= 0.0 => Ok(number * unit.days()),
        _ => Err(format!(
            "expected a number of {name}{}, found {}; correct the cell",
            if signed { "" } else { ", zero or more" },
            cell::kind(text)
        )),
    }
}

fn unit_name(unit: TimeUnit) -> String {
    format!("{unit:?}").to_lowercase()
}

/// The begin of observation, from the index date on, where it lies before the end of follow-up as
/// far as that is known.
fn before_the_end(entry_days: f64, time_days: Option<f64>) -> Result<f64, String> {
    match time_days {
        Some(end) if entry_days > 0.0 && entry_days >= end => Err(format!(
            "the begin of observation must lie before the end of follow-up, found {}; correct the \
             cell or the time",
            if entry_days > end { "a later time" } else { "the same time" }
        )),
        // A large negative number of years may be no finite number of days.
        _ => Ok(entry_days.max(0.0)),
    }
}

/// Whether a cell says that the event was observed, or which competing one was.
fn ending(cell: &str, outcome: &OutcomeSettings) -> Result<(bool, Option<String>), String> {
    let means = |values: &[String]| cell::position(cell, values).is_some();
    if let Some((name, _)) = outcome.competing.iter().find(|(_, values)| means(values)) {
        return Ok((false, Some(name.clone())));
    }
    let others: Vec<String> = outcome
        .censored_values
        .iter()
        .chain(outcome.competing.values().flatten())
        .cloned()
        .collect();
    column::truth(cell, &outcome.event_values, &others).map(|event| (event, None))
}
