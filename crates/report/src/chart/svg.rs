use std::fmt::Write as _;

/// Every colour of the charts and the page: name, on white paper, on a dark screen.
///
/// Text keeps a contrast of at least 4.5 to 1 and lines of at least 3 to 1 against `paper`, which
/// a test checks. The two risk groups are orange and blue, which people who confuse red and
/// green tell apart, and which do not say "bad" and "good".
pub(crate) const PALETTE: [(&str, &str, &str); 8] = [
    ("paper", "#ffffff", "#15191e"),
    ("ink", "#1b2430", "#e8ecf1"),
    ("muted", "#55606e", "#a9b4c2"),
    ("grid", "#dfe4ea", "#2f3742"),
    ("axis", "#7a8593", "#8a95a3"),
    ("high", "#b04a00", "#ffab5e"),
    ("low", "#0b5fa5", "#74b9f5"),
    ("panel", "#f4f6f8", "#1e242b"),
];

const RULES: &str = "\
.chart text{font-family:system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;\
font-size:14px;fill:var(--ink)}
.chart .tick{font-size:13px;fill:var(--muted);font-variant-numeric:tabular-nums}
.chart .axis-name{font-size:13px;fill:var(--muted)}
.chart .strong{font-weight:600}
.chart .value{font-size:13px;font-variant-numeric:tabular-nums}
.chart .grid{stroke:var(--grid);stroke-width:1}
.chart .axis{stroke:var(--axis);stroke-width:1}
.chart .reference{stroke:var(--axis);stroke-width:1.5;stroke-dasharray:2 4}
.chart .line{fill:none;stroke-width:2.2;stroke-linejoin:round}
.chart .censored{fill:none;stroke-width:1.3}
.chart .band{stroke:none;fill-opacity:.16}
.chart .s0{stroke:var(--high)}
.chart .s1{stroke:var(--low);stroke-dasharray:8 4}
.chart .s2{stroke:var(--ink);stroke-dasharray:2 3}
.chart .s3{stroke:var(--muted);stroke-dasharray:12 3 2 3}
.chart .censored.s1,.chart .censored.s2,.chart .censored.s3{stroke-dasharray:none}
.chart .band.s0{fill:var(--high);stroke:none}
.chart .band.s1{fill:var(--low);stroke:none}
.chart .band.s2{fill:var(--ink);stroke:none}
.chart .band.s3{fill:var(--muted);stroke:none}
.chart text.t0{fill:var(--high);font-weight:600}
.chart text.t1{fill:var(--low);font-weight:600}
.chart text.t2{fill:var(--ink);font-weight:600}
.chart text.t3{fill:var(--muted);font-weight:600}
.chart .first{stroke:var(--low);stroke-width:2.4}
.chart .other{stroke:var(--muted);stroke-width:1.6}
.chart .mark.first{fill:var(--low);stroke:var(--low);stroke-width:1.5}
.chart .whisker{fill:none;stroke-width:1.6;stroke-dasharray:none}
.chart .dot{fill:var(--paper);stroke-width:2;stroke-dasharray:none}
.chart .bar{stroke-width:1.2}
.chart .bar.b0{fill:var(--high);stroke:var(--high)}
.chart .bar.b1{fill:var(--paper);stroke:var(--low);stroke-width:1.8}
.chart .arrow{stroke-width:1;stroke-dasharray:none}
.chart .arrow.s0{fill:var(--high)}
.chart .arrow.s1{fill:var(--paper);stroke:var(--low);stroke-width:1.8}
.chart .person{fill:var(--paper);stroke:var(--muted);stroke-width:1.4}
.chart .person.hit{fill:var(--ink);stroke:var(--ink)}
.chart .person-cross{fill:none;stroke:var(--paper);stroke-width:2}
.chart .mark.other{fill:var(--paper);stroke:var(--muted);stroke-width:1.8}
";

/// One chart: its text alternatives, its size and its drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// A name for files and for ids in a page: lower case letters and hyphens.
    pub name: String,
    /// What the chart shows, in a few words.
    pub title: String,
    /// What it says, for those who do not see it.
    pub description: String,
    /// Width of the drawing in its own pixels.
    pub width: f64,
    /// Height of the drawing in its own pixels.
    pub height: f64,
    /// The drawing: SVG elements, text already escaped.
    pub(crate) body: String,
}

impl Figure {
    /// The chart with lines of text below it: what must be said wherever it is taken.
    #[must_use]
    pub fn with_notes(mut self, notes: &[String]) -> Self {
        for note in notes {
            self.height += 18.0;
            let _ = writeln!(
                self.body,
                "<text class=\"tick\" x=\"8\" y=\"{}\">{}</text>",
                number(self.height - 8.0),
                escape(note),
            );
        }
        self
    }

    /// The chart as an element of a page that carries [`page_style`].
    #[must_use]
    pub fn inline(&self) -> String {
        self.element("", "")
    }

    /// The chart as a file of its own: light, with its colours written out, since many programs
    /// that place SVG in documents do not know CSS variables.
    #[must_use]
    pub fn standalone(&self) -> String {
        let mut rules = RULES.to_owned();
        for (name, light, _) in PALETTE {
            rules = rules.replace(&format!("var(--{name})"), light);
        }
        let background = format!(
            "<style>{rules}</style><rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
        );
        self.element(" xmlns=\"http://www.w3.org/2000/svg\"", &background)
    }

