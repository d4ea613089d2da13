//! What a token says, and whether it holds.

use openidconnect::core::{
    CoreGenderClaim, CoreIdTokenVerifier, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
};
use openidconnect::{AdditionalClaims, IdToken, Nonce};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ask::chain;
use super::settings::{NameClaim, Settings};
use crate::access::{Role, Roles};

/// Signatures by a key pair. One by the client's secret could be made by whoever knows the secret.
pub(super) const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
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

/// Claims that the standard does not name.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Others {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Others {}

/// An ID token as it came.
pub(super) type Token =
    IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// Who the provider says has signed in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    /// The account's name: `oidc:` and a claim, so that it is no local account's.
    pub(crate) account: String,
    pub(crate) roles: Roles,
}

/// Who has signed in, by a token whose signature, issuer, audience, nonce and expiry hold.
///
/// # Errors
/// With a sentence for people, which holds no token.
pub(super) fn identity(
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
    use std::collections::BTreeMap;

    use chrono::{TimeDelta, Utc};
    use openidconnect::core::{
        CoreEdDsaPrivateSigningKey, CoreHmacKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm as By,
    };
    use openidconnect::{
        Audience, ClientId, ClientSecret, EndUserEmail, IdTokenClaims, IssuerUrl, JsonWebKeySet,
        PrivateSigningKey, StandardClaims, SubjectIdentifier,
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
}
