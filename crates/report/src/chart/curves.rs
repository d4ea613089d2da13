use std::fmt::Write as _;

use super::{Figure, Scale, escape, number, step_of, tick_label};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 112.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const PLOT_HEIGHT: f64 = 300.0;
/// Below this distance in pixels two steps look like one.
const PIXEL: f64 = 0.5;

/// One group's survival.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The group's name.
    pub label: String,
    /// The value after each event time, by rising time; 1 before the first.
    pub steps: Vec<Step>,
    /// Times at which somebody left without an event.
    pub censored: Vec<f64>,
    /// The last time that anybody was followed to.
    pub end: f64,
    /// Patients still followed at each tick.
    pub at_risk: Vec<usize>,
}

/// The survival from a time on, with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// When, in the unit of the chart's ticks.
    pub time: f64,
    /// The share without an event.
    pub survival: f64,
    /// The interval's lower bound.
    pub low: f64,
    /// The interval's upper bound.
    pub high: f64,
}

/// Survival curves with bands, and under the time axis the number at risk at each tick.
///
/// `ticks` run from 0 to at least the end of follow-up, and `time_name` names their unit. Steps
/// closer than half a pixel are drawn as one, so that a large cohort stays a small drawing.
#[must_use]
pub fn survival_curves(curves: &[Curve], ticks: &[f64], time_name: &str) -> Figure {
    let last = ticks.last().copied().unwrap_or(1.0);
    let x = Scale::new((0.0, last), (LEFT, WIDTH - RIGHT));
    let y = Scale::new((0.0, 1.0), (TOP + PLOT_HEIGHT, TOP));
    let mut body = String::new();
    frame(&mut body, x, y, ticks, time_name);
    for (index, curve) in curves.iter().enumerate() {
        let series = index % 4;
        let steps = thin(curve, x, y);
        let _ = writeln!(
            body,
            "<path class=\"band s{series}\" d=\"{}\"/>",
            band_path(&steps, curve.end, x, y)
        );
    }
    for (index, curve) in curves.iter().enumerate() {
        let series = index % 4;
        let steps = thin(curve, x, y);
        let _ = writeln!(
            body,
            "<path class=\"line s{series}\" d=\"{}\"/>\n<path class=\"censored s{series}\" d=\"{}\"/>",
            line_path(&steps, curve.end, x, y),
            censored_path(curve, x, y),
        );
    }
    legend(&mut body, curves);
    let height = at_risk(&mut body, curves, ticks, x);
    let groups: Vec<&str> = curves.iter().map(|curve| curve.label.as_str()).collect();
    Figure {
        name: "survival".to_owned(),
        title: format!("Kaplan-Meier survival: {}", groups.join(", ")),
        description: describe(curves, time_name),
        width: WIDTH,
        height,
        body,
    }
}

fn frame(body: &mut String, x: Scale, y: Scale, ticks: &[f64], time_name: &str) {
    let (left, right) = (number(x.from), number(x.to));
    for percent in [0, 25, 50, 75, 100] {
        let at = y.at(f64::from(percent) / 100.0);
        let class = if percent == 0 { "axis" } else { "grid" };
        let _ = writeln!(
            body,
            "<path class=\"{class}\" d=\"M{left} {at}H{right}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{percent}\u{a0}%</text>",
            number(x.from - 8.0),
            number(at + 4.5),
            at = number(at),
        );
    }
    let bottom = y.at(0.0);
    let step = step_of(ticks);
    for &tick in ticks {
        let at = number(x.at(tick));
        let _ = writeln!(
            body,
            "<path class=\"axis\" d=\"M{at} {}v5\"/>\
             <text class=\"tick\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            number(bottom),
            number(bottom + 20.0),
            tick_label(tick, step),
        );
    }
    let _ = writeln!(
        body,
        "<text class=\"axis-name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        number(f64::midpoint(x.from, x.to)),
        number(bottom + 42.0),
        escape(time_name),
    );
    let _ = writeln!(
        body,
        "<text class=\"axis-name\" transform=\"translate({} {}) rotate(-90)\" \
         text-anchor=\"middle\">Without an event</text>",
        number(x.from - 62.0),
        number(f64::midpoint(y.from, y.to)),
    );
}

