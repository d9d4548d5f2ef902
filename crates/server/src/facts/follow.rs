//! Facts on a database that several servers write: they change by following the feed alone.
//!
//! INVARIANT: every entry in memory equals what the database held at the position of the last poll that was applied,
//! but for those that were dropped. A write is in them when a poll that started after its commit has been applied, and
//! only then its caller is answered. What a miss read is put there after a poll that started after the read, if none of
//! it changed meanwhile: it may be newer than the entries beside it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use mandate_domain::change::Change;
use mandate_storage::{Followed, Follower, News, Polled, StoreError};
use tokio::sync::{Notify, watch};

use super::Facts;
use super::fill::{Fill, changed};
use super::moment::{Moment, shortened};
use crate::clock::now_micros;
use crate::policies;

/// The longest pause between two polls.
const PAUSE: Duration = Duration::from_millis(10);

/// How far the starts of two polls are apart while several wait: who comes meanwhile shares the second one, and the database
/// is asked no oftener. One who waits alone has nobody to share with.
const APART: Duration = Duration::from_millis(1);

/// The pauses while the database is away: the longest, and the shortest, whoever waits.
const PAUSE_AWAY: Duration = Duration::from_millis(100);
const LEAST_PAUSE_AWAY: Duration = Duration::from_millis(20);

/// Facts that are older than this are told to be old, even if it is not known yet that the database is away.
const OLD: Duration = Duration::from_secs(1);

/// Most misses whose facts wait for a poll. Those beyond it are read again when they are asked for again.
const WAITING: usize = 10_000;

/// How far the feed has been followed.
pub(super) struct Following {
    begun: Instant,
    /// For how long facts are good after the start of the last poll that was applied.
    limit: Duration,
    /// When that poll started: microseconds since `begun`.
    completed: AtomicU64,
    away: AtomicBool,
    /// The number of the last poll that was started.
    started: AtomicU64,
    ended: watch::Sender<Ended>,
    asked: Notify,
    /// Rung when this server has written something.
    pub(super) written: Notify,
    fills: Mutex<Vec<Fill>>,
}

/// The numbers of the last polls that were applied and that failed.
#[derive(Debug, Clone, Copy, Default)]
struct Ended {
    applied: u64,
    failed: u64,
}

