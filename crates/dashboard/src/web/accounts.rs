//! The administrator's page.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Html;
use serde::Deserialize;

use super::frame::html;
use super::sign_in::hashed;
use super::{App, Frame, Refusal, User};
use crate::access::{Account, Right, Role, Roles, hash_password, one_time_password};

#[derive(Template)]
#[template(path = "accounts.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    roles: Vec<(&'static str, &'static str)>,
    /// What was made and is shown this once: a password or a token.
    secret: Option<(String, String)>,
}

struct Row {
    name: String,
    /// The name as a part of an address.
    path: String,
    /// Whether the roles and the password are another service's.
    is_elsewhere: bool,
    roles: Vec<(&'static str, bool)>,
    state: &'static str,
    closed: bool,
    is_own: bool,
}

pub(crate) async fn list(State(app): State<Arc<App>>, user: User) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ManageAccounts, "accounts")?;
    html(&page(&app, &user, None, String::new())?)
}

fn page(
    app: &App,
    user: &User,
    secret: Option<(String, String)>,
    problem: String,
) -> Result<Page, Refusal> {
    let accounts = app.store.accounts()?;
    let row = |account: Account| Row {
        roles: Role::ALL.map(|role| (role.name(), account.roles.contains(role))).to_vec(),
        state: if account.closed {
            "closed"
        } else if account.signs_in_elsewhere() {
            "signs in by OpenID Connect"
        } else if account.is_locked() {
            "locked after wrong passwords"
        } else if account.must_change {
            "must choose a password"
        } else {
            "open"
        },
        closed: account.closed,
        is_own: account.name == user.account,
        is_elsewhere: account.signs_in_elsewhere(),
        path: super::encoded(&account.name),
        name: account.name,
    };
    Ok(Page {
        frame: Frame::general(app, user, "Accounts", "/accounts").with_problem(problem),
        rows: accounts.into_iter().map(row).collect(),
        roles: Role::ALL.map(|role| (role.name(), role.description())).to_vec(),
        secret,
    })
}

/// A form whose checkboxes name roles: those that are not checked are not sent.
#[derive(Deserialize)]
pub(crate) struct Change {
    csrf: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    action: String,
    clinician: Option<String>,
    researcher: Option<String>,
    #[serde(rename = "data-manager")]
    data_manager: Option<String>,
    auditor: Option<String>,
    admin: Option<String>,
}

impl Change {
    fn roles(&self) -> Roles {
        let checked = [
            (Role::Clinician, &self.clinician),
            (Role::Researcher, &self.researcher),
            (Role::DataManager, &self.data_manager),
            (Role::Auditor, &self.auditor),
            (Role::Admin, &self.admin),
        ];
        Roles(checked.iter().filter(|(_, sent)| sent.is_some()).map(|(role, _)| *role).collect())
    }
}

pub(crate) async fn add(
    State(app): State<Arc<App>>,
    user: User,
    Form(form): Form<Change>,
) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ManageAccounts, "accounts")?;
    user.check_form(&form.csrf)?;
    let (name, roles) = (form.name.trim().to_owned(), form.roles());
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_@".contains(letter);
    let problem = if name.is_empty() || name.chars().count() > 64 || !name.chars().all(is_plain) {
        "A name has 1 to 64 letters, digits and the signs . - _ @."
    } else if roles.0.is_empty() {
        "Choose at least one role."
    } else {
        ""
    };
    if !problem.is_empty() {
        return html(&page(&app, &user, None, problem.to_owned())?);
    }
    let password = one_time_password();
    let shown = password.clone();
    let hash = hashed(&app, move |memory| hash_password(&password, memory)).await?;
    if !app.store.add(&name, &hash, &roles)? {
        let problem = format!("There is an account \u{201c}{name}\u{201d} already.");
        return html(&page(&app, &user, None, problem)?);
    }
    app.audit(&user, "make account", &name, &roles.text())?;
    let secret = (format!("One-time password of {name}"), shown);
    html(&page(&app, &user, Some(secret), String::new())?)
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    user: User,
    Path(name): Path<String>,
    Form(form): Form<Change>,
) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ManageAccounts, "accounts")?;
    user.check_form(&form.csrf)?;
    let known = app.store.account(&name)?.ok_or(Refusal::NotFound)?;
    let is_local = ["roles", "reset", "token"].contains(&form.action.as_str());
    if known.signs_in_elsewhere() && is_local {
        let problem = "Roles and password of this account are kept where it signs in.".to_owned();
        return html(&page(&app, &user, None, problem)?);
    }
    let own = name == user.account;
    let mut secret = None;
    match form.action.as_str() {
        "roles" if own && !form.roles().contains(Role::Admin) => {
            let problem = "You cannot take the role admin from yourself.".to_owned();
            return html(&page(&app, &user, None, problem)?);
        }
        "roles" => {
            app.store.set_roles(&name, &form.roles())?;
            app.audit(&user, "change roles", &name, &form.roles().text())?;
        }
        "close" if own => {
            let problem = "You cannot close your own account.".to_owned();
            return html(&page(&app, &user, None, problem)?);
        }
        "close" | "open" => {
            app.store.set_closed(&name, form.action == "close")?;
            app.audit(&user, &format!("{} account", form.action), &name, "")?;
        }
        "reset" => {
            let Some(password) = reset(&app, &user, &known).await? else {
                let problem = format!(
                    "The account {name} was changed by another administrator meanwhile: \
                        look at it again."
                );
                return html(&page(&app, &user, None, problem)?);
            };
            secret = Some((format!("One-time password of {name}"), password));
        }
        "token" => {
            let token = app.store.make_token(&name)?;
            app.audit(&user, "make token", &name, "")?;
            secret = Some((format!("Token for programs of {name}"), token));
        }
        _ => return Err(Refusal::Bad("There is no such change of an account.".to_owned())),
    }
    if !own && form.action != "token" {
        app.sessions.end_all(&name);
    }
    html(&page(&app, &user, secret, String::new())?)
}

