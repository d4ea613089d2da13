use askama::Template;
use oncoweave_core::{
    Evaluation, Prediction,
    small_cells::{Protected, shown_parts},
};

use crate::chart::{Figure, page_style};
use crate::sections::summary;
use crate::words;

/// The frame of the page; its content is a list of sections.
#[derive(Template)]
#[template(path = "report.html")]
pub(crate) struct Page<'a> {
    chart_style: String,
    cohort: &'a str,
    facts: Vec<(&'static str, String)>,
    summary: Vec<String>,
    sections: &'a [Section],
    settings: String,
}

/// One part of the page: words, charts, and the tables with the same figures.
#[derive(Debug, Default, Template)]
#[template(path = "section.html")]
pub struct Section {
    /// The id that a link can point at.
    pub id: &'static str,
    /// The heading.
    pub heading: &'static str,
    /// Paragraphs under the heading.
    pub text: Vec<String>,
    /// Charts.
    pub figures: Vec<Figure>,
    /// Tables.
    pub tables: Vec<Table>,
    /// What a reader may open.
    pub details: Vec<Details>,
    /// A list at the end.
    pub notes: Vec<String>,
}

/// Further figures, folded until somebody opens them.
#[derive(Debug, Default)]
pub struct Details {
    /// What is inside.
    pub summary: &'static str,
    /// What the figures mean.
    pub text: Vec<String>,
    /// The figures.
    pub tables: Vec<Table>,
}

/// A table; the first cell of a row is its heading.
#[derive(Debug, Default)]
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// The headings.
    pub columns: Vec<Cell>,
    /// The rows, each with one cell a column.
    pub rows: Vec<Vec<String>>,
}

/// A column's heading, and whether its cells are figures.
#[derive(Debug)]
pub struct Cell {
    /// The heading.
    pub text: String,
    /// Whether the cells below are figures.
    pub numeric: bool,
}

impl Section {
    /// The section as an element of a page that carries the style of the charts and tables.
    ///
    /// # Errors
    /// When the template fails.
    pub fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

impl Table {
    /// A table whose columns hold words.
    #[must_use]
    pub fn new(caption: &str) -> Self {
        Self { caption: caption.to_owned(), ..Self::default() }
    }

    /// A further column that holds words.
    #[must_use]
    pub fn words(self, heading: &str) -> Self {
        self.column(heading, false)
    }

    /// A further column that holds figures.
    #[must_use]
    pub fn figures(self, heading: &str) -> Self {
        self.column(heading, true)
    }

    fn column(mut self, heading: &str, numeric: bool) -> Self {
        self.columns.push(Cell { text: heading.to_owned(), numeric });
        self
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn numeric(&self, column: &usize) -> bool {
        self.columns.get(*column).is_some_and(|column| column.numeric)
    }
}

impl<'a> Page<'a> {
    pub(crate) fn new(
        evaluation: &'a Evaluation,
        predictions: &[Prediction],
        sections: &'a [Section],
        protected: Option<Protected>,
    ) -> Self {
        let settings = serde_json::to_string_pretty(&evaluation.config)
            .expect("a JSON value can be written as JSON");
        Self {
            chart_style: page_style(),
            cohort: &evaluation.cohort,
            facts: facts(evaluation, protected),
            summary: summary(evaluation, predictions, protected),
            sections,
            settings,
        }
    }

    pub(crate) fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

fn facts(evaluation: &Evaluation, protected: Option<Protected>) -> Vec<(&'static str, String)> {
    let Evaluation { patients, events, .. } = *evaluation;
    let told = protected.map(|Protected { least }| shown_parts(&[events], &[patients], least)[0]);
    let events = match (told, protected) {
        (Some(told), Some(rule)) => told.text(rule.least),
        _ if patients == 0 => words::thousands(events),
        _ => {
            let share = words::percent(events as f64 / patients as f64);
            format!("{} ({share} of patients)", words::thousands(events))
        }
    };
    let patients = protected.map_or_else(|| words::thousands(patients), |rule| rule.told(patients));
    vec![
        ("Cohort", evaluation.cohort.clone()),
        ("Patients with a known outcome", patients),
        ("Events", events),
        ("How patients were held out", evaluation.design.clone()),
        ("Program", format!("Oncoweave {}", evaluation.program_version)),
        ("Data (SHA-256)", evaluation.data_sha256.clone()),
    ]
}
