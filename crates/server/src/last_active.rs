//! When members were last active (RE-04): the notes that questions leave ([`crate::facts`]) are collected all the time
//! and written down many at a time, so that no Check ever waits for the database on their account.
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

/// How often notes are collected, at least.
const COLLECT: Duration = Duration::from_millis(250);

/// Most members whose notes are kept while the database is away. Further notes are left once there is room again.
const MOST: usize = 1 << 20;

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
    let mut due = Instant::now() + every;
    let mut ticks = interval(COLLECT.min(every));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            // A sender that is gone will never ask, and nobody waits for this task any more.
            _ = &mut stopped => {
                waiting.collect(&notes);
                waiting.write(facts.store()).await;
                return;
            }
            _ = ticks.tick() => {}
        }
        facts.tell_time(now_micros());
        waiting.collect(&notes);
        if due <= Instant::now() {
            waiting.write(facts.store()).await;
            due = Instant::now() + every;
        }
    }
}

/// What was collected and not written down yet, each member's latest.
#[derive(Debug, Default)]
struct Waiting {
    active: HashMap<(AccountId, UserId), i64>,
    signed_in: HashMap<UserId, i64>,
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

    /// Writes it down, or keeps it for the next time.
    async fn write(&mut self, store: &Store) {
        match self.try_write(store).await {
            Ok(()) => *self = Self::default(),
            Err(error) => {
                tracing::warn!(%error, "when members were last active cannot be written down; trying again");
            }
        }
    }

    async fn try_write(&self, store: &Store) -> Result<(), StoreError> {
        let active: Vec<_> =
            self.active.iter().map(|(&(account, user), &at)| Active { account, user, at }).collect();
        store.keep_active(&active).await?;
        let signed_in: Vec<_> = self.signed_in.iter().map(|(&user, &at)| SignedIn { user, at }).collect();
        store.keep_signed_in(&signed_in).await
    }
}
