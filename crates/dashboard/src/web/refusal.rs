use askama::Template;
use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::Frame;
use crate::Error;
use crate::access::Right;

/// Why a request gets no page.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody is signed in; afterwards the browser goes on to this address.
    SignIn(String),
    /// The one-time password must be changed first.
    NewPassword,
    /// The account has not this right.
    Forbidden(Right),
    /// Another service was asked who it is, and that did not lead in; the sentence says why.
    NotSignedIn(String),
    /// There is no such page, study or patient.
    NotFound,
    /// The request makes no sense; the sentence says what to do.
    Bad(String),
    /// A form came from elsewhere or from an ended session.
    ForeignForm,
    /// Too many requests.
    TooMany,
    /// Too much is being done already; the sentence says what to wait for.
    Busy(String),
    /// The request took too long, or came too slowly.
    TooSlow,
    /// The scoring endpoint did not answer as it should.
    Endpoint(String),
    /// The program's own fault; the log says more.
    Internal(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Page<'a> {
    frame: Frame,
    sentence: &'a str,
}

impl Refusal {
    /// Status, heading and sentence.
    fn parts(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::SignIn(_) => {
                (StatusCode::UNAUTHORIZED, "Sign in", "Nobody is signed in.".to_owned())
            }
            Self::NewPassword => {
                (StatusCode::FORBIDDEN, "A new password", "Choose a new password first.".to_owned())
            }
            Self::Forbidden(right) => (
                StatusCode::FORBIDDEN,
                "Not allowed",
                format!(
                    "Your account may not {}. An administrator can give it the role for that.",
                    right.words()
                ),
            ),
            Self::NotSignedIn(sentence) => {
                (StatusCode::UNAUTHORIZED, "You are not signed in", sentence.clone())
            }
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Not found",
                "There is no such page, study or patient here.".to_owned(),
            ),
            Self::Bad(sentence) => {
                (StatusCode::BAD_REQUEST, "That cannot be done", sentence.clone())
            }
            Self::ForeignForm => (
                StatusCode::FORBIDDEN,
                "The form is out of date",
                "The form was not sent from a page of this session. Open the page again and \
                 repeat it."
                    .to_owned(),
            ),
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests",
                "Wait a little and try again.".to_owned(),
            ),
            Self::Busy(sentence) => {
                (StatusCode::TOO_MANY_REQUESTS, "Too many at a time", sentence.clone())
            }
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "It took too long",
                "The request was given up after some minutes.".to_owned(),
            ),
            Self::Endpoint(sentence) => {
                (StatusCode::BAD_GATEWAY, "The model did not answer", sentence.clone())
            }
            Self::Internal(error) => {
                tracing::error!("{}", with_causes(error));
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The program failed",
                    "This is the program's own fault; its log says more.".to_owned(),
                )
            }
        }
    }

    /// The same as JSON, for programs.
    pub(crate) fn json(&self) -> Response {
        let (status, _, sentence) = self.parts();
        let body = axum::Json(json!({ "error": sentence }));
        (status, body).into_response()
    }
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let redirect = |to: String| (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response();
        match &self {
            Self::SignIn(next) if next == "/" => return redirect("/login".to_owned()),
            Self::SignIn(next) => {
                return redirect(format!("/login?next={}", super::encoded(next)));
            }
            Self::NewPassword => return redirect("/password".to_owned()),
            _ => {}
        }
        let (status, heading, sentence) = self.parts();
        let page = Page { frame: Frame::plain(heading), sentence: &sentence };
        let body = page.render().unwrap_or(sentence);
        if matches!(self, Self::TooMany | Self::Busy(_)) {
            return (status, [(RETRY_AFTER, "5")], Html(body)).into_response();
        }
        (status, Html(body)).into_response()
    }
}
