//! The bearer token of a call.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::error::AuthError;

/// The token in the `authorization` header, or metadata (`bearer(metadata.as_ref())`).
///
/// The scheme is compared without regard to case (RFC 9110 §11.1) and followed by one or more spaces.
///
/// # Errors
/// [`AuthError::Missing`], [`AuthError::NotBearer`] or [`AuthError::Repeated`].
pub fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(AuthError::Missing)?;
    if values.next().is_some() {
        return Err(AuthError::Repeated);
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(AuthError::NotBearer)?;
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ',']) {
        Ok(token)
    } else {
        Err(AuthError::NotBearer)
    }
}
