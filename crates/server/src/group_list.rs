//! The RPCs of `AccountService` that show account groups. What a person's role in a group lets them see is the
//! policy's list of controls; reads of the database, because groups are not among the facts in memory.

use std::sync::Arc;

use mandate_domain::decide::Reason;
use mandate_domain::group::Group;
use mandate_domain::id::{GroupId, UserId};
use mandate_domain::policy::Policy;
use mandate_domain::policy::model::GroupControl;
use mandate_domain::records::{Key, Record};
use mandate_domain::refusal::Refusal;
use mandate_domain::user::{User, UserState};
use mandate_proto::v1;
use mandate_storage::GroupsOf;

use crate::access::AccessError;
use crate::account::named_or_caller;
use crate::caller::{Call, Party};
use crate::convert;
use crate::convert::group_list::{ListCandidates, ListGroups};
use crate::error::Error;
use crate::facts::Facts;

/// A group that the caller may see, with its policy.
struct Seen {
    group: Group,
    policy: Arc<Policy>,
}

/// Lets a call that needs this control of the group pass, or not. To a person who does not belong to it, a group
/// is as if it were not there.
async fn seen(facts: &Facts, party: Party, id: GroupId, control: GroupControl) -> Result<Seen, Error> {
    let stranger = || Error::from(denied("account group", Reason::NotAMember));
    let mut keys = vec![Key::Group(id)];
    keys.extend(party.person().map(Key::User));
    let (mut group, mut user) = (None, None);
    for (_, record) in facts.store().read(&keys).await? {
        match record {
            Record::Group(found) => group = found,
            Record::User(found) => user = found,
            _ => {}
        }
    }
    let policies = facts.policies();
    let found = group.and_then(|group| Some((policies.get(&group.policy).map(Arc::clone)?, group)));
    let found = found.map(|(policy, group)| Seen { group, policy });
    match (party, found) {
        (Party::Person(_), Some(found)) => {
            let user: Option<User> = user.filter(|user| user.state == UserState::Active);
            let seat = user.iter().flat_map(|user| &user.seats).find(|seat| seat.group == id);
            let role = seat.and_then(|seat| {
                let rule = found.policy.groups.as_ref()?;
                rule.role(rule.role_id(&seat.role)?)
            });
            let role = role.ok_or_else(stranger)?;
            if role.controls.contains(&control) {
                return Ok(found);
            }
            let what = format!("do this as {} of the group", role.role.name);
            Err(Refusal::DelegationDenied(vec![what]).into())
        }
        (Party::Person(_), None) => Err(stranger()),
        (Party::Service | Party::Operator, found) => {
            found.ok_or_else(|| Error::not_found("account group", id))
        }
    }
}

fn denied(operation: &str, reason: Reason) -> Refusal {
    Refusal::Denied { operation: operation.to_owned(), permission: None, reason }
}

pub(crate) async fn get(
    facts: &Facts,
    call: &Call,
    message: v1::GetAccountGroupRequest,
) -> Result<v1::GetAccountGroupResponse, Error> {
    let id = convert::group::get(message)?;
    let Seen { group, .. } = seen(facts, call.party, id, GroupControl::View).await?;
    Ok(v1::GetAccountGroupResponse { group: Some(convert::group::to_message(group)) })
}

pub(crate) async fn list(
    facts: &Facts,
    call: &Call,
    message: v1::ListAccountGroupsRequest,
) -> Result<v1::ListAccountGroupsResponse, Error> {
    let person = call.party.person();
    let ListGroups { user, paging } = convert::group_list::list(message, person)?;
    if person.is_some() && user != person {
        return Err(AccessError::NotOneself.into());
    }
    let of = user.map_or(GroupsOf::Everybody, GroupsOf::User);
    let page = facts.store().list_groups(of, paging.after, paging.limit).await?;
    let last = page.items.last().map(|group| group.id);
    let next_page_token = paging.next(last, page.more.into())?;
    let groups = page.items.into_iter().map(convert::group::to_message).collect();
    Ok(v1::ListAccountGroupsResponse { groups, next_page_token })
}

pub(crate) async fn users(
    facts: &Facts,
    call: &Call,
    message: v1::ListAccountGroupUsersRequest,
) -> Result<v1::ListAccountGroupUsersResponse, Error> {
    let (id, paging) = convert::group_list::list_users(message)?;
    seen(facts, call.party, id, GroupControl::View).await?;
    let page = facts.store().list_group_users(id, paging.after, paging.limit).await?;
    let last = page.items.last().map(|found| found.user.id);
    let next_page_token = paging.next(last, page.more.into())?;
    let users = page.items.into_iter().map(convert::group_list::to_user).collect();
    Ok(v1::ListAccountGroupUsersResponse { users, next_page_token })
}

pub(crate) async fn accounts(
    facts: &Facts,
    call: &Call,
    message: v1::ListAccountGroupAccountsRequest,
) -> Result<v1::ListAccountGroupAccountsResponse, Error> {
    let (id, paging) = convert::group_list::list_accounts(message)?;
    seen(facts, call.party, id, GroupControl::View).await?;
    let page = facts.store().list_group_accounts(id, paging.after, paging.limit).await?;
    let last = page.items.last().map(|account| account.id);
    let next_page_token = paging.next(last, page.more.into())?;
    let accounts = page.items.into_iter().map(convert::account::to_message).collect();
    Ok(v1::ListAccountGroupAccountsResponse { accounts, next_page_token })
}

pub(crate) async fn candidates(
    facts: &Facts,
    call: &Call,
    message: v1::ListAccountGroupCandidatesRequest,
) -> Result<v1::ListAccountGroupCandidatesResponse, Error> {
    let ListCandidates { group, user, paging } = convert::group_list::list_candidates(message)?;
    let user: UserId = named_or_caller(call, user, "user")?;
    if call.party.person().is_some_and(|person| person != user) {
        return Err(AccessError::NotOneself.into());
    }
    let Seen { group, policy } = seen(facts, call.party, group, GroupControl::Accounts).await?;
    let needed = needed(&policy);
    let page = facts.store().list_group_candidates(&group, user, &needed, paging.after, paging.limit).await?;
    let next_page_token = paging.next(page.next, page.next.is_some().into())?;
    let candidates = page.items.into_iter().map(convert::group_list::to_candidate).collect();
    Ok(v1::ListAccountGroupCandidatesResponse { candidates, next_page_token })
}

/// Group roles that rest on an account role, with that role.
fn needed(policy: &Policy) -> Vec<(String, String)> {
    let roles = policy.groups.iter().flat_map(|rule| &rule.roles);
    let pairs =
        roles.filter_map(|seat| Some((seat.role.name.clone(), policy.role(seat.must_hold?)?.name.clone())));
    pairs.collect()
}
