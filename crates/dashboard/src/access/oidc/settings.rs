use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use openidconnect::url::Url;
use openidconnect::{ClientId, IssuerUrl, Scope};
use serde::Deserialize;

use crate::Error;
use crate::access::Role;

/// The settings file; the README says what each key means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) issuer: IssuerUrl,
    pub(super) client_id: ClientId,
    pub(super) client_secret_file: Option<PathBuf>,
    pub(super) address: Url,
    pub(super) certificate_authority: Option<PathBuf>,
    #[serde(default = "label")]
    pub(super) label: String,
    #[serde(default)]
    pub(super) name_claim: NameClaim,
    #[serde(default = "roles_claim")]
    pub(super) roles_claim: String,
    #[serde(default)]
    pub(super) scopes: Vec<Scope>,
    pub(super) roles: BTreeMap<String, Role>,
}

/// What an account is called after. The subject alone is promised to be one person's for ever.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NameClaim {
    #[default]
    Sub,
    PreferredUsername,
    Email,
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, would send passwords in the clear, or gives nobody a role.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let bad = |problem: String| Error::content(path, problem);
        let settings: Self = toml::from_str(&fs_err::read_to_string(path)?).map_err(|error| {
            bad(format!("cannot be read as settings of OpenID Connect: {error}"))
        })?;
        for (key, url) in [("issuer", settings.issuer.url()), ("address", &settings.address)] {
            if !is_private(url) {
                let problem = format!("`{key}` must begin with https://, found {url}");
                return Err(bad(problem));
            }
        }
        if settings.roles.is_empty() {
            let problem = "[roles] gives nobody a role; name a value of the claim for each, such as \
                           `oncology-doctors = \"clinician\"`";
            return Err(bad(problem.to_owned()));
        }
        Ok(settings)
    }
}

fn label() -> String {
    "the sign-in service".to_owned()
}

fn roles_claim() -> String {
    "roles".to_owned()
}

/// HTTPS, or a provider on this very machine.
fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_own = host == "localhost" || host.parse().is_ok_and(|one: IpAddr| one.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_own)
}
