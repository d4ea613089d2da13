use std::fmt::Write as _;

use super::{Figure, escape, number};

const CELL: f64 = 30.0;
const PEOPLE: usize = 100;

/// A hundred people, ten in a row, the first of them filled: a probability one can count.
///
/// Those with the event are filled and carry a cross, the others are outlines, so that grey print
/// and any eye tell them apart.
#[must_use]
pub fn icon_array(
    (name, title): (&str, &str),
    affected: usize,
    [with, without]: [&str; 2],
) -> Figure {
    let affected = affected.min(PEOPLE);
    let mut body = String::new();
    for person in 0..PEOPLE {
        let left = CELL.mul_add((person % 10) as f64, 6.0);
        let top = CELL.mul_add(1.2 * (person / 10) as f64, 6.0);
        draw(&mut body, person < affected, left, top);
    }
    let left = CELL.mul_add(10.0, 40.0);
    for (row, (is_affected, text)) in [(true, with), (false, without)].into_iter().enumerate() {
        let top = 40.0 + 44.0 * row as f64;
        draw(&mut body, is_affected, left, top);
        let count = if is_affected { affected } else { PEOPLE - affected };
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{}\"><tspan class=\"strong\">{count}</tspan> {}</text>",
            number(left + 34.0),
            number(top + 20.0),
            escape(text),
        );
    }
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        description: format!(
            "{title}. Of 100 people, {affected} {with}; {} {without}.",
            PEOPLE - affected
        ),
        width: 760.0,
        height: CELL.mul_add(12.0, 8.0),
        body,
    }
}

/// A head and shoulders; filled and crossed, or an outline.
fn draw(body: &mut String, is_affected: bool, left: f64, top: f64) {
    let class = if is_affected { "person hit" } else { "person" };
    let _ = writeln!(
        body,
        "<path class=\"{class}\" d=\"M{} {}a5 5 0 1 0 10 0a5 5 0 1 0-10 0zm-4 19.5q0-12 9-12t9 12z\"/>",
        number(left + 7.0),
        number(top + 6.0),
    );
    if is_affected {
        let _ = writeln!(
            body,
            "<path class=\"person-cross\" d=\"M{} {}l6 6m0-6l-6 6\"/>",
            number(left + 9.0),
            number(top + 16.5),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_filled_as_are_affected() {
        for (affected, filled) in [(0, 0), (37, 37), (100, 100), (250, 100)] {
            let figure = icon_array(("i", "T"), affected, ["die", "live"]);
            // One more in the legend.
            assert_eq!(figure.body.matches("person hit").count(), filled + 1, "{affected}");
            assert_eq!(figure.body.matches("class=\"person\"").count(), 100 - filled + 1);
        }
    }
}
