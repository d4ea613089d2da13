use std::fmt::Write as _;

use super::curves::shortened;
use super::{Figure, Marker, Scale, escape, marker, number, step_of, tick_label, ticks};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const PLOT_HEIGHT: f64 = 300.0;
const LEGEND_ROW: f64 = 24.0;

/// The axes of a [`plane`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axes {
    /// What lies along the horizontal axis.
    pub x_name: &'static str,
    /// What lies along the vertical axis.
    pub y_name: &'static str,
    /// The ends of the horizontal axis.
    pub x: (f64, f64),
    /// The ends of the vertical axis, widened to round numbers.
    pub y: (f64, f64),
    /// Whether the line of equal values is drawn.
    pub diagonal: bool,
}

/// Points of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaneSeries {
    /// Its name in the legend.
    pub label: String,
    /// Its points from left to right.
    pub points: Vec<PlanePoint>,
    /// Whether it is a line without markers instead of markers.
    pub line: bool,
}

/// A point, with an interval up and down where there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanePoint {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical axis.
    pub y: f64,
    /// The interval's bounds.
    pub interval: Option<(f64, f64)>,
}

/// Two numbers against one another.
#[must_use]
pub fn plane(name: &str, title: &str, axes: Axes, series: &[PlaneSeries]) -> Figure {
    let mut body = String::new();
    let top = legend(&mut body, series) + 18.0;
    let bottom = top + PLOT_HEIGHT;
    let x = Scale::new(axes.x, (LEFT, WIDTH - RIGHT));
    let marks = ticks(axes.y.0, axes.y.1, 5);
    let ends = (marks[0], marks.last().copied().unwrap_or(1.0));
    let y = Scale::new(ends, (bottom, top));
    frame(&mut body, axes, &marks, (x, y));
    let mut description = format!("{title}.");
    for (index, one) in series.iter().enumerate() {
        if one.line {
            let _ =
                writeln!(body, "<path class=\"line s{}\" d=\"{}\"/>", index % 4, path(one, x, y));
        }
        for point in &one.points {
            if !one.line {
                draw(&mut body, index, point, (x, y));
            }
            let _ = write!(description, " {}: {:.2} at {:.2}.", one.label, point.y, point.x);
        }
    }
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        description,
        width: WIDTH,
        height: bottom + 56.0,
        body,
    }
}

/// Names the series; the height it took is returned.
fn legend(body: &mut String, series: &[PlaneSeries]) -> f64 {
    let (mut left, mut row) = (LEFT, 18.0);
    for (index, one) in series.iter().enumerate() {
        let label = shortened(&one.label, 40);
        let width = 8.0_f64.mul_add(label.chars().count() as f64, 64.0);
        if left + width > WIDTH && left > LEFT {
            left = LEFT;
            row += LEGEND_ROW;
        }
        if one.line {
            let (class, from) = (index % 4, number(left));
            let _ =
                writeln!(body, "<path class=\"line s{class}\" d=\"M{from} {}h30\"/>", number(row));
        } else {
            body.push_str(&marker(Marker::of(index), left + 15.0, row, index == 0));
        }
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{}\">{}</text>",
            number(left + 38.0),
            number(row + 5.0),
            escape(&label),
        );
        left += width;
    }
    row + LEGEND_ROW / 2.0
}

fn frame(body: &mut String, axes: Axes, marks: &[f64], (x, y): (Scale, Scale)) {
    let step = step_of(marks);
    for &tick in marks {
        let class = if tick.abs() < step * 1e-6 { "axis" } else { "grid" };
        let _ = writeln!(
            body,
            "<path class=\"{class}\" d=\"M{} {at}H{}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            number(x.from),
            number(x.to),
            number(x.from - 8.0),
            number(y.at(tick) + 4.5),
            tick_label(tick, step),
            at = number(y.at(tick)),
        );
    }
    let along = ticks(axes.x.0, axes.x.1, 5);
    let step = step_of(&along);
    for &tick in along.iter().filter(|&&tick| (axes.x.0..=axes.x.1).contains(&tick)) {
        let at = number(x.at(tick));
        let _ = writeln!(
            body,
            "<path class=\"axis\" d=\"M{at} {}v5\"/>\
             <text class=\"tick\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            number(y.from),
            number(y.from + 20.0),
            tick_label(tick, step),
        );
    }
    if axes.diagonal {
        let low = axes.x.0.max(y.low);
        let high = axes.x.1.min(y.high);
        let _ = writeln!(
            body,
            "<path class=\"reference\" d=\"M{} {}L{} {}\"/>",
            number(x.at(low)),
            number(y.at(low)),
            number(x.at(high)),
            number(y.at(high)),
        );
    }
    let _ = writeln!(
        body,
        "<text class=\"axis-name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text class=\"axis-name\" transform=\"translate(18 {}) rotate(-90)\" \
         text-anchor=\"middle\">{}</text>",
        number(f64::midpoint(x.from, x.to)),
        number(y.from + 42.0),
        escape(axes.x_name),
        number(f64::midpoint(y.from, y.to)),
        escape(axes.y_name),
    );
}

fn path(series: &PlaneSeries, x: Scale, y: Scale) -> String {
    let mut path = String::new();
    for point in &series.points {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", number(x.at(point.x)), number(y.at(point.y)));
    }
    path
}

fn draw(body: &mut String, index: usize, point: &PlanePoint, (x, y): (Scale, Scale)) {
    let at = x.at(point.x);
    if let Some((low, high)) = point.interval {
        let class = if index == 0 { "first" } else { "other" };
        let _ = writeln!(
            body,
            "<path class=\"{class}\" d=\"M{} {}V{}\"/>",
            number(at),
            number(y.at(low)),
            number(y.at(high)),
        );
    }
    body.push_str(&marker(Marker::of(index), at, y.at(point.y), index == 0));
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXES: Axes =
        Axes { x_name: "a", y_name: "b", x: (0.0, 1.0), y: (-0.1, 0.4), diagonal: true };

    #[test]
    fn markers_have_intervals_and_lines_have_none() {
        let point = |x: f64| PlanePoint { x, y: x / 3.0, interval: Some((0.0, x)) };
        let series = |label: &str, line| PlaneSeries {
            label: label.to_owned(),
            points: vec![point(0.2), point(0.8)],
            line,
        };
        let figure = plane("x", "X", AXES, &[series("<one>", false), series("two", true)]);
        // One in the legend, two in the plot.
        assert_eq!(figure.body.matches("class=\"mark").count(), 3);
        assert_eq!(figure.body.matches("class=\"first\"").count(), 2);
        assert!(figure.body.contains("&lt;one&gt;") && figure.body.contains("\u{2212}0.1"));
        assert!(figure.description.contains("two: 0.27 at 0.80."), "{}", figure.description);
    }

    #[test]
    fn nothing_to_draw_draws_no_number_that_is_none() {
        let body = plane("x", "X", AXES, &[]).body;
        assert!(!body.contains("NaN") && !body.contains("inf"));
    }
}