fn legend(body: &mut String, curves: &[Curve]) {
    let mut left = LEFT;
    for (index, curve) in curves.iter().enumerate() {
        let series = index % 4;
        let label = shortened(&curve.label, 40);
        let _ = writeln!(
            body,
            "<path class=\"line s{series}\" d=\"M{} 18h34\"/>\
             <text class=\"t{series}\" x=\"{}\" y=\"23\">{}</text>",
            number(left),
            number(left + 42.0),
            escape(&label),
        );
        left += 42.0 + 8.2 * label.chars().count() as f64 + 28.0;
    }
    let _ = writeln!(
        body,
        "<path class=\"axis\" d=\"M{} 12v11\"/><text class=\"tick\" x=\"{}\" y=\"23\">censored</text>",
        number(left),
        number(left + 7.0),
    );
}

/// The table of patients at risk; its height in all is returned.
fn at_risk(body: &mut String, curves: &[Curve], ticks: &[f64], x: Scale) -> f64 {
    let mut line = TOP + PLOT_HEIGHT + 74.0;
    let _ = writeln!(
        body,
        "<text class=\"axis-name\" x=\"8\" y=\"{}\">Number at risk</text>",
        number(line)
    );
    for (index, curve) in curves.iter().enumerate() {
        line += 22.0;
        let series = index % 4;
        let _ = writeln!(
            body,
            "<text class=\"t{series}\" x=\"8\" y=\"{}\">{}</text>",
            number(line),
            escape(&shortened(&curve.label, 10)),
        );
        for (&tick, &count) in ticks.iter().zip(&curve.at_risk) {
            let _ = writeln!(
                body,
                "<text class=\"value\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{count}</text>",
                number(x.at(tick)),
                number(line),
            );
        }
    }
    line + 14.0
}

fn describe(curves: &[Curve], time_name: &str) -> String {
    let mut text = format!("Share of patients without an event by {}.", time_name.to_lowercase());
    for curve in curves {
        let last = curve.steps.last().map_or(1.0, |step| step.survival);
        let _ = write!(
            text,
            " {}: {} patients at the start, {:.0}\u{a0}% without an event at the end of follow-up.",
            curve.label,
            curve.at_risk.first().copied().unwrap_or_default(),
            100.0 * last,
        );
    }
    text.push_str(" The number at risk stands below the time axis.");
    text
}

/// The steps that can be told apart when drawn; the last one stays.
fn thin(curve: &Curve, x: Scale, y: Scale) -> Vec<Step> {
    let mut kept: Vec<Step> = Vec::new();
    for &step in &curve.steps {
        if let Some(previous) = kept.last_mut() {
            let near_in_time = x.at(step.time) - x.at(previous.time) < PIXEL;
            let near = |a: f64, b: f64| (y.at(a) - y.at(b)).abs() < PIXEL / 5.0;
            let same_height = near(step.survival, previous.survival)
                && near(step.low, previous.low)
                && near(step.high, previous.high);
            if near_in_time || same_height {
                // The value at the end of the pixel counts; the time stays where it began.
                *previous = Step { time: previous.time, ..step };
                continue;
            }
        }
        kept.push(step);
    }
    kept
}

fn line_path(steps: &[Step], end: f64, x: Scale, y: Scale) -> String {
    let mut path = format!("M{} {}", number(x.at(0.0)), number(y.at(1.0)));
    for step in steps {
        let _ = write!(path, "H{}V{}", number(x.at(step.time)), number(y.at(step.survival)));
    }
    let _ = write!(path, "H{}", number(x.at(end)));
    path
}

