//! Accounts.

use std::collections::BTreeMap;

use mandate_domain::account::{Account, AccountState, AttributeValue, Origin};
use mandate_domain::advisory::Advisory;
use mandate_domain::command::Command;
use mandate_domain::etag::Etag as _;
use mandate_domain::id::{AccountId, UserId};
use mandate_proto::v1;

use super::page::{Paging, Query};
use super::{Fields, Path, timestamp};
use crate::error::Error;

/// Most attributes of one call.
const MAX_ATTRIBUTES: usize = 64;
/// Longest text of an attribute or an order's reference, in bytes.
const MAX_TEXT: usize = 255;

/// What a new account is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateAccount {
    /// The name of its policy.
    pub policy: String,
    /// What people call it.
    pub display_name: String,
    /// Its first user; `None`: the calling person.
    pub first_user: Option<UserId>,
    /// How it came to exist.
    pub origin: Origin,
    /// Attributes to set.
    pub attributes: Vec<(String, AttributeValue)>,
}

/// Reads a `CreateAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn create(message: v1::CreateAccountRequest) -> Result<CreateAccount, Error> {
    let v1::CreateAccountRequest {
        policy,
        display_name,
        first_user,
        origin,
        attributes,
        request_id: _,
        validate_only: _,
    } = message;
    let mut fields = Fields::default();
    let policy = fields.name(Path::of("policy"), policy);
    let display_name = fields.title(Path::of("display_name"), display_name);
    let first_user = fields.optional_id(Path::of("first_user"), &first_user);
    let origin = self::origin(&mut fields, Path::of("origin"), origin);
    let attributes = self::attributes(&mut fields, Path::of("attributes"), attributes);
    let mut set = Vec::new();
    for (name, value) in attributes.unwrap_or_default() {
        match value {
            Some(value) => set.push((name, value)),
            None => fields.reject(Path::of("attributes").key(&name), "needs a value: flag, number or text"),
        }
    }
    let create = (|| {
        Some(CreateAccount {
            policy: policy?,
            display_name: display_name?,
            first_user: first_user?,
            origin: origin?,
            attributes: set,
        })
    })();
    fields.finish(create)
}

fn origin(fields: &mut Fields, path: Path<'_>, message: Option<v1::AccountOrigin>) -> Option<Origin> {
    use v1::account_origin::{Order, Origin as Message, Registration};
    match message {
        None | Some(v1::AccountOrigin { origin: None | Some(Message::Registration(Registration {})) }) => {
            Some(Origin::Registration)
        }
        Some(v1::AccountOrigin { origin: Some(Message::Order(Order { reference })) }) => {
            let path = path.field("order");
            let reference = fields.opaque(path.field("reference"), reference, MAX_TEXT)?;
            Some(Origin::Order { reference })
        }
    }
}

type Attributes = Vec<(String, Option<AttributeValue>)>;

/// Sorted by name, so that mistakes are told in the same order each time.
fn attributes(
    fields: &mut Fields,
    path: Path<'_>,
    messages: BTreeMap<String, v1::AttributeValue>,
) -> Option<Attributes> {
    fields.at_most(path, messages.len(), MAX_ATTRIBUTES)?;
    let mut messages: Vec<_> = messages.into_iter().collect();
    messages.sort_by(|(a, _), (b, _)| a.cmp(b));
    let read = messages.into_iter().map(|(name, value)| {
        let value = attribute(fields, path.key(&name), value);
        let name = fields.name(path.key(&name), name.clone());
        Some((name?, value?))
    });
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

fn attribute(
    fields: &mut Fields,
    path: Path<'_>,
    message: v1::AttributeValue,
) -> Option<Option<AttributeValue>> {
    use v1::attribute_value::Value;
    let v1::AttributeValue { value } = message;
    Some(match value {
        None => None,
        Some(Value::Flag(on)) => Some(AttributeValue::Flag(on)),
        Some(Value::Number(number)) => Some(AttributeValue::Number(number)),
        Some(Value::Text(text)) => {
            Some(AttributeValue::Text(fields.opaque(path.field("text"), text, MAX_TEXT)?))
        }
    })
}

/// Reads a `UpdateAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn update(message: v1::UpdateAccountRequest) -> Result<Command, Error> {
    let v1::UpdateAccountRequest {
        account,
        display_name,
        attributes,
        update_mask,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let given = self::attributes(&mut fields, Path::of("attributes"), attributes).unwrap_or_default();
    let mut name = None;
    let mut changed = Attributes::new();
    for (index, path) in super::membership::mask(&mut fields, update_mask).into_iter().enumerate() {
        match path.strip_prefix("attributes.") {
            _ if path == "display_name" => {
                name = fields.title(Path::of("display_name"), display_name.clone())
            }
            _ if path == "attributes" => changed.extend(given.iter().cloned()),
            Some(attribute) => {
                let value =
                    given.iter().find(|(name, _)| name == attribute).and_then(|(_, value)| value.clone());
                changed.push((attribute.to_owned(), value));
            }
            None => {
                let at = Path::of("update_mask");
                let message =
                    format!("\"{path}\" cannot be changed; name display_name, attributes or attributes.NAME");
                fields.reject(at.field("paths").index(index), message);
            }
        }
    }
    // A path that is there twice changes the same thing once.
    changed.sort_by(|(a, _), (b, _)| a.cmp(b));
    changed.dedup_by(|(a, _), (b, _)| a == b);
    let command =
        account.map(|account| Command::UpdateAccount { account, display_name: name, attributes: changed });
    fields.finish(command)
}

/// A message that holds an account's id and nothing else.
fn only(account: &str) -> Result<AccountId, Error> {
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), account);
    fields.finish(account)
}