impl Following {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            begun: Instant::now(),
            limit,
            completed: AtomicU64::new(0),
            away: AtomicBool::new(false),
            started: AtomicU64::new(0),
            ended: watch::Sender::default(),
            asked: Notify::new(),
            written: Notify::new(),
            fills: Mutex::default(),
        }
    }

    /// How long ago the last poll started that was applied.
    pub(super) fn age(&self) -> Duration {
        let completed = Duration::from_micros(self.completed.load(Ordering::Acquire));
        self.begun.elapsed().saturating_sub(completed)
    }

    /// Whether nothing in memory is good any more. A clock is read for every answer, so that a process that was
    /// stopped for a while does not answer from what it knew before.
    pub(super) fn is_too_old(&self) -> bool {
        self.age() > self.limit
    }

    /// How old facts are, if the database is away and they are good in spite of it: once they are not, nothing is
    /// answered from them, and what is read instead is new.
    pub(super) fn stale_for(&self) -> Option<Duration> {
        let age = self.age();
        let is_away = age > OLD || self.away.load(Ordering::Acquire);
        (is_away && age <= self.limit).then_some(age)
    }

    /// Whether the last poll failed.
    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// Does not wait for the next poll.
    pub(super) fn poll_soon(&self) {
        self.asked.notify_one();
    }

    /// Waits until a poll that starts after this call has been applied: what was committed before is in memory then.
    pub(super) async fn fresh(&self) -> Result<(), StoreError> {
        let mine = self.started.load(Ordering::SeqCst) + 1;
        self.poll_soon();
        let mut ended = self.ended.subscribe();
        loop {
            let Ended { applied, failed } = *ended.borrow_and_update();
            if applied >= mine {
                return Ok(());
            }
            if failed >= mine || ended.changed().await.is_err() {
                return Err(StoreError::away());
            }
        }
    }

    /// Keeps what a miss read until the next poll has been applied.
    pub(super) fn later(&self, fill: Fill) {
        let mut fills = self.fills.lock().unwrap_or_else(PoisonError::into_inner);
        if fills.len() < WAITING {
            fills.push(fill);
        }
    }

    fn waiting(&self) -> Vec<Fill> {
        std::mem::take(&mut *self.fills.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Polls once; the facts change accordingly.
    async fn turn(&self, facts: &Facts, follower: &mut Follower) {
        let number = self.started.fetch_add(1, Ordering::SeqCst) + 1;
        let fills = self.waiting();
        let start = self.begun.elapsed();
        match follower.poll().await {
            Ok(polled) => {
                facts.follow(polled, fills).await;
                facts.counts.polled(self.begun.elapsed().saturating_sub(start));
                // First this: who sees the new age shall not take it for the age of facts of a database that is away.
                if self.away.swap(false, Ordering::AcqRel) {
                    tracing::info!("the database is back, and its feed is followed again");
                }
                self.completed.store(start.as_micros().try_into().unwrap_or(u64::MAX), Ordering::Release);
                self.ended.send_modify(|ended| ended.applied = number);
            }
            Err(error) => {
                facts.counts.poll_failed();
                if !self.away.swap(true, Ordering::AcqRel) {
                    tracing::warn!(%error, limit = ?self.limit, "the database is away; answers go on from memory up to the limit");
                }
                self.ended.send_modify(|ended| ended.failed = number);
            }
        }
    }

    /// Whether several wait for a poll.
    fn is_crowded(&self) -> bool {
        self.ended.receiver_count() > 1
    }

    async fn pause(&self) {
        let pause = if self.away.load(Ordering::Acquire) {
            tokio::time::sleep(LEAST_PAUSE_AWAY).await;
            PAUSE_AWAY
        } else {
            PAUSE
        };
        // Whoever asked is told in either case.
        let _ = tokio::time::timeout(pause, self.asked.notified()).await;
    }
}

/// Follows for as long as somebody has the facts.
pub(super) async fn run(facts: Weak<Facts>, following: Arc<Following>, mut follower: Follower) {
    let mut last = None;
    loop {
        following.pause().await;
        if let Some(last) = last.filter(|_| following.is_crowded()) {
            tokio::time::sleep_until(last + APART).await;
        }
        last = Some(tokio::time::Instant::now());
        let Some(facts) = facts.upgrade() else { return };
        following.turn(&facts, &mut follower).await;
    }
}

impl Facts {
    async fn follow(&self, polled: Polled, fills: Vec<Fill>) {
        let Polled { incarnation, position, kept, news } = polled;
        let moment = Moment::followed(shortened(&incarnation), position, kept);
        let until = moment.kept.clone();
        let _alone = self.gate.write().await;
        match news {
            News::Changes(changes) if changes.is_empty() => {
                self.moment.store(Arc::new(moment));
                self.live.publish(until, changes);
            }
            News::Changes(changes) => {
                self.while_odd(|epoch| {
                    changes.iter().for_each(|followed| self.apply_noted(&followed.change, epoch));
                    self.moment.store(Arc::new(moment));
                });
                let now = now_micros();
                for Followed { at, .. } in &changes {
                    // The clock of whoever wrote it may be ahead of this one.
                    let lag = u64::try_from(now - at).unwrap_or_default();
                    self.counts.followed(Duration::from_micros(lag));
                }
                self.live.publish(until, changes);
            }
            News::Anew { policies } => {
                let policies = policies::in_force(&policies);
                self.while_odd(|epoch| {
                    self.install(policies, epoch);
                    self.moment.store(Arc::new(moment));
                });
                self.live.publish_gap(until);
            }
        }
        fills.into_iter().for_each(|fill| self.keep(fill));
    }

    /// Makes a write that was committed count in memory, before its caller is answered.
    pub(super) async fn catch_up(&self, following: &Following, changes: &[Change]) {
        if !changes.is_empty() {
            following.written.notify_one();
        }
        // Even what changed nothing was judged on what others have written a moment ago.
        if following.fresh().await.is_ok() || changes.is_empty() {
            return;
        }
        // The feed cannot be read now. What the write changed is not known any more here; what replaced it stands
        // in the database alone.
        let _alone = self.gate.write().await;
        self.while_odd(|epoch| {
            for change in changes {
                changed(change, |fact| {
                    self.caches.remove(fact);
                    self.changed.note(fact, epoch);
                });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(limit: Duration) -> Following {
        let following = Following::new(limit);
        following.away.store(true, Ordering::Release);
        following
    }

    #[test]
    fn facts_are_told_to_be_old_while_they_are_good() {
        let following = away(Duration::from_secs(3_600));
        assert!(following.stale_for().is_some() && !following.is_too_old());
    }

    #[test]
    fn an_age_beyond_the_limit_is_never_told() {
        let following = away(Duration::ZERO);
        while !following.is_too_old() {}
        assert_eq!(following.stale_for(), None);
    }
}
