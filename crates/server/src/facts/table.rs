//! Facts of a fixed size under keys of a fixed size, each in one line of the processor's cache. A look-up reads one or two
//! such lines and takes no lock, so that the reads of several questions overlap.
//!
//! - A slot has a version that is odd while it is written. Who reads looks at it before and after, and takes what changed
//!   meanwhile for something that is not there: an entry may be overlooked at any time, but never be mixed of two.
//! - An entry lies in one of the [`WINDOW`] slots from where its hash points to, before any slot that was never used.
//! - Those who write take turns. When it gets crowded, all entries move to a table half as large again; when that would be
//!   too large, an entry that nobody has looked at lately makes room.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use foldhash::quality::RandomState;

/// How many slots an entry may lie in. When five of eight slots are used, one in ten million entries finds no place.
const WINDOW: usize = 128;

/// How many slots there are at first.
const LEAST: usize = 1 << 10;

// The head of a slot, from its lowest bit on: a version of 32 bits, three flags, and 24 bits of the entry.
const VERSION: u64 = (1 << 32) - 1;
/// There was an entry once. Who looks for one goes on behind it.
const USED: u64 = 1 << 32;
/// There is an entry.
const LIVE: u64 = 1 << 33;
/// Somebody has looked at it since room was last looked for here.
const LOOKED: u64 = 1 << 34;
const SMALL: u32 = 40;

/// What is kept under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed<const V: usize> {
    /// 24 bits; the rest is lost.
    pub(super) small: u32,
    pub(super) words: [u64; V],
}

#[repr(align(64))]
struct Slot<const K: usize, const V: usize> {
    head: AtomicU64,
    key: [AtomicU64; K],
    value: [AtomicU64; V],
}

type Slots<const K: usize, const V: usize> = Box<[Slot<K, V>]>;

/// The entries.
pub(super) struct Table<const K: usize, const V: usize> {
    /// `WINDOW` more than hashes point to.
    slots: ArcSwap<Slots<K, V>>,
    /// Keyed, so that nobody can make entries crowd in one place.
    hasher: RandomState,
    /// How many slots hashes may point to.
    most: usize,
    writer: Mutex<Writer>,
}

/// What those who write know of the slots.
#[derive(Default)]
struct Writer {
    live: usize,
    used: usize,
    /// Goes round the entries that make room.
    hand: usize,
    evicted: u64,
}

/// How many entries there are, and what they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    pub(super) capacity: usize,
    pub(super) evictions: u64,
}

/// Looks at entries, as many as one likes.
pub(super) struct Look<'t, const K: usize, const V: usize> {
    table: &'t Table<K, V>,
    slots: Guard<Arc<Slots<K, V>>>,
}

impl<const K: usize, const V: usize> Slot<K, V> {
    fn empty() -> Self {
        let zero = |_| AtomicU64::new(0);
        Self { head: zero(0), key: std::array::from_fn(zero), value: std::array::from_fn(zero) }
    }

    fn has(&self, key: &[u64; K]) -> bool {
        self.key.iter().zip(key).all(|(word, wanted)| word.load(Ordering::Relaxed) == *wanted)
    }

