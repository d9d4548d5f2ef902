//! When members were last active (RE-04): the notes that questions leave ([`crate::facts`]) are collected all the time
//! and written down some at a time all the time, so that no Check ever waits for the database on their account, nor for
//! the processor.
//!
//! It is no fact: no gate is taken, no entry in memory depends on it, and while the database is away the notes wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::anyhow;
use mandate_domain::id::{AccountId, UserId};
use mandate_storage::{Active, SignedIn, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::now_micros;
use crate::facts::{Facts, Note};

/// How often notes are collected, and some of them written down, at least.
const COLLECT: Duration = Duration::from_millis(50);

/// The fewest members that are written down at a time, if there are so many.
const FEWEST: usize = 50;

/// Most members whose notes are kept while the database is away. Further notes are left once there is room again.
const MOST: usize = 1 << 20;

/// How many times as long as a write took nothing more is written: however many are active, it takes a tenth of a processor at
/// the most, and the later each of them is written down.
const REST: u32 = 9;

/// How long writing the last notes may keep a server from ending.
const DRAIN: Duration = Duration::from_secs(5);

/// Writes down who was active, while it runs.
pub struct Recorder {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts to collect notes, and to write them down this often.
    ///
    /// # Errors
    /// Another one collects the notes of these facts.
    pub fn start(facts: Arc<Facts>, every: Duration) -> anyhow::Result<Self> {
        let notes = facts.collector().ok_or_else(|| anyhow!("somebody else records who is active"))?;
        facts.tell_time(now_micros());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(record(facts, notes, every, stopped));
        Ok(Self { stop, task })
    }

    /// Writes down what was noted so far, and ends.
    pub async fn stop(mut self) {
        // It cannot be told when it has ended already.
        let _ = self.stop.send(());
        if tokio::time::timeout(DRAIN, &mut self.task).await.is_err() {
            tracing::warn!("the database did not take when members were last active; the last of it is lost");
            self.task.abort();
        }
    }
}

async fn record(
    facts: Arc<Facts>,
    notes: Receiver<Note>,
    every: Duration,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut waiting = Waiting::default();
    let (mut due, mut rested) = (Instant::now() + every, Instant::now());
    let pause = COLLECT.min(every);
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            // A sender that is gone will never ask, and nobody waits for this task any more.
            _ = &mut stopped => {
                waiting.collect(&notes);
                waiting.write_all(facts.store()).await;
                return;
            }
            _ = ticks.tick() => {}
        }
        facts.tell_time(now_micros());
        waiting.collect(&notes);
        if due <= Instant::now() && waiting.due.is_empty() {
            waiting.begin(every.as_micros() / pause.as_micros().max(1));
            due = Instant::now() + every;
        }
        if rested <= Instant::now() {
            let begun = Instant::now();
            waiting.write_some(facts.store()).await;
            rested = Instant::now() + (begun.elapsed() * REST).min(every);
        }
    }
}

/// What was collected and not written down yet, each member's latest.
#[derive(Debug, Default)]
struct Waiting {
    active: HashMap<(AccountId, UserId), i64>,
    signed_in: HashMap<UserId, i64>,
    due: Due,
}

/// What is being written down.
#[derive(Debug, Default)]
struct Due {
    active: Vec<Active>,
    /// How many of them at a time.
    at_a_time: usize,
    signed_in: Vec<SignedIn>,
}

impl Due {
    fn is_empty(&self) -> bool {
        self.active.is_empty() && self.signed_in.is_empty()
    }
}

impl Waiting {
    fn collect(&mut self, notes: &Receiver<Note>) {
        while self.active.len() + self.signed_in.len() < MOST {
            let (latest, at) = match notes.try_recv() {
                Ok(Note::Active(Active { account, user, at })) => {
                    (self.active.entry((account, user)).or_insert(at), at)
                }
                Ok(Note::SignedIn(SignedIn { user, at })) => (self.signed_in.entry(user).or_insert(at), at),
                Err(_) => return,
            };
            *latest = at.max(*latest);
        }
    }

    /// From now on writes down what was collected, in about so many times.
    fn begin(&mut self, times: u128) {
        let active = self.active.drain().map(|((account, user), at)| Active { account, user, at });
        self.due.active.extend(active);
        self.due.signed_in.extend(self.signed_in.drain().map(|(user, at)| SignedIn { user, at }));
        let times = usize::try_from(times).unwrap_or(usize::MAX).max(1);
        self.due.at_a_time = self.due.active.len().div_ceil(times).max(FEWEST);
    }

