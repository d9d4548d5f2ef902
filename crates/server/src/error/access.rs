//! Answers to callers who are not known, or may not call this at all.

use mandate_proto::v1::ErrorReason;
use tonic::Code;

use super::{Answer, Error};
use crate::access::AccessError;
use crate::auth::AuthError;

pub(super) fn unauthenticated(error: &AuthError) -> Answer {
    let (code, reason) = match error {
        AuthError::Missing | AuthError::NotBearer => (Code::Unauthenticated, ErrorReason::TokenMissing),
        AuthError::Repeated | AuthError::TooLong | AuthError::Malformed(_) => {
            (Code::Unauthenticated, ErrorReason::TokenMalformed)
        }
        AuthError::UnknownIssuer => (Code::Unauthenticated, ErrorReason::TokenIssuerUnknown),
        AuthError::AlgorithmNotAllowed => (Code::Unauthenticated, ErrorReason::TokenAlgorithm),
        AuthError::UnknownKey | AuthError::BadSignature => {
            (Code::Unauthenticated, ErrorReason::TokenSignature)
        }
        AuthError::KeysUnavailable => (Code::Unavailable, ErrorReason::TokenKeysUnavailable),
        AuthError::Expired => (Code::Unauthenticated, ErrorReason::TokenExpired),
        AuthError::NotYetValid => (Code::Unauthenticated, ErrorReason::TokenNotYetValid),
        AuthError::WrongAudience { .. } => (Code::Unauthenticated, ErrorReason::TokenAudience),
        AuthError::KindNotAllowed { .. } => (Code::Unauthenticated, ErrorReason::TokenCallerKind),
    };
    Answer::new(code, reason, error.to_string())
}

pub(super) fn denied(error: &AccessError) -> Answer {
    let message = error.to_string();
    match error {
        AccessError::ScopeMissing { needed, for_persons: _ } => {
            Answer::new(Code::PermissionDenied, ErrorReason::ScopeMissing, message).with("scope", needed)
        }
        AccessError::NotOneself => Answer::new(Code::PermissionDenied, ErrorReason::NotOneself, message),
        AccessError::CallerUnknown => Answer::new(Code::Unauthenticated, ErrorReason::CallerUnknown, message),
    }
}

pub(super) fn too_large(error: &Error) -> Answer {
    Answer::new(Code::ResourceExhausted, ErrorReason::MessageTooLarge, error.to_string())
}
