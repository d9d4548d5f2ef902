//! Who is calling: bearer tokens, the issuers they may come from, and the facts a verified one states.
//!
//! Every RPC but health and reflection carries a JWT (RFC 7519) in its `authorization` metadata. The way of one call:
//!
//! 1. [`bearer`] takes the token out of the metadata.
//! 2. [`Verifier::verify`] answers from memory when it has seen these very bytes before; otherwise it checks issuer,
//!    algorithm, key, signature, audience and times, in that order, and remembers the result until the token expires.
//! 3. The [`Caller`] says who it is (issuer and subject), of which [`CallerKind`], and with which [`Scope`]s. What that
//!    caller may do is not decided here.
//!
//! Issuers come from two places: the service's own [`SigningKey`], which may mint every kind of caller, and the file
//! of [`Issuers::load`], whose issuers mint persons only unless the file says otherwise.
//!
//! Architecture invariant: nothing here reads the clock, the database or a policy. The clock is handed to
//! [`Verifier::new`], so that every test chooses its own time.

mod bearer;
mod caller;
mod config;
mod config_fields;
mod config_keys;
mod error;
mod issuer;
mod jwks_url;
mod keys;
mod leeway;
mod nearest;
mod remembered;
mod scope;
mod session_token;
mod signing_key;
mod signing_key_file;
mod signing_keys;
mod unverified;
mod verifier;

#[cfg(test)]
mod tests;

pub use bearer::bearer;
pub use caller::{Caller, CallerKind, CallerSession, MAX_SUBJECT_BYTES};
pub use config::{Beside, ConfigErrors, ConfigProblem};
pub use error::{AuthError, Malformation};
pub use issuer::{EMBEDDED_AUDIENCE, EMBEDDED_ISSUER, Issuer, Issuers};
pub use jwks_url::{KeyRefresh, RefreshTimes};
pub use leeway::TokenSettings;
pub(crate) use nearest::{did_you_mean, nearest};
pub use scope::{Scope, ScopeSet, UnknownScope};
pub use session_token::{ACCESS_TOKEN_LIFETIME, PublicKey};
pub use signing_key::{MintError, SIGNING_KEY_FILE, SigningKey, SigningKeyError};
pub use signing_key_file::{KeyFileError, SigningKeyFile};
pub use signing_keys::{OwnKeysRefresh, SigningKeys};
pub use verifier::{MAX_TOKEN_BYTES, Verifier};
