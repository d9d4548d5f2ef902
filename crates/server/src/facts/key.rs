//! The keys of the caches, and the borrowed forms with which a question looks entries up without allocating.

use mandate_domain::id::{AccountId, ContactId, SessionId, UserId};
use mandate_domain::resource::ResourceRef;
use mandate_domain::user::Identity;
use quick_cache::Equivalent;

/// A resource of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ResourceKey {
    account: AccountId,
    kind: Box<str>,
    id: Box<str>,
}

/// The same, borrowed. INVARIANT: both hash alike, so the fields stand in the same order.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct ResourceAt<'a> {
    account: AccountId,
    kind: &'a str,
    id: &'a str,
}

impl<'a> ResourceAt<'a> {
    pub(super) fn new(account: AccountId, resource: &'a ResourceRef) -> Self {
        Self { account, kind: &resource.kind, id: &resource.id }
    }
}

impl ResourceKey {
    pub(super) fn at(&self) -> ResourceAt<'_> {
        ResourceAt { account: self.account, kind: &self.kind, id: &self.id }
    }
}

impl From<ResourceAt<'_>> for ResourceKey {
    fn from(ResourceAt { account, kind, id }: ResourceAt<'_>) -> Self {
        Self { account, kind: kind.into(), id: id.into() }
    }
}

impl Equivalent<ResourceKey> for ResourceAt<'_> {
    fn equivalent(&self, key: &ResourceKey) -> bool {
        self.account == key.account && self.id == &*key.id && self.kind == &*key.kind
    }
}

/// An assignment: a resource of an account and a member of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AssignmentKey {
    user: UserId,
    resource: ResourceKey,
}

/// The same, borrowed.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct AssignmentAt<'a> {
    user: UserId,
    resource: ResourceAt<'a>,
}

impl<'a> AssignmentAt<'a> {
    pub(super) fn new(account: AccountId, user: UserId, resource: &'a ResourceRef) -> Self {
        Self { user, resource: ResourceAt::new(account, resource) }
    }
}

impl AssignmentKey {
    pub(super) fn at(&self) -> AssignmentAt<'_> {
        AssignmentAt { user: self.user, resource: self.resource.at() }
    }
}

impl From<AssignmentAt<'_>> for AssignmentKey {
    fn from(AssignmentAt { user, resource }: AssignmentAt<'_>) -> Self {
        Self { user, resource: resource.into() }
    }
}

impl Equivalent<AssignmentKey> for AssignmentAt<'_> {
    fn equivalent(&self, key: &AssignmentKey) -> bool {
        self.user == key.user && self.resource.equivalent(&key.resource)
    }
}

/// Roughly what a key takes beside its fixed size, in bytes.
pub(super) trait Heap {
    fn heap(&self) -> usize;
}

impl Heap for ResourceKey {
    fn heap(&self) -> usize {
        self.kind.len() + self.id.len()
    }
}

impl Heap for AssignmentKey {
    fn heap(&self) -> usize {
        self.resource.heap()
    }
}

impl Heap for Identity {
    fn heap(&self) -> usize {
        self.issuer.len() + self.subject.len()
    }
}

impl Heap for AccountId {
    fn heap(&self) -> usize {
        0
    }
}

impl Heap for UserId {
    fn heap(&self) -> usize {
        0
    }
}

impl Heap for (AccountId, ContactId) {
    fn heap(&self) -> usize {
        0
    }
}

impl Heap for SessionId {
    fn heap(&self) -> usize {
        0
    }
}

impl Heap for (AccountId, UserId) {
    fn heap(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher as _, RandomState};

    use super::*;

    #[test]
    fn borrowed_keys_find_owned_ones() {
        let resource = ResourceRef { kind: "workspace".into(), id: "ws-1".into() };
        let (account, user) = (AccountId::from_bits(1), UserId::from_bits(2));
        let hasher = RandomState::new();
        let at = AssignmentAt::new(account, user, &resource);
        let key = AssignmentKey::from(at);
        assert_eq!(hasher.hash_one(at), hasher.hash_one(&key));
        assert!(at.equivalent(&key));
        let elsewhere = AssignmentAt::new(AccountId::from_bits(3), user, &resource);
        assert!(!elsewhere.equivalent(&key));
    }
}
