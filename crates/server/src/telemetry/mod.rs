//! What a server tells of its calls one by one: traces, log lines, and a record of each decision. (What it counts of
//! them together is in [`crate::metrics`].)
//!
//! - A call is sampled or not before anything else happens (`sampling.rs`). A Check, or a batch of them, of which nothing
//!   is to be recorded, is not touched at all: it takes the short way (`crate::quick`) as if none of this were there.
//! - Everything else has a `Recorded` from its first moment to its last: a request id for its log lines, the span of
//!   the RPC if it is sampled, and who called.
//! - Spans and records leave through queues that have a bound (`export.rs`, `decisions.rs`): no call ever waits for a
//!   collector or a disk. What does not fit is dropped and counted.
//!
//! INVARIANT: neither spans nor log lines hold a secret, an address or a name: ids, names of permissions that a policy
//! knows, reasons, and SQL without its values. A permission is told as it was asked about in the decision log alone.

mod call;
mod decided;
mod decisions;
mod denied;
mod export;
mod log;
mod looked_up;
mod record;
mod sampling;
mod settings;
mod statements;
mod tally;

use std::sync::Arc;
use std::time::Duration;

pub use self::call::{Calls, CarriedLayer};
pub use self::settings::{DecisionSink, LogFormat, OtlpEndpoint, Outcomes, TelemetrySettings};
pub use self::tally::{Outcome, Signal};

pub(crate) use self::call::{Kind, Recorded, carried};
pub(crate) use self::decided::{Decided, Observed};
pub(crate) use self::log::set_up as log_plainly;
pub(crate) use self::looked_up::LookedUp;
pub(crate) use self::statements::FACTS;

use self::decisions::Decisions;
use self::export::Exporters;
use self::sampling::Sampling;
use self::tally::Tallies;

/// The version of what is sent, as collectors are told it.
const SCOPE: &str = "mandate";

/// How long what is left has to leave when the server ends.
const FLUSH: Duration = Duration::from_secs(5);

/// Traces, log lines and decisions of a process.
pub struct Telemetry {
    calls: &'static Calls,
    exporters: Exporters,
}

impl Telemetry {
    /// Begins to log, and to export what the settings say. `database`: which one statements are made to, as OpenTelemetry
    /// names it.
    ///
    /// # Errors
    /// What is wrong with the settings; a decision log that cannot be opened.
    pub fn start(settings: &TelemetrySettings, database: &'static str) -> anyhow::Result<Self> {
        let tallies = Arc::new(Tallies::default());
        let exporters = Exporters::start(settings, &tallies)?;
        log::set_up(settings.log_format, exporters.tracer().map(|tracer| (tracer, database)));
        let decisions = Decisions::start(settings, exporters.logger(), &tallies)?;
        let sampling = exporters.tracer().map(|_| Sampling::new(settings));
        let calls = Calls { sampling, decisions, tallies };
        // It lives as long as the process: a reference count that all threads write would cost more than all of this.
        Ok(Self { calls: Box::leak(Box::new(calls)), exporters })
    }

    /// What records calls.
    #[must_use]
    pub fn calls(&self) -> &'static Calls {
        self.calls
    }

    /// Sends and writes what is left, for five seconds at the most. Nothing is recorded afterwards.
    pub async fn stop(self) {
        let (done, wait) = tokio::sync::oneshot::channel();
        // A thread of its own, which nobody waits for: the process ends although it may not.
        let work = move || {
            if let Some(decisions) = &self.calls.decisions {
                decisions.stop(FLUSH);
            }
            self.exporters.stop(FLUSH);
            // Nobody waits any more if it took too long.
            let _ = done.send(());
        };
        let started = std::thread::Builder::new().name("telemetry-end".to_owned()).spawn(work).is_ok();
        if !started || tokio::time::timeout(FLUSH, wait).await.is_err() {
            tracing::warn!("what was left of traces and decisions could not be sent in time");
        }
    }
}
