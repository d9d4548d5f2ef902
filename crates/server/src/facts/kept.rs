//! The facts of one kind: those that fit into a table there, the others as they are.

use std::hash::Hash;
use std::sync::Arc;

use super::Size;
use super::cache::Of;
use super::key::Heap;
use super::pack::Context;
use super::table::{Look, Packed, Table};
use crate::metrics::{Counts, Kind, Lookup};

/// A fact that mostly fits into `V` words under a key of `K`.
pub(super) trait Fact<const K: usize, const V: usize>: Sized {
    /// What names it.
    type Key: Copy + Eq + Hash;

    /// The key as words.
    fn key(key: Self::Key) -> [u64; K];

    /// The fact, or that there is no such thing, as words; `None`: it does not fit.
    fn pack(fact: Option<&Self>, context: &Context) -> Option<Packed<V>>;

    /// What was packed; `None`: the words make no sense, and are as good as not there.
    fn unpack(packed: &Packed<V>, context: &Context) -> Option<Option<Self>>;
}

/// Of the bytes that a kind may take, this part is for what does not fit.
const REST: u64 = 8;

/// The facts of one kind. `None` as a fact: there is no such thing.
///
/// INVARIANT: no fact is in both places, so that nobody finds an old one behind a new one.
pub(super) struct Kept<F: Fact<K, V>, const K: usize, const V: usize> {
    table: Table<K, V>,
    rest: Of<F::Key, Arc<F>>,
    kind: Kind,
    counts: &'static Counts,
}

impl<F, const K: usize, const V: usize> Kept<F, K, V>
where
    F: Fact<K, V> + Heap,
    F::Key: Heap,
{
    /// Nothing yet, and never more than this many bytes.
    pub(super) fn sized(capacity: u64, kind: Kind, counts: &'static Counts) -> Self {
        let rest = capacity / REST;
        let table = Table::new(usize::try_from(capacity - rest).unwrap_or(usize::MAX));
        Self { table, rest: Of::sized(rest, kind, counts), kind, counts }
    }

    /// The fact, if it is in memory. What is looked for is counted.
    pub(super) fn get(&self, key: F::Key, context: &Context) -> Option<Option<Arc<F>>> {
        let found = self.peek(key, context);
        self.counts.lookup(self.kind, if found.is_some() { Lookup::Hit } else { Lookup::Miss });
        found
    }

    /// The same, without counting.
    pub(super) fn peek(&self, key: F::Key, context: &Context) -> Option<Option<Arc<F>>> {
        let packed = self.table.look().get(&F::key(key));
        match packed.and_then(|packed| F::unpack(&packed, context)) {
            Some(fact) => Some(fact.map(Arc::new)),
            None => self.rest(key),
        }
    }

    /// Looks at many facts that fit.
    pub(super) fn look(&self) -> Look<'_, K, V> {
        self.table.look()
    }

    /// A fact that does not fit.
    pub(super) fn rest(&self, key: F::Key) -> Option<Option<Arc<F>>> {
        if self.rest.is_empty() { None } else { self.rest.look(&key) }
    }

    /// Puts a fact into memory.
    pub(super) fn insert(&self, key: F::Key, fact: Option<Arc<F>>, context: &Context) {
        match F::pack(fact.as_deref(), context) {
            Some(packed) => {
                if !self.rest.is_empty() {
                    self.rest.remove(&key);
                }
                self.table.insert(&F::key(key), &packed);
            }
            None => {
                self.table.remove(&F::key(key));
                self.rest.insert(key, fact);
            }
        }
    }

    /// Changes a fact that is in memory, and does nothing else.
    pub(super) fn replace(&self, key: F::Key, fact: Option<Arc<F>>, context: &Context) {
        if self.table.look().get(&F::key(key)).is_some() || self.rest.peek(&key).is_some() {
            self.insert(key, fact, context);
        }
    }

    /// Drops a fact.
    pub(super) fn remove(&self, key: F::Key) {
        self.table.remove(&F::key(key));
        self.rest.remove(&key);
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        self.table.clear();
        self.rest.clear();
    }

    /// Sets a word of a fact that fits, if it is what it was. For words that mean no right.
    pub(super) fn exchange(&self, key: F::Key, index: usize, from: u64, to: u64) {
        self.table.exchange(&F::key(key), index, from, to);
    }

    /// How much room they take.
    pub(super) fn size(&self) -> Size {
        let (table, rest) = (self.table.extent(), self.rest.size());
        let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        Size {
            kind: self.kind,
            entries: table.entries + rest.entries,
            bytes: bytes(table.bytes) + rest.bytes,
            capacity: bytes(table.capacity) + rest.capacity,
            evictions: table.evictions + rest.evictions,
        }
    }
}
