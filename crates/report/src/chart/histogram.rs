use std::fmt::Write as _;

use super::{Figure, Scale, escape, number, step_of, tick_label, ticks};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
const PLOT_HEIGHT: f64 = 200.0;

/// One bin of a histogram of shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// How many of the first and of the second group; `None` is not told.
    pub counts: [Option<usize>; 2],
}

/// How many patients of two groups have which share, the groups on top of each other. A bin that
/// is not told is hatched along the axis.
#[must_use]
pub fn histogram(
    (name, title): (&str, &str),
    groups: [&str; 2],
    bins: &[Bin],
    x_name: &str,
) -> Figure {
    let sum = |bin: &Bin| bin.counts.iter().flatten().sum::<usize>();
    let most = bins.iter().map(sum).max().unwrap_or(0).max(1);
    let marks: Vec<f64> =
        ticks(0.0, most as f64, 4).into_iter().filter(|tick| tick.fract().abs() < 1e-9).collect();
    let bottom = TOP + PLOT_HEIGHT;
    let range = bins.first().zip(bins.last()).map_or((0.0, 1.0), |(a, b)| (a.low, b.high));
    let x = Scale::new(range, (LEFT, WIDTH - RIGHT));
    let y = Scale::new((0.0, marks.last().copied().unwrap_or(1.0)), (bottom, TOP));
    let mut body = String::new();
    axes(&mut body, &marks, x, y, x_name);
    let mut description = format!("{title}.");
    for bin in bins {
        let mut base = 0;
        for (group, count) in bin.counts.iter().enumerate() {
            let Some(count) = count.filter(|&count| count > 0) else { continue };
            bar(
                &mut body,
                group,
                (x.at(bin.low), x.at(bin.high)),
                [base, base + count].map(|n| y.at(n as f64)),
            );
            base += count;
        }
        if bin.counts.contains(&None) {
            let (from, to) = (x.at(bin.low) + 2.0, x.at(bin.high) - 2.0);
            let _ = writeln!(
                body,
                "<path class=\"reference\" d=\"M{} {}H{}\"/>",
                number(from),
                number(bottom - 4.0),
                number(to)
            );
        }
        let told = |count: Option<usize>| count.map_or("not told".to_owned(), |n| n.to_string());
        let _ = write!(
            description,
            " {:.0} to {:.0}\u{a0}%: {} {}, {} {}.",
            100.0 * bin.low,
            100.0 * bin.high,
            groups[0],
            told(bin.counts[0]),
            groups[1],
            told(bin.counts[1]),
        );
    }
    for (group, label) in groups.iter().enumerate() {
        let left = LEFT + group as f64 * 200.0;
        bar(&mut body, group, (left, left + 24.0), [20.0, 6.0]);
        let _ =
            writeln!(body, "<text x=\"{}\" y=\"18\">{}</text>", number(left + 32.0), escape(label));
    }
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        description,
        width: WIDTH,
        height: bottom + 54.0,
        body,
    }
}

/// A bar between two x and two y pixels, the lower edge first.
fn bar(body: &mut String, group: usize, (left, right): (f64, f64), [from, to]: [f64; 2]) {
    let _ = writeln!(
        body,
        "<rect class=\"bar b{group}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
        number(left + 1.0),
        number(to),
        number((right - left - 2.0).max(1.0)),
        number((from - to).max(0.5)),
    );
}

fn axes(body: &mut String, marks: &[f64], x: Scale, y: Scale, x_name: &str) {
    for &tick in marks {
        let _ = writeln!(
            body,
            "<path class=\"grid\" d=\"M{} {at}H{}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            number(x.from),
            number(x.to),
            number(x.from - 8.0),
            number(y.at(tick) + 4.5),
            tick_label(tick, step_of(marks)),
            at = number(y.at(tick)),
        );
    }
    for percent in (0..=100).step_by(10) {
        let share = f64::from(percent) / 100.0;
        if share < x.low - 1e-9 || share > x.high + 1e-9 {
            continue;
        }
        let _ = writeln!(
            body,
            "<path class=\"axis\" d=\"M{at} {}v5\"/>\
             <text class=\"tick\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{percent}\u{a0}%</text>",
            number(y.from),
            number(y.from + 20.0),
            at = number(x.at(share)),
        );
    }
    let _ = writeln!(
        body,
        "<path class=\"axis\" d=\"M{} {}H{}\"/>\
         <text class=\"axis-name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text class=\"axis-name\" transform=\"translate(16 {}) rotate(-90)\" \
         text-anchor=\"middle\">Patients</text>",
        number(x.from),
        number(y.from),
        number(x.to),
        number(f64::midpoint(x.from, x.to)),
        number(y.from + 42.0),
        escape(x_name),
        number(f64::midpoint(y.from, y.to)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_what_is_not_told_is_not_drawn() {
        let bins = [
            Bin { low: 0.0, high: 0.5, counts: [Some(3), Some(7)] },
            Bin { low: 0.5, high: 1.0, counts: [None, Some(2)] },
        ];
        let figure = histogram(("h", "T"), ["High", "Low"], &bins, "Risk");
        // Three in the plot, two in the legend.
        assert_eq!(figure.body.matches("<rect class=\"bar").count(), 5);
        assert_eq!(figure.body.matches("class=\"reference\"").count(), 1);
        assert!(figure.description.contains("50 to 100\u{a0}%: High not told, Low 2."));
    }

    #[test]
    fn no_bin_draws_no_number_that_is_none() {
        let figure = histogram(("h", "T"), ["High", "Low"], &[], "Risk");
        assert!(!figure.body.contains("NaN") && !figure.body.contains("inf"));
    }
}
