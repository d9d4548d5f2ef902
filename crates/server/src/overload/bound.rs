//! Counting what is within a bound.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::{Fullness, Limit};

/// So many at a time, on whatever thread.
#[derive(Debug)]
pub struct Bound {
    taken: AtomicUsize,
    most: usize,
    refused: AtomicU64,
    deadlines: AtomicU64,
}

/// So many at a time on one thread, which alone enters and leaves.
///
/// INVARIANT: a call lives and dies on the thread of its connection (`transport.rs`), so that a load and a store count it:
/// a tenth of what an atomic addition costs.
#[derive(Debug)]
pub(super) struct Lane(Bound);

/// A place within a bound, given back when it is dropped.
#[derive(Debug)]
pub struct Place(Of);

#[derive(Debug)]
enum Of {
    Bound(&'static Bound),
    Lane(&'static Lane),
}

impl Bound {
    /// Nobody is within it.
    #[must_use]
    pub fn new(most: NonZero<u32>) -> Self {
        Self::of(usize::try_from(most.get()).unwrap_or(usize::MAX))
    }

    fn of(most: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most, refused: AtomicU64::new(0), deadlines: AtomicU64::new(0) }
    }

    /// A place; `None`: there is none.
    #[must_use]
    pub fn enter(&'static self) -> Option<Place> {
        if self.taken.fetch_add(1, Ordering::Relaxed) < self.most {
            return Some(Place(Of::Bound(self)));
        }
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.refuse();
        None
    }

    /// Somebody was refused.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody's deadline had passed.
    pub(super) fn was_late(&self) {
        self.deadlines.fetch_add(1, Ordering::Relaxed);
    }

    /// How full it is.
    pub(super) fn fullness(&self, limit: Limit) -> Fullness {
        Fullness {
            limit,
            taken: number(self.taken.load(Ordering::Relaxed).min(self.most)),
            most: number(self.most),
            refused: self.refused.load(Ordering::Relaxed),
            deadlines: self.deadlines.load(Ordering::Relaxed),
        }
    }
}

impl Lane {
    /// Nobody is within it.
    pub(super) fn new(most: usize) -> Self {
        Self(Bound::of(most))
    }

    /// How many are within it.
    pub(super) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// A place; `None`: there is none.
    pub(super) fn enter(&'static self) -> Option<Place> {
        let taken = self.taken();
        if taken >= self.0.most {
            self.refuse();
            return None;
        }
        self.0.taken.store(taken + 1, Ordering::Relaxed);
        Some(Place(Of::Lane(self)))
    }

    /// Somebody was refused.
    pub(super) fn refuse(&self) {
        self.0.refuse();
    }

    /// Somebody's deadline had passed.
    pub(super) fn was_late(&self) {
        self.0.was_late();
    }

    /// How full it is.
    pub(super) fn fullness(&self) -> Fullness {
        self.0.fullness(Limit::Memory)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.0 {
            Of::Bound(bound) => {
                bound.taken.fetch_sub(1, Ordering::Relaxed);
            }
            Of::Lane(lane) => lane.0.taken.store(lane.taken().saturating_sub(1), Ordering::Relaxed),
        }
    }
}

fn number(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
