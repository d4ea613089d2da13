//! A program that serves until it is asked to end, with all that it says in files.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

use fs_err as fs;

const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The running program; it ends with the test.
pub(super) struct Running {
    child: Child,
    said: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub(super) fn start(mut command: Command, said: &Path) -> Self {
        let file = || fs::OpenOptions::new().create(true).append(true).open(said).unwrap();
        command.env("RUST_LOG", "trace").stdout(file().into_file()).stderr(file().into_file());
        Self { child: command.spawn().unwrap(), said: said.to_owned() }
    }

    /// What it has said, once that holds a text.
    pub(super) fn said(&mut self, wanted: &str) -> String {
        let start = Instant::now();
        loop {
            let said = String::from_utf8_lossy(&fs::read(&self.said).unwrap()).into_owned();
            if said.contains(wanted) {
                return said;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {said}");
            assert!(start.elapsed() < LONGEST_WAIT, "no `{wanted}` in: {said}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end, as the platform does, and gives all that it said.
    pub(super) fn end(mut self) -> Vec<u8> {
        // The shell's own `kill`: a small system has no program of that name.
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < LONGEST_WAIT, "it does not end");
            sleep(Duration::from_millis(20));
        }
        fs::read(&self.said).unwrap()
    }
}

/// Somebody who asks over HTTP and keeps one cookie.
pub(super) struct Client {
    agent: ureq::Agent,
    address: String,
    pub(super) cookie: String,
    pub(super) token: String,
}

/// What came back: its status, where it leads, what cookie it sets, and all of it.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: String,
    pub(super) cookie: String,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Client {
    pub(super) fn new(address: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A server may close a connection whose request it refused unread.
            .max_idle_connections(0)
            .timeout_global(Some(LONGEST_WAIT))
            .build();
        let (cookie, token) = (String::new(), String::new());
        Self { agent: config.into(), address: address.to_owned(), cookie, token }
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        let mut request = self.agent.get(format!("{}{path}", self.address));
        for (name, value) in self.credentials() {
            request = request.header(name, value);
        }
        answer(request.call().unwrap())
    }

    pub(super) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.address));
        for (name, value) in self.credentials() {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body).unwrap())
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if !self.cookie.is_empty() {
            headers.push(("Cookie", self.cookie.clone()));
        }
        if !self.token.is_empty() {
            headers.push(("Authorization", format!("Bearer {}", self.token)));
        }
        headers
    }
}

/// Everything of an answer, its headers too.
fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let header = |name: &str| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (location, cookie) = (header("location"), header("set-cookie"));
    let mut bytes = format!("{:?}\n", response.headers()).into_bytes();
    let status = response.status().as_u16();
    bytes.extend(response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap());
    Answer { status, location, cookie, bytes }
}