/// Gives an account a one-time password in place of the one that was seen; `None` where another
/// administrator gave one meanwhile, or closed or opened it. What the account's own password was changed
/// to gives way: else whoever stole it could keep it.
async fn reset(app: &App, user: &User, seen: &Account) -> Result<Option<String>, Refusal> {
    let password = one_time_password();
    let shown = password.clone();
    let hash = hashed(app, move |memory| hash_password(&password, memory)).await?;
    let mut known = seen.clone();
    while !app.store.set_password(&known, &hash, true)? {
        match app.store.account(&seen.name)? {
            Some(now) if now.closed == seen.closed && gives_way(&now) => known = now,
            _ => return Ok(None),
        }
    }
    app.store.drop_tokens(&seen.name)?;
    app.audit(user, "reset password", &seen.name, "")?;
    Ok(Some(shown))
}

/// Whether the password is one that the account's holder chose.
fn gives_way(account: &Account) -> bool {
    !account.must_change && !account.signs_in_elsewhere()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Memory, is_password};
    use crate::web::testing;

    fn admin() -> User {
        User {
            account: "admin".to_owned(),
            roles: Roles(vec![Role::Admin]),
            csrf: None,
            protected: None,
        }
    }

    #[test]
    fn of_two_who_reset_a_password_at_once_one_gets_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path());
        app.store.add("dr.grey", "x", &Roles(vec![Role::Clinician])).unwrap();
        let seen = app.store.account("dr.grey").unwrap().unwrap();
        let user = admin();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reset = || reset(&app, &user, &seen);
        let (first, second) = runtime.block_on(async { tokio::join!(reset(), reset()) });
        let given: Vec<String> = [first, second].into_iter().filter_map(Result::unwrap).collect();
        let stored = app.store.account("dr.grey").unwrap().unwrap().password;
        assert!(given.len() == 1 && is_password(&given[0], &stored, &mut Memory::default()));
        assert_eq!(app.store.audited("", i64::MAX, 10).unwrap().len(), 1);
    }

    #[test]
    fn a_password_changed_at_once_by_its_holder_gives_way_to_a_reset() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path());
        app.store.add("dr.grey", "x", &Roles(vec![Role::Clinician])).unwrap();
        let first = app.store.account("dr.grey").unwrap().unwrap();
        assert!(app.store.set_password(&first, "y", false).unwrap());
        let seen = app.store.account("dr.grey").unwrap().unwrap();
        assert!(app.store.set_password(&seen, "z", false).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let given = runtime.block_on(reset(&app, &admin(), &seen)).unwrap().unwrap();
        let stored = app.store.account("dr.grey").unwrap().unwrap();
        assert!(is_password(&given, &stored.password, &mut Memory::default()));
        assert!(stored.must_change);
        let seen = stored;
        app.store.set_closed("dr.grey", true).unwrap();
        assert!(runtime.block_on(reset(&app, &admin(), &seen)).unwrap().is_none());
    }
}
