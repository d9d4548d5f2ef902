//! Answers to callers who are not known, or may not call this at all.

use mandate_proto::v1::ErrorReason;
use tonic::Code;

use super::{Answer, Error};
use crate::access::AccessError;
use crate::auth::AuthError;
use crate::sign_in::SignInError;

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
        AccessError::PasswordChangeRequired => {
            Answer::new(Code::PermissionDenied, ErrorReason::PasswordChangeRequired, message)
        }
        AccessError::CallerSuspended => {
            Answer::new(Code::PermissionDenied, ErrorReason::CallerSuspended, message)
        }
        AccessError::SessionEnded => Answer::new(Code::Unauthenticated, ErrorReason::SessionEnded, message),
        AccessError::CallerUnknown => Answer::new(Code::Unauthenticated, ErrorReason::CallerUnknown, message),
    }
}

pub(super) fn not_signed_in(error: &SignInError) -> Answer {
    let message = error.to_string();
    match error {
        SignInError::Failed => Answer::new(Code::Unauthenticated, ErrorReason::SignInFailed, message),
        SignInError::BackOff { wait } => {
            Answer::new(Code::ResourceExhausted, ErrorReason::SignInBackOff, message).with_retry(*wait)
        }
        SignInError::RefreshTokenInvalid => {
            Answer::new(Code::Unauthenticated, ErrorReason::RefreshTokenInvalid, message)
        }
    }
}

pub(super) fn stopping(error: &Error) -> Answer {
    Answer::new(Code::Unavailable, ErrorReason::ServerStopping, error.to_string())
}

pub(super) fn too_large(error: &Error) -> Answer {
    Answer::new(Code::ResourceExhausted, ErrorReason::MessageTooLarge, error.to_string())
}
