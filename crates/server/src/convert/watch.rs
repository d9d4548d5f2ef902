//! Watching, and rows of the feed as messages: without what identifies a person, and without what is nobody's business.

use std::collections::BTreeSet;
use std::time::Duration;

use mandate_domain::change::Change;
use mandate_domain::contact::Contact;
use mandate_domain::id::{AccountId, GroupId};
use mandate_domain::invitation::Invitation;
use mandate_domain::membership::Membership;
use mandate_domain::taken::Taken;
use mandate_domain::user::{User, UserState};
use mandate_proto::v1;
use mandate_storage::{FeedRow, Followed};

use super::consistency::{Consistency, Token};
use super::{Fields, Path, account, contact, group, invitation, membership, resource, timestamp};
use crate::error::Error;

/// How often a checkpoint is sent unless asked otherwise.
const INTERVAL: Duration = Duration::from_secs(10);

/// The shortest and the longest that may be asked for, in seconds.
const INTERVALS: std::ops::RangeInclusive<i64> = 1..=60;

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The account; `None`: all.
    pub account: Option<AccountId>,
    /// From where; `None`: from now on.
    pub after: Option<Consistency>,
    /// How often to send a checkpoint while nothing happens.
    pub interval: Duration,
}

/// Reads a `WatchRequest`.
///
/// # Errors
/// Every bad field.
pub fn request(message: v1::WatchRequest) -> Result<Watch, Error> {
    let v1::WatchRequest { account, after, checkpoint_interval } = message;
    let mut fields = Fields::default();
    let account = fields.optional_id(Path::of("account"), &account);
    let after = (!after.is_empty())
        .then(|| Token::decode(&after).map_or(Consistency::Unreachable, Consistency::AtLeastAsFresh));
    let interval = match checkpoint_interval {
        None => Some(INTERVAL),
        Some(span) if INTERVALS.contains(&span.seconds) && span.nanos == 0 => {
            u64::try_from(span.seconds).ok().map(Duration::from_secs)
        }
        Some(_) => {
            fields.reject(Path::of("checkpoint_interval"), "must be 1 to 60 whole seconds");
            None
        }
    };
    let watch = (|| Some(Watch { account: account?, after, interval: interval? }))();
    fields.finish(watch)
}

/// A row as a message; `None`: it is not told. `groups`: the only ones that are told of a user.
#[must_use]
pub fn to_message(row: &FeedRow, groups: Option<&BTreeSet<GroupId>>) -> Option<v1::WatchedChange> {
    match row {
        FeedRow::Fact(followed) => to_fact(followed, groups),
        FeedRow::Policies { at } => Some(v1::WatchedChange {
            time: Some(timestamp(*at)),
            account: String::new(),
            taken: None,
            change: Some(v1::watched_change::Change::Policies(v1::PoliciesChanged {})),
        }),
    }
}

/// A change of a fact, as [`to_message`].
#[must_use]
pub fn to_fact(followed: &Followed, groups: Option<&BTreeSet<GroupId>>) -> Option<v1::WatchedChange> {
    let Followed { seq: _, transaction: _, at, change, taken } = followed;
    let about_user = matches!(change, Change::User(_) | Change::UserErased { .. });
    let taken = taken.as_ref().map(|taken| to_taken(taken, groups.filter(|_| about_user)));
    Some(v1::WatchedChange {
        time: Some(timestamp(*at)),
        account: change.account().map(|account| account.to_string()).unwrap_or_default(),
        change: Some(to_change(change, groups)?),
        // Of what was left, nothing may be told.
        taken: taken.filter(|taken| *taken != v1::TakenAccess::default()),
    })
}

