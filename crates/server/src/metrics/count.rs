//! Numbers that only grow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::place::Tenancy;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    /// Adds to it.
    ///
    /// INVARIANT: alone means that no other thread adds to it meanwhile; then a load and a store suffice, which
    /// cost a tenth of an atomic addition.
    pub(super) fn add(&self, more: u64, tenancy: Tenancy) {
        match tenancy {
            Tenancy::Alone => self.0.store(self.get().wrapping_add(more), Ordering::Relaxed),
            Tenancy::Shared => {
                self.0.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// What it has grown to.
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, how often.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    /// In nanoseconds, ascending: a bucket holds what took as long as its bound and no longer.
    bounds: &'static [u64; N],
    buckets: [Count; N],
    /// What took longer than the last bound.
    longer: Count,
    /// In nanoseconds.
    sum: Count,
}

/// A histogram as it was at some time, or several together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed<const N: usize> {
    /// In nanoseconds.
    pub(super) bounds: &'static [u64; N],
    /// How many fell into each bucket, and not into one before it.
    pub(super) buckets: [u64; N],
    /// How many took longer than the last bound.
    pub(super) longer: u64,
    /// In nanoseconds.
    pub(super) sum: u64,
}

impl<const N: usize> Histogram<N> {
    /// Nothing was observed yet.
    pub(super) fn new(bounds: &'static [u64; N]) -> Self {
        let buckets = std::array::from_fn(|_| Count::default());
        Self { bounds, buckets, longer: Count::default(), sum: Count::default() }
    }

    /// Something took this long.
    pub(super) fn observe(&self, took: Duration, tenancy: Tenancy) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.bounds.partition_point(|bound| *bound < nanos);
        self.buckets.get(bucket).unwrap_or(&self.longer).add(1, tenancy);
        self.sum.add(nanos, tenancy);
    }

    /// Adds what was observed here to what was observed elsewhere.
    pub(super) fn add_to(&self, all: &mut Observed<N>) {
        // Those that are under way are in both or in one of them; nobody can tell.
        for (sum, bucket) in all.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.get();
        }
        all.longer += self.longer.get();
        all.sum = all.sum.wrapping_add(self.sum.get());
    }
}

impl<const N: usize> Observed<N> {
    /// Nothing.
    pub(super) fn none(bounds: &'static [u64; N]) -> Self {
        Self { bounds, buckets: [0; N], longer: 0, sum: 0 }
    }

    /// How many were observed.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum::<u64>() + self.longer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BOUNDS: [u64; 3] = [10, 100, 1_000];

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(&BOUNDS);
        for nanos in [0, 10, 11, 100, 1_000, 1_001, 5_000] {
            histogram.observe(Duration::from_nanos(nanos), Tenancy::Alone);
        }
        let mut seen = Observed::none(&BOUNDS);
        histogram.add_to(&mut seen);
        assert_eq!((seen.buckets, seen.longer, seen.sum, seen.count()), ([2, 2, 1], 2, 7_122, 7));
    }

    #[test]
    fn who_shares_a_number_loses_nothing() {
        let count = Count::default();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| (0..10_000).for_each(|_| count.add(1, Tenancy::Shared)));
            }
        });
        assert_eq!(count.get(), 40_000);
    }
}
