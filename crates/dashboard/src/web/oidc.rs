//! Signing in at a provider of OpenID Connect, and coming back.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::sign_in::{Next, enter, throttled};
use super::{App, Cookie, Refusal};
use crate::access::{Account, Entry, Identity, Provider, same};

/// What the provider sends back with the browser.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Back {
    code: String,
    state: String,
    error: String,
}

/// Asks the provider beside the event loop.
async fn asked<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&Provider) -> Result<T, String> + Send + 'static,
) -> Result<Result<T, String>, Refusal> {
    let app = Arc::clone(app);
    let work = move || app.provider.as_ref().map(work);
    let done = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?;
    done.ok_or(Refusal::NotFound)
}

fn refused(app: &App, problem: String) -> Result<Refusal, Refusal> {
    tracing::warn!("sign-in by OpenID Connect: {problem}");
    let entry = Entry {
        account: "-",
        action: "sign-in refused",
        subject: "OpenID Connect",
        detail: &problem,
    };
    app.store.audit(&entry)?;
    Ok(Refusal::NotSignedIn(problem))
}

pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(next): Query<Next>,
) -> Result<Response, Refusal> {
    throttled(&app, connection, &headers)?;
    match asked(&app, move |provider| provider.begin(&next.next)).await? {
        Ok((to, state)) => {
            let cookie = Cookie::Elsewhere.set(&app, &state);
            Ok((StatusCode::SEE_OTHER, [(LOCATION, to), (SET_COOKIE, cookie)]).into_response())
        }
        Err(problem) => Err(refused(&app, problem)?),
    }
}

pub(crate) async fn finish(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response, Refusal> {
    throttled(&app, connection, &headers)?;
    let provider = app.provider.as_ref().ok_or(Refusal::NotFound)?;
    let left = Cookie::Elsewhere.of(&app, &headers);
    let state = left.filter(|state| same(state, &back.state));
    let Some(pending) = state.and_then(|state| provider.take(state)) else {
        // Not written down: anybody on the network could fill the log.
        let problem = "This is not the browser that left to sign in, or it came back before, or \
                       it took too long.";
        return Err(Refusal::NotSignedIn(problem.to_owned()));
    };
    if !back.error.is_empty() {
        let error: String = back.error.chars().filter(char::is_ascii_graphic).take(60).collect();
        return Err(refused(&app, format!("The sign-in service let nobody in ({error})."))?);
    }
    let found = asked(&app, move |provider| provider.finish(pending, back.code)).await?;
    let (Identity { account, roles }, next) = match found {
        Ok(found) => found,
        Err(problem) => return Err(refused(&app, problem)?),
    };
    let known = app.store.sign_in_elsewhere(&account, &roles)?;
    if known.closed {
        return Err(refused(&app, format!("The account {account} is closed."))?);
    }
    if known.roles != roles {
        app.sessions.end_all(&account);
    }
    let detail = format!("OpenID Connect: {}", roles.text());
    app.store.audit(&Entry {
        account: &account,
        action: "sign in",
        subject: "",
        detail: &detail,
    })?;
    let mut answer = enter(&app, &headers, &Account { roles, ..known }, &next)?;
    let gone =
        HeaderValue::try_from(Cookie::Elsewhere.drop(&app)).expect("letters and digits alone");
    answer.headers_mut().append(SET_COOKIE, gone);
    Ok(answer)
}
