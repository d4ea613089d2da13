use std::fmt::Write as _;

use super::curves::shortened;
use super::{Figure, Scale, escape, number, step_of, tick_label, ticks};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
const PLOT_HEIGHT: f64 = 320.0;
const LEGEND_ROW: f64 = 24.0;

/// One series of a line chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub label: String,
    /// Points by rising x.
    pub points: Vec<(f64, f64)>,
    /// Intervals: x, low, high. Drawn as bars where there are marks, else as a band.
    pub intervals: Vec<(f64, f64, f64)>,
    /// Whether the value holds until the next point, as in a survival curve.
    pub steps: bool,
    /// Whether each point has a mark.
    pub marks: bool,
}

/// One axis of a line chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis<'a> {
    /// What it measures, with its unit.
    pub name: &'a str,
    /// The first and the last value shown.
    pub range: (f64, f64),
    /// Whether values are shares that are written in per cent.
    pub percent: bool,
}

/// Lines over a common pair of axes, with a dotted line where y equals x if `diagonal` is named.
#[must_use]
pub fn lines(
    (name, title): (&str, &str),
    lines: &[Line],
    (x_axis, y_axis): (Axis<'_>, Axis<'_>),
    diagonal: Option<&str>,
) -> Figure {
    let entries = lines.len() + usize::from(diagonal.is_some());
    let top = LEGEND_ROW.mul_add(entries.div_ceil(2) as f64, 16.0);
    let bottom = top + PLOT_HEIGHT;
    let x = Scale::new(x_axis.range, (LEFT, WIDTH - RIGHT));
    let y = Scale::new(y_axis.range, (bottom, top));
    let mut body = String::new();
    frame(&mut body, (x, x_axis), (y, y_axis));
    if diagonal.is_some() {
        let (low, high) = (x.low.max(y.low), x.high.min(y.high));
        let _ = writeln!(
            body,
            "<path class=\"reference\" d=\"M{} {}L{} {}\"/>",
            number(x.at(low)),
            number(y.at(low)),
            number(x.at(high)),
            number(y.at(high))
        );
    }
    for (index, line) in lines.iter().enumerate() {
        draw_intervals(&mut body, index % 4, line, x, y);
    }
    for (index, line) in lines.iter().enumerate() {
        draw_line(&mut body, index % 4, line, x, y);
    }
    legend(&mut body, lines, diagonal);
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        description: describe(title, lines, x_axis, y_axis),
        width: WIDTH,
        height: bottom + 54.0,
        body,
    }
}

fn label(value: f64, step: f64, percent: bool) -> String {
    if percent {
        format!("{}\u{a0}%", tick_label(100.0 * value, 100.0 * step))
    } else {
        tick_label(value, step)
    }
}

fn axis_ticks(axis: Axis<'_>) -> Vec<f64> {
    let (low, high) = axis.range;
    let inside = |tick: &f64| *tick >= low - 1e-9 && *tick <= high + 1e-9;
    ticks(low, high, 6).into_iter().filter(inside).collect()
}

fn frame(body: &mut String, (x, x_axis): (Scale, Axis<'_>), (y, y_axis): (Scale, Axis<'_>)) {
    let marks = axis_ticks(y_axis);
    for &tick in &marks {
        let at = number(y.at(tick));
        let _ = writeln!(
            body,
            "<path class=\"grid\" d=\"M{} {at}H{}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            number(x.from),
            number(x.to),
            number(x.from - 8.0),
            number(y.at(tick) + 4.5),
            label(tick, step_of(&marks), y_axis.percent),
        );
    }
    let marks = axis_ticks(x_axis);
    for &tick in &marks {
        let at = number(x.at(tick));
        let _ = writeln!(
            body,
            "<path class=\"axis\" d=\"M{at} {}v5\"/>\
             <text class=\"tick\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            number(y.from),
            number(y.from + 20.0),
            label(tick, step_of(&marks), x_axis.percent),
        );
    }
    let _ = writeln!(
        body,
        "<path class=\"axis\" d=\"M{} {bottom}H{}\"/>\
         <text class=\"axis-name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text class=\"axis-name\" transform=\"translate(16 {}) rotate(-90)\" \
         text-anchor=\"middle\">{}</text>",
        number(x.from),
        number(x.to),
        number(f64::midpoint(x.from, x.to)),
        number(y.from + 42.0),
        escape(x_axis.name),
        number(f64::midpoint(y.from, y.to)),
        escape(y_axis.name),
        bottom = number(y.from),
    );
}