/// Along the upper bounds and back along the lower ones.
fn band_path(steps: &[Step], end: f64, x: Scale, y: Scale) -> String {
    let mut path = format!("M{} {}", number(x.at(0.0)), number(y.at(1.0)));
    for step in steps {
        let _ = write!(path, "H{}V{}", number(x.at(step.time)), number(y.at(step.high)));
    }
    let _ = write!(path, "H{}", number(x.at(end)));
    for step in steps.iter().rev() {
        let _ = write!(path, "V{}H{}", number(y.at(step.low)), number(x.at(step.time)));
    }
    let _ = write!(path, "V{}Z", number(y.at(1.0)));
    path
}

/// A small upright mark for each censored time, at most one every two pixels.
fn censored_path(curve: &Curve, x: Scale, y: Scale) -> String {
    let mut times = curve.censored.clone();
    times.sort_by(f64::total_cmp);
    let mut path = String::new();
    let mut previous = f64::NEG_INFINITY;
    let mut step = 0;
    let mut survival = 1.0;
    for time in times {
        while curve.steps.get(step).is_some_and(|step| step.time <= time) {
            survival = curve.steps[step].survival;
            step += 1;
        }
        let at = x.at(time);
        if at - previous >= 2.0 {
            let _ = write!(path, "M{} {}v8", number(at), number(y.at(survival) - 4.0));
            previous = at;
        }
    }
    path
}

/// The text, or its beginning with a mark that something follows.
pub(super) fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(characters.saturating_sub(1)).collect();
    short.push('\u{2026}');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(steps: usize) -> Curve {
        let step = |index: usize| {
            let survival = 1.0 - (index + 1) as f64 / (steps + 1) as f64;
            Step {
                time: (index + 1) as f64 * 10.0 / steps as f64,
                survival,
                low: (survival - 0.1).max(0.0),
                high: (survival + 0.1).min(1.0),
            }
        };
        Curve {
            label: "High <risk>".to_owned(),
            steps: (0..steps).map(step).collect(),
            censored: vec![10.0, 0.5, 0.5001],
            end: 10.0,
            at_risk: vec![steps, steps / 2, 0],
        }
    }

    #[test]
    fn many_steps_become_a_small_drawing_with_the_same_end() {
        let figure = survival_curves(&[curve(100_000)], &[0.0, 5.0, 10.0], "Years");
        assert!(figure.body.len() < 60_000, "{}", figure.body.len());
        let bottom = number(TOP + PLOT_HEIGHT);
        assert!(figure.body.contains(&format!("V{bottom}H{}", number(WIDTH - RIGHT))));
    }

    #[test]
    fn steps_fall_at_their_time_and_censored_patients_sit_on_the_curve() {
        let curve = Curve {
            steps: vec![Step { time: 5.0, survival: 0.5, low: 0.2, high: 0.8 }],
            ..curve(1)
        };
        let x = Scale::new((0.0, 10.0), (0.0, 100.0));
        let y = Scale::new((0.0, 1.0), (200.0, 0.0));
        assert_eq!(line_path(&curve.steps, 10.0, x, y), "M0 0H50V100H100");
        assert_eq!(band_path(&curve.steps, 10.0, x, y), "M0 0H50V40H100V160H50V0Z");
        // The second of two marks on the same pixel is left out.
        assert_eq!(censored_path(&curve, x, y), "M5 -4v8M100 96v8");
    }

    #[test]
    fn the_number_at_risk_stands_under_its_tick() {
        let figure = survival_curves(&[curve(4)], &[0.0, 5.0, 10.0], "Years");
        let middle = number(f64::midpoint(LEFT, WIDTH - RIGHT));
        assert!(figure.body.contains(&format!("<text class=\"tick\" x=\"{middle}\"")));
        assert!(figure.body.contains(&format!("<text class=\"value\" x=\"{middle}\"")));
        assert!(figure.body.contains("High &lt;risk&gt;"));
    }

    #[test]
    fn an_empty_group_is_a_flat_line() {
        let empty = Curve { steps: vec![], censored: vec![], end: 0.0, ..curve(1) };
        let figure = survival_curves(&[empty], &[0.0, 1.0], "Days");
        assert!(!figure.body.contains("NaN"), "{}", figure.body);
    }
}
