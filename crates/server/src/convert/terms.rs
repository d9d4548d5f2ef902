//! The terms of writes, which all their messages have in common, and what a write would do.

use mandate_domain::effects::{Effect, Place, Subject};
use mandate_domain::terms::Terms;
use mandate_proto::v1;
use mandate_proto::write::{WriteRequest, WriteTerms};
use sha2::{Digest as _, Sha256};

use super::{Fields, Path, resource};
use crate::error::Error;

/// Longest `request_id` and `etag`, in bytes.
const MAX_TOKEN: usize = 128;
/// Longest reason for an override, in characters.
const MAX_REASON: usize = 500;

/// How a write was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// On what terms.
    pub terms: Terms,
    /// The request's name among its retries.
    pub request_id: Option<String>,
    /// Whether it is only to be told what would happen.
    pub validate_only: bool,
}

/// Reads the terms of a message.
///
/// # Errors
/// Every term that cannot be as it is.
pub fn read<M: WriteRequest>(message: &M) -> Result<Asked, Error> {
    let WriteTerms { request_id, validate_only, etag, override_reason } = message.terms();
    let mut fields = Fields::default();
    let request_id = token(&mut fields, Path::of("request_id"), request_id);
    let etag = token(&mut fields, Path::of("etag"), etag);
    let override_reason = match override_reason {
        "" => None,
        reason if reason.chars().count() > MAX_REASON || reason.trim().is_empty() => {
            fields
                .reject(Path::of("override_reason"), "must have 1 to 500 characters, not all of them blank");
            None
        }
        reason => Some(reason.to_owned()),
    };
    fields.finish(Some(Asked { terms: Terms { etag, override_reason }, request_id, validate_only }))
}

fn token(fields: &mut Fields, path: Path, text: &str) -> Option<String> {
    match text {
        "" => None,
        text if text.len() > MAX_TOKEN || text.chars().any(char::is_control) => {
            fields.reject(path, "must have 1 to 128 bytes without control characters");
            None
        }
        text => Some(text.to_owned()),
    }
}

/// Tells a retry from another request: a hash of all that the message asks, its secrets left out.
#[must_use]
pub fn fingerprint<M: WriteRequest>(message: &M) -> String {
    Sha256::digest(message.comparable()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An effect as messages have it.
#[must_use]
pub fn to_effect(effect: Effect) -> v1::Effect {
    let Effect { place, gained, lost, gained_limited, lost_limited } = effect;
    let Place { account, subject, resource } = place;
    let subject = match subject {
        Subject::User(user) => v1::effect::Subject::User(user.to_string()),
        Subject::Contact(contact) => v1::effect::Subject::Contact(contact.to_string()),
    };
    v1::Effect {
        account: account.to_string(),
        subject: Some(subject),
        resource: resource.map(resource::to_reference),
        gained,
        lost,
        gained_limited,
        lost_limited,
    }
}
