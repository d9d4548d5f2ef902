//! Ownership that moves.

use mandate_domain::id::{AccountId, UserId};
use mandate_proto::v1;

use super::{Fields, Path};
use crate::error::Error;

/// Who hands ownership to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// The account.
    pub account: AccountId,
    /// Who hands it over; `None`: the calling person.
    pub from: Option<UserId>,
    /// Who takes it on.
    pub to: UserId,
}

/// Reads a `TransferOwnershipRequest`.
///
/// # Errors
/// Every bad field.
pub fn transfer(message: v1::TransferOwnershipRequest) -> Result<Transfer, Error> {
    let v1::TransferOwnershipRequest {
        account,
        from,
        to,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let from = fields.optional_id(Path::of("from"), &from);
    let to = fields.id(Path::of("to"), &to);
    let transfer = (|| Some(Transfer { account: account?, from: from?, to: to? }))();
    fields.finish(transfer)
}
