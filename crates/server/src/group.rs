//! The RPCs of `AccountService` that found account groups and change who belongs to them.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::id::GroupId;
use mandate_proto::v1;

use crate::account::named_or_caller;
use crate::caller::Call;
use crate::clock::new_id_bits;
use crate::convert;
use crate::error::Error;
use crate::facts::Facts;
use crate::writer::write;

pub(crate) async fn create(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::CreateAccountGroupRequest,
) -> Result<v1::CreateAccountGroupResponse, Error> {
    let convert::group::CreateGroup { display_name, accounts, founder } = convert::group::create(message)?;
    let founder = named_or_caller(call, founder, "founder")?;
    let id = GroupId::from_bits(new_id_bits()?);
    let command = Command::CreateGroup { id, display_name, accounts, founder };
    let committed = write(facts, &call.write, command).await?;
    let group = committed.plan.changes.into_iter().find_map(|change| match change {
        Change::Group(group) => Some(convert::group::to_message(group)),
        _ => None,
    });
    match group {
        Some(group) => Ok(v1::CreateAccountGroupResponse { group: Some(group), ..Default::default() }),
        None => Err(Error::Defect("a group was founded without a change that says so".to_owned())),
    }
}

pub(crate) async fn add_user(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::AddAccountGroupUserRequest,
) -> Result<v1::AddAccountGroupUserResponse, Error> {
    write(facts, &call.write, convert::group::add_user(message)?).await?;
    Ok(v1::AddAccountGroupUserResponse { ..Default::default() })
}

pub(crate) async fn remove_user(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::RemoveAccountGroupUserRequest,
) -> Result<v1::RemoveAccountGroupUserResponse, Error> {
    let committed = write(facts, &call.write, convert::group::remove_user(message)?).await?;
    let ended = committed.plan.changes.iter().filter_map(|change| match change {
        Change::MembershipEnded { account, .. } => Some(account.to_string()),
        _ => None,
    });
    Ok(v1::RemoveAccountGroupUserResponse { ended_memberships: ended.collect(), ..Default::default() })
}

pub(crate) async fn add_account(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::AddAccountGroupAccountRequest,
) -> Result<v1::AddAccountGroupAccountResponse, Error> {
    let committed = write(facts, &call.write, convert::group::add_account(message)?).await?;
    let given = committed.plan.changes.iter().filter_map(|change| match change {
        Change::Membership(membership) => Some(membership.user.to_string()),
        _ => None,
    });
    Ok(v1::AddAccountGroupAccountResponse { given: given.collect(), ..Default::default() })
}

pub(crate) async fn remove_account(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::RemoveAccountGroupAccountRequest,
) -> Result<v1::RemoveAccountGroupAccountResponse, Error> {
    let committed = write(facts, &call.write, convert::group::remove_account(message)?).await?;
    let ended_memberships = convert::group::to_ended(&committed.plan.changes);
    Ok(v1::RemoveAccountGroupAccountResponse { ended_memberships, ..Default::default() })
}

pub(crate) async fn delete(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::DeleteAccountGroupRequest,
) -> Result<v1::DeleteAccountGroupResponse, Error> {
    let committed = write(facts, &call.write, convert::group::delete(message)?).await?;
    let ended_memberships = convert::group::to_ended(&committed.plan.changes);
    Ok(v1::DeleteAccountGroupResponse { ended_memberships, ..Default::default() })
}
