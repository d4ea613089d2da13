//! Signing in and out, and passwords.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, FromRequestParts, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::frame::html;
use super::guard::session;
use super::{App, Cookie, Frame, Refusal};
use crate::access::{
    Account, Entry, LEAST_CHARACTERS, Memory, Roles, Session, hash_password, is_password,
    random_token, same, weakness,
};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    csrf: String,
    next: String,
    /// Where else one can sign in: the name, and the address that leads there.
    elsewhere: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    is_first: bool,
    least: usize,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Next {
    pub(super) next: String,
}

#[derive(Deserialize)]
pub(crate) struct Login {
    csrf: String,
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct NewPassword {
    csrf: String,
    old: String,
    new: String,
    again: String,
}

/// Said of a wrong name, a wrong password, and an account that is closed or locked alike: who asks
/// does not learn which accounts there are.
const WRONG: &str = "Name and password do not go together, or the account is closed or locked. \
                     After five wrong passwords an account is locked for 15 minutes.";

/// Hashed in place of an account's password where there is no such account, so that the answer
/// takes as long.
fn nobodys_hash() -> &'static str {
    static HASH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    HASH.get_or_init(|| hash_password("nobody has this password", &mut Memory::default()))
}

/// A session whatever it may do: the one page for those who must change their password.
pub(crate) struct AnySession(Session);

impl FromRequestParts<Arc<App>> for AnySession {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        session(app, &parts.headers)?.map(Self).ok_or_else(|| Refusal::SignIn("/".to_owned()))
    }
}

/// What the form to sign in must send back: the token that the browser has, or a new one.
fn form_token(app: &App, headers: &HeaderMap) -> String {
    let is_token =
        |known: &&str| known.len() == 64 && known.bytes().all(|one| one.is_ascii_hexdigit());
    let known = Cookie::Form.of(app, headers).filter(is_token);
    known.map_or_else(random_token, str::to_owned)
}

fn login_page(app: &App, csrf: String, next: String, problem: &str) -> LoginPage {
    let elsewhere = app.provider.as_ref().map(|provider| {
        let to = format!("/login/oidc?next={}", super::encoded(&next));
        (provider.label().to_owned(), to)
    });
    let frame = Frame::plain("Sign in").with_problem(problem);
    LoginPage { frame, csrf, next, elsewhere }
}

pub(crate) async fn form(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(next): Query<Next>,
) -> Result<Response, Refusal> {
    let token = form_token(&app, &headers);
    let cookie = Cookie::Form.set(&app, &token);
    let page = html(&login_page(&app, token, next.next, ""))?;
    Ok(([(SET_COOKIE, cookie)], page).into_response())
}

/// Refuses an address that tries too often.
pub(super) fn throttled(
    app: &App,
    connection: SocketAddr,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    // A proxy may add a line of its own below one that the browser sent.
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded.and_then(|value| value.to_str().ok());
    let address = app.address(connection.ip(), forwarded);
    if app.throttle.allow(address) { Ok(()) } else { Err(Refusal::TooMany) }
}

pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, Refusal> {
    let token = form_token(&app, &headers);
    if !same(&token, &login.csrf) {
        return Err(Refusal::ForeignForm);
    }
    throttled(&app, connection, &headers)?;
    let name = login.name.trim().to_owned();
    let Some(account) = verified(&app, &name, login.password).await? else {
        let page = html(&login_page(&app, token, login.next, WRONG))?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    app.store.audit(&Entry { account: &name, action: "sign in", subject: "", detail: "" })?;
    let must_change = account.must_change;
    let to = if must_change { "/password" } else { &login.next };
    Ok(enter(&app, &headers, &name, (account.roles, must_change), to))
}

/// Begins a session in place of the one that the browser had, and leads to a page.
pub(super) fn enter(
    app: &App,
    headers: &HeaderMap,
    account: &str,
    (roles, must_change): (Roles, bool),
    to: &str,
) -> Response {
    if let Some(old) = Cookie::Session.of(app, headers) {
        app.sessions.end(old);
    }
    let cookie = Cookie::Session.set(app, &app.sessions.begin(account, roles, must_change));
    let to = local(to).to_owned();
    (StatusCode::SEE_OTHER, [(LOCATION, to), (SET_COOKIE, cookie)]).into_response()
}

/// The account, where the password is right and the account open; wrong passwords are counted.
async fn verified(
    app: &Arc<App>,
    name: &str,
    password: String,
) -> Result<Option<Account>, Refusal> {
    let account = app.store.account(name)?;
    let usable = account
        .filter(|account| !account.closed && !account.is_locked() && !account.signs_in_elsewhere());
    let stored = usable.as_ref().map_or(nobodys_hash(), |account| &account.password).to_owned();
    let right = hashed(app, move |memory| is_password(&password, &stored, memory)).await?;
    // While it was hashed, others may have been wrong too often.
    let is_locked = app.store.account(name)?.is_some_and(|account| account.is_locked());
    let refused = |detail: &'static str| Entry {
        account: "-",
        action: "sign-in refused",
        subject: name,
        detail,
    };
    match usable {
        Some(account) if right && !is_locked => {
            app.store.succeed(name)?;
            Ok(Some(account))
        }
        Some(_) => {
            let locked = app.store.fail(name)?;
            app.store.audit(&refused(if locked { "locked now" } else { "wrong password" }))?;
            Ok(None)
        }
        None => {
            // What was typed as a name may be a password: it is not written down.
            app.store.audit(&Entry { subject: "", ..refused("no open account") })?;
            Ok(None)
        }
    }
}

