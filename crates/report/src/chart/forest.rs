use std::fmt::Write as _;

use oncoweave_core::Estimate;

use super::curves::shortened;
use super::{Figure, Marker, Scale, escape, marker, number, step_of, tick_label, ticks};

const WIDTH: f64 = 760.0;
const ROW: f64 = 32.0;
const TOP: f64 = 34.0;

/// One line of a forest plot.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestRow {
    /// What was estimated.
    pub label: String,
    /// The estimate; a row without one says so.
    pub estimate: Option<Estimate>,
    /// The estimate in words and figures, as the table has it.
    pub text: String,
    /// Whether the row is drawn with the filled marker.
    pub first: bool,
}

/// The axis of a forest plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForestScale<'a> {
    /// The axis' name.
    pub name: &'a str,
    /// The value that says nothing, such as 0.5 for C or 0 for a difference.
    pub reference: f64,
    /// What the reference means.
    pub reference_name: &'a str,
    /// Values that the axis does not pass, such as 0 and 1.
    pub limits: (f64, f64),
}

/// Estimates with their intervals under one another against a reference line.
#[must_use]
pub fn forest(name: &str, title: &str, rows: &[ForestRow], scale: ForestScale<'_>) -> Figure {
    let longest = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0).min(32);
    let left = (longest as f64).mul_add(7.6, 28.0);
    let widest = rows.iter().map(|row| row.text.chars().count()).max().unwrap_or(0).min(40);
    let right = WIDTH - (widest as f64).mul_add(7.4, 26.0);
    let ticks = axis_ticks(rows, scale);
    let ends = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
    let x = Scale::new(ends, (left, right));
    let bottom = ROW.mul_add(rows.len() as f64, TOP);
    let mut body = String::new();
    axis(&mut body, &ticks, x, bottom);
    reference(&mut body, x, bottom, scale);
    let mut description = format!("{title}.");
    for (index, row) in rows.iter().enumerate() {
        let middle = ROW.mul_add(index as f64 + 0.5, TOP);
        draw_row(&mut body, row, x, middle);
        let _ = write!(description, " {}: {}.", row.label, row.text);
    }
    let _ = writeln!(
        body,
        "<text class=\"axis-name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        number(f64::midpoint(left, right)),
        number(bottom + 42.0),
        escape(scale.name),
    );
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        description,
        width: WIDTH,
        height: bottom + 54.0,
        body,
    }
}

fn axis_ticks(rows: &[ForestRow], scale: ForestScale<'_>) -> Vec<f64> {
    let estimates = rows.iter().filter_map(|row| row.estimate);
    let (low, high) = estimates
        .flat_map(|estimate| [estimate.low, estimate.value, estimate.high])
        .fold((scale.reference, scale.reference), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let low = low.max(scale.limits.0);
    let high = high.min(scale.limits.1).max(low + 0.05);
    ticks(low, high, 5)
        .into_iter()
        .filter(|&tick| tick > scale.limits.0 - 1e-9 && tick < scale.limits.1 + 1e-9)
        .collect()
}

fn axis(body: &mut String, ticks: &[f64], x: Scale, bottom: f64) {
    let step = step_of(ticks);
    for &tick in ticks {
        let at = number(x.at(tick));
        let _ = writeln!(
            body,
            "<path class=\"grid\" d=\"M{at} {}V{}\"/>\
             <text class=\"tick\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            number(TOP),
            number(bottom),
            number(bottom + 20.0),
            tick_label(tick, step),
        );
    }
    let _ = writeln!(
        body,
        "<path class=\"axis\" d=\"M{} {}H{}\"/>",
        number(x.from),
        number(bottom),
        number(x.to)
    );
}

fn reference(body: &mut String, x: Scale, bottom: f64, scale: ForestScale<'_>) {
    let at = x.at(scale.reference);
    // The label stays inside the drawing when the line stands near an edge.
    let anchor = if at < 110.0 {
        "start"
    } else if at > WIDTH - 110.0 {
        "end"
    } else {
        "middle"
    };
    let _ = writeln!(
        body,
        "<path class=\"reference\" d=\"M{at} {}V{}\"/>\
         <text class=\"tick\" x=\"{at}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
        number(TOP - 6.0),
        number(bottom),
        number(TOP - 14.0),
        escape(scale.reference_name),
        at = number(at),
    );
}

fn draw_row(body: &mut String, row: &ForestRow, x: Scale, middle: f64) {
    let class = if row.first { "first" } else { "other" };
    let strong = if row.first { " class=\"strong\"" } else { "" };
    let baseline = number(middle + 5.0);
    let _ = writeln!(
        body,
        "<text{strong} x=\"8\" y=\"{baseline}\">{}</text>\
         <text class=\"value\" x=\"{}\" y=\"{baseline}\">{}</text>",
        escape(&shortened(&row.label, 32)),
        number(x.to + 16.0),
        escape(&row.text),
    );
    let Some(estimate) = row.estimate else { return };
    let _ = writeln!(
        body,
        "<path class=\"{class}\" d=\"M{low} {y}H{high}M{low} {cap}v8M{high} {cap}v8\"/>",
        low = number(x.at(estimate.low)),
        high = number(x.at(estimate.high)),
        y = number(middle),
        cap = number(middle - 4.0),
    );
    let shape = if row.first { Marker::Diamond } else { Marker::Square };
    body.push_str(&marker(shape, x.at(estimate.value), middle, row.first));
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: ForestScale<'static> =
        ForestScale { name: "C", reference: 0.5, reference_name: "chance", limits: (0.0, 1.0) };

    fn row(label: &str, estimate: Option<Estimate>) -> ForestRow {
        ForestRow { label: label.to_owned(), estimate, text: "text".to_owned(), first: false }
    }

    #[test]
    fn the_axis_reaches_every_interval_and_the_reference() {
        let estimate = Estimate { value: 0.81, low: 0.7, high: 1.0 };
        let ticks = axis_ticks(&[row("a", Some(estimate))], C);
        assert!((ticks[0] - 0.5).abs() < 1e-9 && (ticks.last().unwrap() - 1.0).abs() < 1e-9);
        let below = Estimate { value: 0.3, low: 0.05, high: 0.4 };
        let ticks = axis_ticks(&[row("a", Some(below))], C);
        assert!(ticks[0].abs() < 0.1 && *ticks.last().unwrap() >= 0.5);
    }

    #[test]
    fn a_row_without_an_estimate_keeps_its_words() {
        let figure = forest("c", "C", &[row("a <b>", None)], C);
        assert!(figure.body.contains("a &lt;b&gt;"));
        assert!(figure.body.contains(">text<"));
        assert!(!figure.body.contains("class=\"mark"));
        assert!(!figure.body.contains("NaN"));
    }
}
