//! What the caches hold: facts compiled against the account's policy, ready to decide on.

use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mandate_domain::account::Account;
use mandate_domain::contact::Contact;
use mandate_domain::facts::{AccountFact, AssignmentFact, MemberFact, UserFact};
use mandate_domain::id::UserId;
use mandate_domain::membership::Membership;
use mandate_domain::plan::Policies;
use mandate_domain::policy::Policy;
use mandate_domain::policy::set::Mask;
use mandate_domain::resource::{Resource, ResourceRef};
use mandate_domain::session::Session;
use mandate_domain::user::{Identity, User};
use quick_cache::Weighter;

use super::key::Heap;
use super::noted::Noticed;

/// An account with the policy that governs it.
#[derive(Debug)]
pub struct AccountEntry {
    /// The policy; `None`: it is not loaded, and everything is denied.
    pub policy: Option<Arc<Policy>>,
    /// What decisions see of the account.
    pub fact: AccountFact,
}

impl AccountEntry {
    pub(super) fn new(policies: &Policies, account: &Account) -> Self {
        let policy = policies.get(&account.policy).map(Arc::clone);
        let fact = match &policy {
            Some(policy) => AccountFact::new(policy, account),
            // Nothing is decided on it but that it exists and which state it is in.
            None => AccountFact {
                state: account.state,
                groups: account.groups.clone(),
                unmet: Mask::ALL,
                idle_roles: Mask::ALL,
                idle_group_roles: Mask::ALL,
                idle_resource_roles: Vec::new(),
            },
        };
        Self { policy, fact }
    }
}

/// The logins that are a user.
#[derive(Debug, Clone)]
pub(super) struct Logins(pub(super) Arc<[Identity]>);

impl From<&User> for Logins {
    fn from(user: &User) -> Self {
        Self(user.identities.as_slice().into())
    }
}

/// A member of an account, or a contact of one.
#[derive(Debug)]
pub struct MemberEntry {
    /// What decisions see of the membership.
    pub fact: MemberFact,
    /// When the membership began: microseconds since the Unix epoch.
    pub(super) since: i64,
    /// The last minute of which a note says that the member was active.
    pub(super) noted: AtomicI64,
}

impl MemberEntry {
    pub(super) fn new(policy: &Policy, membership: &Membership) -> Self {
        let fact = MemberFact::new(policy, membership);
        Self { fact, since: membership.created_at, noted: AtomicI64::new(0) }
    }

    pub(super) fn noticed_before(fact: MemberFact, Noticed { since, minute }: Noticed) -> Self {
        Self { fact, since, noted: AtomicI64::new(minute) }
    }

    pub(super) fn noticed(&self) -> Noticed {
        Noticed { since: self.since, minute: self.noted.load(Ordering::Relaxed) }
    }

    /// A member without any right, who joined at that time.
    #[cfg(test)]
    pub(crate) fn joined(since: i64) -> Self {
        use mandate_domain::membership::MemberState;
        use mandate_domain::policy::set::PermissionSet;
        let fact = MemberFact {
            state: MemberState::Active,
            roles: Mask::EMPTY,
            grants: PermissionSet::EMPTY,
            restrictions: Mask::EMPTY,
            fits_policy: true,
        };
        Self { fact, since, noted: AtomicI64::new(0) }
    }

    pub(super) fn of_contact(policy: &Policy, contact: &Contact) -> Self {
        let fact = MemberFact::of_contact(policy, contact);
        Self { fact, since: contact.created_at, noted: AtomicI64::new(0) }
    }
}

/// A registered resource.
#[derive(Debug)]
pub struct ResourceEntry {
    /// What it lives in, nearest first.
    pub ancestors: Vec<ResourceRef>,
    /// The member who created it.
    pub created_by: Option<UserId>,
}

impl From<&Resource> for ResourceEntry {
    fn from(resource: &Resource) -> Self {
        Self { ancestors: resource.ancestors.clone(), created_by: resource.created_by }
    }
}

/// A session that was not ended by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEntry {
    /// Who signed in.
    pub user: UserId,
    /// When it ends by itself: microseconds since the Unix epoch.
    pub ends_at: i64,
}

impl From<&Session> for SessionEntry {
    fn from(session: &Session) -> Self {
        Self { user: session.user, ends_at: session.ends_at }
    }
}

/// Weighs entries by the bytes they take, roughly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes;

/// What a cache keeps beside key and value for each entry.
const OVERHEAD: usize = 48;

impl<K: Heap, V: Heap> Weighter<K, V> for Bytes {
    fn weight(&self, key: &K, value: &V) -> u64 {
        let bytes = OVERHEAD + size_of::<K>() + key.heap() + size_of::<V>() + value.heap();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl<T: Heap> Heap for Option<T> {
    fn heap(&self) -> usize {
        self.as_ref().map_or(0, Heap::heap)
    }
}

impl<T: Heap> Heap for Arc<T> {
    fn heap(&self) -> usize {
        size_of::<T>() + self.as_ref().heap()
    }
}

impl Heap for AccountEntry {
    fn heap(&self) -> usize {
        size_of_val(self.fact.groups.as_slice()) + size_of_val(self.fact.idle_resource_roles.as_slice())
    }
}

impl Heap for UserFact {
    fn heap(&self) -> usize {
        self.seats.iter().map(|seat| size_of_val(seat) + seat.role.len()).sum()
    }
}

impl Heap for Logins {
    fn heap(&self) -> usize {
        self.0.iter().map(|one| size_of_val(one) + one.heap()).sum()
    }
}

impl Heap for ResourceEntry {
    fn heap(&self) -> usize {
        self.ancestors.iter().map(|one| size_of_val(one) + one.kind.len() + one.id.len()).sum()
    }
}

impl Heap for SessionEntry {
    fn heap(&self) -> usize {
        0
    }
}

impl Heap for MemberEntry {
    fn heap(&self) -> usize {
        0
    }
}

impl Heap for AssignmentFact {
    fn heap(&self) -> usize {
        0
    }
}
