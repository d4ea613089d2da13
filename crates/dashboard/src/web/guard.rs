//! Who asks.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::{App, Cookie, Refusal};
use crate::access::{Found, Right, Roles, Session, same};
use crate::study::Protected;

/// The path and query that were asked for, which nested routes see only in part.
#[derive(Clone, Debug)]
pub(crate) struct Asked(pub(crate) String);

/// Who is signed in, by a session's cookie or by a token for programs.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) account: String,
    pub(crate) roles: Roles,
    /// What forms must send back; `None` for programs, which send no forms.
    pub(crate) csrf: Option<String>,
    /// The rule for groups, for those who may see no patient.
    pub(crate) protected: Option<Protected>,
}

impl User {
    /// Refuses a form that does not come from a page of this session.
    pub(crate) fn check_form(&self, csrf: &str) -> Result<(), Refusal> {
        match &self.csrf {
            Some(expected) if same(expected, csrf) => Ok(()),
            _ => Err(Refusal::ForeignForm),
        }
    }
}

/// The session of a request, whatever it may do.
pub(crate) fn session(app: &App, headers: &HeaderMap) -> Result<Option<Session>, Refusal> {
    match Cookie::Session.of(app, headers).map(|token| app.sessions.find(token)) {
        Some(Found::Session(session)) => Ok(Some(session)),
        Some(Found::TooMany) => Err(Refusal::TooMany),
        Some(Found::None) | None => Ok(None),
    }
}

impl FromRequestParts<Arc<App>> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let least = app.settings.least_shown;
        let user = |account: String, roles: Roles, csrf| Self {
            protected: (!roles.has(Right::ViewPatients)).then_some(Protected { least }),
            account,
            roles,
            csrf,
        };
        let bearer = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
            let account = app.store.account_of_token(token.trim())?;
            return account
                .map(|account| user(account.name, account.roles, None))
                .ok_or_else(|| Refusal::SignIn("/".to_owned()));
        }
        let Some(session) = session(app, &parts.headers)? else {
            let asked = parts.extensions.get::<Asked>();
            return Err(Refusal::SignIn(asked.map_or("/".to_owned(), |asked| asked.0.clone())));
        };
        if session.must_change {
            return Err(Refusal::NewPassword);
        }
        Ok(user(session.account, session.roles, Some(session.csrf)))
    }
}
