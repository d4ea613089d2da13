//! Why a whole request gets no answer.

use std::io;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};

/// Why a whole request gets no answer, in one sentence without any value of it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    pub(crate) fn bad(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// The program's own fault.
    pub(crate) fn fault() -> Self {
        let reason = "the program failed on this request, which is its own fault";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }

    /// More is waiting than can be answered soon.
    pub(crate) fn overload() -> Self {
        let reason = "too many requests are waiting, send this one again in a second";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }

    pub(crate) fn leaving() -> Self {
        let reason = "the program was asked to stop, send the request again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }
}

/// A request's own files could not be kept.
impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "could not keep a request");
        let reason = "there is no room for the request, neither in memory nor in temporary files";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, reason)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, reason } = self;
        tracing::info!(status = status.as_u16(), reason, "refused");
        let mut response = (status, format!("{reason}\n")).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, 1.into());
        }
        response
    }
}
