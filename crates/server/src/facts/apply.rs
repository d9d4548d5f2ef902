//! Changes as they reach the facts in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mandate_domain::change::Change;
use mandate_domain::contact::Contact;
use mandate_domain::facts::{AssignmentFact, UserFact};
use mandate_domain::id::AccountId;
use mandate_domain::policy::Policy;
use mandate_domain::resource::{Assignment, Resource};
use mandate_domain::user::User;
use mandate_domain::{account::Account, membership::Membership};
use mandate_storage::{Position, StoreError};
use tokio::sync::RwLockWriteGuard;

use super::Facts;
use super::entry::{AccountEntry, Logins, MemberEntry, ResourceEntry, SessionEntry};
use super::fill::changed;
use super::key::{AssignmentAt, ResourceAt};
use crate::error::Error;

/// The gate, held alone: nobody publishes what they read from the database until it is dropped.
///
/// Whoever holds it commits and then says what became of it. One that is dropped without a word, because its
/// holder panicked or was stopped, empties the caches: it is not known what was committed.
pub(super) struct Gate<'a> {
    facts: &'a Facts,
    _alone: RwLockWriteGuard<'a, ()>,
    outcome: Outcome,
}

/// What a commit will have done.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The changes, in order.
    pub changes: &'a [Change],
    /// The feed's last place; `None`: nothing changes.
    pub position: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unknown,
    Settled,
}

impl Facts {
    /// Lets something commit. When it returns, every question asked of this process sees what that did.
    ///
    /// # Errors
    /// Those of the commit.
    pub async fn commit<T, E: Into<Error>>(
        &self,
        told: Told<'_>,
        commit: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        if let Some(following) = &self.following {
            let done = commit.await.map_err(Into::into)?;
            self.catch_up(following, told.changes).await;
            return Ok(done);
        }
        let gate = self.gate().await;
        match commit.await.map_err(Into::into) {
            Ok(done) => {
                gate.committed(told);
                Ok(done)
            }
            // INVARIANT: here alone it is not known whether anything was written; dropping the gate without a
            // word empties the caches.
            Err(error @ Error::Store(StoreError::CommitUnknown { .. })) => {
                drop(gate);
                Err(error)
            }
            Err(error) => {
                gate.undone();
                Err(error)
            }
        }
    }

    /// Waits until nobody is publishing, and keeps others from it.
    pub(super) async fn gate(&self) -> Gate<'_> {
        Gate { facts: self, _alone: self.gate.write().await, outcome: Outcome::Unknown }
    }

    /// Keeps hits away while entries change. The change is told the epoch that it makes.
    pub(super) fn while_odd(&self, change: impl FnOnce(u64)) {
        let even_again = Odd::new(self);
        change(even_again.next);
    }

    pub(super) fn apply_noted(&self, change: &Change, epoch: u64) {
        self.apply(change);
        changed(change, |fact| self.changed.note(fact, epoch));
    }

    pub(super) fn drop_all(&self, epoch: u64) {
        self.caches.clear();
        self.changed.note_all(epoch);
    }

    fn apply(&self, change: &Change) {
        match change {
            Change::Account(account) => self.apply_account(account),
            Change::User(user) => self.apply_user(user),
            Change::UserErased { user, identities } => {
                self.caches.users.replace(*user, None, &self.caches.context);
                let _ = self.caches.logins.replace(*user, None, true);
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
                self.caches.members.replace((*account, *user), None, &self.caches.context);
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
        let entry = Arc::new(AccountEntry::new(&self.policies(), account));
        self.caches.accounts.replace(account.id, Some(entry), &self.caches.context);
    }

    fn apply_user(&self, user: &User) {
        let fact = Arc::new(UserFact::from(user));
        self.caches.users.replace(user.id, Some(fact), &self.caches.context);
        let _ = self.caches.logins.replace(user.id, Some(Logins::from(user)), true);
        for identity in &user.identities {
            let _ = self.caches.identities.replace(identity.clone(), Some(user.id), true);
        }
    }

    fn apply_membership(&self, membership: &Membership) {
        let key = (membership.account, membership.user);
        match self.policy_of(membership.account) {
            Some(policy) => {
                let entry = Some(Arc::new(MemberEntry::new(&policy, membership)));
                self.caches.members.replace(key, entry, &self.caches.context);
            }
            None => self.caches.members.remove(key),
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
        self.caches.accounts.peek(account, &self.caches.context)??.policy.clone()
    }
}

impl Gate<'_> {
    /// This was committed.
    fn committed(mut self, Told { changes, position }: Told<'_>) {
        let Self { facts, .. } = self;
        let moment = position.map(|seq| Arc::new(facts.moment().with(Position::Seq(seq))));
        facts.while_odd(|epoch| {
            changes.iter().for_each(|change| facts.apply_noted(change, epoch));
            if let Some(moment) = moment {
                facts.moment.store(moment);
            }
        });
        facts.live.committed.notify_one();
        self.outcome = Outcome::Settled;
    }

    /// Other policies came into force, and this puts them in memory.
    pub(super) fn exchanged(mut self, install: impl FnOnce(u64)) {
        self.facts.while_odd(install);
        self.facts.live.committed.notify_one();
        self.outcome = Outcome::Settled;
    }

    /// Certainly nothing was committed.
    pub(super) fn undone(mut self) {
        self.outcome = Outcome::Settled;
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        if self.outcome == Outcome::Unknown {
            self.facts.while_odd(|epoch| self.facts.drop_all(epoch));
            self.facts.live.committed.notify_one();
        }
    }
}

/// Keeps the epoch odd while it lives.
struct Odd<'a> {
    facts: &'a Facts,
    /// The even one that comes afterwards.
    next: u64,
}

impl<'a> Odd<'a> {
    /// INVARIANT: made by the holder of the gate alone, so the epoch is even before.
    fn new(facts: &'a Facts) -> Self {
        let before = facts.epoch.fetch_add(1, Ordering::AcqRel);
        Self { facts, next: before.wrapping_add(2) }
    }
}

impl Drop for Odd<'_> {
    fn drop(&mut self) {
        self.facts.epoch.store(self.next, Ordering::Release);
    }
}
