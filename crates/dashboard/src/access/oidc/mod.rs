//! Signing in elsewhere: OpenID Connect, the authorization code flow with PKCE.
//!
//! What a token must hold, and whose signature, is checked by the crate `openidconnect`: issuer,
//! audience, nonce, expiry, and a signature by a key of the provider, never by a shared secret.

mod ask;
mod provider;
mod settings;
mod token;

pub(crate) use provider::{CALLBACK, Provider};
pub(crate) use token::Identity;