/// Hashes beside the event loop, unless too many wait for that already.
pub(super) async fn hashed<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&mut Memory) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let result = app.hashing.queue(work).ok_or(Refusal::TooMany)?;
    let failed = |_| Refusal::from(std::io::Error::other("a password was not hashed"));
    result.await.map_err(failed)
}

/// An address on this host: nobody is sent elsewhere after signing in.
fn local(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n'])
        && !next.bytes().any(|byte| byte.is_ascii_control());
    if is_local { next } else { "/" }
}

#[derive(Deserialize)]
pub(crate) struct SignOut {
    csrf: String,
}

pub(crate) async fn sign_out(
    State(app): State<Arc<App>>,
    AnySession(session): AnySession,
    headers: HeaderMap,
    Form(form): Form<SignOut>,
) -> Result<Response, Refusal> {
    if !same(&session.csrf, &form.csrf) {
        return Err(Refusal::ForeignForm);
    }
    app.sessions.end(Cookie::Session.of(&app, &headers).unwrap_or_default());
    let account = &*session.account;
    app.store.audit(&Entry { account, action: "sign out", subject: "", detail: "" })?;
    let to = [(LOCATION, "/login".to_owned()), (SET_COOKIE, Cookie::Session.drop(&app))];
    Ok((StatusCode::SEE_OTHER, to).into_response())
}

fn password_page(session: &Session, problem: String) -> PasswordPage {
    let frame = Frame {
        account: session.account.clone(),
        csrf: session.csrf.clone(),
        ..Frame::plain("New password").with_problem(problem)
    };
    PasswordPage { frame, is_first: session.must_change, least: LEAST_CHARACTERS }
}

pub(crate) async fn password_form(
    State(app): State<Arc<App>>,
    AnySession(session): AnySession,
) -> Result<Html<String>, Refusal> {
    if app.store.account(&session.account)?.is_some_and(|known| known.signs_in_elsewhere()) {
        let sentence = "You signed in by another service; your password is kept and changed there.";
        return Err(Refusal::Bad(sentence.to_owned()));
    }
    html(&password_page(&session, String::new()))
}

pub(crate) async fn set_password(
    State(app): State<Arc<App>>,
    AnySession(session): AnySession,
    headers: HeaderMap,
    Form(form): Form<NewPassword>,
) -> Result<Response, Refusal> {
    if !same(&session.csrf, &form.csrf) {
        return Err(Refusal::ForeignForm);
    }
    let name = session.account.clone();
    let problem = if form.new != form.again {
        Some("The two new passwords differ.".to_owned())
    } else if form.new == form.old {
        Some("The new password is the old one.".to_owned())
    } else {
        weakness(&form.new, &name)
    };
    let problem = match problem {
        None if verified(&app, &name, form.old).await?.is_none() => {
            Some("The old password is wrong.".to_owned())
        }
        other => other,
    };
    if let Some(problem) = problem {
        let page = html(&password_page(&session, problem))?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    let hash = hashed(&app, move |memory| hash_password(&form.new, memory)).await?;
    app.store.set_password(&name, &hash, false)?;
    app.store.audit(&Entry {
        account: &name,
        action: "change password",
        subject: &name,
        detail: "",
    })?;
    app.sessions.end_all(&name);
    Ok(enter(&app, &headers, &name, (session.roles, false), "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (next, expected) in [
            ("/studies/demo?q=P1", "/studies/demo?q=P1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(next), expected, "{next}");
        }
    }
}
