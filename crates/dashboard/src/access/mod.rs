//! Accounts, sessions and the audit log.

mod audit;
mod hashing;
mod oidc;
mod rights;
mod secret;
mod sessions;
mod store;
mod throttle;

pub use audit::AuditState;
pub(crate) use audit::{Entry, Written};
pub(crate) use hashing::Hashing;
pub(crate) use oidc::{CALLBACK, Identity, Provider};
pub(crate) use rights::{Right, Role, Roles};
pub(crate) use secret::{
    LEAST_CHARACTERS, Memory, hash_password, hex, is_password, nobodys_hash, one_time_password,
    random_token, same, weakness,
};
pub(crate) use sessions::{Found, Session, Sessions};
pub use store::verify_audit;
pub(crate) use store::{Account, Store};
pub(crate) use throttle::Throttle;