fn to_change(change: &Change, groups: Option<&BTreeSet<GroupId>>) -> Option<v1::watched_change::Change> {
    use v1::watched_change::Change as To;
    Some(match change {
        Change::Account(fact) => {
            let told = account::to_message(fact.clone());
            To::ChangedAccount(v1::Account { etag: String::new(), ..told })
        }
        Change::Membership(fact) => To::Member(to_member(fact)),
        Change::MembershipEnded { account, user } => {
            To::RemovedMember(v1::RemovedMember { account: account.to_string(), user: user.to_string() })
        }
        Change::Assignment(fact) => {
            let told = resource::to_assignment(fact.clone());
            To::Assignment(v1::Assignment { etag: String::new(), ..told })
        }
        Change::AssignmentEnded { account, user, resource } => To::RemovedAssignment(v1::RemovedAssignment {
            account: account.to_string(),
            user: user.to_string(),
            resource: Some(resource::to_reference(resource.clone())),
        }),
        Change::Contact(fact) => To::Contact(to_contact(fact)),
        Change::ContactRemoved { account, contact } => To::RemovedContact(v1::RemovedContact {
            account: account.to_string(),
            contact: contact.to_string(),
        }),
        Change::Resource(fact) => {
            let told = resource::to_message(fact.clone());
            To::Resource(v1::Resource { etag: String::new(), ..told })
        }
        Change::ResourceDeleted { account, resource } => To::RemovedResource(v1::RemovedResource {
            account: account.to_string(),
            resource: Some(resource::to_reference(resource.clone())),
        }),
        Change::Group(fact) => To::Group(group::to_message(fact.clone())),
        Change::GroupDeleted { group } => To::RemovedGroup(group.to_string()),
        Change::Invitation(fact) => {
            // The feed leaves the address out; nothing rests on that here.
            To::Invitation(invitation::to_message(Invitation { email: String::new(), ..fact.clone() }))
        }
        Change::User(fact) => To::User(to_user(fact, groups)),
        Change::UserErased { user, identities: _ } => To::RemovedUser(user.to_string()),
        Change::Credential(_) | Change::Session(_) | Change::SessionEnded { .. } => return None,
    })
}

fn to_member(fact: &Membership) -> v1::Member {
    let Membership { account, user, state, roles, grants, restrictions, created_at, updated_at } = fact;
    v1::Member {
        account: account.to_string(),
        user: user.to_string(),
        email: String::new(),
        display_name: String::new(),
        state: membership::to_state(*state).into(),
        roles: roles.clone(),
        grants: grants.clone(),
        restrictions: restrictions.clone(),
        create_time: Some(timestamp(*created_at)),
        update_time: Some(timestamp(*updated_at)),
        invitation: String::new(),
        avatar_url: String::new(),
        last_active_time: None,
        etag: String::new(),
    }
}

fn to_contact(fact: &Contact) -> v1::Contact {
    let told = contact::to_message(fact.without_personal_data());
    v1::Contact { etag: String::new(), ..told }
}

fn to_user(fact: &User, groups: Option<&BTreeSet<GroupId>>) -> v1::WatchedUser {
    let state = match fact.state {
        UserState::Active => v1::UserState::Active,
        UserState::Suspended => v1::UserState::Suspended,
    };
    let seats = fact.seats.iter().filter(|seat| groups.is_none_or(|groups| groups.contains(&seat.group)));
    let seats = seats
        .map(|seat| v1::watched_user::GroupSeat { group: seat.group.to_string(), role: seat.role.clone() });
    v1::WatchedUser { user: fact.id.to_string(), state: state.into(), groups: seats.collect() }
}

fn to_taken(taken: &Taken, groups: Option<&BTreeSet<GroupId>>) -> v1::TakenAccess {
    let Taken { everything, roles, permissions, restrictions, groups: left, attributes } = taken;
    let left = left.iter().filter(|group| groups.is_none_or(|groups| groups.contains(group)));
    v1::TakenAccess {
        everything: *everything,
        roles: roles.clone(),
        permissions: permissions.clone(),
        restrictions: restrictions.clone(),
        groups: left.map(ToString::to_string).collect(),
        attributes: attributes.clone(),
    }
}
