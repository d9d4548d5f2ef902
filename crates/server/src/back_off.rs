//! Slowing down whoever guesses passwords, by the name they try to sign in with.
//!
//! Counting is by name, whether anybody has it or not: an attacker has many network addresses and one victim, and the
//! answer must not tell who exists. An attempt counts as failed until it is known to have succeeded, so that a hundred at once are
//! no more than a hundred in a row. It lives in memory, with a bound: a restart forgets it, which an attacker cannot cause.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Attempts that may fail before there is anything to wait for.
const FREE: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: i64 = 1_000_000;
/// The longest wait.
const LONGEST_WAIT: i64 = 15 * 60 * 1_000_000;
/// After this time without an attempt all is forgotten.
const FORGET_AFTER: i64 = 24 * 60 * 60 * 1_000_000;
/// Most names that are remembered: about 20 MB of the longest.
const MOST_NAMES: usize = 65_536;

/// The failures of each name. All times are microseconds since the Unix epoch.
#[derive(Debug, Default)]
pub struct BackOff(Mutex<HashMap<String, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: i64,
}

impl Failures {
    /// When the next attempt may be made.
    fn next(self) -> i64 {
        let doublings = match self.count.checked_sub(FREE) {
            None => return self.last,
            Some(doublings) => doublings.min(30),
        };
        self.last.saturating_add(FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT))
    }

    fn is_forgotten(self, now: i64) -> bool {
        now.saturating_sub(self.last) > FORGET_AFTER
    }
}

impl BackOff {
    /// Counts an attempt as failed, unless it comes too early; then it is not to be made.
    ///
    /// # Errors
    /// How long to wait.
    pub fn attempt(&self, name: &str, now: i64) -> Result<(), Duration> {
        let mut names = self.names();
        let before = names.get(name).copied().filter(|failures| !failures.is_forgotten(now));
        if let Some(wait) =
            before.and_then(|failures| u64::try_from(failures.next() - now).ok()).filter(|wait| *wait > 0)
        {
            return Err(Duration::from_micros(wait));
        }
        if names.len() >= MOST_NAMES && !names.contains_key(name) {
            make_room(&mut names, now);
        }
        let count = before.map_or(1, |failures| failures.count.saturating_add(1));
        names.insert(name.to_owned(), Failures { count, last: now });
        Ok(())
    }

    /// The last attempt succeeded: nothing counts any more.
    pub fn succeeded(&self, name: &str) {
        self.names().remove(name);
    }

    /// The last attempt broke off before it was known whether it fails: it does not count.
    pub fn broke_off(&self, name: &str) {
        if let Some(failures) = self.names().get_mut(name) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        // Nothing that holds it can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what is old, or else the name that has been left alone for longest.
fn make_room(names: &mut HashMap<String, Failures>, now: i64) {
    names.retain(|_, failures| !failures.is_forgotten(now));
    if names.len() < MOST_NAMES {
        return;
    }
    let oldest = names.iter().min_by_key(|(_, failures)| failures.last).map(|(name, _)| name.clone());
    if let Some(oldest) = oldest {
        names.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn waits_double_up_to_a_limit_and_are_forgotten() {
        let back_off = BackOff::default();
        let mut now = 0;
        for _ in 0..FREE {
            assert_eq!(back_off.attempt("ada", now), Ok(()));
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(back_off.attempt("ada", now), Err(Duration::from_secs(seconds)));
            assert_eq!(back_off.attempt("bob", now + FORGET_AFTER), Ok(()), "others do not wait");
            back_off.succeeded("bob");
            now += i64::try_from(seconds).unwrap() * SECOND;
            assert_eq!(back_off.attempt("ada", now), Ok(()));
        }
        now += FORGET_AFTER + 1;
        for _ in 0..FREE {
            assert_eq!(back_off.attempt("ada", now), Ok(()));
        }
    }

    #[test]
    fn a_success_forgets_and_what_broke_off_does_not_count() {
        let back_off = BackOff::default();
        for _ in 0..100 {
            assert_eq!(back_off.attempt("ada", 0), Ok(()));
            back_off.broke_off("ada");
        }
        for _ in 0..FREE {
            assert_eq!(back_off.attempt("ada", 0), Ok(()));
        }
        assert!(back_off.attempt("ada", 0).is_err());
        back_off.succeeded("ada");
        assert_eq!(back_off.attempt("ada", 0), Ok(()));
    }

    #[test]
    fn names_are_bounded() {
        let back_off = BackOff::default();
        for n in 0..MOST_NAMES + 10 {
            assert_eq!(back_off.attempt(&n.to_string(), i64::try_from(n).unwrap()), Ok(()));
        }
        assert_eq!(back_off.names().len(), MOST_NAMES);
    }
}
