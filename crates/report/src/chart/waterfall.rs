use std::fmt::Write as _;

use super::curves::shortened;
use super::{Figure, Scale, escape, number, step_of, tick_label, ticks};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 270.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 12.0;
const ROW: f64 = 30.0;

/// How a value comes about: from a start by changes, one a row, to an end.
///
/// A change is an arrow with its sign and figure beside it, so that neither its direction nor its
/// size hangs on colour.
#[must_use]
pub fn waterfall(
    (name, title): (&str, &str),
    start: (&str, f64),
    changes: &[(String, f64)],
    (end, x_name): (&str, &str),
) -> Figure {
    let mut at = start.1;
    let mut places = vec![at];
    for (_, change) in changes {
        at += change;
        places.push(at);
    }
    let low = places.iter().copied().fold(f64::INFINITY, f64::min);
    let high = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let marks = ticks(low, high.max(low + 1e-6), 5);
    let ends = (marks.first().copied().unwrap_or(0.0), marks.last().copied().unwrap_or(1.0));
    let x = Scale::new(ends, (LEFT, WIDTH - RIGHT));
    let rows = changes.len() + 2;
    let bottom = ROW.mul_add(rows as f64, TOP);
    let mut body = String::new();
    axis(&mut body, &marks, x, bottom, x_name);
    total(&mut body, start.0, start.1, x, TOP + ROW / 2.0);
    let mut description = format!("{title}. {}: {:.2}.", start.0, start.1);
    for (index, (label, change)) in changes.iter().enumerate() {
        let middle = ROW.mul_add(index as f64 + 1.5, TOP);
        step(&mut body, (label, *change), (places[index], places[index + 1]), x, middle);
        let _ = write!(description, " {label}: {}.", signed(*change));
    }
    total(&mut body, end, at, x, bottom - ROW / 2.0);
    let _ = write!(description, " {end}: {at:.2}.");
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        description,
        width: WIDTH,
        height: bottom + 52.0,
        body,
    }
}

fn signed(value: f64) -> String {
    let text = format!("{value:+.2}");
    if text == "+0.00" || text == "-0.00" {
        "0.00".to_owned()
    } else {
        text.replace('-', "\u{2212}")
    }
}

fn axis(body: &mut String, marks: &[f64], x: Scale, bottom: f64, x_name: &str) {
    for &tick in marks {
        let at = number(x.at(tick));
        let _ = writeln!(
            body,
            "<path class=\"grid\" d=\"M{at} {}V{}\"/>\
             <text class=\"tick\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            number(TOP),
            number(bottom),
            number(bottom + 20.0),
            tick_label(tick, step_of(marks)),
        );
    }
    let _ = writeln!(
        body,
        "<path class=\"axis\" d=\"M{} {bottom}H{}\"/>\
         <text class=\"axis-name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        number(x.from),
        number(x.to),
        number(f64::midpoint(x.from, x.to)),
        number(bottom + 42.0),
        escape(x_name),
        bottom = number(bottom),
    );
}

fn total(body: &mut String, label: &str, value: f64, x: Scale, middle: f64) {
    let at = x.at(value);
    let _ = writeln!(
        body,
        "<text class=\"strong\" x=\"8\" y=\"{baseline}\">{}</text>\
         <path class=\"line s2\" d=\"M{at} {}v{}\"/>\
         <text class=\"value\" x=\"{}\" y=\"{baseline}\">{}</text>",
        escape(&shortened(label, 34)),
        number(middle - 9.0),
        number(18.0),
        number(at + 8.0),
        format!("{value:.2}").replace('-', "\u{2212}"),
        baseline = number(middle + 5.0),
        at = number(at),
    );
}

fn step(
    body: &mut String,
    (label, change): (&str, f64),
    (from, to): (f64, f64),
    x: Scale,
    middle: f64,
) {
    let (from, to) = (x.at(from), x.at(to));
    let class = if change >= 0.0 { "s0" } else { "s1" };
    let head = (to - from).abs().min(7.0) * if change >= 0.0 { 1.0 } else { -1.0 };
    let _ = writeln!(
        body,
        "<text x=\"8\" y=\"{baseline}\">{}</text>\
         <path class=\"arrow {class}\" d=\"M{from} {top}H{neck}L{to} {middle}L{neck} {low}H{from}Z\"/>\
         <text class=\"value\" x=\"{}\" y=\"{baseline}\">{}</text>",
        escape(&shortened(label, 34)),
        number(from.max(to) + 8.0),
        signed(change),
        baseline = number(middle + 5.0),
        top = number(middle - 7.0),
        low = number(middle + 7.0),
        middle = number(middle),
        neck = number(to - head),
        from = number(from),
        to = number(to),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_add_up_and_carry_their_sign() {
        let changes = [("a <b>".to_owned(), 0.5), ("b".to_owned(), -0.25), ("c".to_owned(), 0.0)];
        let figure = waterfall(("w", "T"), ("nothing known", 1.0), &changes, ("all", "log risk"));
        assert!(figure.body.contains("a &lt;b&gt;"));
        assert!(figure.description.ends_with("b: \u{2212}0.25. c: 0.00. all: 1.25."));
        assert_eq!(figure.body.matches("class=\"arrow").count(), 3);
        assert!(!figure.body.contains("NaN"));
    }

    #[test]
    fn nothing_changes_without_changes() {
        let figure = waterfall(("w", "T"), ("start", 0.0), &[], ("end", "x"));
        assert!(!figure.body.contains("NaN") && !figure.body.contains("inf"));
    }
}
