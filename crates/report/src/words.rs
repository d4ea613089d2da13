//! Figures as text: one way to write an interval, a p-value and a span of time.

use oncoweave_core::{Bounds, Estimate, Evaluation};

use crate::chart;

/// Days in a month and in a year, as the manifest's units have them.
const MONTH_DAYS: f64 = 30.4375;
const YEAR_DAYS: f64 = 365.25;

/// What stands where there is no figure.
pub const NONE: &str = "\u{2013}";

/// `0.712 (0.660 to 0.764)`.
#[must_use]
pub fn with_interval(estimate: Option<Estimate>) -> String {
    finite(estimate).map_or_else(
        || NONE.to_owned(),
        |Estimate { value, low, high }| format!("{value:.3} ({low:.3} to {high:.3})"),
    )
}

/// A figure with the interval that stands beside it; alone, where there is none.
#[must_use]
pub fn with_bounds(value: Option<f64>, bounds: Option<Bounds>) -> String {
    let both = value.zip(bounds).map(|(value, bounds)| bounds.around(value));
    if finite(both).is_some() { with_interval(both) } else { optional(value) }
}

/// Which patients the figures are of, after the word `patients`.
#[must_use]
pub fn whom(evaluation: &Evaluation) -> &'static str {
    match evaluation.trained_on {
        0 => "that the model was not trained on",
        seen if seen >= evaluation.patients => "that the model was trained on, which flatters it",
        _ => "some of whom the model was trained on, which flatters it",
    }
}

/// A text with a capital at its beginning.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next();
    first.map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// `+0.041 (−0.010 to +0.092)`.
#[must_use]
pub fn with_signed_interval(estimate: Estimate) -> String {
    let Estimate { value, low, high } = estimate;
    format!("{} ({} to {})", signed(value), signed(low), signed(high))
}

/// A number with its sign, three decimals and a true minus.
#[must_use]
pub fn signed(value: f64) -> String {
    let text = format!("{value:+.3}");
    if text == "+0.000" || text == "-0.000" { "0.000".to_owned() } else { minus(&text) }
}

/// A number with three decimals and a true minus, or a dash.
#[must_use]
pub fn optional(value: Option<f64>) -> String {
    value
        .filter(|value| value.is_finite())
        .map_or_else(|| NONE.to_owned(), |value| minus(&format!("{value:.3}")))
}

fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

/// The estimate, if all three of its figures are numbers.
#[must_use]
pub fn finite(estimate: Option<Estimate>) -> Option<Estimate> {
    estimate.filter(|e| e.value.is_finite() && e.low.is_finite() && e.high.is_finite())
}

/// `p = 0.034`, `p < 0.001`.
#[must_use]
pub fn p_value(p: f64) -> String {
    if p.is_nan() {
        NONE.to_owned()
    } else if p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {p:.3}")
    }
}

/// A share in per cent: `64.2 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}

/// `1 patient`, `12,345 patients`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// `12,345`.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The unit that a time axis is drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Days.
    Days,
    /// 30.4375 days.
    Months,
    /// 365.25 days.
    Years,
}

impl TimeUnit {
    /// The unit that suits a follow-up of this many days.
    #[must_use]
    pub fn for_span(days: f64) -> Self {
        if days > 4.0 * YEAR_DAYS {
            Self::Years
        } else if days > 4.0 * MONTH_DAYS {
            Self::Months
        } else {
            Self::Days
        }
    }

    /// The length of one in days.
    #[must_use]
    pub fn days(self) -> f64 {
        match self {
            Self::Days => 1.0,
            Self::Months => MONTH_DAYS,
            Self::Years => YEAR_DAYS,
        }
    }

    /// Its plural.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Months => "months",
            Self::Years => "years",
        }
    }

    /// Ticks in this unit from 0 to at least `last_days`, at most about nine.
    #[must_use]
    pub fn ticks(self, last_days: f64) -> Vec<f64> {
        let last = last_days / self.days();
        let steps: &[f64] = match self {
            Self::Days => return chart::ticks(0.0, last.max(1.0), 7),
            Self::Months => &[3.0, 6.0, 12.0],
            Self::Years => &[1.0, 2.0, 5.0, 10.0],
        };
        let Some(step) = steps.iter().find(|&step| last / step <= 8.5) else {
            return chart::ticks(0.0, last, 7);
        };
        let mut ticks = vec![0.0];
        while ticks[ticks.len() - 1] < last {
            ticks.push(ticks.len() as f64 * step);
        }
        ticks
    }
}

