//! Changes as they reach the facts in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mandate_domain::change::Change;
use mandate_domain::contact::Contact;
use mandate_domain::facts::AssignmentFact;
use mandate_domain::id::AccountId;
use mandate_domain::policy::Policy;
use mandate_domain::resource::{Assignment, Resource};
use mandate_domain::user::User;
use mandate_domain::{account::Account, membership::Membership};
use tokio::sync::RwLockWriteGuard;

use super::Facts;
use super::entry::{AccountEntry, MemberEntry, ResourceEntry, SessionEntry, UserEntry};
use super::key::{AssignmentAt, ResourceAt};

/// The gate, held alone: nobody publishes what they read from the database until it is dropped.
///
/// Whoever holds it commits and then says what became of it. One that is dropped without a word, because its
/// holder panicked or was stopped, empties the caches: it is not known what was committed.
pub struct Gate<'a> {
    facts: &'a Facts,
    _alone: RwLockWriteGuard<'a, ()>,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unknown,
    Settled,
}

impl Facts {
    /// Waits until nobody is publishing, and keeps others from it.
    pub async fn gate(&self) -> Gate<'_> {
        Gate { facts: self, _alone: self.gate.write().await, outcome: Outcome::Unknown }
    }

    fn while_odd(&self, change: impl FnOnce()) {
        let _even_again = Odd::new(self);
        change();
    }

    fn apply(&self, change: &Change) {
        match change {
            Change::Account(account) => self.apply_account(account),
            Change::User(user) => self.apply_user(user),
            Change::UserErased { user, identities } => {
                let _ = self.caches.users.replace(*user, None, true);
                for identity in identities {
                    let _ = self.caches.identities.replace(identity.clone(), None, true);
                }
            }
            Change::Session(session) => {
                let entry = Some(SessionEntry::from(session));
                let _ = self.caches.sessions.replace(session.id, entry, true);
            }
            Change::SessionEnded { session, .. } => {
                let _ = self.caches.sessions.replace(*session, None, true);
            }
            // No question is decided on a password.
            Change::Credential(_) => {}
            Change::Membership(membership) => self.apply_membership(membership),
            Change::MembershipEnded { account, user } => {
                let _ = self.caches.members.replace((*account, *user), None, true);
            }
            Change::Resource(resource) => self.apply_resource(resource),
            Change::ResourceDeleted { account, resource } => {
                let key = ResourceAt::new(*account, resource).into();
                let _ = self.caches.resources.replace(key, None, true);
            }
            Change::Assignment(assignment) => self.apply_assignment(assignment),
            Change::AssignmentEnded { account, user, resource } => {
                let key = AssignmentAt::new(*account, *user, resource).into();
                let _ = self.caches.assignments.replace(key, None, true);
            }
            Change::Contact(contact) => self.apply_contact(contact),
            Change::ContactRemoved { account, contact } => {
                let _ = self.caches.contacts.replace((*account, *contact), None, true);
            }
            // Which accounts a group contains stands on the accounts, who belongs to it on the users.
            // An invitation allows nothing until it has become a membership.
            Change::Group(_) | Change::GroupDeleted { .. } | Change::Invitation(_) => {}
        }
    }

    // `replace` changes an entry that is there and does nothing else: what nobody has asked about yet
    // needs no room, and the next question will read it.

    fn apply_account(&self, account: &Account) {
        let entry = Arc::new(AccountEntry::new(&self.policies.load(), account));
        let _ = self.caches.accounts.replace(account.id, Some(entry), true);
    }

    fn apply_user(&self, user: &User) {
        let _ = self.caches.users.replace(user.id, Some(Arc::new(UserEntry::from(user))), true);
        for identity in &user.identities {
            let _ = self.caches.identities.replace(identity.clone(), Some(user.id), true);
        }
    }

    fn apply_membership(&self, membership: &Membership) {
        let key = (membership.account, membership.user);
        match self.policy_of(membership.account) {
            Some(policy) => {
                let entry = Some(Arc::new(MemberEntry::new(&policy, membership)));
                let _ = self.caches.members.replace(key, entry, true);
            }
            None => {
                let _ = self.caches.members.remove(&key);
            }
        }
    }

    fn apply_contact(&self, contact: &Contact) {
        let key = (contact.account, contact.id);
        match self.policy_of(contact.account) {
            Some(policy) => {
                let entry = Some(Arc::new(MemberEntry::of_contact(&policy, contact)));
                let _ = self.caches.contacts.replace(key, entry, true);
            }
            None => {
                let _ = self.caches.contacts.remove(&key);
            }
        }
    }

    fn apply_resource(&self, resource: &Resource) {
        let key = ResourceAt::new(resource.account, &resource.resource).into();
        let _ = self.caches.resources.replace(key, Some(Arc::new(ResourceEntry::from(resource))), true);
    }

    fn apply_assignment(&self, assignment: &Assignment) {
        let at = AssignmentAt::new(assignment.account, assignment.user, &assignment.resource);
        match self.policy_of(assignment.account) {
            Some(policy) => {
                let fact = AssignmentFact::new(&policy, assignment);
                let _ = self.caches.assignments.replace(at.into(), fact, true);
            }
            None => {
                let _ = self.caches.assignments.remove(&at);
            }
        }
    }

    /// The policy of an account that is in memory: without it, names cannot be resolved.
    fn policy_of(&self, account: AccountId) -> Option<Arc<Policy>> {
        self.caches.accounts.peek(&account)??.policy.clone()
    }
}

impl Gate<'_> {
    /// These changes were committed.
    pub fn committed(mut self, changes: &[Change]) {
        self.facts.while_odd(|| changes.iter().for_each(|change| self.facts.apply(change)));
        self.outcome = Outcome::Settled;
    }

    /// Certainly nothing was committed.
    pub fn undone(mut self) {
        self.outcome = Outcome::Settled;
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        if self.outcome == Outcome::Unknown {
            self.facts.while_odd(|| self.facts.caches.clear());
        }
    }
}

/// Keeps the epoch odd while it lives.
struct Odd<'a>(&'a Facts);

impl<'a> Odd<'a> {
    /// INVARIANT: made by the holder of the gate alone, so the epoch is even before.
    fn new(facts: &'a Facts) -> Self {
        facts.epoch.fetch_add(1, Ordering::AcqRel);
        Self(facts)
    }
}

impl Drop for Odd<'_> {
    fn drop(&mut self) {
        self.0.epoch.fetch_add(1, Ordering::AcqRel);
    }
}
