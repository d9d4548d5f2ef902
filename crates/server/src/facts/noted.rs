//! Who is active where: noted on the way of a question, and written down later ([`crate::last_active`]).
//!
//! A Check must not pay for it: on its way there is no lock, no allocation and no look at a clock, but the comparison
//! of two numbers. Once a minute, for each member, a note is left in a queue whose room is there from the start.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use mandate_domain::id::{AccountId, UserId};
use mandate_storage::{Active, SignedIn};

use super::Facts;
use super::entry::MemberEntry;
use crate::clock::now_micros;

/// How precisely activity is kept: what is done within a minute of a note leaves no other. In microseconds.
const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;

/// Most notes that wait to be collected. One that finds no room is left by the member's next call.
const ROOM: usize = 1 << 16;

/// What was noticed of a member, as far as notes need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noticed {
    /// When the membership began: microseconds since the Unix epoch. A word has it in seconds, rounded up.
    pub(super) since: i64,
    /// The last minute of which a note says that the member was active.
    pub(super) minute: i64,
}

/// A word has a minute of 30 bits, and before it a second of 34.
const MINUTE_BITS: u32 = 30;

impl Noticed {
    pub(super) fn word(self) -> u64 {
        let seconds = u64::try_from(self.since.saturating_add(SECOND - 1) / SECOND).unwrap_or_default();
        let minute = u64::try_from(self.minute).unwrap_or_default();
        seconds << MINUTE_BITS | minute & ((1 << MINUTE_BITS) - 1)
    }

    pub(super) fn from_word(word: u64) -> Self {
        let number = |bits: u64| i64::try_from(bits).unwrap_or_default();
        let (seconds, minute) = (number(word >> MINUTE_BITS), number(word & ((1 << MINUTE_BITS) - 1)));
        Self { since: seconds * SECOND, minute }
    }
}

/// One note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A member was active in an account.
    Active(Active),
    /// A person signed in.
    SignedIn(SignedIn),
}

/// The notes that nobody has collected yet.
pub(super) struct Noted {
    /// The time, as whoever collects the notes keeps it: microseconds since the Unix epoch; 0: nobody collects any.
    now: AtomicI64,
    notes: SyncSender<Note>,
    collector: Mutex<Option<Receiver<Note>>>,
}

impl Default for Noted {
    fn default() -> Self {
        let (notes, collector) = sync_channel(ROOM);
        Self { now: AtomicI64::new(0), notes, collector: Mutex::new(Some(collector)) }
    }
}

impl Facts {
    /// Notes that a member is active, if they are one (X-03: of anybody else nothing is left).
    pub fn note(&self, account: AccountId, user: UserId, member: Option<&Arc<MemberEntry>>) {
        let Some(member) = member else { return };
        if let Some(minute) = self.note_member(account, user, member.noticed()) {
            member.noted.store(minute, Ordering::Relaxed);
        }
    }

    /// The same; the minute, if a note was left.
    pub(super) fn note_member(&self, account: AccountId, user: UserId, noticed: Noticed) -> Option<i64> {
        let now = self.noted.now.load(Ordering::Relaxed);
        // Notes order nothing: whoever overlooks another one's leaves a second of the same minute.
        if noticed.minute == now / MINUTE { None } else { self.leave(account, user, noticed, now) }
    }

    #[cold]
    fn leave(&self, account: AccountId, user: UserId, noticed: Noticed, now: i64) -> Option<i64> {
        // The time is a little behind, and must not be taken for one before the membership began.
        let note = Note::Active(Active { account, user, at: now.max(noticed.since) });
        self.noted.notes.try_send(note).ok()?;
        let minute = now / MINUTE;
        self.caches.mark(account, user, noticed, minute);
        Some(minute)
    }

    /// Notes that a person made a change in an account. Whether they are a member of it the database knows.
    pub fn note_change(&self, account: AccountId, user: UserId) {
        match self.caches.members.peek((account, user), &self.caches.context) {
            Some(known) => self.note(account, user, known.as_ref()),
            None => self.send(Note::Active(Active { account, user, at: now_micros() })),
        }
    }

    /// Notes that a person signed in.
    pub fn note_sign_in(&self, user: UserId) {
        self.send(Note::SignedIn(SignedIn { user, at: now_micros() }));
    }

    fn send(&self, note: Note) {
        // Where there is no room, tens of thousands were active within an instant, and this one will be again.
        let _ = self.noted.notes.try_send(note);
    }

    /// Whoever collects the notes says what time it is, again and again; it need not be exact.
    pub fn tell_time(&self, now: i64) {
        self.noted.now.store(now, Ordering::Relaxed);
    }

    /// The other end of the queue, for whoever asks first.
    pub fn collector(&self) -> Option<Receiver<Note>> {
        self.noted.collector.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
