//! What is measured side by side: one load on one server, run after run.

use std::time::Duration;

use anyhow::ensure;

use crate::load::closed::{self, Throughput};
use crate::load::open::Latencies;
use crate::load::{Requests, Shape, open, streams};
use crate::process::Server;
use crate::report::tell;
use crate::stats::Runs;

/// The least part of its core that the server must have had for a run to say anything about it.
pub(crate) const SERVER_BUSY: f64 = 0.98;
/// The part of its own core that the load must have stayed below.
pub(crate) const GENERATOR_BUSY: f64 = 0.90;

/// What makes a load: on this server, of these requests and this shape, with answers of so many bytes, from the request of
/// this number on, for so long.
type Load = fn(&Server, &Requests, Shape, usize, usize, Duration) -> anyhow::Result<(Throughput, usize)>;

/// One load on one server, and what was seen of it.
pub(crate) struct Series<'a> {
    /// What the figures are named by.
    pub(crate) name: &'static str,
    server: &'a Server,
    requests: &'a Requests,
    expected: usize,
    shape: Shape,
    load: Load,
    next: usize,
    /// Processor time of the server for a request, in microseconds.
    pub(crate) server_micros: Runs,
    /// Requests a second.
    pub(crate) per_second: Runs,
    /// Which part of its core the server had.
    pub(crate) server_busy: Runs,
    /// Which part of its core the load took.
    pub(crate) generator_busy: Runs,
}

impl<'a> Series<'a> {
    /// A load that has not run yet. `expected`: the bytes of each answer's message.
    pub(crate) fn new(
        name: &'static str,
        server: &'a Server,
        requests: &'a Requests,
        expected: usize,
        shape: Shape,
    ) -> Self {
        let runs = Runs::default;
        Self {
            name,
            server,
            requests,
            expected,
            shape,
            load: closed::run,
            next: 0,
            server_micros: runs(),
            per_second: runs(),
            server_busy: runs(),
            generator_busy: runs(),
        }
    }

    /// The same requests on streams that go on: one on each connection, with so many questions under way.
    pub(super) fn streaming(self) -> Self {
        Self { load: streams::run, ..self }
    }

    /// Runs it once, as fast as the server goes.
    ///
    /// # Errors
    /// A connection's, or answers that are not those expected.
    pub(crate) fn run(&mut self, time: Duration) -> anyhow::Result<()> {
        let (seen, next) =
            (self.load)(self.server, self.requests, self.shape, self.expected, self.next, time)?;
        ensure!(seen.wrong == 0, "{}: {} answers were not those expected", self.name, seen.wrong);
        self.next = next;
        self.server_micros.add(seen.server_micros);
        self.per_second.add(seen.per_second);
        self.server_busy.add(seen.server_busy);
        self.generator_busy.add(seen.generator_busy);
        Ok(())
    }

    /// How many requests were sent so far.
    pub(crate) fn asked(&self) -> u64 {
        self.next as u64
    }

    /// Runs it at a fixed rate.
    ///
    /// # Errors
    /// A connection's, or answers that are not those expected.
    pub(crate) fn run_at(&self, per_second: f64, shape: Shape, time: Duration) -> anyhow::Result<Latencies> {
        let seen = open::run(self.server, self.requests, shape, self.expected, per_second, time)?;
        ensure!(seen.wrong == 0, "{}: {} answers were not those expected", self.name, seen.wrong);
        Ok(seen)
    }

    /// Decisions in a second of the server's processor time.
    pub(crate) fn decisions_per_core(&self) -> f64 {
        f64::from(self.requests.decisions) * 1e6 / self.server_micros.median()
    }

    /// The same for each run.
    pub(crate) fn decisions_of_core(&self) -> Runs {
        let decisions = f64::from(self.requests.decisions);
        self.server_micros.iter().map(|micros| decisions * 1e6 / micros).collect()
    }

    /// How many decisions a request asks for.
    pub(crate) fn decisions(&self) -> u32 {
        self.requests.decisions
    }

    /// Says so when the runs do not show the server's limit.
    pub(crate) fn warn(&self) {
        let (server, generator) = (self.server_busy.min(), self.generator_busy.max());
        if server < SERVER_BUSY || generator >= GENERATOR_BUSY {
            tell(&format!(
                "{}: the server had {server:.2} of its core and the load {generator:.2} of the other; wanted are \
                 {SERVER_BUSY:.2} and less than {GENERATOR_BUSY:.2}, so that the figures are the server's limit. Is \
                 the machine doing something else?",
                self.name
            ));
        }
    }
}
