//! `mandate serve`.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::print;
use crate::serve::{Running, Settings};
use crate::telemetry::{Calls, LogFormat, Telemetry};

/// Runs the server until it is told to stop.
pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    // Before anything is started, so that an early signal is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let telemetry = Telemetry::start(&settings.telemetry, settings.database.system())?;
    let result = until_told(settings, telemetry.calls(), &mut terminate, &mut interrupt).await;
    if let Err(error) = &result
        && settings.telemetry.log_format == LogFormat::Json
    {
        // Programs that read the log find it there; a person is told by whoever called this.
        tracing::error!(error = format!("{error:#}"), "the server has failed");
    }
    telemetry.stop().await;
    result
}

async fn until_told(
    settings: &Settings,
    calls: &'static Calls,
    terminate: &mut Signal,
    interrupt: &mut Signal,
) -> anyhow::Result<()> {
    let mut running = Running::start_recorded(settings, calls).await?;
    print(&format!("mandate listens on {}", running.address))?;
    tokio::select! {
        ended = running.ended() => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: calls in flight are finished first");
    running.stop().await
}
