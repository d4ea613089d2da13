//! The style sheet and the one script.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/static/style.css", get(style))
        .route("/static/viewer.js", get(viewer))
        .route("/favicon.ico", get(icon))
        .route("/healthz", get(|| async { "ok\n" }))
}

async fn style() -> Response {
    static STYLE: OnceLock<String> = OnceLock::new();
    let style = STYLE.get_or_init(|| {
        let charts = oncoweave_report::chart::page_style();
        format!("{charts}\n{}", include_str!("../../assets/style.css"))
    });
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], style.as_str()).into_response()
}

async fn viewer() -> Response {
    let script = include_str!("../../assets/viewer.js");
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response()
}

/// A small drawing: two curves.
async fn icon() -> Response {
    const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\">\
        <rect width=\"16\" height=\"16\" rx=\"3\" fill=\"#0b5fa5\"/>\
        <path d=\"M3 4h3v2h3v2h4M3 4h2v4h3v4h5\" fill=\"none\" stroke=\"#fff\" stroke-width=\"1.5\"/></svg>";
    ([(CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}
