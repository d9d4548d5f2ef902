//! What a change takes away. The feed keeps it beside the fact, so that whoever follows the feed can tell that access was
//! removed without remembering what was there before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::{Account, AccountState, AttributeValue};
use crate::change::Change;
use crate::id::GroupId;
use crate::membership::{MemberState, Membership};
use crate::records::{Records, Stop};
use crate::user::{User, UserState};

/// What somebody may have less of after a change. Names are those of the account's policy, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Taken {
    /// Whether it is all that the fact gave: it was removed, suspended or deleted.
    pub everything: bool,
    /// Roles that are not held any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Single permissions that are not held any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// Restrictions that were put on the member.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restrictions: Vec<String>,
    /// Groups that the account or the user left, or in which the user holds another role now; of a user who is no more,
    /// all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupId>,
    /// Attributes of the account that have another value now, on which permissions may depend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
}

/// What the change takes away from what was read before it; `None`: nothing. What was not read, and may have been there,
/// counts as if it had given everything.
#[must_use]
pub fn taken(change: &Change, before: &Records) -> Option<Taken> {
    if is_new(change, before) {
        return None;
    }
    let taken = match change {
        Change::Account(after) => since(before.account(after.id), |before| of_account(before, after)),
        Change::User(after) => since(before.user(after.id), |before| of_user(before, after)),
        Change::Membership(after) => {
            since(before.membership(after.account, after.user), |before| of_membership(before, after))
        }
        Change::Assignment(after) => {
            let found = before.assignment(after.account, after.user, &after.resource);
            since(found, |before| Taken {
                roles: missing(&before.roles, &after.roles),
                permissions: missing(&before.permissions, &after.permissions),
                ..Taken::default()
            })
        }
        Change::Contact(after) => since(before.contact(after.account, after.id), |before| Taken {
            permissions: missing(&before.permissions, &after.permissions),
            ..Taken::default()
        }),
        Change::UserErased { user, .. } => {
            let seats = before.user(*user).ok().flatten().map(|user| user.seats.as_slice());
            let groups = seats.unwrap_or_default().iter().map(|seat| seat.group).collect();
            Taken { groups, ..everything() }
        }
        Change::MembershipEnded { .. }
        | Change::AssignmentEnded { .. }
        | Change::ContactRemoved { .. }
        | Change::ResourceDeleted { .. }
        | Change::GroupDeleted { .. } => everything(),
        // A resource never moves, a group's name gives nothing, and what is only offered nobody has yet.
        Change::Resource(_)
        | Change::Group(_)
        | Change::Invitation(_)
        | Change::Credential(_)
        | Change::Session(_)
        | Change::SessionEnded { .. } => Taken::default(),
    };
    (taken != Taken::default()).then_some(taken)
}

/// Whether what the fact belongs to was not there before.
fn is_new(change: &Change, before: &Records) -> bool {
    let new_account = change.account().is_some_and(|account| matches!(before.account(account), Ok(None)));
    let newly_assigned = match change {
        Change::Assignment(after) => {
            let unread = before.assignment(after.account, after.user, &after.resource).is_err();
            let new_member = matches!(before.membership(after.account, after.user), Ok(None));
            unread && (new_member || matches!(before.resource(after.account, &after.resource), Ok(None)))
        }
        _ => false,
    };
    new_account || newly_assigned
}

fn everything() -> Taken {
    Taken { everything: true, ..Taken::default() }
}

fn since<T>(before: Result<Option<&T>, Stop>, compare: impl FnOnce(&T) -> Taken) -> Taken {
    match before {
        Ok(Some(before)) => compare(before),
        Ok(None) => Taken::default(),
        Err(_) => everything(),
    }
}

fn of_account(before: &Account, after: &Account) -> Taken {
    let changed = |(name, value): (&String, &AttributeValue), other: &BTreeMap<String, AttributeValue>| {
        (other.get(name) != Some(value)).then(|| name.clone())
    };
    let mut attributes: Vec<String> = before
        .attributes
        .iter()
        .filter_map(|entry| changed(entry, &after.attributes))
        .chain(after.attributes.iter().filter_map(|entry| changed(entry, &before.attributes)))
        .collect();
    attributes.sort();
    attributes.dedup();
    Taken {
        everything: before.state == AccountState::Active && after.state != AccountState::Active,
        groups: missing(&before.groups, &after.groups),
        attributes,
        ..Taken::default()
    }
}

