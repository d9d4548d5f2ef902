//! `mandate serve`.

use tokio::signal::unix::{SignalKind, signal};

use super::print;
use crate::serve::{Running, Settings};

/// Runs the server until it is told to stop.
pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    // Before anything is started, so that an early signal is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut running = Running::start(settings).await?;
    print(&format!("mandate listens on {}", running.address))?;
    tokio::select! {
        ended = running.ended() => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: calls in flight are finished first");
    running.stop().await
}