    /// Writes some of it down, or keeps all of it for the next time.
    async fn write_some(&mut self, store: &Store) {
        if self.due.is_empty() {
            return;
        }
        let rest = self.due.active.len().saturating_sub(self.due.at_a_time);
        let (active, signed_in) = (self.due.active.split_off(rest), std::mem::take(&mut self.due.signed_in));
        if let Err(error) = try_write(store, &active, &signed_in).await {
            tracing::warn!(%error, "when members were last active cannot be written down; trying again");
            for Active { account, user, at } in active.into_iter().chain(self.due.active.drain(..)) {
                let latest = self.active.entry((account, user)).or_insert(at);
                *latest = at.max(*latest);
            }
            for SignedIn { user, at } in signed_in {
                let latest = self.signed_in.entry(user).or_insert(at);
                *latest = at.max(*latest);
            }
        }
    }

    /// Writes all of it down, or keeps it.
    async fn write_all(&mut self, store: &Store) {
        self.begin(1);
        self.write_some(store).await;
    }
}

async fn try_write(store: &Store, active: &[Active], signed_in: &[SignedIn]) -> Result<(), StoreError> {
    store.keep_active(active).await?;
    store.keep_signed_in(signed_in).await
}

#[cfg(test)]
mod tests {
    use mandate_domain::plan::Policies;
    use mandate_storage::OpenOptions;

    use super::*;
    use crate::facts::MemberEntry;

    const HOME: AccountId = AccountId::from_bits(9);
    const ADA: UserId = UserId::from_bits(1);

    async fn facts() -> Arc<Facts> {
        let store = Store::open("sqlite::memory:", OpenOptions::default()).await.unwrap();
        Facts::open(
            store.clone(),
            Policies::default(),
            Duration::ZERO,
            crate::overload::Bounds::for_tests(&store),
        )
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_member_is_noted_once_a_minute_and_when_somebody_collects() {
        let facts = facts().await;
        let notes = facts.collector().unwrap();
        let member = Some(Arc::new(MemberEntry::joined(60_000_500)));
        facts.note(HOME, ADA, member.as_ref());
        assert!(notes.try_recv().is_err(), "nobody tells the time");
        for (now, noted) in [
            (60_000_000, Some(60_000_500)), // never before the membership
            (60_900_000, None),
            (119_999_999, None),
            (120_000_000, Some(120_000_000)),
        ] {
            facts.tell_time(now);
            facts.note(HOME, ADA, member.as_ref());
            facts.note(HOME, ADA, None);
            let active = noted.map(|at| Note::Active(Active { account: HOME, user: ADA, at }));
            assert_eq!(notes.try_recv().ok(), active, "{now}");
        }
    }

    #[tokio::test]
    async fn what_finds_no_room_is_noted_later() {
        let facts = facts().await;
        let notes = facts.collector().unwrap();
        while notes.try_recv().is_ok() {}
        for _ in 0..100_000 {
            facts.note_sign_in(ADA);
        }
        facts.tell_time(60_000_000);
        let member = Some(Arc::new(MemberEntry::joined(0)));
        facts.note(HOME, ADA, member.as_ref());
        let mut waiting = Waiting::default();
        waiting.collect(&notes);
        assert!(waiting.active.is_empty() && waiting.signed_in.len() == 1);
        facts.note(HOME, ADA, member.as_ref());
        waiting.collect(&notes);
        assert_eq!(waiting.active.get(&(HOME, ADA)), Some(&60_000_000));
    }

    #[tokio::test]
    async fn notes_outlive_a_database_that_is_away() {
        let facts = facts().await;
        facts.store().close().await;
        let mut waiting = Waiting::default();
        waiting.active.insert((HOME, ADA), 1);
        waiting.write_all(facts.store()).await;
        assert_eq!((waiting.active.len(), waiting.due.is_empty()), (1, true), "kept for the next time");
    }

    #[tokio::test]
    async fn one_recorder_at_a_time() {
        let facts = facts().await;
        let recorder = Recorder::start(Arc::clone(&facts), Duration::from_secs(60)).unwrap();
        assert!(Recorder::start(facts, Duration::from_secs(60)).is_err());
        recorder.stop().await;
    }
}
