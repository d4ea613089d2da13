//! The figures of the risk groups, as far as they may be told.

use oncoweave_core::Undefined;
use oncoweave_core::small_cells::{shown, shown_parts};
use oncoweave_report::groups::{RiskGroup, last_days};
use oncoweave_report::words::{self, TimeUnit};

use super::frame::Value;
use crate::study::{Filter, Protected, Separation, Study};

/// The table under the curves.
pub(super) struct Figures {
    pub(super) horizons: Vec<String>,
    pub(super) rows: Vec<FigureRow>,
    pub(super) log_rank: Value,
    pub(super) statistic: Value,
    pub(super) hazard_ratio: Value,
    pub(super) at_risk: Vec<(String, Vec<String>)>,
    pub(super) ticks: Vec<String>,
    pub(super) unit: &'static str,
}

pub(super) struct FigureRow {
    pub(super) label: &'static str,
    pub(super) patients: String,
    pub(super) events: String,
    pub(super) others: String,
    pub(super) median: Value,
    pub(super) median_low: Value,
    pub(super) median_high: Value,
    pub(super) survival: Vec<Value>,
}

/// Whether the curves may be shown: with protection, each group is large enough in every way.
pub(super) fn is_allowed(groups: &[RiskGroup; 2], protected: Option<Protected>) -> bool {
    protected.is_none_or(|rule| groups.iter().all(|group| group.is_told(rule)))
}

/// The groups' figures; what is protected is told in part or not at all.
pub(super) fn figures(
    study: &Study,
    groups: &[RiskGroup; 2],
    filter: &Filter,
    protected: Option<Protected>,
) -> Figures {
    let last_days = last_days(groups);
    let unit = TimeUnit::for_span(last_days);
    let least = protected.map_or(0, |protected| protected.least);
    let patients = groups.each_ref().map(|group| group.outcomes.len());
    let events = groups.each_ref().map(RiskGroup::events);
    let (patients_told, events_told) =
        (shown(&patients, least), shown_parts(&events, &patients, least));
    let allowed = is_allowed(groups, protected);
    let horizons = &study.evaluation.horizons_days;
    let rows = groups.iter().enumerate().map(|(place, group)| FigureRow {
        label: group.label,
        patients: patients_told[place].text(least),
        events: events_told[place].text(least),
        others: words::thousands(group.others),
        survival: horizons.iter().map(|&days| survival_at(group, days, allowed)).collect(),
        ..median(group, unit, allowed)
    });
    let separation = study.separation(filter, protected, groups);
    let ticks = if last_days > 0.0 { unit.ticks(last_days) } else { Vec::new() };
    let at_risk = |group: &RiskGroup| {
        let days: Vec<f64> = ticks.iter().map(|tick| tick * unit.days()).collect();
        let counts = group.curve.at_risk(&days).into_iter();
        let text = |count: usize| match protected {
            Some(_) if count < least => format!("<{least}"),
            // Rounded down, so that differences of neighbours point at nobody.
            Some(_) => format!("\u{2265}{}", count / least * least),
            None => count.to_string(),
        };
        (group.label.to_owned(), counts.map(text).collect())
    };
    Figures {
        horizons: horizons.iter().map(|&days| words::horizon(days)).collect(),
        rows: rows.collect(),
        log_rank: log_rank(&separation, allowed),
        statistic: statistic(&separation, allowed),
        hazard_ratio: hazard_ratio(&separation, allowed),
        at_risk: groups.iter().map(at_risk).collect(),
        ticks: ticks.iter().map(ToString::to_string).collect(),
        unit: unit.name(),
    }
}

const TOO_FEW: &str = "not told: too few patients";

fn median(group: &RiskGroup, unit: TimeUnit, allowed: bool) -> FigureRow {
    let is_empty = group.outcomes.is_empty();
    let value = |days: Option<f64>| match days.filter(|_| allowed) {
        Some(days) => Value::new(days, format!("{:.1}", days / unit.days())),
        None if allowed && is_empty => Value::words(words::NONE),
        None if allowed => Value::words("not reached"),
        None => Value::words(TOO_FEW),
    };
    let median = group.curve.median();
    FigureRow {
        label: "",
        patients: String::new(),
        events: String::new(),
        others: String::new(),
        survival: Vec::new(),
        median: value(median.days),
        median_low: value(median.low),
        median_high: value(median.high),
    }
}

fn survival_at(group: &RiskGroup, days: f64, allowed: bool) -> Value {
    if !allowed {
        return Value::words(TOO_FEW);
    }
    if group.outcomes.is_empty() {
        return Value::words(words::NONE);
    }
    let Some((value, low, high)) = group.survival_at(days) else {
        return Value::words("follow-up ends before");
    };
    let text = format!("{} ({:.1} to {:.1})", words::percent(value), 100.0 * low, 100.0 * high);
    Value::new(value, text)
}

fn undefined(error: &Undefined) -> Value {
    Value::words(format!("not defined: {error}"))
}

fn log_rank(separation: &Separation, allowed: bool) -> Value {
    match &separation.log_rank {
        _ if !allowed => Value::words(TOO_FEW),
        Ok(test) => Value::new(test.p, words::p_value(test.p)),
        Err(error) => undefined(error),
    }
}

fn statistic(separation: &Separation, allowed: bool) -> Value {
    match &separation.log_rank {
        Ok(test) if allowed => Value::new(test.statistic, format!("{:.2}", test.statistic)),
        _ => Value::default(),
    }
}

fn hazard_ratio(separation: &Separation, allowed: bool) -> Value {
    match &separation.hazard_ratio {
        _ if !allowed => Value::words(TOO_FEW),
        Ok(ratio) => {
            let text = format!("{:.2} ({:.2} to {:.2})", ratio.value, ratio.low, ratio.high);
            Value::new(ratio.value, text)
        }
        Err(error) => undefined(error),
    }
}