fn of_user(before: &User, after: &User) -> Taken {
    let lost = before.seats.iter().filter(|seat| !after.seats.contains(seat));
    Taken {
        everything: before.state == UserState::Active && after.state != UserState::Active,
        groups: lost.map(|seat| seat.group).collect(),
        ..Taken::default()
    }
}

fn of_membership(before: &Membership, after: &Membership) -> Taken {
    Taken {
        everything: before.state == MemberState::Active && after.state != MemberState::Active,
        roles: missing(&before.roles, &after.roles),
        permissions: missing(&before.grants, &after.grants),
        restrictions: missing(&after.restrictions, &before.restrictions),
        ..Taken::default()
    }
}

/// What is in the first list and not in the second.
fn missing<T: Clone + PartialEq>(from: &[T], here: &[T]) -> Vec<T> {
    from.iter().filter(|one| !here.contains(one)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, UserId};
    use crate::records::{Key, Record};
    use crate::user::GroupSeat;

    fn membership(state: MemberState, roles: &[&str], restrictions: &[&str]) -> Membership {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Membership {
            account: AccountId::from_bits(1),
            user: UserId::from_bits(2),
            state,
            roles: names(roles),
            grants: Vec::new(),
            restrictions: names(restrictions),
            created_at: 0,
            updated_at: 0,
        }
    }

    fn before(membership: Option<Membership>) -> Records {
        let mut records = Records::default();
        let key = Key::Membership(AccountId::from_bits(1), UserId::from_bits(2));
        records.put(key, Record::Membership(membership));
        records
    }

    #[test]
    fn a_new_fact_takes_nothing_and_an_unread_one_everything() {
        let after = Change::Membership(membership(MemberState::Active, &["member"], &[]));
        assert_eq!(taken(&after, &before(None)), None);
        assert_eq!(taken(&after, &Records::default()), Some(everything()));
        let mut founded = Records::default();
        founded.put(Key::Account(AccountId::from_bits(1)), Record::Account(None));
        assert_eq!(taken(&after, &founded), None);
    }

    #[test]
    fn what_a_member_lacks_afterwards_is_named() {
        let was = || Some(membership(MemberState::Active, &["admin", "member"], &[]));
        let change = Change::Membership(membership(MemberState::Active, &["member"], &["no_export"]));
        let expected = Taken {
            roles: vec!["admin".to_owned()],
            restrictions: vec!["no_export".to_owned()],
            ..Taken::default()
        };
        assert_eq!(taken(&change, &before(was())), Some(expected));
        let change = Change::Membership(membership(MemberState::Suspended, &["admin", "member"], &[]));
        assert_eq!(taken(&change, &before(was())), Some(everything()));
        let ended = Change::MembershipEnded { account: AccountId::from_bits(1), user: UserId::from_bits(2) };
        assert_eq!(taken(&ended, &before(was())), Some(everything()));
        let same = Change::Membership(membership(MemberState::Active, &["admin", "member"], &[]));
        assert_eq!(taken(&same, &before(was())), None);
    }

    #[test]
    fn a_seat_that_is_left_or_changed_is_named_by_its_group() {
        let user = |roles: &[(u128, &str)]| User {
            id: UserId::from_bits(2),
            email: String::new(),
            display_name: String::new(),
            locale: String::new(),
            avatar_url: String::new(),
            state: UserState::Active,
            identities: Vec::new(),
            seats: roles
                .iter()
                .map(|(group, role)| GroupSeat {
                    group: GroupId::from_bits(*group),
                    role: (*role).to_owned(),
                })
                .collect(),
            created_at: 0,
        };
        let mut records = Records::default();
        let seats = [(1, "admin"), (2, "admin"), (3, "admin")];
        records.put(Key::User(UserId::from_bits(2)), Record::User(Some(user(&seats))));
        let after = user(&[(1, "admin"), (2, "viewer"), (4, "admin")]);
        let groups = vec![GroupId::from_bits(2), GroupId::from_bits(3)];
        assert_eq!(taken(&Change::User(after), &records), Some(Taken { groups, ..Taken::default() }));
        let erased = Change::UserErased { user: UserId::from_bits(2), identities: Vec::new() };
        assert_eq!(taken(&erased, &records).map(|taken| taken.groups.len()), Some(3));
    }
}
