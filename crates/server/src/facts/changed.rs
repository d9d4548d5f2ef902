//! Which facts changed lately, so that what was read before a change is not left in memory after it.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fill::{FactAt, Fill};

/// How many changes of facts are remembered: a read that more of them overtake leaves nothing in memory.
const REMEMBERED: usize = 1 << 16;

/// The facts that changed, each with the epoch in which it last did.
pub(super) struct Changed {
    /// Facts are known by a hash. Two that share one are held to change together, which costs a read and
    /// nothing else; keyed, so that nobody can bring it about.
    hasher: RandomState,
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    last: HashMap<u64, u64>,
    /// In the order of their epochs.
    order: VecDeque<(u64, u64)>,
    /// INVARIANT: whatever changed in a later epoch than this is in `last`.
    forgotten: u64,
}

impl Default for Changed {
    fn default() -> Self {
        Self { hasher: RandomState::new(), recent: Mutex::default() }
    }
}

impl Changed {
    /// This fact changed in that epoch.
    pub(super) fn note(&self, fact: FactAt<'_>, epoch: u64) {
        let hash = self.hasher.hash_one(fact);
        let mut recent = self.recent();
        recent.last.insert(hash, epoch);
        recent.order.push_back((hash, epoch));
        while recent.order.len() > REMEMBERED
            && let Some((hash, epoch)) = recent.order.pop_front()
        {
            recent.forgotten = epoch;
            if recent.last.get(&hash) == Some(&epoch) {
                recent.last.remove(&hash);
            }
        }
    }

    /// Any fact may have changed in that epoch.
    pub(super) fn note_all(&self, epoch: u64) {
        *self.recent() = Recent { forgotten: epoch, ..Recent::default() };
    }

    /// Whether one of the facts may have changed since they were read.
    pub(super) fn overtook(&self, fill: &Fill) -> bool {
        let recent = self.recent();
        let changed =
            |fact| recent.last.get(&self.hasher.hash_one(fact)).is_some_and(|in_| *in_ > fill.since);
        recent.forgotten > fill.since || fill.entries.iter().any(|entry| changed(entry.at()))
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // Nothing that holds it can panic halfway through a change.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mandate_domain::id::UserId;

    use super::super::fill::Entry;
    use super::*;

    fn user(n: u128) -> FactAt<'static> {
        FactAt::User(UserId::from_bits(n))
    }

    fn read(n: u128, since: u64) -> Fill {
        Fill { since, entries: vec![Entry::User(UserId::from_bits(n), None)] }
    }

    #[test]
    fn a_read_is_overtaken_by_later_changes_of_its_own_facts() {
        let changed = Changed::default();
        changed.note(user(1), 4);
        assert!(changed.overtook(&read(1, 2)));
        assert!(!changed.overtook(&read(1, 4)));
        assert!(!changed.overtook(&read(2, 2)));
        changed.note_all(6);
        assert!(changed.overtook(&read(2, 4)));
        assert!(!changed.overtook(&read(2, 6)));
    }

    #[test]
    fn a_read_that_began_before_what_is_remembered_is_overtaken() {
        let changed = Changed::default();
        let most = u64::try_from(REMEMBERED).unwrap();
        for n in 1..=most + 1 {
            changed.note(user(n.into()), 2 * n);
        }
        assert!(changed.overtook(&read(0, 0)), "the first change is forgotten");
        assert!(!changed.overtook(&read(0, 2)));
        assert!(changed.overtook(&read(2, 2)), "the second is not");
        assert!(changed.recent().last.len() <= REMEMBERED);
    }
}
