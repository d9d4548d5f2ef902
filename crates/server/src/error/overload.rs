//! Answers when it is too much, or too late.

use std::time::Duration;

use mandate_proto::v1::ErrorReason;
use tonic::{Code, Status};

use super::Answer;
use crate::overload::{Limit, OverloadError, Progress};
use crate::rate::TooOften;

pub(super) fn refused(error: OverloadError) -> Answer {
    match error {
        OverloadError::Full(limit) => full(limit, limit.pause()),
        OverloadError::DeadlinePassed(progress) => {
            let answer = Answer::new(Code::DeadlineExceeded, ErrorReason::DeadlinePassed, error.to_string());
            match progress {
                Progress::None => answer,
                Progress::Unknown => answer.with("outcome", "unknown"),
            }
        }
    }
}

pub(super) fn too_often(error: TooOften) -> Answer {
    Answer::new(Code::ResourceExhausted, ErrorReason::RateLimited, error.to_string())
        .with("limit", error.rated)
        .with_retry(error.wait)
}

/// The answer to whoever finds a bound full and is to come back after a pause.
#[must_use]
pub fn overloaded(limit: Limit, pause: Duration) -> Status {
    full(limit, pause).into()
}

pub(super) fn full(limit: Limit, pause: Duration) -> Answer {
    let message = OverloadError::Full(limit).to_string();
    Answer::new(Code::ResourceExhausted, ErrorReason::Overloaded, message)
        .with("limit", limit)
        .with_retry(pause)
}
