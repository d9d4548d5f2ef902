//! Places in the history of a database: what had been committed when something was read or written.
//!
//! On SQLite commits have an order, and the feed's `seq` is one. On PostgreSQL `seq` is given out before the commit,
//! so a place there is a snapshot (PostgreSQL, "Snapshot Components", 9.27.11): which transactions it does not see.

use std::str::FromStr;

use crate::error::StoreError;

/// What a transaction that starts now on PostgreSQL sees: every transaction below `xmax`, but those still running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The first transaction that had not begun.
    xmax: u64,
    /// Transactions below `xmax` that were running, ascending.
    running: Vec<u64>,
}

/// A transaction that writes on PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction {
    /// Its number.
    pub number: u64,
    /// The oldest transaction that may have been running when it wrote: everything below had ended. 0: not known.
    pub oldest: u64,
}

/// A place in the history of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// SQLite: the feed's last place.
    Seq(i64),
    /// PostgreSQL: a write, and whatever had been committed when it began.
    Write(Transaction),
    /// PostgreSQL: everything that a snapshot sees.
    Snapshot(Snapshot),
}

impl Default for Position {
    /// Before everything.
    fn default() -> Self {
        Self::Seq(0)
    }
}

impl Snapshot {
    /// A snapshot of its parts; `None` for parts that no snapshot has.
    #[must_use]
    pub fn new(xmax: u64, running: Vec<u64>) -> Option<Self> {
        let ascends = running.is_sorted_by(|a, b| a < b);
        (ascends && running.last().is_none_or(|last| *last < xmax)).then_some(Self { xmax, running })
    }

    /// The first transaction that had not begun.
    #[must_use]
    pub fn xmax(&self) -> u64 {
        self.xmax
    }

    /// Transactions below it that were running, ascending.
    #[must_use]
    pub fn running(&self) -> &[u64] {
        &self.running
    }

    /// The same without what began after this transaction.
    #[must_use]
    pub(crate) fn up_to(&self, last: u64) -> Self {
        let xmax = self.xmax.min(last.saturating_add(1));
        Self { xmax, running: self.running.iter().copied().filter(|running| *running < xmax).collect() }
    }

    /// Whether it sees what this transaction wrote, if it committed.
    #[must_use]
    pub fn sees(&self, transaction: u64) -> bool {
        transaction < self.xmax && self.running.binary_search(&transaction).is_err()
    }

    /// Whether it sees all that the other one sees.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        let hidden = |transaction: &u64| *transaction < other.xmax && other.sees(*transaction);
        other.xmax <= self.xmax && !self.running.iter().any(hidden)
    }
}

impl Transaction {
    /// The transaction that the database told of; `None`: it told of none.
    pub(crate) fn told(number: &str, oldest: &str) -> Option<Self> {
        let number = number.parse().ok()?;
        Some(Self { number, oldest: oldest.parse().unwrap_or_default() })
    }
}

impl Snapshot {
    /// Whether something that it does not see may have come and gone since: rows of the feed go, oldest first, up to
    /// the transaction `forgotten`, and `now` is the snapshot in which that was read.
    pub(crate) fn missed(&self, forgotten: u64, now: &Self) -> bool {
        // What is still running has left nothing that could have been deleted.
        let ended = |transaction: &u64| *transaction <= forgotten && now.sees(*transaction);
        forgotten >= self.xmax || self.running.iter().any(ended)
    }
}

impl FromStr for Snapshot {
    type Err = StoreError;

    /// Reads `xmin:xmax:running,…`, as PostgreSQL writes it.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let unreadable = || unreadable(text);
        let mut parts = text.split(':');
        let (Some(_xmin), Some(xmax), Some(running), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unreadable());
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| unreadable());
        let running = running.split(',').filter(|text| !text.is_empty()).map(number);
        Self::new(number(xmax)?, running.collect::<Result<_, _>>()?).ok_or_else(unreadable)
    }
}

fn unreadable(text: &str) -> StoreError {
    StoreError::Other { source: Box::new(sqlx::Error::Decode(format!("{text:?} is no place").into())) }
}

