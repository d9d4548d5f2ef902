//! What every error answer is made of, and how large it may become.

use std::collections::HashMap;
use std::time::Duration;

use mandate_proto::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::DOMAIN;
use crate::clock;

/// Most bytes of text in an answer. It travels in HTTP/2 headers, of which several clients take 8 KiB in all,
/// base64 and percent signs included.
pub(super) const MAX_TEXT: usize = 2_500;

/// One answer in the making.
pub(super) struct Answer {
    code: Code,
    message: String,
    details: ErrorDetails,
}

impl Answer {
    pub(super) fn new(code: Code, reason: ErrorReason, message: impl Into<String>) -> Self {
        let name = reason.as_str_name();
        let name = name.strip_prefix("ERROR_REASON_").unwrap_or(name);
        let details = ErrorDetails::with_error_info(name, DOMAIN, HashMap::new());
        Self { code, message: cut(&message.into(), MAX_TEXT / 2), details }
    }

    pub(super) fn with(mut self, key: &str, value: impl ToString) -> Self {
        if let Some(info) = self.details.error_info().cloned() {
            let mut metadata = info.metadata;
            metadata.insert(key.to_owned(), cut(&value.to_string(), MAX_TEXT / 5));
            self.details.set_error_info(info.reason, info.domain, metadata);
        }
        self
    }

    /// Names one bad field.
    pub(super) fn with_field(mut self, path: &str, message: &str) -> Self {
        self.details.add_bad_request_violation(path, message);
        self
    }

    /// Says when to try again.
    pub(super) fn with_retry(mut self, after: Duration) -> Self {
        self.details.set_retry_info(Some(after));
        self
    }

    /// Names one thing to put right before the call can succeed.
    pub(super) fn with_precondition(mut self, kind: &str, subject: &str, description: &str) -> Self {
        self.details.add_precondition_failure_violation(kind, subject, description);
        self
    }
}

impl From<Answer> for Status {
    fn from(Answer { code, message, details }: Answer) -> Self {
        Self::with_error_details(code, message, details)
    }
}

/// A defect: the log gets the detail, the caller a number to quote.
pub(super) fn internal(detail: &str) -> Answer {
    let id = clock::new_id_bits().map_or_else(|error| error.to_string(), |bits| format!("{bits:032x}"));
    tracing::error!(error_id = %id, detail, "a call failed");
    let message =
        format!("an internal error; give the operator of this service the number {id} to find it in the log");
    Answer::new(Code::Internal, ErrorReason::Internal, message).with("error_id", id)
}

/// The text, or its beginning where it is longer than `most` bytes.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most / 4).collect();
    for character in text.chars().skip(most / 4) {
        if short.len() + character.len_utf8() + '…'.len_utf8() > most {
            break;
        }
        short.push(character);
    }
    short.push('…');
    short
}
