//! The bearer token of a call.

use http::HeaderMap;
use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::error::AuthError;

/// The token in the `authorization` header, or metadata (`bearer(metadata.as_ref())`): at least one byte, none of them a
/// space or comma. Whether it is a token its verification tells.
///
/// The scheme is compared without regard to case (RFC 9110 §11.1) and followed by one or more spaces.
///
/// # Errors
/// [`AuthError::Missing`], [`AuthError::NotBearer`] or [`AuthError::Repeated`].
pub fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let value = only(headers)?;
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(AuthError::NotBearer)?;
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ',']) {
        Ok(token)
    } else {
        Err(AuthError::NotBearer)
    }
}

/// What would be the token if the header is written as most clients write it: the scheme, one space, the token. It is
/// not looked at: it may be found among those that were, as it is.
pub(super) fn probable(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = only(headers).ok()?.as_bytes().split_first_chunk::<7>()?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

fn only(headers: &HeaderMap) -> Result<&HeaderValue, AuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(AuthError::Missing),
        (Some(_), Some(_)) => Err(AuthError::Repeated),
    }
}
