//! A token taken apart. Nothing in here is to be believed until the signature was checked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Number;

use mandate_domain::session::Purpose;

use super::caller::CallerSession;
use super::error::{AuthError, Malformation};
use super::scope::{Scope, ScopeSet};
use super::session_token::PURPOSE_SET_PASSWORD;

/// The year 9999's end, in seconds since the Unix epoch.
const LAST_SECOND: i64 = 253_402_300_799;

/// Microseconds in a second.
pub(super) const MICROS: i64 = 1_000_000;

/// The parts of a JWS in compact form (RFC 7515 §3.1).
#[derive(Debug)]
pub(super) struct Unverified<'t> {
    /// Header and claims as sent: what the signature is over.
    pub(super) signed: &'t str,
    /// The signature as sent, in base64url.
    pub(super) signature: &'t str,
    pub(super) header: Header,
    pub(super) claims: Claims,
}

impl<'t> Unverified<'t> {
    /// Takes `token` apart, reading header and claims once.
    pub(super) fn parse(token: &'t str) -> Result<Self, AuthError> {
        let parts = AuthError::Malformed(Malformation::Parts);
        let Some((signed, signature)) = token.rsplit_once('.') else {
            return Err(parts);
        };
        let Some((header, claims)) = signed.split_once('.') else {
            return Err(parts);
        };
        if claims.contains('.') || header.is_empty() || claims.is_empty() {
            return Err(parts);
        }
        let header: Header = json(header, Malformation::Header)?;
        header.check()?;
        Ok(Self { signed, signature, header, claims: json(claims, Malformation::Claims)? })
    }
}

fn json<T: DeserializeOwned>(part: &str, otherwise: Malformation) -> Result<T, AuthError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| AuthError::Malformed(Malformation::Parts))?;
    serde_json::from_slice(&bytes).map_err(|_| AuthError::Malformed(otherwise))
}

/// What is read of the JOSE header. A key in it (`jwk`, `jku`, `x5c`, `x5u`) is never looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

impl Header {
    fn check(&self) -> Result<(), AuthError> {
        if self.crit.is_some() {
            return Err(AuthError::Malformed(Malformation::Critical));
        }
        let typ = self.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        match typ.strip_prefix("application/").unwrap_or(&typ) {
            "jwt" | "at+jwt" => Ok(()),
            _ => Err(AuthError::Malformed(Malformation::Type)),
        }
    }
}

/// The claims that are read (RFC 7519 §4.1, RFC 9068 §2.2); others are ignored, a repeated one is an error.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    pub(super) sub: Option<String>,
    pub(super) aud: Option<OneOrMany>,
    exp: Option<Number>,
    nbf: Option<Number>,
    iat: Option<Number>,
    scope: Option<OneOrMany>,
    scp: Option<OneOrMany>,
    sid: Option<String>,
    purpose: Option<String>,
}

impl Claims {
    /// The claim `exp` in microseconds since the Unix epoch.
    pub(super) fn expires_at_micros(&self) -> Result<i64, AuthError> {
        micros(self.exp.as_ref())?.ok_or(AuthError::Malformed(Malformation::NoExpiry))
    }

    /// The later of the claims `nbf` and `iat`, in microseconds since the Unix epoch; 0 without either.
    pub(super) fn valid_from_micros(&self) -> Result<i64, AuthError> {
        let not_before = micros(self.nbf.as_ref())?.unwrap_or(0);
        let issued_at = micros(self.iat.as_ref())?.unwrap_or(0);
        Ok(not_before.max(issued_at))
    }

    /// The session that a token of this service's own is of. What it is good for is never more than what is read
    /// here: a purpose that is not known makes the token bad.
    pub(super) fn session(&self) -> Result<Option<CallerSession>, AuthError> {
        let malformed = || AuthError::Malformed(Malformation::Claims);
        let purpose = match self.purpose.as_deref() {
            None => Purpose::Anything,
            Some(PURPOSE_SET_PASSWORD) => Purpose::SetPassword,
            Some(_) => return Err(malformed()),
        };
        match self.sid.as_deref() {
            Some(id) => Ok(Some(CallerSession { id: id.parse().map_err(|_| malformed())?, purpose })),
            None if purpose == Purpose::Anything => Ok(None),
            None => Err(malformed()),
        }
    }

    /// The scopes of this service in the claims `scope` and `scp`; others are none of its business.
    pub(super) fn scopes(&self) -> ScopeSet {
        let values = self.scope.iter().chain(self.scp.iter());
        values
            .flat_map(OneOrMany::iter)
            .flat_map(|value| value.split(' '))
            .filter_map(Scope::from_name)
            .collect()
    }
}

/// A claim that is a string or an array of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
        .iter()
        .map(String::as_str)
    }
}

/// A NumericDate, which may have a fraction (RFC 7519 §2), in microseconds.
fn micros(seconds: Option<&Number>) -> Result<Option<i64>, AuthError> {
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let out_of_range = AuthError::Malformed(Malformation::Time);
    if let Some(whole) = seconds.as_i64() {
        return match whole {
            0..=LAST_SECOND => Ok(Some(whole * MICROS)),
            _ => Err(out_of_range),
        };
    }
    match seconds.as_f64() {
        Some(fraction) if (0.0..=LAST_SECOND as f64).contains(&fraction) => {
            Ok(Some((fraction * MICROS as f64) as i64))
        }
        _ => Err(out_of_range),
    }
}
