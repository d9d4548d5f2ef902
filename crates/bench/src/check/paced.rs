//! What callers wait at a fixed rate, run after run.

use std::time::Duration;

use super::series::Series;
use crate::load::Shape;
use crate::stats::Runs;

/// One load at a fixed rate. Times are in microseconds.
pub(super) struct Paced<'a> {
    /// What the figures are named by.
    pub(super) name: &'static str,
    series: &'a Series<'a>,
    /// Requests that fall due in a second.
    pub(super) per_second: f64,
    /// What half of the requests were not answered later than.
    pub(super) p50: Runs,
    /// The same for 99 of 100.
    pub(super) p99: Runs,
    /// The same for 999 of 1000.
    pub(super) p999: Runs,
    /// The longest of a run.
    pub(super) longest: Runs,
    /// How many were answered, in all runs together.
    pub(super) answered: u64,
    /// How many there was no room for.
    pub(super) dropped: u64,
}

impl<'a> Paced<'a> {
    /// A load at this part of what the server can do.
    pub(super) fn at(series: &'a Series<'a>, part: f64) -> Self {
        let runs = Runs::default;
        Self {
            name: series.name,
            series,
            per_second: series.per_second.median() * part,
            p50: runs(),
            p99: runs(),
            p999: runs(),
            longest: runs(),
            answered: 0,
            dropped: 0,
        }
    }

    /// Runs it once.
    ///
    /// # Errors
    /// A connection's, or answers that are not those expected.
    pub(super) fn run(&mut self, shape: Shape, time: Duration) -> anyhow::Result<()> {
        let run = self.series.run_at(self.per_second, shape, time)?;
        self.p50.add(micros(run.seen.per_mille(500)));
        self.p99.add(micros(run.seen.per_mille(990)));
        self.p999.add(micros(run.seen.per_mille(999)));
        self.longest.add(micros(run.seen.longest()));
        self.answered += run.seen.total();
        self.dropped += run.dropped;
        Ok(())
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
