//! What every request passes and every answer carries.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::guard::Asked;
use super::{App, Refusal};

/// Nothing from elsewhere, no script but the one file, no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// How long one request may take: longer than the model's endpoint, for those who send their form or
/// table bit by bit.
pub(crate) const LONGEST_REQUEST: Duration = Duration::from_mins(5);

/// Refuses foreign hosts and forms from other sites, and sets the headers of every answer.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_static = request.uri().path().starts_with("/static/");
    let mut response = if let Some(refusal) = refused(&app, &request) {
        refusal
    } else {
        let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
        let asked = Asked(asked.to_owned());
        request.extensions_mut().insert(asked);
        match tokio::time::timeout(LONGEST_REQUEST, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Refusal::TooSlow.into_response(),
        }
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    // With `no-referrer` browsers would send forms with the origin `null`.
    set(REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-embedder-policy"), "require-corp");
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    set(
        CACHE_CONTROL,
        if is_static { "private, max-age=3600" } else { "no-store, no-cache, must-revalidate" },
    );
    if app.settings.is_secure() {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    response
}

fn refused(app: &App, request: &Request) -> Option<Response> {
    let headers = request.headers();
    // In HTTP/2 the host and its port stand in the address.
    let named = || request.uri().authority().map(Authority::as_str);
    let host = text(headers, &HOST).or_else(named);
    if !host.is_some_and(|host| app.settings.knows_host(host)) {
        let sentence = "This host name is not served here; give it with --host.\n";
        return Some((StatusCode::MISDIRECTED_REQUEST, sentence).into_response());
    }
    let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if changes && !is_from_here(headers, host.unwrap_or("")) {
        return Some(Refusal::ForeignForm.into_response());
    }
    None
}

/// Whether a browser says that the form stood on a page of this host; a program says nothing.
fn is_from_here(headers: &HeaderMap, host: &str) -> bool {
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    text(headers, &ORIGIN).is_none_or(|origin| {
        origin.split_once("://").is_some_and(|(_, named)| named.eq_ignore_ascii_case(host))
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
