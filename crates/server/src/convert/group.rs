//! Account groups.

use mandate_domain::change::Change;
use mandate_domain::command::{Command, MissingHolders};
use mandate_domain::group::Group;
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_proto::v1;

use super::{Fields, Path, timestamp};
use crate::error::Error;

/// Most accounts a group is founded with.
const MAX_ACCOUNTS: usize = 1_000;

/// What a new group is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateGroup {
    /// What people call it.
    pub display_name: String,
    /// The accounts to put in it.
    pub accounts: Vec<AccountId>,
    /// Who founds it; `None`: the calling person.
    pub founder: Option<UserId>,
}

/// Reads a `CreateAccountGroupRequest`.
///
/// # Errors
/// Every bad field.
pub fn create(message: v1::CreateAccountGroupRequest) -> Result<CreateGroup, Error> {
    let v1::CreateAccountGroupRequest { display_name, accounts, founder, request_id: _, validate_only: _ } =
        message;
    let mut fields = Fields::default();
    let display_name = fields.title(Path::of("display_name"), display_name);
    let accounts = self::accounts(&mut fields, Path::of("accounts"), &accounts);
    let founder = fields.optional_id(Path::of("founder"), &founder);
    let create =
        (|| Some(CreateGroup { display_name: display_name?, accounts: accounts?, founder: founder? }))();
    fields.finish(create)
}

fn accounts(fields: &mut Fields, path: Path<'_>, texts: &[String]) -> Option<Vec<AccountId>> {
    if texts.is_empty() {
        return fields.none(path, format!("is required: 1 to {MAX_ACCOUNTS} accounts"));
    }
    fields.at_most(path, texts.len(), MAX_ACCOUNTS)?;
    let read: Vec<_> =
        texts.iter().enumerate().map(|(index, text)| fields.id(path.index(index), text)).collect();
    read.into_iter().collect()
}

/// Reads a `AddAccountGroupUserRequest`.
///
/// # Errors
/// Every bad field.
pub fn add_user(message: v1::AddAccountGroupUserRequest) -> Result<Command, Error> {
    let v1::AddAccountGroupUserRequest {
        group,
        user,
        role,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let group = fields.id(Path::of("group"), &group);
    let user = fields.id(Path::of("user"), &user);
    let role = fields.name(Path::of("role"), role);
    let command = (|| Some(Command::AddGroupUser { group: group?, user: user?, role: role? }))();
    fields.finish(command)
}

/// Reads a `RemoveAccountGroupUserRequest`.
///
/// # Errors
/// Every bad field.
pub fn remove_user(message: v1::RemoveAccountGroupUserRequest) -> Result<Command, Error> {
    let v1::RemoveAccountGroupUserRequest {
        group,
        user,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let group = fields.id(Path::of("group"), &group);
    let user = fields.id(Path::of("user"), &user);
    let command = group.zip(user).map(|(group, user)| Command::RemoveGroupUser { group, user });
    fields.finish(command)
}

/// A group as messages have it.
#[must_use]
pub fn to_message(group: Group) -> v1::AccountGroup {
    let Group { id, policy, display_name, created_at } = group;
    v1::AccountGroup { id: id.to_string(), policy, display_name, create_time: Some(timestamp(created_at)) }
}

/// Reads an `AddAccountGroupAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn add_account(message: v1::AddAccountGroupAccountRequest) -> Result<Command, Error> {
    let v1::AddAccountGroupAccountRequest {
        group,
        account,
        missing_holders,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let group = fields.id(Path::of("group"), &group);
    let account = fields.id(Path::of("account"), &account);
    let missing = fields.choice(Path::of("missing_holders"), missing_holders, |missing| {
        Some(match missing {
            v1::MissingHolders::Unspecified | v1::MissingHolders::Refuse => MissingHolders::Refuse,
            v1::MissingHolders::Give => MissingHolders::Give,
        })
    });
    let command =
        (|| Some(Command::AddGroupAccount { group: group?, account: account?, missing: missing? }))();
    fields.finish(command)
}

/// Reads a `RemoveAccountGroupAccountRequest`.
///
/// # Errors
/// Every bad field.
pub fn remove_account(message: v1::RemoveAccountGroupAccountRequest) -> Result<Command, Error> {
    let v1::RemoveAccountGroupAccountRequest {
        group,
        account,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let group = fields.id(Path::of("group"), &group);
    let account = fields.id(Path::of("account"), &account);
    let command = group.zip(account).map(|(group, account)| Command::RemoveGroupAccount { group, account });
    fields.finish(command)
}

/// A message that holds a group's id and nothing else.
fn only(group: &str) -> Result<GroupId, Error> {
    let mut fields = Fields::default();
    let group = fields.id(Path::of("group"), group);
    fields.finish(group)
}

/// Reads a `DeleteAccountGroupRequest`.
///
/// # Errors
/// Every bad field.
pub fn delete(message: v1::DeleteAccountGroupRequest) -> Result<Command, Error> {
    let v1::DeleteAccountGroupRequest { group, request_id: _, validate_only: _, override_reason: _ } =
        message;
    Ok(Command::DeleteGroup { group: only(&group)? })
}

/// Reads a `GetAccountGroupRequest`.
///
/// # Errors
/// Every bad field.
pub fn get(message: v1::GetAccountGroupRequest) -> Result<GroupId, Error> {
    let v1::GetAccountGroupRequest { group } = message;
    only(&group)
}

/// The direct memberships that a plan ended, as messages have them.
#[must_use]
pub fn to_ended(changes: &[Change]) -> Vec<v1::EndedMembership> {
    let ended = changes.iter().filter_map(|change| match change {
        Change::MembershipEnded { account, user } => {
            Some(v1::EndedMembership { account: account.to_string(), user: user.to_string() })
        }
        _ => None,
    });
    ended.collect()
}
