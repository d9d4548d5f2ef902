//! How often handshakes and reloads went well, and how not. All of it only grows, and a scrape shows it.

use std::sync::atomic::{AtomicU64, Ordering};

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shaken {
    /// The connection is encrypted.
    Done,
    /// Whoever connected spoke no TLS.
    Plain,
    /// They had to show a certificate, and showed none.
    NoCertificate,
    /// They showed one that is not believed.
    BadCertificate,
    /// They did not believe this server's.
    Refused,
    /// They took too long.
    Late,
    /// Anything else: a version or cipher that is too old, or they went away.
    Failed,
}

impl Shaken {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Done,
        Self::Plain,
        Self::NoCertificate,
        Self::BadCertificate,
        Self::Refused,
        Self::Late,
        Self::Failed,
    ];

    /// How metrics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Plain => "plain",
            Self::NoCertificate => "no_certificate",
            Self::BadCertificate => "bad_certificate",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }
}

/// Counts of one server.
#[derive(Debug, Default)]
pub(super) struct Tally {
    done: AtomicU64,
    plain: AtomicU64,
    no_certificate: AtomicU64,
    bad_certificate: AtomicU64,
    refused: AtomicU64,
    late: AtomicU64,
    failed: AtomicU64,
    pub(super) loaded: AtomicU64,
    pub(super) kept: AtomicU64,
}

impl Tally {
    pub(super) fn shaken(&self, how: Shaken) -> &AtomicU64 {
        match how {
            Shaken::Done => &self.done,
            Shaken::Plain => &self.plain,
            Shaken::NoCertificate => &self.no_certificate,
            Shaken::BadCertificate => &self.bad_certificate,
            Shaken::Refused => &self.refused,
            Shaken::Late => &self.late,
            Shaken::Failed => &self.failed,
        }
    }

    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
