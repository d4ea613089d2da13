//! The model's card, as `train` and `card` wrote it.

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use pulldown_cmark::{Event, Options, Parser};

use super::frame::html;
use super::{App, Frame, Refusal, User};
use crate::access::Right;

#[derive(Template)]
#[template(path = "model.html")]
struct Page {
    frame: Frame,
    card: String,
    sha256: String,
    settings: String,
}

pub(crate) async fn page(
    State(app): State<Arc<App>>,
    user: User,
    Path(slug): Path<String>,
) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ViewAggregates, &slug)?;
    let study = app.study(&slug)?;
    app.audit(&user, "read model card", &slug, "")?;
    let folder = study.folder.as_ref();
    html(&Page {
        frame: Frame::study(&app, &user, study, "Model card", "/model"),
        card: folder.map_or(String::new(), |folder| card_html(&folder.card)),
        sha256: folder.map_or(String::new(), |folder| folder.sha256.clone()),
        settings: serde_json::to_string_pretty(&study.evaluation.config)
            .expect("a JSON value can be written as JSON"),
    })
}

/// Markdown as HTML; HTML within it is text.
fn card_html(markdown: &str) -> String {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        other => other,
    });
    let mut page = String::new();
    pulldown_cmark::html::push_html(&mut page, events);
    // The page has its own first heading, and a table may be wider than the screen.
    let page =
        page.replace("<h1>", "<h2>").replace("</h1>", "</h2>").replace("<th></th>", "<td></td>");
    let mut parts = page.split("<table>");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for (place, part) in parts.enumerate() {
        let number = place + 1;
        let _ = write!(
            whole,
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table {number}\"><table>"
        );
        whole.push_str(&part.replace("</table>", "</table></div>"));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::card_html;

    #[test]
    fn html_in_a_card_is_text() {
        let page = card_html("# A <script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n");
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        assert!(page.contains("<h2>A &lt;script&gt;"), "{page}");
    }
}
