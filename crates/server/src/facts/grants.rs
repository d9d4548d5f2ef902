//! Sets of granted permissions, each kept once: there are few, however many members hold them.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use mandate_domain::policy::set::PermissionSet;

/// Sets in a chunk, and chunks.
const CHUNK: usize = 1 << 10;
const CHUNKS: usize = 1 << 6;

/// Numbered sets. A set means nothing by itself, so that none has to be forgotten when policies change.
pub(super) struct GrantSets {
    chunks: [OnceLock<Box<[OnceLock<PermissionSet>]>>; CHUNKS],
    numbers: Mutex<HashMap<PermissionSet, u16>>,
}

impl Default for GrantSets {
    fn default() -> Self {
        Self { chunks: std::array::from_fn(|_| OnceLock::new()), numbers: Mutex::default() }
    }
}

impl GrantSets {
    /// The number of a set: 0 of the empty one. `None`: there are too many different ones.
    pub(super) fn number(&self, set: &PermissionSet) -> Option<u16> {
        if set.is_empty() {
            return Some(0);
        }
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.get(set) {
            return Some(*number);
        }
        let number = u16::try_from(numbers.len() + 1).ok()?;
        let chunk = self.chunks.get(usize::from(number) / CHUNK)?;
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        chunk.get(usize::from(number) % CHUNK)?.set(*set).ok()?;
        numbers.insert(*set, number);
        Some(number)
    }

    /// The set of that number.
    pub(super) fn get(&self, number: u16) -> Option<PermissionSet> {
        if number == 0 {
            return Some(PermissionSet::EMPTY);
        }
        let chunk = self.chunks.get(usize::from(number) / CHUNK)?.get()?;
        chunk.get(usize::from(number) % CHUNK)?.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use mandate_domain::policy::set::PermissionId;

    use super::*;

    #[test]
    fn a_set_has_one_number_and_there_is_an_end_to_them() {
        let sets = GrantSets::default();
        let set =
            |n: u32| -> PermissionSet { (0..20).filter(|bit| n >> bit & 1 == 1).map(PermissionId).collect() };
        assert_eq!(sets.number(&PermissionSet::EMPTY), Some(0));
        for n in 1..=u32::from(u16::MAX) {
            let number = sets.number(&set(n)).unwrap();
            assert_eq!(sets.get(number), Some(set(n)));
        }
        assert_eq!(sets.number(&set(1)), Some(1), "the same as before");
        assert_eq!(sets.number(&set(1 << 17)), None);
        assert_eq!(sets.get(0), Some(PermissionSet::EMPTY));
    }
}
