//! The auditor's page.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use serde::Deserialize;

use super::frame::html;
use super::{App, Frame, Refusal, User};
use crate::access::{Right, Written, verify_audit};

/// Entries on one page.
const SHOWN: i64 = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    entries: Vec<Written>,
    text: String,
    older: Option<String>,
    /// What the chain's check found, where it was asked for.
    check: Option<Result<(u64, String), String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    text: String,
    before: Option<i64>,
    check: String,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    user: User,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ReadAudit, "audit log")?;
    app.audit(&user, "read audit log", "", &asked.text)?;
    let text = asked.text.trim();
    let entries = app.store.audited(text, asked.before.unwrap_or(i64::MAX), SHOWN)?;
    let oldest = entries.last().map(|entry| entry.number).filter(|&number| number > 1);
    let older = oldest
        .filter(|_| i64::try_from(entries.len()) == Ok(SHOWN))
        .map(|before| format!("/audit?before={before}&text={}", super::encoded(text)));
    let check = if asked.check == "yes" { Some(checked(&app).await?) } else { None };
    html(&Page {
        frame: Frame::general(&app, &user, "Audit log", "/audit"),
        entries,
        text: text.to_owned(),
        older,
        check,
    })
}

/// Walks the chain beside the event loop and by a connection of its own, so that nobody waits for it.
async fn checked(app: &App) -> Result<Result<(u64, String), String>, Refusal> {
    let store = app.settings.store.clone();
    let found = tokio::task::spawn_blocking(move || verify_audit(&store, None));
    let found = found.await.map_err(std::io::Error::other)?;
    Ok(found.map(|state| (state.entries, state.head)).map_err(|error| error.to_string()))
}
