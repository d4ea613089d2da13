//! Who is signed in: in memory, so that a restart signs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::rights::Roles;
use super::secret::{digest, random_token};

/// However busy, a session ends after this long.
const LONGEST: Duration = Duration::from_hours(12);

/// More are not kept: the one longest unused goes.
const MOST: usize = 5000;

/// Requests that a session may make at once, and how many a second it gets back.
const BURST: f64 = 300.0;
const PER_SECOND: f64 = 60.0;

/// One signed-in account.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) roles: Roles,
    /// Whether nothing but a new password is allowed.
    pub(crate) must_change: bool,
    /// What forms must send back.
    pub(crate) csrf: String,
    made: Instant,
    used: Instant,
    allowance: f64,
}

/// What became of a request's cookie.
#[derive(Debug)]
pub(crate) enum Found {
    Session(Session),
    TooMany,
    None,
}

/// All sessions by the hash of their token.
#[derive(Debug)]
pub(crate) struct Sessions {
    idle: Duration,
    all: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Sessions that end when they were not used for so long.
    pub(crate) fn new(idle: Duration) -> Self {
        Self { idle, all: Mutex::default() }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_live(&self, session: &Session, now: Instant) -> bool {
        now - session.used < self.idle && now - session.made < LONGEST
    }

    /// Begins a session and gives its token.
    pub(crate) fn begin(&self, account: &str, roles: Roles, must_change: bool) -> String {
        let (token, now) = (random_token(), Instant::now());
        let session = Session {
            account: account.to_owned(),
            roles,
            must_change,
            csrf: random_token(),
            made: now,
            used: now,
            allowance: BURST,
        };
        let mut all = self.all();
        all.retain(|_, session| self.is_live(session, now));
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, session)| session.used);
            if let Some(hash) = oldest.map(|(hash, _)| hash.clone()) {
                all.remove(&hash);
            }
        }
        all.insert(digest(&token), session);
        token
    }

    /// The session of a token, which counts as used now.
    pub(crate) fn find(&self, token: &str) -> Found {
        let (hash, now) = (digest(token), Instant::now());
        let mut all = self.all();
        let Some(session) = all.get_mut(&hash) else { return Found::None };
        if !self.is_live(session, now) {
            all.remove(&hash);
            return Found::None;
        }
        let gained = (now - session.used).as_secs_f64() * PER_SECOND;
        session.allowance = (session.allowance + gained).min(BURST);
        session.used = now;
        if session.allowance < 1.0 {
            return Found::TooMany;
        }
        session.allowance -= 1.0;
        Found::Session(session.clone())
    }

    /// Ends one session.
    pub(crate) fn end(&self, token: &str) {
        self.all().remove(&digest(token));
    }

    /// Ends all sessions of an account: its password or roles have changed.
    pub(crate) fn end_all(&self, account: &str) {
        self.all().retain(|_, session| session.account != account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_until_it_is_ended_or_unused() {
        let sessions = Sessions::new(Duration::from_mins(30));
        let token = sessions.begin("a", Roles::default(), false);
        assert!(matches!(sessions.find(&token), Found::Session(session) if session.account == "a"));
        assert!(matches!(sessions.find("guess"), Found::None));
        sessions.end(&token);
        assert!(matches!(sessions.find(&token), Found::None));
        let other = sessions.begin("a", Roles::default(), false);
        sessions.end_all("a");
        assert!(matches!(sessions.find(&other), Found::None));
        let short = Sessions::new(Duration::ZERO);
        let token = short.begin("a", Roles::default(), false);
        assert!(matches!(short.find(&token), Found::None));
    }

    #[test]
    fn too_many_requests_are_refused() {
        let sessions = Sessions::new(Duration::from_mins(30));
        let token = sessions.begin("a", Roles::default(), false);
        let refused = (0..2000).any(|_| matches!(sessions.find(&token), Found::TooMany));
        assert!(refused);
    }
}
