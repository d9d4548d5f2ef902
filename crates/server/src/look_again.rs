//! When the server looks at its files again: at intervals, and at once when it is told to by SIGHUP.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears SIGHUP.
pub(crate) struct Hangup(Signal);

impl Hangup {
    /// From now on.
    ///
    /// # Errors
    /// The system gives no signals.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self(signal(SignalKind::hangup()).context("SIGHUP cannot be heard")?))
    }

    /// Waits for the next one; `None`: there is nothing more to hear.
    pub(crate) async fn heard(&mut self) -> Option<()> {
        self.0.recv().await
    }

    /// Waits for the next one, or until the interval has passed.
    pub(crate) async fn or_after(&mut self, interval: Duration) {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            // Nothing more to hear: the interval alone then.
            heard = self.heard() => if heard.is_none() { tokio::time::sleep(interval).await },
        }
    }
}

/// What was wrong with a file when it was last looked at: the same mistake is told once.
#[derive(Default)]
pub(crate) struct Mistake(Option<String>);

impl Mistake {
    /// Its text, if it is another one than last time.
    pub(crate) fn news(&mut self, error: &impl ToString) -> Option<&str> {
        let error = error.to_string();
        match self.0.as_ref() == Some(&error) {
            true => None,
            false => Some(self.0.insert(error)),
        }
    }

    /// There is none.
    pub(crate) fn mended(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_once_until_it_is_another_or_was_mended() {
        let mut mistake = Mistake::default();
        assert_eq!(mistake.news(&"no key"), Some("no key"));
        assert_eq!(mistake.news(&"no key"), None);
        assert_eq!(mistake.news(&"no file"), Some("no file"));
        mistake.mended();
        assert_eq!(mistake.news(&"no file"), Some("no file"));
    }
}
