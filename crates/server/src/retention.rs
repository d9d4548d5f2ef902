//! Retention: a task that deletes what has been kept long enough, a little at a time, so that nobody waits for it.
//!
//! - As long as there is more, it goes on after a pause that leaves the database most of the time; then it rests.
//! - Of several servers on one database one at a time does it; whoever finds another one at it rests, too.
//! - Nothing depends on when it happens: what has to be over is so by its time, not by its row being gone.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use mandate_storage::{Kept, REQUESTS_KEPT, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::now_micros;
use crate::mailer::{micros, seconds};

/// The least pause between two transactions.
const PAUSE: Duration = Duration::from_millis(20);

/// How many times as long as a transaction took the pause behind it is, at least.
const SHARE: u32 = 4;

/// How long answered requests are kept beyond their day: clocks of servers differ.
const AFTER_REQUESTS: i64 = 60 * 60 * 1_000_000;

/// How long sessions are kept that have ended by themselves.
const AFTER_SESSIONS: i64 = 24 * 60 * 60 * 1_000_000;

/// A day in seconds.
const DAY: u64 = 24 * 60 * 60;

/// How long the last transaction may keep a server from ending.
const DRAIN: Duration = Duration::from_secs(5);

/// For how long things are kept.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Retention")]
pub struct KeepSettings {
    /// For how long changes stay in the change feed: a number with s, m, h or d (seconds without), or forever. A server
    /// that was cut off from the database for longer reads everything anew.
    #[arg(long, value_name = "TIME", default_value = "7d", env = "MANDATE_KEEP_FEED")]
    pub keep_feed: KeepFor,
    /// For how long the activity log keeps what happened.
    #[arg(long, value_name = "TIME", default_value = "400d", env = "MANDATE_KEEP_ACTIVITY")]
    pub keep_activity: KeepFor,
    /// For how long the outbox keeps mail that was sent or given up. What was given up can be queued again as long.
    #[arg(long, value_name = "TIME", default_value = "30d", env = "MANDATE_KEEP_MAIL")]
    pub keep_mail: KeepFor,
    /// How often to look for what has been kept long enough, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", env = "MANDATE_RETENTION_INTERVAL", value_parser = seconds)]
    pub retention_interval: Duration,
}

impl Default for KeepSettings {
    /// The feed for 7 days, the log for 400, mail for 30.
    fn default() -> Self {
        let days = |days: u64| KeepFor::For(Duration::from_secs(days * DAY));
        Self {
            keep_feed: days(7),
            keep_activity: days(400),
            keep_mail: days(30),
            retention_interval: Duration::from_secs(60),
        }
    }
}

/// For how long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepFor {
    /// At least this long, and not much longer.
    For(Duration),
    /// As long as there is room.
    Forever,
}

/// A time that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTime;

impl fmt::Display for NoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no time from 1s to 36500d: write it with its unit, as 90s, 30m, 12h, 7d, or forever")
    }
}

impl std::error::Error for NoTime {}

impl FromStr for KeepFor {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, NoTime> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
        let unit = match text.strip_prefix(digits) {
            // INVARIANT: without a unit it is none, since whoever writes 400 where the default is 400d means no seconds.
            Some("s") => 1,
            Some("m") => 60,
            Some("h") => 60 * 60,
            Some("d") => DAY,
            _ => return Err(NoTime),
        };
        let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        let seconds = seconds.filter(|seconds| (1..=36_500 * DAY).contains(seconds)).ok_or(NoTime)?;
        Ok(Self::For(Duration::from_secs(seconds)))
    }
}

impl KeepFor {
    /// The time, if there is one.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::For(time) => Some(time),
            Self::Forever => None,
        }
    }
}

impl KeepSettings {
    /// What is older than this may go: microseconds since the Unix epoch. `None`: nothing may.
    fn before(&self, what: Kept, now: i64) -> Option<i64> {
        let configured = |keep: KeepFor| keep.limit().map(micros);
        let kept = match what {
            Kept::Feed => configured(self.keep_feed),
            Kept::Activity => configured(self.keep_activity),
            Kept::Requests => Some(REQUESTS_KEPT + AFTER_REQUESTS),
            Kept::Mail => configured(self.keep_mail),
            Kept::Sessions => Some(AFTER_SESSIONS),
        };
        kept.map(|kept| now.saturating_sub(kept))
    }
}

