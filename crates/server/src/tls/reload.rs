//! What is in force, and how it is exchanged when its files change.
//!
//! Files are compared by what is in them, so that it makes no difference how they were changed: written, moved, or behind
//! a link that was turned to another folder, as Kubernetes does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::task::JoinSet;

use super::TlsSettings;
use super::material::{Contents, Material, Sources, TlsError};
use super::tally::{Shaken, Tally};
use crate::look_again::{Hangup, Mistake};

/// For how long files must have stayed the same to be taken: one that is half written, or a certificate whose key is yet
/// to come, has changed again by then.
const SETTLED: Duration = Duration::from_millis(200);

/// How often that is waited for before whatever is there is judged.
const PATIENCE: usize = 10;

/// Which versions of HTTP are offered in the handshake (ALPN, RFC 7301).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocols {
    /// For gRPC.
    Http2,
    /// For pages in browsers, too.
    Http2AndHttp1,
}

impl Protocols {
    const fn names(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http2 => &[b"h2"],
            Self::Http2AndHttp1 => &[b"h2", b"http/1.1"],
        }
    }
}

/// The certificate that a server shows, and the authorities whose certificates it asks for.
pub struct Tls {
    sources: Sources,
    protocols: Protocols,
    current: ArcSwap<Material>,
    /// What is in the files cannot be used, and what was in force before is.
    behind: AtomicBool,
    tally: Tally,
}

impl Tls {
    /// Reads the files; `None`: there is no TLS.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn open(settings: &TlsSettings, protocols: Protocols) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(sources) = settings.sources()? else { return Ok(None) };
        let contents = sources.read()?;
        let material = sources.material(&contents, protocols.names())?;
        Ok(Some(Arc::new(Self {
            sources,
            protocols,
            current: ArcSwap::from_pointee(material),
            behind: AtomicBool::new(false),
            tally: Tally::default(),
        })))
    }

    /// What the next handshake is made with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    pub(super) fn shaken(&self, how: Shaken) {
        Tally::count(self.tally.shaken(how));
    }

    /// How many handshakes have ended like this.
    pub(crate) fn handshakes(&self, how: Shaken) -> u64 {
        self.tally.shaken(how).load(Ordering::Relaxed)
    }

    /// How often changed files came into force, and how often they could not and what was in force stayed.
    pub(crate) fn reloads(&self) -> (u64, u64) {
        (self.tally.loaded.load(Ordering::Relaxed), self.tally.kept.load(Ordering::Relaxed))
    }

    /// Whether the files hold something else than what is in force.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Until when what is in force is good, in seconds since 1970: the certificate, and the authorities of callers.
    pub(crate) fn ends(&self) -> (i64, Option<i64>) {
        let current = self.current.load();
        (current.certificate_ends, current.client_ca_ends)
    }

    /// Looks at the files at this interval and on SIGHUP, until the value is dropped.
    ///
    /// # Errors
    /// The system gives no signals.
    pub(crate) fn keep_fresh(self: &Arc<Self>, interval: Duration) -> anyhow::Result<Reload> {
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(self).follow(interval, Hangup::listen()?));
        Ok(Reload { _tasks: tasks })
    }

    async fn follow(self: Arc<Self>, interval: Duration, mut hangup: Hangup) {
        let mut mistake = Mistake::default();
        loop {
            hangup.or_after(interval).await;
            let looked = self.look().await;
            let was_behind = self.behind.swap(looked.is_err(), Ordering::Relaxed);
            if looked.is_ok() {
                mistake.mended();
            }
            match looked {
                Ok(Look::Same) if was_behind => tracing::info!("the TLS files are again what is in force"),
                Ok(Look::Same) => {}
                Ok(Look::Loaded) => {
                    Tally::count(&self.tally.loaded);
                    let (ends, _) = self.ends();
                    tracing::info!(ends, "changed TLS files are in force for new connections");
                }
                Err(error) => {
                    if let Some(error) = mistake.news(&error) {
                        Tally::count(&self.tally.kept);
                        tracing::error!(
                            error,
                            "changed TLS files cannot be used; what was in force before stays so"
                        );
                    }
                }
            }
        }
    }

    /// Takes what is in the files, if it is something else and has settled.
    async fn look(self: &Arc<Self>) -> Result<Look, TlsError> {
        let mut found = self.read().await;
        for _ in 0..PATIENCE {
            if matches!(&found, Ok(contents) if contents.fingerprint() == self.current.load().fingerprint) {
                return Ok(Look::Same);
            }
            tokio::time::sleep(SETTLED).await;
            let again = self.read().await;
            let settled = match (&found, &again) {
                (Ok(before), Ok(now)) => before.fingerprint() == now.fingerprint(),
                (Err(_), Err(_)) => true,
                _ => false,
            };
            found = again;
            if settled {
                break;
            }
        }
        let material = self.sources.material(&found?, self.protocols.names())?;
        self.current.store(Arc::new(material));
        Ok(Look::Loaded)
    }

    /// Off the threads that answer: a folder may be far away.
    async fn read(self: &Arc<Self>) -> Result<Contents, TlsError> {
        let this = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || this.sources.read()).await;
        read.unwrap_or_else(|error| {
            let path = self.sources.certificate.clone();
            Err(TlsError::Unreadable { path, error: io::Error::other(error) })
        })
    }
}

/// What looking at the files came to.
enum Look {
    /// They are what is in force.
    Same,
    /// They are now.
    Loaded,
}

/// Follows the files; dropping it ends that.
#[must_use = "dropping it ends the reload of changed files"]
pub(crate) struct Reload {
    /// A `JoinSet` aborts its tasks when it is dropped.
    _tasks: JoinSet<()>,
}
