//! What a browser keeps for the dashboard.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use super::App;

/// The cookies by what they are for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cookie {
    /// The session's token.
    Session,
    /// What the form to sign in must send back, as there is no session yet: nobody shall be signed in
    /// to somebody else's account by a form on another site.
    Form,
    /// Binds the way back from a provider to the browser that left.
    Elsewhere,
}

impl Cookie {
    /// With HTTPS the browser itself sees to it that a `__Host-` came from this host over HTTPS.
    fn name(self, app: &App) -> String {
        let prefix = if app.settings.is_secure() { "__Host-" } else { "" };
        let purpose = match self {
            Self::Session => "",
            Self::Form => "-form",
            Self::Elsewhere => "-oidc",
        };
        format!("{prefix}oncoweave{purpose}")
    }

    /// The value that a request brings.
    pub(crate) fn of<'a>(self, app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            lines.flat_map(|line| line.split(';')).filter_map(|one| one.split_once('='));
        let wanted = self.name(app);
        pairs.find(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim())
    }

    /// The header that gives the browser a value.
    pub(crate) fn set(self, app: &App, value: &str) -> String {
        let end = if matches!(self, Self::Elsewhere) { "; Max-Age=600" } else { "" };
        self.header(app, value, end)
    }

    /// The header that takes the cookie away.
    pub(crate) fn drop(self, app: &App) -> String {
        self.header(app, "", "; Max-Age=0")
    }

    fn header(self, app: &App, value: &str, end: &str) -> String {
        let secure = if app.settings.is_secure() { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{end}", self.name(app))
    }
}
