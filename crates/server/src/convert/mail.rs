//! Outgoing mail.

use mandate_domain::command::Command;
use mandate_proto::v1;
use mandate_storage::{MailState, OutboxEntry};

use super::page::{Paging, Query};
use super::{Fields, Path, timestamp};
use crate::error::Error;

/// Longest text of a billing mail, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// Reads a `SendBillingMailRequest`.
///
/// # Errors
/// Every bad field.
pub fn billing(message: v1::SendBillingMailRequest) -> Result<Command, Error> {
    let v1::SendBillingMailRequest { account, subject, text, request_id: _, validate_only: _ } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let subject = fields.title(Path::of("subject"), subject);
    let text = fields.text(Path::of("text"), text, MAX_TEXT);
    let command = (|| Some(Command::SendBillingMail { account: account?, subject: subject?, text: text? }))();
    fields.finish(command)
}

/// A page of the outbox.
#[derive(Debug, Clone)]
pub struct ListOutbox {
    /// Only mail in this state.
    pub state: Option<MailState>,
    /// Which page; its key is the place of the last mail of the page before.
    pub paging: Paging<i64>,
}

/// Reads a `ListOutboxRequest`.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListOutboxRequest) -> Result<ListOutbox, Error> {
    let v1::ListOutboxRequest { state, page_size, page_token } = message;
    let mut fields = Fields::default();
    let query = Query::new("ListOutbox", &[&state.to_string()]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let state = fields.choice(Path::of("state"), state, |state: v1::MailState| Some(from_state(state)));
    let list = (|| Some(ListOutbox { state: state?, paging: paging? }))();
    fields.finish(list)
}

/// Reads a `RetryMailRequest`: the mail's place in the outbox.
///
/// # Errors
/// Every bad field.
pub fn retry(message: v1::RetryMailRequest) -> Result<i64, Error> {
    let v1::RetryMailRequest { sequence, request_id: _, validate_only: _ } = message;
    let mut fields = Fields::default();
    let sequence = match sequence {
        0 => fields.none(Path::of("sequence"), "is required"),
        ..0 => fields.none(Path::of("sequence"), "is no place in the outbox; send what ListOutbox gave"),
        _ => Some(sequence),
    };
    fields.finish(sequence)
}

fn from_state(state: v1::MailState) -> Option<MailState> {
    match state {
        v1::MailState::Unspecified => None,
        v1::MailState::Queued => Some(MailState::Queued),
        v1::MailState::Sent => Some(MailState::Sent),
        v1::MailState::Failed => Some(MailState::Failed),
    }
}

/// An outgoing mail as messages have it.
#[must_use]
pub fn to_message(entry: OutboxEntry) -> v1::OutgoingMail {
    let OutboxEntry {
        seq,
        at,
        account,
        kind,
        recipient,
        state,
        attempts,
        next_at,
        last_error,
        done_at,
        message_id,
    } = entry;
    let (state, due) = match state {
        MailState::Queued => (v1::MailState::Queued, Some(timestamp(next_at))),
        MailState::Sent => (v1::MailState::Sent, None),
        MailState::Failed => (v1::MailState::Failed, None),
    };
    v1::OutgoingMail {
        sequence: seq,
        account,
        kind,
        recipient,
        state: state.into(),
        attempts: i32::try_from(attempts).unwrap_or(i32::MAX),
        last_error: last_error.unwrap_or_default(),
        message_id,
        create_time: Some(timestamp(at)),
        next_attempt_time: due,
        done_time: done_at.map(timestamp),
    }
}