    /// What is kept here under this key.
    fn read(&self, head: u64, key: &[u64; K]) -> Option<Packed<V>> {
        if head & LIVE == 0 || !self.has(key) {
            return None;
        }
        let words = self.value.each_ref().map(|word| word.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        // INVARIANT: while it is written, it is not live; a version comes back after four thousand million writes.
        if (self.head.load(Ordering::Relaxed) ^ head) & !LOOKED != 0 {
            return None;
        }
        if head & LOOKED == 0 {
            // Whoever came first has said so.
            let _ = self.head.compare_exchange(head, head | LOOKED, Ordering::Relaxed, Ordering::Relaxed);
        }
        Some(Packed { small: u32::try_from(head >> SMALL).unwrap_or_default(), words })
    }

    /// INVARIANT: called by one at a time.
    fn write(&self, entry: Option<(&[u64; K], &Packed<V>)>) {
        let version = self.head.load(Ordering::Relaxed).wrapping_add(1);
        self.head.store(version & VERSION | USED, Ordering::Relaxed);
        fence(Ordering::Release);
        let mut head = version.wrapping_add(1) & VERSION | USED;
        if let Some((key, Packed { small, words })) = entry {
            let all = self.key.iter().chain(&self.value).zip(key.iter().chain(words));
            all.for_each(|(word, new)| word.store(*new, Ordering::Relaxed));
            head |= LIVE | u64::from(*small) << SMALL;
        }
        self.head.store(head, Ordering::Release);
    }

    fn is(&self, flag: u64) -> bool {
        self.head.load(Ordering::Acquire) & flag != 0
    }
}

impl<const K: usize, const V: usize> Table<K, V> {
    /// A table of at most this many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        let most = (capacity / size_of::<Slot<K, V>>()).max(LEAST);
        Self {
            slots: ArcSwap::from_pointee(slots(LEAST)),
            hasher: RandomState::default(),
            most,
            writer: Mutex::default(),
        }
    }

    /// Looks at entries.
    pub(super) fn look(&self) -> Look<'_, K, V> {
        Look { table: self, slots: self.slots.load() }
    }

    /// Puts an entry in, in the place of the one that was there under its key.
    pub(super) fn insert(&self, key: &[u64; K], value: &Packed<V>) {
        let mut writer = self.writer();
        let mut slots = self.slots.load();
        if let Some(slot) = self.find(&slots, key) {
            return slot.write(Some((key, value)));
        }
        if writer.is_crowded(pointed_to(&slots), self.most) {
            self.rebuild(&mut writer);
            slots = self.slots.load();
        }
        let window = self.window(&slots, key);
        if writer.live >= crowded(self.most) || window.iter().all(|slot| slot.is(LIVE)) {
            writer.make_room(window);
        }
        let Some(slot) = window.iter().find(|slot| !slot.is(LIVE)) else { return };
        writer.live += 1;
        writer.used += usize::from(!slot.is(USED));
        slot.write(Some((key, value)));
    }

    /// Takes an entry out.
    pub(super) fn remove(&self, key: &[u64; K]) {
        let mut writer = self.writer();
        let slots = self.slots.load();
        let window = self.window(&slots, key);
        if let Some(position) = window.iter().position(|slot| slot.is(LIVE) && slot.has(key)) {
            writer.take_out(window, position);
        }
    }

    /// Takes out everything.
    pub(super) fn clear(&self) {
        let mut writer = self.writer();
        self.slots.store(Arc::new(slots(LEAST)));
        *writer = Writer { evicted: writer.evicted, ..Writer::default() };
    }

    /// Sets a word of an entry, if it is what it was. If the entry just makes room for another one with the same word, it
    /// is that one's: so this is for words that mean no right.
    pub(super) fn exchange(&self, key: &[u64; K], index: usize, from: u64, to: u64) {
        let slots = self.slots.load();
        let word = self.find(&slots, key).and_then(|slot| slot.value.get(index));
        let _ = word.map(|word| word.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed));
    }

    /// How many entries there are, and what they take.
    pub(super) fn extent(&self) -> Extent {
        let writer = self.writer();
        let bytes = size_of_val::<[Slot<K, V>]>(&self.slots.load());
        let capacity = self.most * size_of::<Slot<K, V>>();
        Extent { entries: writer.live, bytes, capacity, evictions: writer.evicted }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in the middle of a write leaves a slot that is not live.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn window<'s>(&self, slots: &'s Slots<K, V>, key: &[u64; K]) -> &'s [Slot<K, V>] {
        let mut hasher = self.hasher.build_hasher();
        key.iter().for_each(|word| hasher.write_u64(*word));
        let place = (u128::from(hasher.finish()) * pointed_to(slots) as u128) >> 64;
        let place = usize::try_from(place).unwrap_or_default();
        slots.get(place..place + WINDOW).unwrap_or_default()
    }

    fn find<'s>(&self, slots: &'s Slots<K, V>, key: &[u64; K]) -> Option<&'s Slot<K, V>> {
        let used = self.window(slots, key).iter().take_while(|slot| slot.is(USED));
        used.into_iter().find(|slot| slot.is(LIVE) && slot.has(key))
    }

    /// Moves all entries to new slots, half as many again if that is what they need.
    fn rebuild(&self, writer: &mut Writer) {
        let old = self.slots.load();
        let len = pointed_to(&old);
        let new = slots(if writer.live > len / 5 * 2 { (len + len / 2).min(self.most) } else { len });
        let mut live = 0;
        for slot in old.iter().filter(|slot| slot.is(LIVE)) {
            let key = slot.key.each_ref().map(|word| word.load(Ordering::Relaxed));
            let head = slot.head.load(Ordering::Acquire);
            let value = slot.read(head, &key);
            let place = self.window(&new, &key).iter().find(|slot| !slot.is(USED));
            if let (Some(value), Some(place)) = (value, place) {
                place.write(Some((&key, &value)));
                place.head.fetch_or(head & LOOKED, Ordering::Relaxed);
                live += 1;
            }
        }
        writer.evicted += u64::try_from(writer.live - live).unwrap_or_default();
        (writer.live, writer.used) = (live, live);
        self.slots.store(Arc::new(new));
    }
}

