//! How much was exported, and how much was not. Both only grow, and a scrape shows them.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans, to the collector.
    Spans,
    /// Records of decisions, to a file or the collector.
    Decisions,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Exported,
    /// The collector did not take it, or it could not be written.
    Failed,
    /// There was no room for it in the queue.
    Dropped,
}

impl Signal {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Spans, Self::Decisions];

    /// How metrics name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Decisions => "decisions",
        }
    }
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Exported, Self::Failed, Self::Dropped];

    /// How metrics name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// What became of one signal.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// In the queue, or on their way.
    waiting: AtomicU64,
    exported: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Tally {
    /// Takes a place in the queue; `false`: there is none, and what should have taken it is counted as dropped.
    pub(super) fn enter(&self, most: u64) -> bool {
        let entered = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
            (waiting < most).then(|| waiting + 1)
        });
        if entered.is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        entered.is_ok()
    }

    /// So many have left the queue.
    pub(super) fn leave(&self, number: usize, outcome: Outcome) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        self.waiting.fetch_sub(number, Ordering::Relaxed);
        self.count(outcome).fetch_add(number, Ordering::Relaxed);
    }

    fn count(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::Exported => &self.exported,
            Outcome::Failed => &self.failed,
            Outcome::Dropped => &self.dropped,
        }
    }
}

/// What became of everything.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    spans: Tally,
    decisions: Tally,
}

impl Tallies {
    pub(super) fn of(&self, signal: Signal) -> &Tally {
        match signal {
            Signal::Spans => &self.spans,
            Signal::Decisions => &self.decisions,
        }
    }

    pub(super) fn get(&self, signal: Signal, outcome: Outcome) -> u64 {
        self.of(signal).count(outcome).load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_as_dropped() {
        let tallies = Tallies::default();
        let spans = tallies.of(Signal::Spans);
        assert!(spans.enter(2) && spans.enter(2) && !spans.enter(2));
        spans.leave(1, Outcome::Exported);
        assert!(spans.enter(2) && !spans.enter(2));
        spans.leave(2, Outcome::Failed);
        let found = Outcome::ALL.map(|outcome| tallies.get(Signal::Spans, outcome));
        assert_eq!(found, [1, 2, 2]);
    }
}
