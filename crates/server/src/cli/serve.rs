//! `mandate serve`.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::print;
use crate::serve::{Running, Settings};

/// Runs the server until it is told to stop.
pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    // Before anything is started, so that an early signal is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let abandoned = abandoned(settings)?;
    let mut running = Running::start(settings).await?;
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
