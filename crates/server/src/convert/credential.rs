//! Passwords and the sessions they open.

use mandate_domain::credential::InitialLifetime;
use mandate_domain::id::UserId;
use mandate_domain::session::{Purpose, Session};
use mandate_proto::v1;
use prost_types::Duration;

use super::{Fields, Path, timestamp};
use crate::auth::{EMBEDDED_AUDIENCE, EMBEDDED_ISSUER, PublicKey};
use crate::error::Error;
use crate::passwords::Password;

/// Fewest characters of a password that somebody else chooses.
const LEAST_INITIAL: usize = 16;
/// Fewest characters of a password of one's own (NIST SP 800-63B §5.1.1.1).
const LEAST_OWN: usize = 8;
/// For how many days an initial password is good when nothing else is said.
const DEFAULT_DAYS: u32 = 7;
/// Longest password that is looked at when somebody signs in, in bytes: 128 characters of four.
const MAX_PASSWORD_BYTES: usize = 512;
/// Longest e-mail address that is looked at when somebody signs in, in bytes.
const MAX_EMAIL_BYTES: usize = 254;

/// An initial password to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetInitialPassword {
    /// The user.
    pub user: UserId,
    /// The password; `None`: one is to be made up.
    pub password: Option<Password>,
    /// How long it is good.
    pub lifetime: InitialLifetime,
}

/// # Errors
/// Every bad field.
pub fn set_initial(message: v1::SetInitialPasswordRequest) -> Result<SetInitialPassword, Error> {
    let v1::SetInitialPasswordRequest { user, password, days, account, request_id: _, validate_only: _ } =
        message;
    let mut fields = Fields::default();
    let user = fields.id(Path::of("user"), &user);
    let password = match password.is_empty() {
        true => Some(None),
        false => fields.password(Path::of("password"), password, LEAST_INITIAL).map(Some),
    };
    let account = fields.optional_id(Path::of("account"), &account);
    let lifetime = match (days, account) {
        (0, Some(None)) => Some(InitialLifetime::Days(DEFAULT_DAYS)),
        (0, account) => account.flatten().map(InitialLifetime::OfAccount),
        (1..=30, Some(None)) => u32::try_from(days).ok().map(InitialLifetime::Days),
        (1..=30, _) => {
            fields.none(Path::of("days"), "does not go together with account; leave one of them out")
        }
        _ => fields.none(Path::of("days"), format!("is {days}; give 1 to 30, or leave it out")),
    };
    let set = (|| Some(SetInitialPassword { user: user?, password: password?, lifetime: lifetime? }))();
    fields.finish(set)
}

/// What somebody signs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The e-mail address, lower-case. Whether it is one does not matter: nobody has it then.
    pub email: String,
    /// The password.
    pub password: Password,
}

/// # Errors
/// Every bad field.
pub fn sign_in(message: v1::SignInRequest) -> Result<SignIn, Error> {
    let v1::SignInRequest { email, password } = message;
    let mut fields = Fields::default();
    let email = fields.opaque(Path::of("email"), email, MAX_EMAIL_BYTES).map(|email| email.to_lowercase());
    let password = fields.opaque(Path::of("password"), password, MAX_PASSWORD_BYTES).map(Password::new);
    let sign_in = (|| Some(SignIn { email: email?, password: password? }))();
    fields.finish(sign_in)
}

/// A change of one's own password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPassword {
    /// The password so far.
    pub old: Password,
    /// The new one.
    pub new: Password,
}

/// Reads the message; `email` is the caller's, which is no password.
///
/// # Errors
/// Every bad field.
pub fn set_own(message: v1::SetPasswordRequest, email: &str) -> Result<SetPassword, Error> {
    let v1::SetPasswordRequest { old_password, new_password, request_id: _, validate_only: _ } = message;
    let mut fields = Fields::default();
    let path = Path::of("new_password");
    let is_email = new_password.trim().eq_ignore_ascii_case(email);
    let is_old = new_password == old_password;
    let old = fields.opaque(Path::of("old_password"), old_password, MAX_PASSWORD_BYTES).map(Password::new);
    let new = fields.password(path, new_password, LEAST_OWN);
    if is_email {
        fields.reject(path, "is too weak: everybody who knows you knows your e-mail address");
    }
    if is_old && old.is_some() {
        fields.reject(path, "is the password so far; choose another one");
    }
    let set = (|| Some(SetPassword { old: old?, new: new? }))();
    fields.finish(set)
}

/// A refresh token, of which nothing but its bytes matters.
///
/// # Errors
/// Every bad field.
pub fn refresh(message: v1::RefreshTokenRequest) -> Result<String, Error> {
    let v1::RefreshTokenRequest { refresh_token } = message;
    let mut fields = Fields::default();
    let token = fields.opaque(Path::of("refresh_token"), refresh_token, MAX_PASSWORD_BYTES);
    fields.finish(token)
}

/// Which sessions somebody signs out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignOut {
    /// The one of the call's token.
    ThisSession,
    /// All of them.
    AllSessions,
}

/// # Errors
/// Every bad field.
pub fn sign_out(message: v1::SignOutRequest) -> Result<SignOut, Error> {
    let v1::SignOutRequest { scope, request_id: _, validate_only: _ } = message;
    let mut fields = Fields::default();
    let scope = fields.choice(Path::of("scope"), scope, |scope: v1::SignOutScope| {
        Some(match scope {
            v1::SignOutScope::Unspecified | v1::SignOutScope::ThisSession => SignOut::ThisSession,
            v1::SignOutScope::AllSessions => SignOut::AllSessions,
        })
    });
    fields.finish(scope)
}

/// The tokens of a session as messages have them.
#[must_use]
pub fn to_tokens(
    session: &Session,
    access_token: String,
    lifetime: std::time::Duration,
    refresh_token: String,
) -> v1::Tokens {
    let Session { id: _, user: _, purpose, created_at: _, ends_at, refresh: _ } = session;
    v1::Tokens {
        access_token,
        access_token_lifetime: Some(to_duration(lifetime)),
        refresh_token,
        session_end_time: Some(timestamp(*ends_at)),
        password_change_required: *purpose == Purpose::SetPassword,
    }
}

/// A duration of whole seconds.
#[must_use]
pub fn to_duration(duration: std::time::Duration) -> Duration {
    Duration { seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), nanos: 0 }
}

/// The public keys as messages have them.
#[must_use]
pub fn to_public_keys(keys: Vec<PublicKey>) -> v1::GetPublicKeysResponse {
    let text = str::to_owned;
    let to_message = |PublicKey { x, kid }| v1::JsonWebKey {
        kty: text("OKP"),
        crv: text("Ed25519"),
        x,
        kid,
        alg: text("EdDSA"),
        r#use: text("sig"),
    };
    v1::GetPublicKeysResponse {
        issuer: text(EMBEDDED_ISSUER),
        audience: text(EMBEDDED_AUDIENCE),
        keys: keys.into_iter().map(to_message).collect(),
    }
}