impl Position {
    /// The place that the database told: the feed's last on SQLite, a snapshot and the last transaction in the feed on
    /// PostgreSQL.
    pub(crate) fn told(text: &str) -> Result<Self, StoreError> {
        let Some((snapshot, last)) = text.split_once(' ') else {
            return text.parse().map(Self::Seq).map_err(|_| unreadable(text));
        };
        let last = last.parse().map_err(|_| unreadable(text))?;
        Ok(Self::Snapshot(snapshot.parse::<Snapshot>()?.up_to(last)))
    }

    /// Whether everything that had happened at the other place had happened at this one. Places of different
    /// engines have nothing in common.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Seq(this), Self::Seq(other)) => other <= this,
            (Self::Snapshot(this), Self::Snapshot(other)) => this.includes(other),
            (Self::Snapshot(this), Self::Write(write)) => this.sees(write.number),
            (Self::Write(this), Self::Write(other)) => this.number == other.number,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    #[test]
    fn sees_what_was_not_running() {
        let at = snapshot("10:20:10,14,15");
        assert!(at.sees(9) && at.sees(13) && at.sees(19));
        assert!(!at.sees(10) && !at.sees(15) && !at.sees(20));
        assert!(snapshot("20:20:").sees(19));
    }

    #[test]
    fn includes_what_it_sees_all_of() {
        let before = snapshot("10:20:10,14");
        assert!(before.includes(&before));
        assert!(snapshot("10:21:10,14").includes(&before), "one more has begun and ended");
        assert!(snapshot("14:20:14").includes(&before), "one has ended");
        assert!(snapshot("10:30:10,14,25").includes(&before), "another has begun");
        assert!(!before.includes(&snapshot("14:20:14")), "it does not see what 10 wrote");
        assert!(!before.includes(&snapshot("10:21:10,14")), "it is older");
        assert!(!snapshot("10:30:10,12").includes(&before), "12 had ended");
    }

    #[test]
    fn tells_what_came_and_went_unseen() {
        let before = snapshot("10:20:10,14");
        let now = snapshot("10:40:10,35");
        assert!(!before.missed(9, &now), "it was seen");
        assert!(!before.missed(13, &now), "10 has nothing that could be deleted yet");
        assert!(before.missed(14, &now) && before.missed(19, &now), "14 has ended since");
        assert!(before.missed(20, &now) && before.missed(30, &now), "it had not begun");
        assert!(!before.missed(19, &before), "nothing has ended");
    }

    #[test]
    fn a_write_is_a_place_of_its_own() {
        let at = Position::Snapshot(snapshot("10:20:10"));
        let write = |number| Position::Write(Transaction { number, oldest: 5 });
        assert!(at.includes(&write(19)) && !at.includes(&write(10)));
        assert!(!at.includes(&write(20)));
        assert!(!at.includes(&Position::Seq(1)) && !Position::Seq(1).includes(&at));
        assert!(
            Position::Seq(2).includes(&Position::Seq(1)) && !Position::Seq(1).includes(&Position::Seq(2))
        );
    }

    #[test]
    fn what_began_later_can_be_left_out() {
        assert_eq!(snapshot("10:20:10,14,18").up_to(15), snapshot("10:16:10,14"));
        assert_eq!(snapshot("10:20:10,14").up_to(30), snapshot("10:20:10,14"));
        assert_eq!(snapshot("10:20:10").up_to(0), snapshot("1:1:"));
    }

    #[test]
    fn a_place_is_told_with_what_a_crash_leaves_of_it() {
        assert_eq!(Position::told("7").unwrap(), Position::Seq(7));
        assert_eq!(Position::told("10:20:10,14 12").unwrap(), Position::Snapshot(snapshot("10:13:10")));
        assert!(Position::told("10:20:10").is_err() && Position::told("10:20: x").is_err());
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for text in ["", "1", "1:2", "1:2:3:4", "a:b:", "10:20:21", "10:20:15,12", "10:20:12,12"] {
            assert!(text.parse::<Snapshot>().is_err(), "{text}");
        }
    }
}
