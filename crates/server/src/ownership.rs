//! The RPC of `AccountService` that moves ownership.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::id::UserId;
use mandate_domain::records::{Key, Record};
use mandate_domain::user::User;
use mandate_proto::v1;
use mandate_storage::{Committed, Member, StoreError};

use crate::account::named_or_caller;
use crate::caller::Call;
use crate::convert;
use crate::error::Error;
use crate::facts::Facts;
use crate::writer::write;

pub(crate) async fn transfer(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::TransferOwnershipRequest,
) -> Result<v1::TransferOwnershipResponse, Error> {
    let convert::ownership::Transfer { account, from, to } = convert::ownership::transfer(message)?;
    let from = named_or_caller(call, from, "from")?;
    let committed = write(facts, &call.write, Command::TransferOwnership { account, from, to }).await?;
    let mut people: Vec<User> = Vec::new();
    let read = facts.store().read(&[Key::User(from), Key::User(to)]).await;
    for (_, record) in read.map_err(StoreError::after_commit)? {
        if let Record::User(user) = record {
            people.extend(user);
        }
    }
    let mut members = Vec::with_capacity(2);
    for id in [from, to] {
        let stored = facts.store().member(account, id).await.map_err(StoreError::after_commit)?;
        let last_active = stored.and_then(|member| member.last_active);
        members.push(member(&committed, &people, id, last_active)?);
    }
    let to = members.pop();
    Ok(v1::TransferOwnershipResponse { from: members.pop(), to, ..Default::default() })
}

/// The membership as the transfer left it, with what people call the member.
fn member(
    committed: &Committed,
    people: &[User],
    id: UserId,
    last_active: Option<i64>,
) -> Result<v1::Member, Error> {
    let membership = committed.plan.changes.iter().find_map(|change| match change {
        Change::Membership(membership) if membership.user == id => Some(membership.clone()),
        _ => None,
    });
    let person = people.iter().find(|user| user.id == id);
    let (membership, person) = membership
        .zip(person)
        .ok_or_else(|| Error::Defect("ownership moved without a change that says so".to_owned()))?;
    Ok(convert::membership::to_message(Member::new(membership, person.clone(), last_active)))
}