/// Reads a `GetAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn get(message: v1::GetAccountRequest) -> Result<AccountId, Error> {
    let v1::GetAccountRequest { account } = message;
    only(&account)
}

/// Reads a `SuspendAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn suspend(message: v1::SuspendAccountRequest) -> Result<Command, Error> {
    let v1::SuspendAccountRequest { account, request_id: _, validate_only: _ } = message;
    Ok(Command::SuspendAccount { account: only(&account)? })
}

/// Reads a `ReinstateAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn reinstate(message: v1::ReinstateAccountRequest) -> Result<Command, Error> {
    let v1::ReinstateAccountRequest { account, request_id: _, validate_only: _ } = message;
    Ok(Command::ReinstateAccount { account: only(&account)? })
}

/// Reads a `DeleteAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn delete(message: v1::DeleteAccountRequest) -> Result<Command, Error> {
    let v1::DeleteAccountRequest { account, request_id: _, validate_only: _, etag: _, override_reason: _ } =
        message;
    Ok(Command::DeleteAccount { account: only(&account)? })
}

/// Reads a `UndeleteAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn undelete(message: v1::UndeleteAccountRequest) -> Result<Command, Error> {
    let v1::UndeleteAccountRequest { account, request_id: _, validate_only: _, override_reason: _ } = message;
    Ok(Command::UndeleteAccount { account: only(&account)? })
}

/// Which page of accounts: of a person's (given by their id), or of all. The key is the last account's id.
///
/// Reads a `ListAccountsRequest`.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListAccountsRequest, of: Option<UserId>) -> Result<Paging<AccountId>, Error> {
    let v1::ListAccountsRequest { page_size, page_token } = message;
    let mut fields = Fields::default();
    let of = of.map(|user| user.to_string()).unwrap_or_default();
    let paging = Query::new("ListAccounts", &[&of]).paging(&mut fields, page_size, &page_token);
    fields.finish(paging)
}

/// An account as messages have it, without advisories.
#[must_use]
pub fn to_message(account: Account) -> v1::Account {
    let etag = account.etag();
    let Account {
        id,
        policy,
        display_name,
        state,
        origin,
        attributes,
        groups,
        created_at,
        updated_at,
        deleted_at,
        deleted_in: _,
    } = account;
    v1::Account {
        id: id.to_string(),
        policy,
        display_name,
        state: to_state(state).into(),
        origin: Some(to_origin(origin)),
        attributes: attributes.into_iter().map(|(name, value)| (name, to_attribute(value))).collect(),
        groups: groups.iter().map(ToString::to_string).collect(),
        create_time: Some(timestamp(created_at)),
        update_time: Some(timestamp(updated_at)),
        delete_time: deleted_at.map(timestamp),
        advisories: Vec::new(),
        etag,
    }
}

/// An advisory as messages have it.
#[must_use]
pub fn to_advisory(advisory: Advisory) -> v1::Advisory {
    use v1::advisory::{Advisory as Message, FewHolders};
    let Advisory { role, holders } = advisory;
    let holders = i32::try_from(holders).unwrap_or(i32::MAX);
    v1::Advisory { advisory: Some(Message::FewHolders(FewHolders { role, holders })) }
}

fn to_state(state: AccountState) -> v1::AccountState {
    match state {
        AccountState::Active => v1::AccountState::Active,
        AccountState::Suspended => v1::AccountState::Suspended,
        AccountState::Deleted => v1::AccountState::Deleted,
    }
}

fn to_origin(origin: Origin) -> v1::AccountOrigin {
    use v1::account_origin::{Order, Origin as Message, Registration};
    let origin = match origin {
        Origin::Registration => Message::Registration(Registration {}),
        Origin::Order { reference } => Message::Order(Order { reference }),
    };
    v1::AccountOrigin { origin: Some(origin) }
}

fn to_attribute(value: AttributeValue) -> v1::AttributeValue {
    use v1::attribute_value::Value;
    let value = match value {
        AttributeValue::Flag(on) => Value::Flag(on),
        AttributeValue::Number(number) => Value::Number(number),
        AttributeValue::Text(text) => Value::Text(text),
    };
    v1::AttributeValue { value: Some(value) }
}
