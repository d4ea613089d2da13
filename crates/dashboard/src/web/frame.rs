use askama::Template;
use axum::response::Html;

use super::{App, Refusal, User};
use crate::access::Right;
use crate::study::Study;

/// What stands round every page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) title: String,
    /// Who is signed in; empty before.
    pub(crate) account: String,
    /// For the forms of the page.
    pub(crate) csrf: String,
    pub(crate) links: Vec<Link>,
    /// Cohort, model version and data hash, on pages about a study.
    pub(crate) cohort: String,
    pub(crate) version: String,
    pub(crate) data_sha256: String,
    /// What keeps the event from happening, with commas; empty where nothing does.
    pub(crate) competing: String,
    pub(crate) disclaimer: &'static str,
    /// What is wrong with what was asked, in sentences.
    pub(crate) problems: Vec<String>,
    /// Whether small groups are not told.
    pub(crate) least_shown: Option<usize>,
    /// When the page was made, for print.
    pub(crate) made_at: String,
}

/// A link of the navigation.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) text: String,
    pub(crate) is_here: bool,
}

impl Frame {
    /// Before anybody is signed in, and for refusals.
    pub(crate) fn plain(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            disclaimer: crate::DISCLAIMER,
            made_at: chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
            ..Self::default()
        }
    }

    /// The page with what is wrong with what was asked; an empty sentence says nothing.
    pub(crate) fn with_problem(mut self, sentence: impl Into<String>) -> Self {
        self.problems.extend(Some(sentence.into()).filter(|sentence| !sentence.is_empty()));
        self
    }

    /// A page about no study; `here` is the address of the page in the navigation.
    pub(crate) fn general(app: &App, user: &User, title: &str, here: &str) -> Self {
        Self::of(app, user, app.studies.first(), (title, here))
    }

    /// A page about a study.
    pub(crate) fn study(app: &App, user: &User, study: &Study, title: &str, here: &str) -> Self {
        let evaluation = &study.evaluation;
        let here = format!("/studies/{}{here}", study.slug);
        Self {
            cohort: evaluation.cohort.clone(),
            version: study.version.clone(),
            data_sha256: evaluation.data_sha256.clone(),
            competing: study.competing().join(", "),
            ..Self::of(app, user, Some(study), (title, &here))
        }
    }

    fn of(app: &App, user: &User, study: Option<&Study>, (title, here): (&str, &str)) -> Self {
        let mut links: Vec<(String, String)> = Vec::new();
        if user.roles.has(Right::ViewAggregates) {
            if app.studies.len() > 1 {
                links.push(("/".to_owned(), "Studies".to_owned()));
            }
            if let Some(study) = study {
                let base = format!("/studies/{}", study.slug);
                links.push((base.clone(), "Cohort".to_owned()));
                links.push((format!("{base}/validation"), "Validation".to_owned()));
                links.push((format!("{base}/model"), "Model card".to_owned()));
            }
            links.push(("/compare".to_owned(), "Compare".to_owned()));
        }
        if app.endpoint.is_some() && user.roles.has(Right::ExportData) {
            links.push(("/score".to_owned(), "Score patients".to_owned()));
        }
        if user.roles.has(Right::ReadAudit) {
            links.push(("/audit".to_owned(), "Audit log".to_owned()));
        }
        if user.roles.has(Right::ManageAccounts) {
            links.push(("/accounts".to_owned(), "Accounts".to_owned()));
        }
        let link = |(href, text): (String, String)| Link { is_here: href == here, href, text };
        Self {
            account: user.account.clone(),
            csrf: user.csrf.clone().unwrap_or_default(),
            links: links.into_iter().map(link).collect(),
            least_shown: user
                .protected
                .filter(|_| user.roles.has(Right::ViewAggregates))
                .map(|protected| protected.least),
            ..Self::plain(title)
        }
    }
}

/// A figure as people read it, with the exact value for machines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Value {
    pub(crate) text: String,
    /// As many digits as bring the number back.
    pub(crate) exact: String,
}

impl Value {
    pub(crate) fn new(exact: f64, text: String) -> Self {
        Self { text, exact: exact.to_string() }
    }

    /// Words without a number.
    pub(crate) fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), exact: String::new() }
    }
}

pub(crate) fn html(page: &impl Template) -> Result<Html<String>, Refusal> {
    Ok(Html(page.render()?))
}
