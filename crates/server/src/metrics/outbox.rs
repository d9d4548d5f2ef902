//! How much mail waits, read from the database every few seconds and kept for whoever looks.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use mandate_storage::{OutboxDepth, Store};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is read.
const EVERY: Duration = Duration::from_secs(5);

/// Mail is not counted further than this.
pub(super) const MOST: u32 = 10_000;

/// Reads how much mail waits for as long as it lives.
pub(super) struct Outbox {
    latest: Arc<ArcSwapOption<OutboxDepth>>,
    task: JoinHandle<()>,
}

impl Outbox {
    /// Starts to read.
    pub(super) fn start(store: Store) -> Self {
        let latest = Arc::<ArcSwapOption<OutboxDepth>>::default();
        let task = tokio::spawn(read(store, Arc::clone(&latest)));
        Self { latest, task }
    }

    /// How much waited a few seconds ago; `None`: it is not known now.
    pub(super) fn latest(&self) -> Option<OutboxDepth> {
        self.latest.load().as_deref().copied()
    }

    /// Reads no more.
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn read(store: Store, latest: Arc<ArcSwapOption<OutboxDepth>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match store.outbox_depth(MOST).await {
            Ok(depth) => latest.store(Some(Arc::new(depth))),
            Err(error) => {
                tracing::debug!(%error, "how much mail waits is not known now");
                latest.store(None);
            }
        }
    }
}
