//! Everything there is, in plain lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::policy::{Policy, Value};

/// Everything there is.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The policies, by name.
    pub policies: Arc<BTreeMap<String, Policy>>,
    /// The people.
    pub users: Vec<User>,
    /// The accounts.
    pub accounts: Vec<Account>,
    /// The account groups and their policies.
    pub groups: Vec<(String, String)>,
}

/// A person.
#[derive(Debug, Clone)]
pub struct User {
    /// The id that the service gave.
    pub id: String,
    /// The e-mail address.
    pub email: String,
    /// Groups and the role held in each.
    pub seats: Vec<(String, String)>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The id that the service gave.
    pub id: String,
    /// The name of its policy.
    pub policy: String,
    /// Whether it is in use.
    pub state: AccountState,
    /// Attributes that were set.
    pub attributes: BTreeMap<String, Value>,
    /// The groups that contain it.
    pub groups: Vec<String>,
    /// Its members.
    pub members: Vec<Member>,
    /// Its registered resources.
    pub resources: Vec<Resource>,
    /// Its assignments.
    pub assignments: Vec<Assignment>,
}

/// Whether an account is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It is.
    Active,
    /// Until it is reinstated it is not.
    Suspended,
    /// Not any more.
    Deleted,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user's id.
    pub user: String,
    /// Whether the membership counts.
    pub state: MemberState,
    /// Account roles.
    pub roles: Vec<String>,
    /// Single permissions.
    pub grants: Vec<String>,
    /// Restrictions.
    pub restrictions: Vec<String>,
}

/// Whether a membership counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// It does.
    Active,
    /// Until it is reinstated it does not.
    Suspended,
}

/// Type and id of a resource.
pub type Ref = (String, String);

/// A registered resource.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Type and id.
    pub name: Ref,
    /// What it lives in.
    pub parent: Option<Ref>,
    /// The user who created it.
    pub created_by: Option<String>,
}

/// A resource assigned to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The member.
    pub user: String,
    /// The resource.
    pub resource: Ref,
    /// Roles of its type.
    pub roles: Vec<String>,
    /// Single permissions.
    pub permissions: Vec<String>,
}

impl World {
    /// The account of that id.
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    pub(super) fn account_mut(&mut self, id: &str) -> &mut Account {
        self.accounts.iter_mut().find(|account| account.id == id).expect("an account that was found before")
    }

    /// The user of that id.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(super) fn user_mut(&mut self, id: &str) -> &mut User {
        self.users.iter_mut().find(|user| user.id == id).expect("a user who was found before")
    }

    /// The policy of an account.
    pub fn policy(&self, account: &Account) -> &Policy {
        &self.policies[&account.policy]
    }

    /// The group role of a user, for each group that contains the account.
    pub(super) fn seats_in<'a>(&'a self, account: &'a Account, user: &str) -> impl Iterator<Item = &'a str> {
        let seats = self.user(user).into_iter().flat_map(|user| &user.seats);
        seats.filter(|(group, _)| account.groups.contains(group)).map(|(_, role)| role.as_str())
    }
}

impl Account {
    /// The membership of a user.
    pub fn member(&self, user: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.user == user)
    }

    /// The registered resource of that name.
    pub fn resource(&self, name: &Ref) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == *name)
    }

    /// The assignment of a resource to a user.
    pub fn assignment(&self, user: &str, resource: &Ref) -> Option<&Assignment> {
        self.assignments.iter().find(|found| found.user == user && found.resource == *resource)
    }

    /// A resource and everything that it lives in, nearest first.
    pub(super) fn chain(&self, name: &Ref) -> Vec<Ref> {
        let mut chain = vec![name.clone()];
        let mut at = name.clone();
        while let Some(parent) = self.resource(&at).and_then(|found| found.parent.clone()) {
            chain.push(parent.clone());
            at = parent;
        }
        chain
    }

    /// The user's assignments of a resource and of everything that it lives in.
    pub(super) fn assigned(&self, user: &str, name: &Ref) -> Vec<&Assignment> {
        self.chain(name).iter().filter_map(|name| self.assignment(user, name)).collect()
    }
}

impl Member {
    /// Whether it counts.
    pub fn active(&self) -> bool {
        self.state == MemberState::Active
    }

    /// Whether it has the role.
    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }
}
