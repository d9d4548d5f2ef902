//! The effects of a write on people: which permissions each would gain and lose. Told by `validate_only`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::change::Change;
use crate::effective::Effective;
use crate::id::{AccountId, ContactId, GroupId, UserId};
use crate::policy::model::Policy;
use crate::policy::set::PermissionSet;
use crate::resource::ResourceRef;

/// Whose permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A user.
    User(UserId),
    /// A contact.
    Contact(ContactId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Contact(contact) => contact.fmt(f),
        }
    }
}

/// One subject's permissions in one account, or on one resource of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The account.
    pub account: AccountId,
    /// Whose.
    pub subject: Subject,
    /// The resource; `None`: the account as a whole.
    pub resource: Option<ResourceRef>,
}

/// What a write does at one place. Names are ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Where, and whose.
    pub place: Place,
    /// Permissions held afterwards and not before.
    pub gained: Vec<String>,
    /// Permissions held before and not afterwards.
    pub lost: Vec<String>,
    /// Permissions held on some resources only, afterwards and not before.
    pub gained_limited: Vec<String>,
    /// Permissions held on some resources only, before and not afterwards.
    pub lost_limited: Vec<String>,
}

impl Effect {
    /// What is different; `None`: nothing is.
    #[must_use]
    pub fn between(policy: &Policy, place: Place, before: &Effective, after: &Effective) -> Option<Self> {
        if before == after {
            return None;
        }
        Self::across(place, (policy, before), (policy, after))
    }

    /// The same where another policy counts afterwards, whose permissions have other numbers.
    #[must_use]
    pub fn across(
        place: Place,
        (old, before): (&Policy, &Effective),
        (new, after): (&Policy, &Effective),
    ) -> Option<Self> {
        let (held, will) = (names(old, &before.held), names(new, &after.held));
        let (limited, will_limited) = (names(old, &before.limited), names(new, &after.limited));
        let without = |names: &BTreeSet<&str>, others: &BTreeSet<&str>| {
            names.difference(others).map(|name| (*name).to_owned()).collect::<Vec<String>>()
        };
        let effect = Self {
            place,
            gained: without(&will, &held),
            lost: without(&held, &will),
            gained_limited: without(&will_limited, &limited),
            lost_limited: without(&limited, &will_limited),
        };
        let all = [&effect.gained, &effect.lost, &effect.gained_limited, &effect.lost_limited];
        all.iter().any(|names| !names.is_empty()).then_some(effect)
    }

    /// What is left of it, on one resource, beside what is gained and lost in the account as a whole; `None`: nothing is.
    #[must_use]
    pub fn beside(mut self, account: Option<&Self>) -> Option<Self> {
        if let Some(account) = account {
            self.gained.retain(|name| !account.gained.contains(name));
            self.lost.retain(|name| !account.lost.contains(name));
        }
        (!(self.gained.is_empty() && self.lost.is_empty())).then_some(self)
    }
}

fn names<'p>(policy: &'p Policy, set: &'p PermissionSet) -> BTreeSet<&'p str> {
    policy.permission_names(set).collect()
}

/// Where a write may have effects, as far as its changes say by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Subjects in accounts.
    pub places: BTreeSet<Place>,
    /// Accounts of which everybody is touched.
    pub accounts: BTreeSet<AccountId>,
    /// Users who are touched wherever they are, with the groups that they belong to before or afterwards.
    pub users: BTreeMap<UserId, BTreeSet<GroupId>>,
}

impl Touched {
    /// What the changes touch.
    #[must_use]
    pub fn by(changes: &[Change]) -> Self {
        let mut touched = Self::default();
        for change in changes {
            touched.add(change);
        }
        touched
    }

    fn add(&mut self, change: &Change) {
        match change {
            Change::Account(account) => {
                self.accounts.insert(account.id);
            }
            Change::User(user) => {
                let groups = user.seats.iter().map(|seat| seat.group);
                self.users.entry(user.id).or_default().extend(groups);
            }
            Change::UserErased { user, .. } => {
                self.users.entry(*user).or_default();
            }
            Change::Membership(membership) => self.member(membership.account, membership.user, None),
            Change::MembershipEnded { account, user } => self.member(*account, *user, None),
            Change::Assignment(assignment) => {
                self.member(assignment.account, assignment.user, Some(&assignment.resource));
            }
            Change::AssignmentEnded { account, user, resource } => {
                self.member(*account, *user, Some(resource));
            }
            Change::Contact(contact) => self.contact(contact.account, contact.id),
            Change::ContactRemoved { account, contact } => self.contact(*account, *contact),
            // What lives in another resource from now on, or is no more, is touched where it is assigned: that is a
            // change of its own. A group's name touches nobody, and its seats and accounts are theirs who have them.
            Change::Resource(_)
            | Change::ResourceDeleted { .. }
            | Change::Group(_)
            | Change::GroupDeleted { .. }
            | Change::Credential(_)
            | Change::Session(_)
            | Change::SessionEnded { .. }
            | Change::Invitation(_) => {}
        }
    }

    fn member(&mut self, account: AccountId, user: UserId, resource: Option<&ResourceRef>) {
        let subject = Subject::User(user);
        self.places.insert(Place { account, subject, resource: None });
        if let Some(resource) = resource {
            self.places.insert(Place { account, subject, resource: Some(resource.clone()) });
        }
    }

    fn contact(&mut self, account: AccountId, contact: ContactId) {
        self.places.insert(Place { account, subject: Subject::Contact(contact), resource: None });
    }
}