impl Writer {
    /// Whether so many slots, and there may be more of them, are too few.
    fn is_crowded(&self, slots: usize, most: usize) -> bool {
        // At their most, entries make room for others, and what they leave is used again.
        self.used >= if slots < most { crowded(slots) } else { slots / 8 * 7 }
    }

    /// Takes out an entry of the window that nobody has looked at lately.
    fn make_room<const K: usize, const V: usize>(&mut self, window: &[Slot<K, V>]) {
        let live = || window.iter().enumerate().filter(|(_, slot)| slot.is(LIVE));
        let victim = live().find(|(_, slot)| !slot.is(LOOKED)).or_else(|| {
            live().for_each(|(_, slot)| {
                slot.head.fetch_and(!LOOKED, Ordering::Relaxed);
            });
            self.hand = self.hand.wrapping_add(1);
            live().nth(self.hand % live().count().max(1))
        });
        if let Some((position, _)) = victim {
            self.take_out(window, position);
            self.evicted += 1;
        }
    }

    /// INVARIANT: a slot that is not used any more is one behind which nobody need look: the next one was never used.
    fn take_out<const K: usize, const V: usize>(&mut self, window: &[Slot<K, V>], position: usize) {
        let Some((until, behind)) = window.split_at_checked(position + 1) else { return };
        if let Some(slot) = until.last() {
            slot.write(None);
            self.live -= 1;
        }
        if behind.first().is_some_and(|next| !next.is(USED)) {
            for slot in until.iter().rev().take_while(|slot| slot.is(USED) && !slot.is(LIVE)) {
                slot.head.fetch_and(VERSION, Ordering::Release);
                self.used -= 1;
            }
        }
    }
}

impl<const K: usize, const V: usize> Look<'_, K, V> {
    /// What is kept under this key.
    pub(super) fn get(&self, key: &[u64; K]) -> Option<Packed<V>> {
        for slot in self.table.window(&self.slots, key) {
            let head = slot.head.load(Ordering::Acquire);
            if head & USED == 0 {
                return None;
            }
            if let Some(found) = slot.read(head, key) {
                return Some(found);
            }
        }
        None
    }
}

fn slots<const K: usize, const V: usize>(pointed_to: usize) -> Slots<K, V> {
    (0..pointed_to + WINDOW).map(|_| Slot::empty()).collect()
}

/// How many slots hashes point to.
fn pointed_to<const K: usize, const V: usize>(slots: &Slots<K, V>) -> usize {
    slots.len().saturating_sub(WINDOW)
}

/// How many of so many slots may be used.
fn crowded(slots: usize) -> usize {
    slots / 8 * 5
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