/// Deletes what has been kept long enough, while it runs.
pub struct Retention {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Retention {
    /// Starts to look after everything that grows.
    #[must_use]
    pub fn start(store: Store, settings: KeepSettings) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(look_after(store, settings, stopped));
        Self { stop, task }
    }

    /// Ends after the transaction that is under way.
    pub async fn stop(mut self) {
        // It cannot be told when it has ended already.
        let _ = self.stop.send(());
        if tokio::time::timeout(DRAIN, &mut self.task).await.is_err() {
            // What was deleted by then and not committed is deleted after the next start.
            self.task.abort();
        }
    }
}

async fn look_after(store: Store, settings: KeepSettings, mut stopped: oneshot::Receiver<()>) {
    let mut round = Round::default();
    loop {
        let start = Instant::now();
        let rest = match round.turn(&store, &settings).await {
            Ok(true) => PAUSE.max(start.elapsed().saturating_mul(SHARE)),
            Ok(false) => {
                std::mem::take(&mut round).tell();
                settings.retention_interval
            }
            Err(error) => {
                tracing::warn!(%error, "what has been kept long enough cannot be deleted; trying again later");
                settings.retention_interval
            }
        };
        tokio::select! {
            biased;
            // A sender that is gone will never ask, and nobody waits for this task any more.
            _ = &mut stopped => return round.tell(),
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// What was deleted since the last rest.
#[derive(Debug, Default)]
struct Round {
    rows: [u64; Kept::ALL.len()],
    transactions: u64,
}

impl Round {
    /// Deletes a little of everything; whether there is more.
    async fn turn(&mut self, store: &Store, settings: &KeepSettings) -> Result<bool, StoreError> {
        let now = now_micros();
        let mut more = false;
        for (what, rows) in Kept::ALL.into_iter().zip(&mut self.rows) {
            let Some(before) = settings.before(what, now) else { continue };
            let forgotten = store.forget(what, before).await?;
            *rows += forgotten.rows;
            self.transactions += u64::from(forgotten.rows > 0);
            more |= forgotten.more;
        }
        Ok(more)
    }

    fn tell(self) {
        if self.transactions == 0 {
            return;
        }
        let deleted = Kept::ALL.iter().zip(self.rows).filter(|(_, rows)| *rows > 0);
        let deleted: Vec<_> = deleted.map(|(what, rows)| format!("{}: {rows}", what.name())).collect();
        let (transactions, deleted) = (self.transactions, deleted.join(", "));
        tracing::info!(transactions, deleted, "what was kept long enough has been deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        let time = |seconds| Ok(KeepFor::For(Duration::from_secs(seconds)));
        for (text, expected) in [
            ("1s", time(1)),
            ("90s", time(90)),
            ("30m", time(1_800)),
            ("12h", time(43_200)),
            ("7d", time(604_800)),
            ("36500d", time(36_500 * DAY)),
            ("forever", Ok(KeepFor::Forever)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for text in [
            "",
            "0s",
            "400",
            "0d",
            "s",
            "-1",
            "1.5h",
            "7w",
            "7 d",
            "d7",
            "36501d",
            "99999999999999999999d",
            "Forever",
        ] {
            assert_eq!(text.parse::<KeepFor>(), Err(NoTime), "{text}");
        }
    }

    #[test]
    fn what_is_kept_for_ever_never_goes() {
        let settings = KeepSettings { keep_activity: KeepFor::Forever, ..KeepSettings::default() };
        let now = 1_000 * 24 * 60 * 60 * 1_000_000;
        assert_eq!(settings.before(Kept::Activity, now), None);
        assert_eq!(settings.before(Kept::Feed, now), Some(now - 7 * 24 * 60 * 60 * 1_000_000));
        assert!(
            settings.before(Kept::Requests, now) < Some(now - REQUESTS_KEPT),
            "at least the promised day"
        );
    }
}
