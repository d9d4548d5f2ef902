//! Writes, and everything that can be wrong with one.

use std::collections::BTreeMap;

use super::judge::{Actor, Class, Faults, fault};
use super::limits::worsened;
use super::policy::{Operation, Value};
use super::world::{Assignment, Member, Ref, World};

/// A write, every name as the call sends it.
#[derive(Debug, Clone)]
pub enum Write {
    /// `CreateUser`.
    CreateUser { email: String },
    /// `CreateAccount`.
    CreateAccount { policy: String, first: String, attributes: BTreeMap<String, Value> },
    /// `UpdateAccount`: attributes to set, or to unset.
    UpdateAccount { account: String, attributes: BTreeMap<String, Option<Value>> },
    /// `SuspendAccount`.
    SuspendAccount { account: String },
    /// `ReinstateAccount`.
    ReinstateAccount { account: String },
    /// `DeleteAccount`.
    DeleteAccount { account: String },
    /// `AddMember`.
    AddMember { account: String, member: Member, assignments: Vec<Assignment> },
    /// `UpdateMember`: what is given replaces what is there.
    UpdateMember {
        account: String,
        user: String,
        roles: Option<Vec<String>>,
        grants: Option<Vec<String>>,
        restrictions: Option<Vec<String>>,
    },
    /// `SuspendMember`.
    SuspendMember { account: String, user: String },
    /// `ReinstateMember`.
    ReinstateMember { account: String, user: String },
    /// `RemoveMember`.
    RemoveMember { account: String, user: String },
    /// `CreateResource`.
    CreateResource { account: String, name: Ref, parent: Option<Ref>, creator: Option<String> },
    /// `DeleteResource`.
    DeleteResource { account: String, name: Ref },
    /// `AssignResource`.
    Assign { account: String, assignment: Assignment },
    /// `UnassignResource`.
    Unassign { account: String, user: String, resource: Ref },
    /// `CreateAccountGroup`.
    CreateGroup { accounts: Vec<String>, founder: String },
    /// `AddAccountGroupUser`.
    AddGroupUser { group: String, user: String, role: String },
    /// `RemoveAccountGroupUser`.
    RemoveGroupUser { group: String, user: String },
}

/// Stands for the id that the service has not given yet.
pub(super) const NEW: &str = "new";

impl World {
    /// Everything that is wrong with a write; empty: it succeeds.
    pub fn faults(&self, actor: &Actor, write: &Write) -> Faults {
        let faults = self.own_faults(actor, write);
        if !faults.is_empty() {
            return faults;
        }
        let mut after = self.clone();
        after.apply(write, NEW);
        worsened(self, &after)
    }

    /// What is wrong with it by itself, limits aside.
    fn own_faults(&self, actor: &Actor, write: &Write) -> Faults {
        match write {
            Write::CreateUser { email } => match actor {
                Actor::Person(_) => fault(Class::Permission),
                Actor::Operator if self.users.iter().any(|user| user.email == *email) => fault(Class::Exists),
                Actor::Operator => Faults::new(),
            },
            Write::CreateAccount { policy, first, attributes } => {
                self.create_account(actor, policy, first, attributes)
            }
            Write::UpdateAccount { account, attributes } => self.update_account(actor, account, attributes),
            Write::SuspendAccount { account } | Write::ReinstateAccount { account } => match actor {
                Actor::Person(_) => fault(Class::Permission),
                Actor::Operator => self.denied(actor, account, None, None),
            },
            Write::DeleteAccount { account } => {
                let denied = self.denied(actor, account, self.operation(account, "account.delete"), None);
                let grouped = || self.account(account).is_some_and(|account| !account.groups.is_empty());
                if denied.is_empty() && grouped() { fault(Class::State) } else { denied }
            }
            Write::AddMember { account, member, assignments } => {
                self.add_member(actor, account, member, assignments)
            }
            Write::UpdateMember { account, user, roles, grants, restrictions } => {
                self.update_member(actor, account, user, [roles, grants, restrictions])
            }
            Write::SuspendMember { account, user } | Write::ReinstateMember { account, user } => {
                self.end_or_pause(actor, account, user, "member.suspend")
            }
            Write::RemoveMember { account, user } => self.remove_member(actor, account, user),
            Write::CreateResource { account, name, parent, creator } => {
                self.create_resource(actor, account, name, parent.as_ref(), creator.as_deref())
            }
            Write::DeleteResource { account, name } => {
                let denied = self.denied_on(actor, account, name, "delete");
                let found = self.account(account);
                match found.filter(|_| denied.is_empty()) {
                    None => denied,
                    Some(found) if found.resource(name).is_none() => fault(Class::NotFound),
                    Some(found)
                        if found.resources.iter().any(|inner| inner.parent.as_ref() == Some(name)) =>
                    {
                        fault(Class::State)
                    }
                    Some(_) => Faults::new(),
                }
            }
            Write::Assign { account, assignment } => {
                let denied = self.denied_on(actor, account, &assignment.resource, "assign");
                match self.account(account).filter(|_| denied.is_empty()) {
                    None => denied,
                    Some(found) if found.member(&assignment.user).is_none() => fault(Class::NotFound),
                    Some(found) => self.assign(actor, found, assignment),
                }
            }
            Write::Unassign { account, user, resource } => self.unassign(actor, account, user, resource),
            Write::CreateGroup { accounts, founder } => self.create_group(actor, accounts, founder),
            Write::AddGroupUser { group, user, role } => self.add_group_user(actor, group, user, role),
            Write::RemoveGroupUser { group, user } => self.remove_group_user(actor, group, user),
        }
    }

    pub(super) fn operation(&self, account: &str, name: &str) -> Option<&Operation> {
        self.account(account).and_then(|account| self.policy(account).operations.get(name))
    }

    /// What keeps the actor from an operation on a resource; who may do it on all of them learns which there are.
    pub(super) fn denied_on(&self, actor: &Actor, id: &str, name: &Ref, operation: &str) -> Faults {
        let standing = self.denied(actor, id, None, None);
        let Some(account) =
            self.account(id).filter(|_| standing.is_empty() || standing == fault(Class::Permission))
        else {
            return standing;
        };
        let Some(kind) = self.policy(account).types.get(&name.0) else { return fault(Class::Invalid) };
        let operation = kind.operations.get(operation);
        if kind.free || account.resource(name).is_some() {
            return self.denied(actor, id, operation, Some(name));
        }
        let denied = self.denied(actor, id, operation, None);
        if denied.is_empty() { fault(Class::NotFound) } else { denied }
    }
}
