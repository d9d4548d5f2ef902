//! Faults that can be planted in a server, so that the history checker (`mandate-bench history --sabotage`) can show that
//! it finds them. Nothing but the binary `mandate-sabotaged` turns the feature `sabotage` on; without it every question
//! here is a constant `false`, and what it guards is not compiled.

use std::time::Duration;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A miss leaves what it read in memory even if it changed meanwhile.
    StaleFill,
    /// A hit does not look whether facts changed while it read them.
    TornRead,
    /// The feed is followed by its last place alone, so that a commit that comes late is missed.
    SkipFeed,
    /// Writes lock nothing.
    NoLock,
}

#[cfg(feature = "sabotage")]
static PLANTED: std::sync::OnceLock<Fault> = std::sync::OnceLock::new();

/// Plants the fault of this name, for good. `false`: there is none of that name, or one was planted before.
#[cfg(feature = "sabotage")]
#[must_use]
pub fn plant(name: &str) -> bool {
    let fault = match name {
        "stale-fill" => Fault::StaleFill,
        "torn-read" => Fault::TornRead,
        "skip-feed" => Fault::SkipFeed,
        "no-lock" => Fault::NoLock,
        _ => return false,
    };
    PLANTED.set(fault).is_ok()
}

/// Whether this fault was planted.
#[cfg(feature = "sabotage")]
#[must_use]
pub fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(&fault)
}

/// Whether this fault was planted: it cannot be.
#[cfg(not(feature = "sabotage"))]
#[must_use]
pub const fn is_planted(_: Fault) -> bool {
    false
}

/// Lets time pass where a planted fault goes wrong only if something else happens meanwhile.
pub async fn dawdle(fault: Fault, time: Duration) {
    if is_planted(fault) {
        tokio::time::sleep(time).await;
    }
}

/// The same where nothing can be awaited. The other threads go on.
pub fn block(fault: Fault, time: Duration) {
    if is_planted(fault) {
        std::thread::sleep(time);
    }
}
