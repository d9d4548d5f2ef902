//! Each thread that counts has a place of its own, so that counting needs neither lock nor atomic addition.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

/// How many threads have one. The runtime's workers count, and hardly anybody else; further threads share a place.
pub(super) const PLACES: usize = 128;

/// A place among `0..PLACES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number.
    pub(super) number: usize,
    /// Who else may be there.
    pub(super) tenancy: Tenancy,
}

/// Who counts in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenancy {
    /// This thread and no other, for as long as it runs.
    Alone,
    /// Any thread.
    Shared,
}

impl Place {
    /// Where those count who have no place of their own.
    pub(super) const SHARED: Self = Self { number: 0, tenancy: Tenancy::Shared };

    /// That of the thread that asks.
    pub(super) fn mine() -> Self {
        let mine = MINE.get();
        if mine != UNKNOWN { Self::numbered(mine) } else { Self::first_time() }
    }

    #[cold]
    fn first_time() -> Self {
        // A thread that is ending has given its place back.
        let number = HELD.try_with(|held| held.0).unwrap_or(Self::SHARED.number);
        MINE.set(number);
        Self::numbered(number)
    }

    fn numbered(number: usize) -> Self {
        let tenancy = if number == Self::SHARED.number { Tenancy::Shared } else { Tenancy::Alone };
        Self { number, tenancy }
    }
}

/// Before a thread has asked.
const UNKNOWN: usize = usize::MAX;

thread_local! {
    /// The number of [`HELD`], without what it takes to end with the thread.
    static MINE: Cell<usize> = const { Cell::new(UNKNOWN) };
    static HELD: Held = Held::take();
}

/// A place that is given back when its thread ends, for the next thread.
///
/// INVARIANT: the lock is taken to give back and to take, so that whoever takes a place finds all that was counted there.
struct Held(usize);

struct Free {
    /// The least number that was never taken.
    next: usize,
    given_back: Vec<usize>,
}

static FREE: Mutex<Free> = Mutex::new(Free { next: 1, given_back: Vec::new() });

impl Held {
    fn take() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = free.given_back.pop() {
            return Self(number);
        }
        if free.next >= PLACES {
            return Self(Place::SHARED.number);
        }
        let number = free.next;
        free.next += 1;
        Self(number)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        MINE.set(Place::SHARED.number);
        if self.0 != Place::SHARED.number {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).given_back.push(self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn no_two_threads_that_run_have_one_place_to_themselves() {
        let threads = 2 * PLACES;
        let (all_have, all_have_told) = (Arc::new(Barrier::new(threads)), Arc::new(Barrier::new(threads)));
        let tell = |_| {
            let (all_have, all_have_told) = (Arc::clone(&all_have), Arc::clone(&all_have_told));
            std::thread::spawn(move || {
                let mine = Place::mine();
                all_have.wait();
                assert_eq!(Place::mine(), mine, "it stays the thread's");
                all_have_told.wait();
                mine
            })
        };
        let running: Vec<_> = (0..threads).map(tell).collect();
        let places: Vec<Place> = running.into_iter().map(|thread| thread.join().unwrap()).collect();
        let mut own: Vec<usize> =
            places.iter().filter(|place| place.tenancy == Tenancy::Alone).map(|place| place.number).collect();
        let shared = places.len() - own.len();
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len() + shared, threads, "a place is there twice");
        assert!(shared >= threads - PLACES, "there are no more places than that");
        assert!(own.iter().all(|number| *number < PLACES && *number != Place::SHARED.number));
    }
}
