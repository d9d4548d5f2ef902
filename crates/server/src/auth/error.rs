//! Why a token was refused.

use super::caller::{CallerKind, MAX_SUBJECT_BYTES};
use super::verifier::MAX_TOKEN_BYTES;

/// Why a caller could not be told from its token; never holds any part of the token.
///
/// All of them mean `UNAUTHENTICATED`, [`AuthError::KeysUnavailable`] aside, which means `UNAVAILABLE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No `authorization` metadata.
    #[error("no token was sent; send the metadata `authorization: Bearer TOKEN`")]
    Missing,
    /// `authorization` metadata of another scheme than `Bearer` (RFC 6750 §2.1).
    #[error("the `authorization` metadata has no bearer token; send `authorization: Bearer TOKEN`")]
    NotBearer,
    /// More than one `authorization` value: which one counts is undefined.
    #[error("`authorization` was sent more than once; send it exactly once")]
    Repeated,
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes; ask its issuer for one with fewer claims")]
    TooLong,
    /// Not a signed JWT in compact form (RFC 7515 §3.1), or a claim is absent or of the wrong type.
    #[error("the token is malformed: {0}; get a new token from its issuer")]
    Malformed(Malformation),
    /// The claim `iss` names nobody this server trusts.
    #[error(
        "the token's issuer (claim `iss`) is not known here; get a token from a configured issuer, \
         or add this one to the file given with --issuers"
    )]
    UnknownIssuer,
    /// The header's `alg` is not allowed for this issuer, or not one for the key it names.
    #[error(
        "the token's algorithm (header `alg`) is not allowed for its issuer or does not fit the key; \
         sign with one listed as `algorithms` in the issuers' file"
    )]
    AlgorithmNotAllowed,
    /// The header's `kid` names no key of this issuer, or there is no `kid` and several keys fit.
    #[error(
        "the token names no signing key that its issuer publishes (header `kid`); get a new token, \
         and where keys were changed just now, try again in half a minute"
    )]
    UnknownKey,
    /// The issuer's keys have never been fetched; the token may be good.
    #[error(
        "the keys of the token's issuer could not be fetched yet; try again in half a minute, \
         and check the `jwks_url` in the issuers' file"
    )]
    KeysUnavailable,
    /// The signature is not that of the issuer's key.
    #[error("the token's signature is not valid; get a new token from its issuer")]
    BadSignature,
    /// The time of the claim `exp` has come.
    #[error("the token has expired; get a new token from its issuer")]
    Expired,
    /// The time of the claim `nbf` or `iat` has not come.
    #[error(
        "the token is not valid yet (claim `nbf` or `iat`); wait, or set the clocks of issuer and server"
    )]
    NotYetValid,
    /// The claim `aud` holds none of the audiences configured for the issuer.
    #[error(
        "the token is for another service (claim `aud`); ask its issuer for one whose audience is `{expected}`"
    )]
    WrongAudience {
        /// The first audience configured for the issuer.
        expected: String,
    },
    /// The issuer may not mint callers of this kind.
    #[error(
        "the token's scopes make its bearer a caller of kind `{kind}`, which its issuer may not mint; \
         get a token without these scopes, or add \"{kind}\" to the issuer's `callers` in the issuers' file"
    )]
    KindNotAllowed {
        /// The kind that the scopes ask for.
        kind: CallerKind,
    },
}

impl AuthError {
    /// The reason a program can match (`google.rpc.ErrorInfo.reason`).
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing | Self::NotBearer => "TOKEN_MISSING",
            Self::Repeated | Self::TooLong | Self::Malformed(_) => "TOKEN_MALFORMED",
            Self::UnknownIssuer => "TOKEN_ISSUER_UNKNOWN",
            Self::AlgorithmNotAllowed => "TOKEN_ALGORITHM",
            Self::UnknownKey | Self::BadSignature => "TOKEN_SIGNATURE",
            Self::KeysUnavailable => "TOKEN_KEYS_UNAVAILABLE",
            Self::Expired => "TOKEN_EXPIRED",
            Self::NotYetValid => "TOKEN_NOT_YET_VALID",
            Self::WrongAudience { .. } => "TOKEN_AUDIENCE",
            Self::KindNotAllowed { .. } => "TOKEN_CALLER_KIND",
        }
    }
}

/// What is wrong with the form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformation {
    /// Not three parts of base64url between dots.
    #[error("it is not three parts of base64url separated by dots")]
    Parts,
    /// The first part is not a JOSE header.
    #[error("its header is not a JSON object with `alg`")]
    Header,
    /// The header's `typ` says that it is something else than an access token (RFC 8725 §3.11).
    #[error("its header `typ` is neither `JWT` nor `at+jwt`")]
    Type,
    /// The header demands extensions that are not understood here (RFC 7515 §4.1.11).
    #[error("its header demands extensions (`crit`) that are not supported")]
    Critical,
    /// The second part is not a set of claims, or a claim has a wrong type.
    #[error("its claims are not a JSON object of the types that RFC 7519 gives")]
    Claims,
    /// No `iss`.
    #[error("the claim `iss` is missing")]
    NoIssuer,
    /// No `exp`.
    #[error("the claim `exp` is missing")]
    NoExpiry,
    /// No `aud`.
    #[error("the claim `aud` is missing")]
    NoAudience,
    /// No `sub`, or one that cannot be a subject here.
    #[error(
        "the claim `sub` is missing, empty, longer than {MAX_SUBJECT_BYTES} bytes or holds control characters"
    )]
    Subject,
    /// A time before 1970 or after the year 9999.
    #[error("a claim of time is not a number of seconds between the years 1970 and 9999")]
    Time,
}
