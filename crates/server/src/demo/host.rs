//! The demo's own server: the one of `mandate serve`, with everything it keeps in a temporary folder.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::auth::TokenSettings;
use crate::config::ConfigFile;
use crate::connection::ConnectionSettings;
use crate::database::DatabaseSettings;
use crate::ephemeral::EphemeralSettings;
use crate::mailer::MailSettings;
use crate::overload::OverloadSettings;
use crate::rate::RateSettings;
use crate::retention::KeepSettings;
use crate::serve::{Running, STALE_LIMIT, Settings};
use crate::telemetry::TelemetrySettings;
use crate::tls::TlsSettings;
use crate::web::WebSettings;

/// A running server; its folder goes with it.
///
/// INVARIANT: the order of the fields is the order of their end: server, folder.
pub(super) struct Host {
    running: Running,
    folder: TempDir,
    terminate: Signal,
    interrupt: Signal,
}

impl Host {
    /// Starts a server at this address, or on a free port of the same interface if the port is taken.
    pub(super) async fn start(wanted: SocketAddr) -> anyhow::Result<Self> {
        // Before anything is made, so that an early Ctrl-C removes it, too.
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let folder =
            tempfile::Builder::new().prefix("mandate-demo-").tempdir().context("no temporary folder")?;
        let settings = Settings {
            config: ConfigFile::default(),
            workers: None,
            listen: if taken(wanted) { SocketAddr::new(wanted.ip(), 0) } else { wanted },
            data_dir: folder.path().to_owned(),
            database: DatabaseSettings::default(),
            policies: None,
            issuers: None,
            ready_file: None,
            metrics_listen: None,
            stale_limit: STALE_LIMIT,
            activity_interval: Duration::from_secs(1),
            watch_patience: crate::watch::PATIENCE,
            facts_memory: crate::facts::MEMORY,
            overload: OverloadSettings::default(),
            connection: ConnectionSettings::default(),
            rates: RateSettings::default(),
            tokens: TokenSettings::default(),
            mail: MailSettings::default(),
            keep: KeepSettings::default(),
            telemetry: TelemetrySettings::default(),
            web: WebSettings::default(),
            ephemeral: EphemeralSettings::default(),
            tls: TlsSettings::default(),
        };
        let running = Running::start(&settings).await?;
        Ok(Self { running, folder, terminate, interrupt })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Where its key and its database are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits for Ctrl-C or SIGTERM, or for the server to end by itself.
    pub(super) async fn until_interrupted(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            ended = self.running.ended() => ended,
            _ = self.terminate.recv() => Ok(()),
            _ = self.interrupt.recv() => Ok(()),
        }
    }

    /// Ends the server, then removes its folder.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.running.stop().await?;
        let folder = self.folder.path().display().to_string();
        self.folder.close().with_context(|| format!("{folder} could not be removed; remove it yourself"))
    }
}

fn taken(address: SocketAddr) -> bool {
    matches!(TcpListener::bind(address), Err(error) if error.kind() == ErrorKind::AddrInUse)
}
