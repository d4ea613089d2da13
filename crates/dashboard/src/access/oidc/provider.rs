//! The way to the provider and back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreProviderMetadata,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClientSecret, CsrfToken, HttpRequest, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, TokenResponse,
};

use super::ask::{agent, ask, chain};
use super::settings::Settings;
use super::token::{Identity, SIGNATURES, Token, identity};
use crate::Error;

/// The path that browsers come back to.
pub(crate) const CALLBACK: &str = "/login/oidc/callback";

/// How long somebody may take at the provider, and how many may be there at a time.
const PATIENCE: Duration = Duration::from_mins(10);
const MOST_PENDING: usize = 1000;

/// Somebody who was sent to the provider.
#[derive(Debug)]
pub(crate) struct Pending {
    begun: Instant,
    next: String,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    /// With the keys of the moment, so that a provider may change them at any time.
    metadata: CoreProviderMetadata,
}

/// Where people sign in elsewhere.
#[derive(Debug)]
pub(crate) struct Provider {
    settings: Settings,
    secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    agent: ureq::Agent,
    pending: Mutex<HashMap<String, Pending>>,
}

impl Provider {
    /// Reads the settings file; the provider itself is asked when somebody signs in.
    ///
    /// # Errors
    /// When the file, or one that it names, cannot be read or would send passwords in the clear.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let settings = Settings::read(path)?;
        let beside = |name: &PathBuf| path.parent().unwrap_or(Path::new("")).join(name);
        let secret = settings.client_secret_file.as_ref().map(|name| {
            Ok::<_, Error>(ClientSecret::new(
                fs_err::read_to_string(beside(name))?.trim().to_owned(),
            ))
        });
        let callback = settings.address.join(CALLBACK);
        let callback =
            callback.map_err(|error| Error::content(path, format!("`address`: {error}")))?;
        Ok(Self {
            secret: secret.transpose()?,
            redirect: RedirectUrl::from_url(callback),
            agent: agent(settings.certificate_authority.as_ref().map(beside).as_deref())?,
            pending: Mutex::default(),
            settings,
        })
    }

    /// What the link on the page says.
    pub(crate) fn label(&self) -> &str {
        &self.settings.label
    }

    /// The host that browsers come back to.
    pub(crate) fn host(&self) -> &str {
        self.settings.address.host_str().unwrap_or_default()
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the provider where to sign in. Gives that address, and what must come back with the
    /// browser. Blocks.
    ///
    /// # Errors
    /// With a sentence for people.
    pub(crate) fn begin(&self, next: &str) -> Result<(String, String), String> {
        let ask = |request: HttpRequest| ask(&self.agent, request);
        let metadata = CoreProviderMetadata::discover(&self.settings.issuer, &ask)
            .map_err(|error| format!("The sign-in service cannot be asked: {}.", chain(&error)))?;
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            self.settings.client_id.clone(),
            self.secret.clone(),
        )
        .set_redirect_uri(self.redirect.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.settings.scopes.iter().cloned())
            .set_pkce_challenge(challenge)
            .url();
        let mut all = self.pending();
        all.retain(|_, pending| pending.begun.elapsed() < PATIENCE);
        if all.len() >= MOST_PENDING {
            return Err("Too many people are signing in; try again in some minutes.".to_owned());
        }
        let next = next.to_owned();
        let pending = Pending { begun: Instant::now(), next, nonce, verifier, metadata };
        all.insert(state.secret().clone(), pending);
        Ok((url.to_string(), state.into_secret()))
    }

    /// Who left with this state, once, and came back in time.
    pub(crate) fn take(&self, state: &str) -> Option<Pending> {
        let pending = self.pending().remove(state);
        pending.filter(|pending| pending.begun.elapsed() < PATIENCE)
    }

    /// Takes the code of a browser that came back. Gives who it is and the page that was asked for.
    /// Blocks.
    ///
    /// # Errors
    /// With a sentence for people, which holds no token.
    pub(crate) fn finish(
        &self,
        pending: Pending,
        code: String,
    ) -> Result<(Identity, String), String> {
        let takes_basic = |methods: &Vec<CoreClientAuthMethod>| {
            methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        };
        let methods = pending.metadata.token_endpoint_auth_methods_supported();
        let by = if methods.is_none_or(takes_basic) {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        };
        let client = CoreClient::from_provider_metadata(
            pending.metadata,
            self.settings.client_id.clone(),
            self.secret.clone(),
        )
        .set_redirect_uri(self.redirect.clone())
        .set_auth_type(by);
        let ask = |request: HttpRequest| ask(&self.agent, request);
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| format!("The sign-in service gives no tokens: {error}."))?
            .set_pkce_verifier(pending.verifier)
            .request(&ask)
            .map_err(|error| format!("The sign-in service refused the code: {}.", chain(&error)))?;
        let token = answer.id_token().ok_or("The sign-in service gave no ID token.")?.to_string();
        let token: Token = token
            .parse()
            .map_err(|_| "The sign-in service's ID token cannot be read.".to_owned())?;
        let verifier = client.id_token_verifier().set_allowed_algs(SIGNATURES);
        Ok((identity(&token, &verifier, &pending.nonce, &self.settings)?, pending.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.hospital.example";

    #[test]
    fn settings_that_would_send_secrets_in_the_clear_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oidc.toml");
        let read = |issuer: &str, rest: &str| {
            let text = format!(
                "issuer = \"{issuer}\"\nclient_id = \"oncoweave\"\n\
                 address = \"https://risk.hospital.example\"\n{rest}"
            );
            fs_err::write(&path, text).unwrap();
            Provider::read(&path)
        };
        let roles = "[roles]\ndoctors = \"clinician\"\n";
        let provider = read(ISSUER, roles).unwrap();
        assert_eq!(provider.redirect.as_str(), "https://risk.hospital.example/login/oidc/callback");
        assert!(read("http://127.0.0.1:4000", roles).is_ok());
        for (issuer, rest, problem) in [
            ("http://login.hospital.example", roles, "https://"),
            (ISSUER, "[roles]\n", "nobody a role"),
            (ISSUER, "[roles]\ndoctors = \"surgeon\"\n", "surgeon"),
            (ISSUER, "color = \"red\"\n[roles]\n", "color"),
        ] {
            let found = read(issuer, rest).unwrap_err().to_string();
            assert!(found.contains(problem) && found.contains("oidc.toml"), "{found}");
        }
        assert!(provider.take("no such state").is_none());
    }
}
