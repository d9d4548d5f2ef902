//! Answers when the store could not do what it was asked.

use std::error::Error as _;

use mandate_proto::v1::ErrorReason;
use mandate_storage::StoreError;
use tonic::Code;

use super::Answer;
use super::answer::internal;
use super::overload;
use crate::overload::Limit;
use crate::watch::WatchError;
use crate::writer::has_written;

pub(super) fn failed(error: &StoreError) -> Answer {
    let message = error.to_string();
    match error {
        StoreError::Unavailable { .. } if has_written() => {
            tracing::warn!(detail = %causes(error), "what a write left could not be read");
            let message = "the write was carried out, and what it left could not be read; read it later, \
                           or repeat the call with the same request_id";
            Answer::new(Code::Unavailable, ErrorReason::StorageUnavailable, message)
                .with("outcome", "unknown")
        }
        StoreError::Unavailable { .. } => {
            tracing::warn!(detail = %causes(error), "the database is unavailable");
            Answer::new(Code::Unavailable, ErrorReason::StorageUnavailable, message)
        }
        StoreError::CommitUnknown { .. } => {
            tracing::warn!(detail = %causes(error), "a commit was not confirmed");
            Answer::new(Code::Unavailable, ErrorReason::StorageUnavailable, message)
                .with("outcome", "unknown")
        }
        StoreError::Overloaded => overload::full(Limit::Misses, Limit::Misses.pause()),
        StoreError::Contention { .. } | StoreError::PoliciesChanged => {
            Answer::new(Code::Aborted, ErrorReason::Contention, message)
        }
        StoreError::Corrupt { .. }
        | StoreError::Locked(_)
        | StoreError::Config(_)
        | StoreError::Migration { .. }
        | StoreError::TooNew { .. }
        | StoreError::Plan(_)
        | StoreError::Other { .. } => internal(&causes(error)),
    }
}

pub(super) fn not_watched(error: WatchError) -> Answer {
    let message = error.to_string();
    match error {
        WatchError::TokenTooOld => Answer::new(Code::OutOfRange, ErrorReason::WatchTokenTooOld, message),
        WatchError::TooSlow => Answer::new(Code::ResourceExhausted, ErrorReason::WatchTooSlow, message),
        WatchError::NewerChange => Answer::new(Code::Unavailable, ErrorReason::WatchNewerChange, message),
    }
}

/// The error and everything behind it, for the log.
fn causes(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    // A chain of sources ends by itself; the bound keeps a defect there out of the log.
    for _ in 0..8 {
        let Some(next) = cause else { break };
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
