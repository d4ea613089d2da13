//! A dashboard over made-up patients, asked over a socket as a browser would.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use oncoweave_core::{Evaluation, Prediction};
use oncoweave_dashboard::{Settings, Sources, serve};

use crate::made_up::write_study;

/// A running dashboard; it ends with the process.
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) first_password: String,
    pub(crate) folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The hidden field of the page's forms.
    pub(crate) fn csrf(&self) -> String {
        between(&self.body, "name=\"csrf\" value=\"", "\"").to_owned()
    }

    /// The exact value of the `<data>` in the element with an id.
    pub(crate) fn value_of(&self, id: &str) -> f64 {
        let element = between(&self.body, &format!("id=\"{id}\""), "</dd>");
        between(element, "<data value=\"", "\"").parse().unwrap()
    }
}

pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len();
    let end = text[start..].find(after).expect("an end");
    &text[start..start + end]
}

/// Somebody who asks: keeps the cookie, follows nothing by itself.
pub(crate) struct Browser {
    agent: ureq::Agent,
    url: String,
    pub(crate) cookie: String,
}

impl Site {
    pub(crate) fn new(evaluation: &Evaluation, predictions: &[Prediction]) -> Self {
        Self::with(evaluation, predictions, |_| {})
    }

    pub(crate) fn with(
        evaluation: &Evaluation,
        predictions: &[Prediction],
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let study = folder.path().join("study");
        write_study(&study, evaluation, predictions);
        let mut settings = Settings {
            sources: Sources { evaluations: vec![study], ..Sources::default() },
            store: folder.path().join("store"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            is_behind_proxy: false,
            hosts: vec![],
            least_shown: 10,
            idle_minutes: 30,
            oidc: None,
            endpoint: None,
        };
        change(&mut settings);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            serve(&settings, &mut |started| sender.send(started.clone()).unwrap()).unwrap();
        });
        let started = receiver.recv_timeout(Duration::from_mins(1)).expect("it starts");
        Self {
            url: format!("http://{}", started.address),
            first_password: started.first_password.unwrap_or_default(),
            folder,
        }
    }

    pub(crate) fn browser(&self) -> Browser {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_mins(1)))
            .build();
        Browser { agent: config.into(), url: self.url.clone(), cookie: String::new() }
    }

    /// The admin with a password of his own.
    pub(crate) fn admin(&self) -> Browser {
        let mut admin = self.browser();
        admin.sign_in("admin", &self.first_password);
        admin.change_password(&self.first_password, "a quiet admin of mountains");
        admin
    }

    /// A new account of some roles, signed in with a password of its own.
    pub(crate) fn account(&self, admin: &Browser, name: &str, roles: &[&str]) -> Browser {
        let csrf = admin.get("/accounts").csrf();
        let mut form = vec![("csrf", csrf.as_str()), ("name", name)];
        form.extend(roles.iter().map(|role| (*role, "on")));
        let answer = admin.post("/accounts", &form);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let password = between(&answer.body, "<code>", "</code>").to_owned();
        let mut browser = self.browser();
        let signed_in = browser.sign_in(name, &password);
        assert_eq!(signed_in.header("location"), "/password");
        browser.change_password(&password, "four quiet mountain lakes");
        browser
    }

    /// A token for programs of an account.
    pub(crate) fn token(admin: &Browser, name: &str) -> String {
        let csrf = admin.get("/accounts").csrf();
        let form = [("csrf", csrf.as_str()), ("action", "token")];
        let answer = admin.post(&format!("/accounts/{name}"), &form);
        between(&answer.body, "<code>", "</code>").to_owned()
    }
}

impl Browser {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        if !self.cookie.is_empty() {
            request = request.header("Cookie", &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call().unwrap())
    }

    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| -> String {
            text.bytes()
                .map(|byte| {
                    if byte.is_ascii_alphanumeric() {
                        char::from(byte).to_string()
                    } else {
                        format!("%{byte:02X}")
                    }
                })
                .collect()
        };
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        self.send(path, "application/x-www-form-urlencoded", &pairs.join("&"), &[])
    }

    pub(crate) fn send(
        &self,
        path: &str,
        content: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        request = request.header("Content-Type", content);
        if !self.cookie.is_empty() {
            request = request.header("Cookie", &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body).unwrap())
    }

    pub(crate) fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        let mut page = self.browser_of_the_form();
        let csrf = page.get("/login");
        page.keep_cookie(&csrf);
        let csrf = csrf.csrf();
        let form = [("csrf", csrf.as_str()), ("name", name), ("password", password), ("next", "/")];
        let answer = page.post("/login", &form);
        self.keep_cookie(&answer);
        answer
    }

    /// The same browser before it is signed in.
    fn browser_of_the_form(&self) -> Self {
        Self { agent: self.agent.clone(), url: self.url.clone(), cookie: String::new() }
    }

    pub(crate) fn change_password(&mut self, old: &str, new: &str) {
        let csrf = self.get("/password").csrf();
        let form = [("csrf", csrf.as_str()), ("old", old), ("new", new), ("again", new)];
        let answer = self.post("/password", &form);
        assert_eq!(answer.status, 303, "{}", answer.body);
        self.keep_cookie(&answer);
    }

    fn keep_cookie(&mut self, answer: &Answer) {
        let cookie = answer.header("set-cookie");
        if let Some((pair, _)) = cookie.split_once(';') {
            pair.clone_into(&mut self.cookie);
        }
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
        .collect();
    let status = response.status().as_u16();
    let bytes = response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
    Answer { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }
}
