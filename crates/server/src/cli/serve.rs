//! `mandate serve`.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

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
    let abandoned = abandoned(settings)?;
    let mut running = Running::start_recorded(settings, calls).await?;
    print(&format!("mandate listens on {}", running.address))?;
    tokio::select! {
        ended = running.ended() => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        Ok(()) = abandoned => {}
    }
    tracing::info!("stopping: calls in flight are finished first");
    running.stop().await
}

/// Tells when standard input was closed, if that is to end the server; else it never does.
///
/// A thread of its own reads it, which the end of the process does not wait for.
fn abandoned(settings: &Settings) -> io::Result<oneshot::Receiver<()>> {
    let (closed, abandoned) = oneshot::channel();
    if settings.ephemeral.until_stdin_closes {
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            // What is written there means nothing, and what cannot be read is as good as closed.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = closed.send(());
        })?;
    }
    Ok(abandoned)
}
