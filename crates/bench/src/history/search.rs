//! The search for an order of a history's operations, each between its question and its answer, in which the sequential
//! model answers every one as it was answered (Herlihy and Wing 1990): depth first, with every configuration that was seen
//! remembered (Wing and Gong 1993, Lowe 2017).
//!
//! What fits and changes nothing is taken as soon as it fits: that leaves more to choose later and takes nothing away. So
//! only writes that were acknowledged, or may have happened, are tried one before the other.

use std::collections::HashSet;

use super::model::{Limits, State};
use super::record::{Freshness, Id, Operation, Outcome, Time, What};

/// Most operations of one history.
pub(super) const MOST: usize = WORDS * 64;
const WORDS: usize = 6;

/// Most configurations that are looked at before the search is given up.
const BOUND: usize = if cfg!(test) { 20_000 } else { 1_000_000 };

/// What the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// An order.
    Legal,
    /// There is none. The furthest that any order got: the state there, and which operations were in it.
    Illegal(Box<(State, Vec<Id>)>),
    /// Too much to look at.
    Undecided,
}

/// A set of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Set([u64; WORDS]);

impl Set {
    fn add(&mut self, id: Id) {
        if let Some(word) = self.0.get_mut(id / 64) {
            *word |= 1 << (id % 64);
        }
    }

    fn with(mut self, id: Id) -> Self {
        self.add(id);
        self
    }

    fn has(&self, id: Id) -> bool {
        self.0.get(id / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
    }

    fn contains(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(mine, other)| other & !mine == 0)
    }

    fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

/// A history, ready to be searched.
struct Search<'a> {
    operations: &'a [Operation],
    limits: Limits,
    /// What has to come before each operation.
    before: Vec<Set>,
    /// Those that must be in the order: all but writes nobody knows about.
    needed: Set,
    /// Writes to try, those that were answered first in front.
    writes: Vec<Id>,
}

/// Searches from each of these states.
pub(super) fn search(operations: &[Operation], from: &[State], limits: Limits) -> Found {
    if operations.len() > MOST {
        return Found::Undecided;
    }
    Search::new(operations, limits).run(from)
}

impl<'a> Search<'a> {
    fn new(operations: &'a [Operation], limits: Limits) -> Self {
        let before = operations.iter().map(|operation| predecessors(operations, operation)).collect();
        let mut needed = Set::default();
        let mut writes = Vec::new();
        for (id, operation) in operations.iter().enumerate() {
            if operation.returned.is_some() {
                needed.add(id);
            }
            if matches!(operation.what, What::Write(_, Outcome::Done | Outcome::Unknown)) {
                writes.push(id);
            }
        }
        // The last one is tried first, since the stack gives back what came last.
        let end = |id: &Id| operations.get(*id).and_then(|operation| operation.returned);
        writes.sort_by_key(|id| std::cmp::Reverse(end(id).unwrap_or(Time::MAX)));
        Self { operations, limits, before, needed, writes }
    }

    fn run(&self, from: &[State]) -> Found {
        let mut seen = HashSet::new();
        let mut stack: Vec<(Set, State)> = from.iter().map(|state| (Set::default(), *state)).collect();
        let mut furthest = (Set::default(), from.first().copied().unwrap_or_default());
        while let Some((done, state)) = stack.pop() {
            let done = self.take_what_fits(done, &state);
            if done.contains(&self.needed) {
                return Found::Legal;
            }
            if !seen.insert((done, state)) {
                continue;
            }
            if seen.len() > BOUND {
                return Found::Undecided;
            }
            if done.len() >= furthest.0.len() {
                furthest = (done, state);
            }
            for &id in &self.writes {
                if self.is_next(id, &done)
                    && let Some(after) = self.after(id, &state)
                {
                    stack.push((done.with(id), after));
                }
            }
        }
        let (done, state) = furthest;
        Found::Illegal(Box::new((state, (0..self.operations.len()).filter(|id| done.has(*id)).collect())))
    }

    fn is_next(&self, id: Id, done: &Set) -> bool {
        !done.has(id) && self.before.get(id).is_some_and(|before| done.contains(before))
    }

    /// The state after a write that is tried here; `None`: it would be refused, or be as if it had not happened.
    fn after(&self, id: Id, state: &State) -> Option<State> {
        let What::Write(write, outcome) = &self.operations.get(id)?.what else { return None };
        let after = state.after(*write, self.limits).ok()?;
        (*outcome == Outcome::Done || after != *state).then_some(after)
    }

    fn take_what_fits(&self, mut done: Set, state: &State) -> Set {
        loop {
            let before = done;
            for (id, operation) in self.operations.iter().enumerate() {
                if self.is_next(id, &done) && fits(operation, state, self.limits) {
                    done.add(id);
                }
            }
            if done == before {
                return done;
            }
        }
    }
}

/// Whether an operation that changes nothing was answered as in this state.
fn fits(operation: &Operation, state: &State, limits: Limits) -> bool {
    match &operation.what {
        What::Write(write, Outcome::Refused(refusal)) => {
            state.after(*write, limits).is_err_and(|reasons| reasons.contains(refusal))
        }
        What::Write(_, Outcome::Done | Outcome::Unknown) => false,
        What::Check(who, question, _, reason) => state.answer(*who, *question) == *reason,
        What::List(seen) => seen.is_of(state),
        What::Final(seen) => seen == state,
    }
}

/// What must come before an operation.
fn predecessors(operations: &[Operation], operation: &Operation) -> Set {
    let mut before = Set::default();
    for (id, other) in operations.iter().enumerate() {
        if precedes((id, other), operation) {
            before.add(id);
        }
    }
    before
}

/// Whether one operation of a history must come before another one.
pub(super) fn precedes((id, one): (Id, &Operation), other: &Operation) -> bool {
    let Some(returned) = one.returned else { return false };
    match &other.what {
        What::Check(_, _, Freshness::Bounded { bound, after }, _) => {
            let told = one.server.is_some() && one.server == other.server;
            let known = returned < *bound || (told && returned < other.invoked);
            *after == Some(id) || (known && one.is_acknowledged_write())
        }
        What::Final(_) => !matches!(one.what, What::Final(_)),
        _ => returned < other.invoked,
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
