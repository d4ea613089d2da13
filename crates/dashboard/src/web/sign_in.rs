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
    Account, Entry, LEAST_CHARACTERS, Memory, Session, hash_password, is_password, nobodys_hash,
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
    enter(&app, &headers, &account, &login.next)
}

/// Begins a session of an account as it was seen, in place of the one that the browser had, and leads
/// to a page.
pub(super) fn enter(
    app: &App,
    headers: &HeaderMap,
    seen: &Account,
    next: &str,
) -> Result<Response, Refusal> {
    if let Some(old) = Cookie::Session.of(app, headers) {
        app.sessions.end(old);
    }
    let token = app.sessions.begin(&seen.name, seen.roles.clone(), seen.must_change);
    // Who changes an account ends its sessions afterwards: one that began only then ends here.
    let now = unchanged(app, &seen.name, &seen.password)?;
    if now.is_none_or(|now| now.roles != seen.roles) {
        app.sessions.end_all(&seen.name);
    }
    let to = if seen.must_change { "/password" } else { local(next) };
    let headers = [(LOCATION, to.to_owned()), (SET_COOKIE, Cookie::Session.set(app, &token))];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// The account as it is when the password was found right, where it is open; wrong passwords are
/// counted.
async fn verified(
    app: &Arc<App>,
    name: &str,
    password: String,
) -> Result<Option<Account>, Refusal> {
    let is_usable = |account: &Account| {
        !account.closed && !account.is_locked() && !account.signs_in_elsewhere()
    };
    let stored = app.store.account(name)?.filter(is_usable).map(|account| account.password);
    let compared = stored.clone();
    let right = hashed(app, move |memory| {
        let stored = compared.as_deref().unwrap_or_else(|| nobodys_hash(memory));
        is_password(&password, stored, memory)
    })
    .await?;
    let refused = |subject: &str, detail: &str| {
        app.store.audit(&Entry { account: "-", action: "sign-in refused", subject, detail })
    };
    let Some(stored) = stored else {
        // What was typed as a name may be a password: it is not written down.
        refused("", "no open account")?;
        return Ok(None);
    };
    // While it waited, others may have been wrong too often, and an administrator may have changed the
    // account.
    match unchanged(app, name, &stored)? {
        Some(account) if account.is_locked() => refused(name, "locked")?,
        Some(account) if right => {
            app.store.succeed(name)?;
            return Ok(Some(account));
        }
        Some(_) => {
            let locked = app.store.fail(name)?;
            refused(name, if locked { "locked now" } else { "wrong password" })?;
        }
        None => refused(name, "closed or changed meanwhile")?,
    }
    Ok(None)
}

/// The account as it is now, where it is open and has the password of this hash still.
fn unchanged(app: &App, name: &str, hash: &str) -> Result<Option<Account>, Refusal> {
    let account = app.store.account(name)?;
    Ok(account.filter(|account| !account.closed && account.password == hash))
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
    let known = if problem.is_none() { verified(&app, &name, form.old).await? } else { None };
    let Some(known) = known else {
        let problem = problem.unwrap_or_else(|| "The old password is wrong.".to_owned());
        let page = html(&password_page(&session, problem))?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    };
    let hash = hashed(&app, move |memory| hash_password(&form.new, memory)).await?;
    // It takes the place of no password that somebody else gave while this one waited.
    if !app.store.set_password(&known, &hash, false)? {
        let sentence = "Your password was changed meanwhile, and the one typed here was not kept. Sign \
            in with the other one.";
        return Err(Refusal::Bad(sentence.to_owned()));
    }
    app.store.audit(&Entry {
        account: &name,
        action: "change password",
        subject: &name,
        detail: "",
    })?;
    app.sessions.end_all(&name);
    let now = unchanged(&app, &name, &hash)?.ok_or_else(|| Refusal::SignIn("/".to_owned()))?;
    enter(&app, &headers, &now, "/")
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::Poll;

    use super::*;
    use crate::access::{Found, Role, Roles, Store};
    use crate::web::testing;

    const OWN: &str = "four quiet mountain lakes";

    /// What a right password gives where the account is changed while it waits to be hashed, and what
    /// is written down.
    fn meanwhile(change: impl FnOnce(&Store)) -> (Option<Account>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path());
        let hash = hash_password(OWN, &mut Memory::default());
        app.store.add("dr.grey", &hash, &Roles(vec![Role::Clinician])).unwrap();
        let (go_on, held) = mpsc::channel::<()>();
        let _busy = app.hashing.queue(move |_| held.recv()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(async {
            let mut waiting = pin!(verified(&app, "dr.grey", OWN.to_owned()));
            let first = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)));
            assert!(first.await.is_pending());
            change(&app.store);
            go_on.send(()).unwrap();
            waiting.await.unwrap()
        });
        let log = app.store.audited("", i64::MAX, 10).unwrap();
        (found, log.into_iter().map(|entry| entry.detail).collect())
    }

    #[test]
    fn a_password_that_waited_opens_the_account_as_it_is_by_then() {
        let (found, log) = meanwhile(|_| {});
        assert_eq!(found.unwrap().roles, Roles(vec![Role::Clinician]));
        assert!(log.is_empty(), "{log:?}");
        let researcher = Roles(vec![Role::Researcher]);
        let (found, _) = meanwhile(|store| store.set_roles("dr.grey", &researcher).unwrap());
        assert_eq!(found.unwrap().roles, researcher);
        let (found, log) = meanwhile(|store| store.set_closed("dr.grey", true).unwrap());
        assert!(found.is_none() && log == ["closed or changed meanwhile"], "{log:?}");
        let other = hash_password("a quiet admin of mountains", &mut Memory::default());
        let (found, log) = meanwhile(|store| {
            let seen = store.account("dr.grey").unwrap().unwrap();
            assert!(store.set_password(&seen, &other, true).unwrap());
        });
        assert!(found.is_none() && log == ["closed or changed meanwhile"], "{log:?}");
    }

    #[test]
    fn a_right_password_on_an_account_that_was_locked_meanwhile_is_no_wrong_one() {
        let (found, log) = meanwhile(|store| {
            for _ in 0..5 {
                store.fail("dr.grey").unwrap();
            }
        });
        assert!(found.is_none() && log == ["locked"], "{log:?}");
    }

    #[test]
    fn of_two_who_change_a_password_at_once_one_is_told_that_it_did_not_work() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path());
        let hash = hash_password(OWN, &mut Memory::default());
        app.store.add("dr.grey", &hash, &Roles(vec![Role::Clinician])).unwrap();
        let token = app.sessions.begin("dr.grey", Roles(vec![Role::Clinician]), false);
        let Found::Session(session) = app.sessions.find(&token) else { panic!("no session") };
        let change = |new: &str| {
            let form = NewPassword {
                csrf: session.csrf.clone(),
                old: OWN.to_owned(),
                new: new.to_owned(),
                again: new.to_owned(),
            };
            let session = AnySession(session.clone());
            set_password(State(Arc::clone(&app)), session, HeaderMap::new(), Form(form))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let new = ["a quiet admin of mountains", "a loud admin of the valleys"];
        let (first, second) =
            runtime.block_on(async { tokio::join!(change(new[0]), change(new[1])) });
        let worked = [first, second].map(|answer| match answer {
            Ok(answer) => answer.status() == StatusCode::SEE_OTHER,
            Err(Refusal::Bad(told)) if told.contains("was not kept") => false,
            Err(other) => panic!("{other:?}"),
        });
        let stored = app.store.account("dr.grey").unwrap().unwrap().password;
        let holds = new.map(|new| is_password(new, &stored, &mut Memory::default()));
        assert!(worked == holds && worked[0] != worked[1], "{worked:?} {holds:?}");
    }

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
