//! Latencies, counted in buckets that are at most 3 % wide.

use std::time::Duration;

/// Buckets for each doubling.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// How often each latency was seen; the memory does not grow with their number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    total: u64,
    longest: Duration,
}

impl Histogram {
    /// Counts one.
    pub(crate) fn add(&mut self, latency: Duration) {
        let bucket = bucket(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.total += 1;
        self.longest = self.longest.max(latency);
    }

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The longest, exactly.
    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// What this many per mille were not longer than, rounded up to the bucket's end; zero when nothing was counted.
    pub(crate) fn per_mille(&self, per_mille: u64) -> Duration {
        let wanted = (self.total * per_mille).div_ceil(1_000);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && wanted > 0 {
                return Duration::from_nanos(end_of(bucket)).min(self.longest);
            }
        }
        self.longest
    }
}

/// Below [`STEPS`] a bucket is a nanosecond; then each doubling has as many buckets.
fn bucket(nanoseconds: u64) -> usize {
    let doubling = nanoseconds.checked_ilog2().unwrap_or(0).saturating_sub(STEP_BITS);
    let index = u64::from(doubling) * STEPS + (nanoseconds >> doubling);
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The greatest number of nanoseconds in a bucket.
fn end_of(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let doubling = (bucket / STEPS).saturating_sub(1);
    let within = bucket - doubling * STEPS;
    ((within + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_its_bucket_and_buckets_are_narrow() {
        let mut number = 1_u64;
        while number < 1 << 40 {
            for nanoseconds in [number - 1, number, number + number / 3] {
                let index = bucket(nanoseconds);
                assert!(nanoseconds <= end_of(index), "{nanoseconds}");
                assert!(index == 0 || nanoseconds > end_of(index - 1), "{nanoseconds}");
                assert!(end_of(index) - nanoseconds <= nanoseconds / 31, "{nanoseconds}");
            }
            number *= 2;
        }
    }

    #[test]
    fn parts_of_a_thousand_latencies() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|micros| histogram.add(Duration::from_micros(micros)));
        let near = |per_mille: u64, micros: f64| {
            let found = histogram.per_mille(per_mille).as_secs_f64() * 1e6;
            assert!((micros..micros * 1.033).contains(&found), "{per_mille}: {found}");
        };
        near(500, 500.0);
        near(990, 990.0);
        assert_eq!(histogram.per_mille(1_000), Duration::from_millis(1));
        assert_eq!((histogram.total(), histogram.longest()), (1_000, Duration::from_millis(1)));
        assert_eq!(Histogram::default().per_mille(500), Duration::ZERO);
    }
}
