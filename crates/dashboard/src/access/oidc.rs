//! Signing in elsewhere: OpenID Connect, the authorization code flow with PKCE.
//!
//! What a token must hold, and whose signature, is checked by the crate `openidconnect`: issuer,
//! audience, nonce, expiry, and a signature by a key of the provider, never by a shared secret.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as StdError;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreGenderClaim, CoreIdTokenVerifier,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::url::Url;
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IdToken, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    Scope, TokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::rights::{Role, Roles};
use crate::Error;

/// The path that browsers come back to.
pub(crate) const CALLBACK: &str = "/login/oidc/callback";

/// How long somebody may take at the provider, and how many may be there at a time.
const PATIENCE: Duration = Duration::from_mins(10);
const MOST_PENDING: usize = 1000;

/// For one request to the provider.
const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_BYTES: u64 = 1 << 20;

/// Signatures by a key pair. One by the client's secret could be made by whoever knows the secret.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The settings file; the README says what each key means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret_file: Option<PathBuf>,
    address: Url,
    certificate_authority: Option<PathBuf>,
    #[serde(default = "label")]
    label: String,
    #[serde(default)]
    name_claim: NameClaim,
    #[serde(default = "roles_claim")]
    roles_claim: String,
    #[serde(default)]
    scopes: Vec<Scope>,
    roles: BTreeMap<String, Role>,
}

fn label() -> String {
    "the sign-in service".to_owned()
}

fn roles_claim() -> String {
    "roles".to_owned()
}

/// What an account is called after. The subject alone is promised to be one person's for ever.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NameClaim {
    #[default]
    Sub,
    PreferredUsername,
    Email,
}

/// Claims that the standard does not name.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Others {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Others {}