fn draw_intervals(body: &mut String, series: usize, line: &Line, x: Scale, y: Scale) {
    if line.intervals.is_empty() {
        return;
    }
    if line.marks {
        for &(at, low, high) in &line.intervals {
            let at = x.at(at);
            let _ = writeln!(
                body,
                "<path class=\"whisker s{series}\" d=\"M{at} {low}V{high}M{cap} {low}h8M{cap} \
                 {high}h8\"/>",
                at = number(at),
                cap = number(at - 4.0),
                low = number(y.at(low)),
                high = number(y.at(high)),
            );
        }
        return;
    }
    let mut path = String::new();
    let turn = |path: &mut String, at: f64, value: f64| {
        let word = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{word}{} {}", number(x.at(at)), number(y.at(value)));
    };
    for (place, &(at, _, high)) in line.intervals.iter().enumerate() {
        if line.steps && place > 0 {
            turn(&mut path, at, line.intervals[place - 1].2);
        }
        turn(&mut path, at, high);
    }
    for (place, &(at, low, _)) in line.intervals.iter().enumerate().rev() {
        turn(&mut path, at, low);
        if line.steps && place > 0 {
            turn(&mut path, at, line.intervals[place - 1].1);
        }
    }
    let _ = writeln!(body, "<path class=\"band s{series}\" d=\"{path}Z\"/>");
}

fn draw_line(body: &mut String, series: usize, line: &Line, x: Scale, y: Scale) {
    let mut path = String::new();
    let mut previous: Option<(String, String)> = None;
    for &(at, value) in &line.points {
        let point = (number(x.at(at)), number(y.at(value)));
        // Points on one pixel are drawn once.
        if previous.as_ref() == Some(&point) {
            continue;
        }
        let _ = match &previous {
            None => write!(path, "M{} {}", point.0, point.1),
            Some(_) if line.steps => write!(path, "H{}V{}", point.0, point.1),
            Some(_) => write!(path, "L{} {}", point.0, point.1),
        };
        previous = Some(point);
    }
    let _ = writeln!(body, "<path class=\"line s{series}\" d=\"{path}\"/>");
    if line.marks {
        for &(at, value) in &line.points {
            let _ = writeln!(
                body,
                "<circle class=\"dot s{series}\" cx=\"{}\" cy=\"{}\" r=\"4.5\"/>",
                number(x.at(at)),
                number(y.at(value)),
            );
        }
    }
}

fn legend(body: &mut String, lines: &[Line], diagonal: Option<&str>) {
    let names = lines.iter().map(|line| line.label.as_str()).chain(diagonal);
    for (index, name) in names.enumerate() {
        let left = LEFT + (index % 2) as f64 * 330.0;
        let middle = LEGEND_ROW.mul_add((index / 2) as f64, 12.0);
        let class = if index < lines.len() {
            format!("line s{}", index % 4)
        } else {
            "reference".to_owned()
        };
        let _ = writeln!(
            body,
            "<path class=\"{class}\" d=\"M{} {}h34\"/><text x=\"{}\" y=\"{}\">{}</text>",
            number(left),
            number(middle),
            number(left + 42.0),
            number(middle + 5.0),
            escape(&shortened(name, 36)),
        );
    }
}

fn describe(title: &str, lines: &[Line], x_axis: Axis<'_>, y_axis: Axis<'_>) -> String {
    let mut text = format!("{title}. {} over {}.", y_axis.name, x_axis.name);
    for line in lines {
        let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else { continue };
        let say = |axis: Axis<'_>, value: f64| label(value, 0.01, axis.percent);
        let _ = write!(
            text,
            " {}: from {} at {} to {} at {}.",
            line.label,
            say(y_axis, first.1),
            say(x_axis, first.0),
            say(y_axis, last.1),
            say(x_axis, last.0),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: Axis<'static> = Axis { name: "Years", range: (0.0, 2.0), percent: false };
    const Y: Axis<'static> = Axis { name: "Survival", range: (0.0, 1.0), percent: true };

    #[test]
    fn steps_go_across_before_they_go_down() {
        let line = Line {
            label: "A <b>".to_owned(),
            points: vec![(0.0, 1.0), (1.0, 0.5), (2.0, 0.5)],
            steps: true,
            ..Line::default()
        };
        let figure = lines(("f", "T"), &[line], (X, Y), None);
        let (middle, half) = (number(f64::midpoint(LEFT, WIDTH - RIGHT)), number(40.0 + 160.0));
        assert!(figure.body.contains(&format!("H{middle}V{half}")), "{}", figure.body);
        assert!(figure.body.contains("A &lt;b&gt;"));
        assert!(figure.description.contains("from 100\u{a0}% at 0.00"), "{}", figure.description);
    }

    #[test]
    fn intervals_are_bars_under_marks_and_bands_otherwise() {
        let line = |marks| Line {
            label: "A".to_owned(),
            points: vec![(0.0, 0.4), (1.0, 0.5)],
            intervals: vec![(0.0, 0.2, 0.5), (1.0, 0.3, 0.6)],
            steps: false,
            marks,
        };
        let bars = lines(("f", "T"), &[line(true)], (X, Y), Some("ideal")).body;
        assert_eq!(bars.matches("class=\"whisker s0\"").count(), 2);
        assert_eq!(bars.matches("<circle").count(), 2);
        // One in the plot, one in the legend.
        assert_eq!(bars.matches("class=\"reference\"").count(), 2);
        let band = lines(("f", "T"), &[line(false)], (X, Y), None).body;
        assert_eq!(band.matches("class=\"band s0\"").count(), 1);
    }

    #[test]
    fn no_line_draws_no_number_that_is_none() {
        let figure = lines(("f", "T"), &[Line::default()], (X, Y), None);
        assert!(!figure.body.contains("NaN") && !figure.body.contains("inf"));
    }
}