impl TimeUnit {
    /// The days at which curves of few patients may step: the quarters of ticks, and the horizons that
    /// follow-up reaches.
    #[must_use]
    pub fn coarse_days(self, last_days: f64, horizons_days: &[f64]) -> Vec<f64> {
        let ticks = self.ticks(last_days);
        let quarters = ticks.windows(2).flat_map(|pair| {
            (0..4).map(move |part| pair[0] + (pair[1] - pair[0]) * f64::from(part) / 4.0)
        });
        let mut days: Vec<f64> = quarters.map(|tick| tick * self.days()).collect();
        days.extend(horizons_days.iter().filter(|&&horizon| horizon <= last_days));
        days.sort_by(f64::total_cmp);
        days.dedup();
        days
    }
}

/// A horizon as people say it: `1 year`, `18 months`, `100 days`.
#[must_use]
pub fn horizon(days: f64) -> String {
    for (unit_days, noun) in [(YEAR_DAYS, "year"), (MONTH_DAYS, "month")] {
        let units = days / unit_days;
        let whole = units.round();
        if whole >= 1.0 && (units - whole).abs() < 0.012 * whole.sqrt() {
            return format!("{whole} {noun}{}", if whole > 1.0 { "s" } else { "" });
        }
    }
    format!("{} days", (days * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_text() {
        let estimate = |value, low, high| Estimate { value, low, high };
        assert_eq!(with_interval(Some(estimate(0.7, 0.65, 0.75))), "0.700 (0.650 to 0.750)");
        assert_eq!(with_interval(Some(estimate(f64::NAN, 0.0, 1.0))), NONE);
        assert_eq!(with_interval(None), NONE);
        let bounds = |low, high| Some(Bounds { low, high });
        assert_eq!(with_bounds(Some(0.7), bounds(0.65, 0.75)), "0.700 (0.650 to 0.750)");
        assert_eq!(with_bounds(Some(0.7), bounds(f64::NAN, 0.75)), "0.700");
        assert_eq!(with_bounds(Some(0.7), None), "0.700");
        assert_eq!(with_bounds(None, bounds(0.65, 0.75)), NONE);
        assert_eq!(
            with_signed_interval(estimate(0.04, -0.01, 0.0)),
            "+0.040 (\u{2212}0.010 to 0.000)"
        );
        assert_eq!(
            [0.0, 0.0009, 0.0312, 1.0].map(p_value),
            ["p < 0.001", "p < 0.001", "p = 0.031", "p = 1.000"]
        );
        assert_eq!(count(1, "patient"), "1 patient");
        assert_eq!(count(1_234_567, "event"), "1,234,567 events");
        assert_eq!(count(0, "event"), "0 events");
    }

    #[test]
    fn horizons_as_people_say_them() {
        for (days, words) in [
            (365.0, "1 year"),
            (365.25, "1 year"),
            (1826.25, "5 years"),
            (1825.0, "5 years"),
            (730.5, "2 years"),
            (182.625, "6 months"),
            (548.0, "18 months"),
            (100.0, "100 days"),
            (10.5, "10.5 days"),
        ] {
            assert_eq!(horizon(days), words);
        }
    }

    #[test]
    fn time_axes_reach_the_end_with_few_ticks() {
        for days in [0.0, 1.0, 30.0, 200.0, 900.0, 1400.0, 4000.0, 12_000.0, 60_000.0] {
            let unit = TimeUnit::for_span(days);
            let ticks = unit.ticks(days);
            let last = ticks.last().unwrap() * unit.days();
            assert!(ticks[0].abs() < 1e-12 && last >= days, "{days}: {ticks:?}");
            assert!((2..=10).contains(&ticks.len()) || days == 0.0, "{days}: {ticks:?}");
        }
    }
}