type Token =
    IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// Who the provider says has signed in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    /// The account's name: `oidc:` and a claim, so that it is no local account's.
    pub(crate) account: String,
    pub(crate) roles: Roles,
}

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
        let bad = |problem: String| Error::content(path, problem);
        let settings: Settings =
            toml::from_str(&fs_err::read_to_string(path)?).map_err(|error| {
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
        let beside = |name: &PathBuf| path.parent().unwrap_or(Path::new("")).join(name);
        let secret = settings.client_secret_file.as_ref().map(|name| {
            Ok::<_, Error>(ClientSecret::new(
                fs_err::read_to_string(beside(name))?.trim().to_owned(),
            ))
        });
        let callback = settings.address.join(CALLBACK);
        let callback = callback.map_err(|error| bad(format!("`address`: {error}")))?;
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

    fn ask(&self, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
        let answer = if request.method() == "GET" {
            self.agent.run(request.map(|_| ()))?
        } else {
            self.agent.run(request)?
        };
        let (head, mut body) = answer.into_parts();
        let bytes = body.with_config().limit(MOST_BYTES).read_to_vec()?;
        Ok(HttpResponse::from_parts(head, bytes))
    }

    /// Asks the provider where to sign in. Gives that address, and what must come back with the
    /// browser. Blocks.
    ///
    /// # Errors
    /// With a sentence for people.
    pub(crate) fn begin(&self, next: &str) -> Result<(String, String), String> {
        let ask = |request: HttpRequest| self.ask(request);
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
        let ask = |request: HttpRequest| self.ask(request);
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

/// HTTPS, or a provider on this very machine.
fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_own = host == "localhost" || host.parse().is_ok_and(|one: IpAddr| one.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_own)
}

fn agent(authority: Option<&Path>) -> Result<ureq::Agent, Error> {
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
    let mut tls = TlsConfig::builder();
    if let Some(path) = authority {
        let text = fs_err::read(path)?;
        let certificate = |item| match item {
            Ok(PemItem::Certificate(one)) => Some(one),
            _ => None,
        };
        let all: Vec<Certificate<'static>> = parse_pem(&text).filter_map(certificate).collect();
        if all.is_empty() {
            return Err(Error::content(path, "holds no certificate in PEM"));
        }
        tls = tls.root_certs(RootCerts::from(all));
    }
    let config = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        // A redirect could lead to a host that the settings do not name.
        .max_redirects(0)
        .build();
    Ok(config.into())
}

/// An error with its causes; none of them holds a token or a code.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().filter(|one| !one.is_control()).take(300).collect()
}

fn identity(
    token: &Token,
    verifier: &CoreIdTokenVerifier<'_>,
    nonce: &Nonce,
    settings: &Settings,
) -> Result<Identity, String> {
    let claims = token.claims(verifier, nonce).map_err(|error| {
        format!("The sign-in service's answer does not hold: {}.", chain(&error))
    })?;
    if claims.authorized_party().is_some_and(|party| *party != settings.client_id) {
        return Err("The sign-in service's answer was made for another program.".to_owned());
    }
    let name = match settings.name_claim {
        NameClaim::Sub => Some(claims.subject().as_str()),
        NameClaim::PreferredUsername => claims.preferred_username().map(|name| name.as_str()),
        // Else somebody could write another's address into their own entry.
        NameClaim::Email if claims.email_verified() != Some(true) => {
            return Err(
                "The sign-in service does not say that your email address was verified.".to_owned()
            );
        }
        NameClaim::Email => claims.email().map(|email| email.as_str()),
    };
    let is_plain = |name: &&str| {
        (1..=128).contains(&name.chars().count()) && !name.contains(|one: char| one.is_control())
    };
    let name = name.filter(is_plain).ok_or("The sign-in service does not say who you are.")?;
    let values = claimed(&claims.additional_claims().all, &settings.roles_claim);
    let has = |role: &Role| values.iter().any(|value| settings.roles.get(*value) == Some(role));
    let roles: Vec<Role> = Role::ALL.into_iter().filter(has).collect();
    if roles.is_empty() {
        return Err(
            "The sign-in service knows you, but gives you no role here. Ask whoever keeps its \
             groups for one."
                .to_owned(),
        );
    }
    Ok(Identity { account: format!("oidc:{name}"), roles: Roles(roles) })
}

/// The texts of a claim, which may lie in another, as Keycloak's `realm_access.roles` does.
fn claimed<'a>(claims: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    let nested = || {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    };
    match claims.get(name).or_else(nested) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};
    use openidconnect::core::{
        CoreEdDsaPrivateSigningKey, CoreHmacKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm as By,
    };
    use openidconnect::{
        Audience, EndUserEmail, IdTokenClaims, JsonWebKeySet, PrivateSigningKey, StandardClaims,
        SubjectIdentifier,
    };
    use serde_json::json;

    use super::*;

    // The key pairs of RFC 8410 and RFC 8032's second test: known to everybody.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const OTHER_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIEzNCJsooaQY3Ry2R17IJZ3sdJ5KMNIHKJqLd3AhoOmb\n\
        -----END PRIVATE KEY-----\n";
    const ISSUER: &str = "https://login.hospital.example";
    const SECRET: &str = "a secret that both know, of thirty-two bytes";

    fn settings() -> Settings {
        toml::from_str(
            "issuer = \"https://login.hospital.example\"\n\
             client_id = \"oncoweave\"\n\
             address = \"https://risk.hospital.example\"\n\
             [roles]\n\
             doctors = \"clinician\"\n\
             stewards = \"data-manager\"\n",
        )
        .unwrap()
    }

    fn claims(
        issuer: &str,
        audience: &str,
        nonce: &str,
        lives: TimeDelta,
    ) -> IdTokenClaims<Others, CoreGenderClaim> {
        let others = json!({ "roles": ["doctors", "porters"], "team": { "roles": "stewards" } });
        let others = serde_json::from_value(others).unwrap();
        IdTokenClaims::new(
            IssuerUrl::new(issuer.to_owned()).unwrap(),
            vec![Audience::new(audience.to_owned())],
            Utc::now() + lives,
            Utc::now(),
            StandardClaims::new(SubjectIdentifier::new("u-17".to_owned())),
            others,
        )
        .set_nonce(Some(Nonce::new(nonce.to_owned())))
    }

    fn fine() -> IdTokenClaims<Others, CoreGenderClaim> {
        claims(ISSUER, "oncoweave", "n-1", TimeDelta::minutes(5))
    }

    fn key(pem: &str) -> CoreEdDsaPrivateSigningKey {
        CoreEdDsaPrivateSigningKey::from_ed25519_pem(pem, None).unwrap()
    }

    fn signed(claims: IdTokenClaims<Others, CoreGenderClaim>) -> Token {
        Token::new(claims, &key(KEY), By::EdDsa, None, None).unwrap()
    }

    fn checked(token: &Token, settings: &Settings) -> Result<Identity, String> {
        let keys: CoreJsonWebKeySet = JsonWebKeySet::new(vec![key(KEY).as_verification_key()]);
        let (client, secret) = (settings.client_id.clone(), ClientSecret::new(SECRET.to_owned()));
        let issuer = settings.issuer.clone();
        let verifier = CoreIdTokenVerifier::new_confidential_client(client, secret, issuer, keys);
        let verifier = verifier.set_allowed_algs(SIGNATURES);
        identity(token, &verifier, &Nonce::new("n-1".to_owned()), settings)
    }

    #[test]
    fn a_sound_token_says_who_it_is_and_which_roles() {
        let clinician =
            Identity { account: "oidc:u-17".to_owned(), roles: Roles(vec![Role::Clinician]) };
        assert_eq!(checked(&signed(fine()), &settings()), Ok(clinician));
        let nested = Settings { roles_claim: "team.roles".to_owned(), ..settings() };
        let found = checked(&signed(fine()), &nested).unwrap();
        assert_eq!(found.roles, Roles(vec![Role::DataManager]));
    }

    #[test]
    fn what_is_not_sound_is_refused() {
        let unsigned = {
            let token = signed(fine()).to_string();
            let payload = token.split('.').nth(1).unwrap();
            // {"alg":"none"}
            format!("eyJhbGciOiJub25lIn0.{payload}.").parse().unwrap()
        };
        let by_secret = Token::new(fine(), &CoreHmacKey::new(SECRET), By::HmacSha256, None, None);
        let by_other = Token::new(fine(), &key(OTHER_KEY), By::EdDsa, None, None);
        let other = |issuer, audience, nonce, minutes| {
            signed(claims(issuer, audience, nonce, TimeDelta::minutes(minutes)))
        };
        let two = vec![Audience::new("oncoweave".to_owned()), Audience::new("mail".to_owned())];
        for (token, problem) in [
            (other("https://evil.example", "oncoweave", "n-1", 5), "Invalid issuer"),
            (other(ISSUER, "mail", "n-1", 5), "Invalid audiences"),
            (signed(fine().set_audiences(two)), "Invalid audiences"),
            (other(ISSUER, "oncoweave", "n-2", 5), "Invalid nonce"),
            (signed(fine().set_nonce(None)), "Invalid nonce"),
            (other(ISSUER, "oncoweave", "n-1", -5), "Expired"),
            (unsigned, "No signature"),
            (by_secret.unwrap(), "Disallowed signature"),
            (by_other.unwrap(), "Signature verification failed"),
            (
                signed(fine().set_authorized_party(Some(ClientId::new("mail".to_owned())))),
                "another program",
            ),
        ] {
            let found = checked(&token, &settings()).unwrap_err();
            assert!(found.contains(problem), "{problem}: {found}");
        }
    }

    #[test]
    fn nobody_comes_in_without_a_role_or_a_name() {
        for other in [
            Settings { roles_claim: "groups".to_owned(), ..settings() },
            Settings { roles: BTreeMap::from([("admins".to_owned(), Role::Admin)]), ..settings() },
        ] {
            assert!(checked(&signed(fine()), &other).unwrap_err().contains("no role"));
        }
        let by_name = Settings { name_claim: NameClaim::PreferredUsername, ..settings() };
        assert!(checked(&signed(fine()), &by_name).unwrap_err().contains("who you are"));
    }

    #[test]
    fn an_email_address_is_a_name_only_where_it_was_verified() {
        let by_email = Settings { name_claim: NameClaim::Email, ..settings() };
        let found = |verified| {
            let email = EndUserEmail::new("house@hospital.example".to_owned());
            let claims = fine().set_email(Some(email)).set_email_verified(verified);
            checked(&signed(claims), &by_email)
        };
        assert_eq!(found(Some(true)).unwrap().account, "oidc:house@hospital.example");
        for verified in [None, Some(false)] {
            assert!(found(verified).unwrap_err().contains("verified"), "{verified:?}");
        }
    }

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
