//! Charts as SVG text.
//!
//! Every chart carries a title and a description for screen readers, tells its series apart by
//! dash, marker and label as well as by colour, and needs no script and no font from elsewhere.

mod curves;
mod dots;
mod forest;
mod plane;
mod svg;

pub use curves::{Curve, Step, survival_curves};
pub use dots::{DotGroup, DotSeries, dots};
pub use forest::{ForestRow, ForestScale, forest};
pub use plane::{Axes, PlanePoint, PlaneSeries, plane};
pub use svg::{Figure, escape, page_style};

use svg::{Marker, marker, number};

/// Maps values onto pixels along a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// The values `low` and `high` lie at the pixels `from` and `to`.
    fn new((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, from, to }
    }

    /// The pixel of a value; values beyond the ends lie on them.
    fn at(self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }
}

/// Round numbers (1, 2 or 5 times a power of ten apart) that cover `low` to `high` with about
/// `count` steps. The first is at most `low`, the last at least `high`.
#[must_use]
pub fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let span = if high > low { high - low } else { 1.0 };
    let rough = span / count.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&step| step >= rough * 0.999)
        .unwrap_or(10.0 * power);
    // Rounded first, so that 0.6 / 0.2 counts as 3 and not as 3 less a little.
    let first = round_nearly(low / step, f64::floor);
    let last = round_nearly(high.max(low + span) / step, f64::ceil);
    let mut ticks = Vec::new();
    let mut index = first;
    while index <= last {
        ticks.push(index * step);
        index += 1.0;
    }
    ticks
}

fn round_nearly(value: f64, round: fn(f64) -> f64) -> f64 {
    let whole = value.round();
    if (value - whole).abs() < 1e-9 { whole } else { round(value) }
}

/// A tick's label: as few decimals as its neighbours need.
fn tick_label(value: f64, step: f64) -> String {
    let decimals = (0..6).find(|&decimals| {
        let scaled = step * 10_f64.powi(decimals);
        (scaled - scaled.round()).abs() < 1e-6
    });
    let decimals = usize::try_from(decimals.unwrap_or(6)).unwrap_or(6);
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    format!("{value:.decimals$}").replace('-', "\u{2212}")
}

/// The distance between the first two ticks.
fn step_of(ticks: &[f64]) -> f64 {
    ticks.windows(2).next().map_or(1.0, |pair| pair[1] - pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        for (low, high, count, expected) in [
            (0.0, 10.0, 5, vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
            (0.45, 0.83, 4, vec![0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
            (-0.02, 0.11, 3, vec![-0.05, 0.0, 0.05, 0.1, 0.15]),
            (3.0, 3.0, 2, vec![3.0, 3.5, 4.0]),
        ] {
            let found = ticks(low, high, count);
            assert_eq!(found.len(), expected.len(), "{low} to {high}: {found:?}");
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-9, "{low} to {high}: {found} {expected}");
            }
        }
    }

    #[test]
    fn tick_labels_carry_the_decimals_of_their_step() {
        for (value, step, label) in [
            (2.0, 1.0, "2"),
            (3.0 * 0.2, 0.2, "0.6"),
            (-0.05, 0.05, "\u{2212}0.05"),
            (-1e-17, 0.05, "0.00"),
            (1000.0, 500.0, "1000"),
        ] {
            assert_eq!(tick_label(value, step), label);
        }
    }

    #[test]
    fn a_scale_keeps_values_inside_its_ends() {
        let scale = Scale::new((0.0, 2.0), (10.0, 30.0));
        for (value, pixel) in [(-1.0, 10.0), (0.0, 10.0), (1.0, 20.0), (2.0, 30.0), (9.0, 30.0)] {
            assert!((scale.at(value) - pixel).abs() < 1e-12, "{value}");
        }
        let flat = Scale::new((1.0, 1.0), (0.0, 8.0));
        assert!(flat.at(1.0).abs() < 1e-12);
    }
}