    fn element(&self, attributes: &str, before: &str) -> String {
        let Self { name, width, height, body, .. } = self;
        format!(
            "<svg{attributes} class=\"chart\" role=\"img\" viewBox=\"0 0 {} {}\" \
             aria-labelledby=\"{name}-title {name}-description\">\n\
             <title id=\"{name}-title\">{}</title>\n\
             <desc id=\"{name}-description\">{}</desc>\n{before}{body}</svg>\n",
            number(*width),
            number(*height),
            escape(&self.title),
            escape(&self.description),
        )
    }
}

/// The style sheet that inline charts need: the palette, light and dark, and the charts' rules.
///
/// A page is printed in the light colours, whatever the screen shows.
#[must_use]
pub fn page_style() -> String {
    let variables = |pick: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        let mut text = String::new();
        for colour in &PALETTE {
            let _ = write!(text, "--{}:{};", colour.0, pick(colour));
        }
        text
    };
    format!(
        ":root{{color-scheme:light;{}}}\n\
         @media screen and (prefers-color-scheme:dark){{:root{{color-scheme:dark;{}}}}}\n{RULES}",
        variables(|colour| colour.1),
        variables(|colour| colour.2),
    )
}

/// Text made safe inside HTML and SVG, in elements and in quoted attributes. Control characters
/// that XML forbids are left out.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            character if character.is_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

/// A pixel coordinate with at most one decimal.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Shapes that stay apart in grey print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Diamond,
    Square,
    Circle,
    TriangleUp,
    TriangleDown,
    Cross,
    Bar,
    Plus,
    TriangleLeft,
    TriangleRight,
    Hourglass,
    Ring,
}

impl Marker {
    /// The marker of the series with this index; after twelve they come round again.
    pub(super) fn of(index: usize) -> Self {
        [
            Self::Diamond,
            Self::Square,
            Self::Circle,
            Self::TriangleUp,
            Self::TriangleDown,
            Self::Cross,
            Self::Bar,
            Self::Plus,
            Self::TriangleLeft,
            Self::TriangleRight,
            Self::Hourglass,
            Self::Ring,
        ][index % 12]
    }
}

/// A marker centred on a point.
pub(super) fn marker(shape: Marker, x: f64, y: f64, first: bool) -> String {
    let path = match shape {
        Marker::Diamond => "m0-6.5 6.5 6.5-6.5 6.5-6.5-6.5z",
        Marker::Square => "m-4.5-4.5h9v9h-9z",
        Marker::Circle => "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
        Marker::TriangleUp => "m0-6 5.5 10h-11z",
        Marker::TriangleDown => "m0 6 5.5-10h-11z",
        Marker::Cross => "m-4.5-4.5 9 9m0-9-9 9",
        Marker::Bar => "m-6-2h12v4h-12z",
        Marker::Plus => "m-6 0h12m-6-6v12",
        Marker::TriangleLeft => "m-6 0 10-5.5v11z",
        Marker::TriangleRight => "m6 0-10-5.5v11z",
        Marker::Hourglass => "m-5-5.5h10l-10 11h10z",
        Marker::Ring => "m-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0zm4 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0z",
    };
    let class = if first { "mark first" } else { "mark other" };
    format!("<path class=\"{class}\" d=\"M{} {}{path}\"/>\n", number(x), number(y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_html_and_xml_would_read() {
        let hostile = "<script>alert('x')</script> & \"y\"\u{0}\u{1b}\n";
        assert_eq!(
            escape(hostile),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot; "
        );
    }

    #[test]
    fn a_standalone_figure_names_no_css_variable() {
        let figure = Figure {
            name: "f".to_owned(),
            title: "T & t".to_owned(),
            description: String::new(),
            width: 10.0,
            height: 5.5,
            body: String::new(),
        };
        let text = figure.standalone();
        assert!(!text.contains("var("), "{text}");
        assert!(text.contains("viewBox=\"0 0 10 5.5\""), "{text}");
        assert!(text.contains("T &amp; t"), "{text}");
    }

    #[test]
    fn notes_stand_below_the_drawing() {
        let figure = Figure {
            name: "f".to_owned(),
            title: "T".to_owned(),
            description: String::new(),
            width: 10.0,
            height: 100.0,
            body: String::new(),
        };
        let noted = figure.with_notes(&["Not a <device>".to_owned(), "second".to_owned()]);
        assert!((noted.height - 136.0).abs() < 1e-9);
        assert!(noted.body.contains("y=\"110\">Not a &lt;device&gt;<"), "{}", noted.body);
        assert!(noted.body.contains("y=\"128\">second<"));
    }

    /// Relative luminance, WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn colours_keep_the_contrast_that_wcag_asks_for() {
        let of = |name: &str| PALETTE.into_iter().find(|colour| colour.0 == name).unwrap();
        for background in ["paper", "panel"] {
            let (_, light, dark) = of(background);
            for name in ["ink", "muted", "high", "low"] {
                assert!(contrast(of(name).1, light) >= 4.5, "{name} on light {background}");
                assert!(contrast(of(name).2, dark) >= 4.5, "{name} on dark {background}");
            }
            assert!(contrast(of("axis").1, light) >= 3.0, "axis on light {background}");
            assert!(contrast(of("axis").2, dark) >= 3.0, "axis on dark {background}");
        }
    }
}
