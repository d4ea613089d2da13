use std::fmt::Write as _;

use oncoweave_core::Estimate;

use super::curves::shortened;
use super::{Figure, Marker, Scale, escape, marker, number, step_of, tick_label, ticks};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
const PLOT_HEIGHT: f64 = 260.0;
const LEGEND_ROW: f64 = 24.0;

/// One place on the horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub struct DotGroup {
    /// Its label, such as `1 year`.
    pub label: String,
    /// The index of each series that has an estimate here, with it.
    pub estimates: Vec<(usize, Estimate)>,
}

/// One series of estimates.
#[derive(Clone, Debug, PartialEq)]
pub struct DotSeries {
    /// Its name in the legend.
    pub label: String,
    /// Whether it is drawn with the filled marker.
    pub first: bool,
}

/// Estimates between 0 and 1 with their intervals, side by side in each group, against 0.5.
#[must_use]
pub fn dots(name: &str, title: &str, series: &[DotSeries], groups: &[DotGroup]) -> Figure {
    let mut body = String::new();
    let top = legend(&mut body, series) + 20.0;
    let bottom = top + PLOT_HEIGHT;
    let all = groups.iter().flat_map(|group| &group.estimates);
    let low = all.map(|(_, estimate)| estimate.low).fold(0.5, f64::min).max(0.0);
    let marks: Vec<f64> = ticks(low, 1.0, 5).into_iter().filter(|&tick| tick > -1e-9).collect();
    let y = Scale::new((marks.first().copied().unwrap_or(0.0), 1.0), (bottom, top));
    frame(&mut body, &marks, y);
    let width = (WIDTH - LEFT - RIGHT) / groups.len().max(1) as f64;
    let gap = (width * 0.76 / series.len().max(1) as f64).min(34.0);
    let mut description = format!("{title}.");
    for (index, group) in groups.iter().enumerate() {
        let middle = width.mul_add(index as f64 + 0.5, LEFT);
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            number(middle),
            number(bottom + 24.0),
            escape(&group.label),
        );
        for &(of, estimate) in &group.estimates {
            let offset = (of as f64 - (series.len() as f64 - 1.0) / 2.0) * gap;
            draw(&mut body, (of, series[of].first), middle + offset, estimate, y);
            let _ = write!(
                description,
                " {}, {}: {:.3}, {:.3} to {:.3}.",
                group.label, series[of].label, estimate.value, estimate.low, estimate.high,
            );
        }
    }
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        description,
        width: WIDTH,
        height: bottom + 38.0,
        body,
    }
}

/// Names the markers; the height it took is returned.
fn legend(body: &mut String, series: &[DotSeries]) -> f64 {
    let mut left = LEFT;
    let mut line = 18.0;
    for (index, one) in series.iter().enumerate() {
        let label = shortened(&one.label, 40);
        let width = 8.0_f64.mul_add(label.chars().count() as f64, 44.0);
        if left + width > WIDTH && left > LEFT {
            left = LEFT;
            line += LEGEND_ROW;
        }
        body.push_str(&marker(Marker::of(index), left + 7.0, line, one.first));
        let strong = if one.first { " class=\"strong\"" } else { "" };
        let _ = writeln!(
            body,
            "<text{strong} x=\"{}\" y=\"{}\">{}</text>",
            number(left + 20.0),
            number(line + 5.0),
            escape(&label),
        );
        left += width;
    }
    line + LEGEND_ROW / 2.0
}

fn frame(body: &mut String, marks: &[f64], y: Scale) {
    let step = step_of(marks);
    for &tick in marks {
        let at = y.at(tick);
        let _ = writeln!(
            body,
            "<path class=\"grid\" d=\"M{LEFT} {at}H{}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            number(WIDTH - RIGHT),
            number(LEFT - 8.0),
            number(at + 4.5),
            tick_label(tick, step),
            at = number(at),
        );
    }
    let _ = writeln!(
        body,
        "<path class=\"reference\" d=\"M{LEFT} {}H{}\"/>",
        number(y.at(0.5)),
        number(WIDTH - RIGHT),
    );
    let _ = writeln!(
        body,
        "<text class=\"axis-name\" transform=\"translate(16 {}) rotate(-90)\" \
         text-anchor=\"middle\">AUC (dotted: chance)</text>",
        number(f64::midpoint(y.from, y.to)),
    );
}

fn draw(body: &mut String, (of, first): (usize, bool), x: f64, estimate: Estimate, y: Scale) {
    let class = if first { "first" } else { "other" };
    let _ = writeln!(
        body,
        "<path class=\"{class}\" d=\"M{x} {low}V{high}M{cap} {low}h8M{cap} {high}h8\"/>",
        x = number(x),
        cap = number(x - 4.0),
        low = number(y.at(estimate.low)),
        high = number(y.at(estimate.high)),
    );
    body.push_str(&marker(Marker::of(of), x, y.at(estimate.value), first));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_estimate_gets_the_marker_of_its_series() {
        let series = ["fusion", "ridge <Cox>"]
            .map(|label| DotSeries { label: label.to_owned(), first: label == "fusion" });
        let estimate = Estimate { value: 0.7, low: 0.6, high: 0.8 };
        let groups = [
            DotGroup { label: "1 year".to_owned(), estimates: vec![(0, estimate), (1, estimate)] },
            DotGroup { label: "2 years".to_owned(), estimates: vec![(1, estimate)] },
        ];
        let figure = dots("auc", "AUC", &series, &groups);
        // Two in the legend, three in the plot.
        assert_eq!(figure.body.matches("class=\"mark").count(), 5);
        assert!(figure.body.contains("ridge &lt;Cox&gt;"));
        assert!(figure.description.contains("2 years, ridge <Cox>: 0.700, 0.600 to 0.800."));
    }

    #[test]
    fn no_groups_draw_no_number_that_is_none() {
        let figure = dots("auc", "AUC", &[], &[]);
        assert!(!figure.body.contains("NaN") && !figure.body.contains("inf"));
    }
}
