//! Everything that is counted where it happens.
//!
//! A Check passes here six times or so, and must not notice: a thread adds to numbers of its own, found by position.
//! Whoever reads sums over the threads.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use mandate_domain::decide::Reason;
use tonic::Code;

use super::count::{Count, Histogram, Observed};
use super::method::Method;
use super::place::{PLACES, Place, Tenancy};

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;

/// How long RPCs and polls take.
pub(super) static DURATIONS: [u64; 17] = [
    50 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2_500 * MILLISECOND,
    5 * SECOND,
    10 * SECOND,
];

/// How long after a change the facts here follow: fine about the goal of 20 ms, up to the default of `--stale-limit`.
pub(super) static LAGS: [u64; 17] = [
    500 * MICROSECOND,
    MILLISECOND,
    2 * MILLISECOND,
    3 * MILLISECOND,
    5 * MILLISECOND,
    7_500 * MICROSECOND,
    10 * MILLISECOND,
    15 * MILLISECOND,
    20 * MILLISECOND,
    30 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
];

/// The codes of gRPC: 0 to 16.
pub(super) const CODES: usize = 17;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A kind of fact in memory.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $variant,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// How metrics name it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

kinds! {
    /// An account.
    Account = "account",
    /// A user.
    User = "user",
    /// A membership.
    Member = "member",
    /// A contact.
    Contact = "contact",
    /// A registered resource.
    Resource = "resource",
    /// The assignment of a resource.
    Assignment = "assignment",
    /// Whose a login is.
    Identity = "identity",
    /// A session.
    Session = "session",
}

/// Whether a fact was in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It was, if only that there is no such thing.
    Hit,
    /// It has to be read from the database.
    Miss,
}

/// What was counted. It lives as long as the process: a reference count that all threads write would cost more than
/// counting does.
pub struct Counts {
    /// By the thread's place. Most places never have a thread.
    tallies: [OnceLock<Box<Tally>>; PLACES],
    polls: Histogram<17>,
    failed_polls: Count,
    lags: Histogram<17>,
}

/// What one thread counted.
#[repr(align(128))]
struct Tally {
    rpcs: Vec<Rpc>,
    decisions: Vec<Count>,
    lookups: Vec<Lookups>,
}

#[repr(align(128))]
struct Rpc {
    codes: [Count; CODES],
    took: Histogram<17>,
}

#[derive(Default)]
struct Lookups {
    hits: Count,
    misses: Count,
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counts(…)")
    }
}

impl Counts {
    /// Nothing was counted yet.
    #[must_use]
    pub fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            tallies: std::array::from_fn(|_| OnceLock::new()),
            polls: Histogram::new(&DURATIONS),
            failed_polls: Count::default(),
            lags: Histogram::new(&LAGS),
        }))
    }

    fn mine(&self) -> Option<(&Tally, Tenancy)> {
        let Place { number, tenancy } = Place::mine();
        Some((self.tallies.get(number)?.get_or_init(Box::default), tenancy))
    }

    /// An RPC has ended.
    pub(super) fn rpc(&self, method: Method, code: Code, took: Duration) {
        let Some((tally, tenancy)) = self.mine() else { return };
        let Some(rpc) = tally.rpcs.get(method.index()) else { return };
        rpc.took.observe(took, tenancy);
        if let Some(count) = rpc.codes.get(code as usize) {
            count.add(1, tenancy);
        }
    }

    /// A question was decided.
    pub fn decision(&self, reason: Reason) {
        self.decisions([reason]);
    }

    /// Questions were decided.
    pub fn decisions(&self, reasons: impl IntoIterator<Item = Reason>) {
        let Some((tally, tenancy)) = self.mine() else { return };
        for reason in reasons {
            if let Some(count) = tally.decisions.get(reason as usize) {
                count.add(1, tenancy);
            }
        }
    }

    /// A fact was looked for in memory.
    pub fn lookup(&self, kind: Kind, lookup: Lookup) {
        self.lookups(kind, lookup, 1);
    }

    /// So many facts were looked for in memory.
    pub fn lookups(&self, kind: Kind, lookup: Lookup, facts: u64) {
        if let Some((tally, tenancy)) = self.mine()
            && let Some(Lookups { hits, misses }) = tally.lookups.get(kind as usize)
        {
            match lookup {
                Lookup::Hit => hits.add(facts, tenancy),
                Lookup::Miss => misses.add(facts, tenancy),
            }
        }
    }

    /// The feed was polled, and what came is in memory.
    pub fn polled(&self, took: Duration) {
        self.polls.observe(took, Tenancy::Shared);
    }

    /// The feed could not be polled.
    pub fn poll_failed(&self) {
        self.failed_polls.add(1, Tenancy::Shared);
    }

    /// A change that somebody made this long ago counts from now on.
    pub fn followed(&self, lag: Duration) {
        self.lags.observe(lag, Tenancy::Shared);
    }

    fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.tallies.iter().filter_map(|tally| tally.get().map(Box::as_ref))
    }

    /// How often an RPC ended with each code, and how long it took.
    pub(super) fn of_rpc(&self, method: Method) -> ([u64; CODES], Observed<17>) {
        let (mut codes, mut took) = ([0; CODES], Observed::none(&DURATIONS));
        for rpc in self.tallies().filter_map(|tally| tally.rpcs.get(method.index())) {
            for (sum, count) in codes.iter_mut().zip(&rpc.codes) {
                *sum += count.get();
            }
            rpc.took.add_to(&mut took);
        }
        (codes, took)
    }

    /// How often something was decided for this reason.
    pub(super) fn of_reason(&self, reason: Reason) -> u64 {
        self.tallies().filter_map(|tally| tally.decisions.get(reason as usize)).map(Count::get).sum()
    }

    /// How often a fact of this kind was in memory, and how often not.
    pub(super) fn of_kind(&self, kind: Kind) -> (u64, u64) {
        let of_kind = self.tallies().filter_map(|tally| tally.lookups.get(kind as usize));
        of_kind.fold((0, 0), |(hits, misses), one| (hits + one.hits.get(), misses + one.misses.get()))
    }

    /// How long polls took, and how many failed.
    pub(super) fn of_polls(&self) -> (Observed<17>, u64) {
        (observed(&self.polls, &DURATIONS), self.failed_polls.get())
    }

    /// How long after they were made changes counted.
    pub(super) fn of_lags(&self) -> Observed<17> {
        observed(&self.lags, &LAGS)
    }
}

fn observed(histogram: &Histogram<17>, bounds: &'static [u64; 17]) -> Observed<17> {
    let mut all = Observed::none(bounds);
    histogram.add_to(&mut all);
    all
}

impl Default for Tally {
    fn default() -> Self {
        let rpc =
            |_| Rpc { codes: std::array::from_fn(|_| Count::default()), took: Histogram::new(&DURATIONS) };
        Self {
            rpcs: Method::all().map(rpc).collect(),
            decisions: Reason::ALL.iter().map(|_| Count::default()).collect(),
            lookups: Kind::ALL.iter().map(|_| Lookups::default()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_thread_counts_the_sum_is_whole() {
        let counts = Counts::new();
        std::thread::scope(|threads| {
            for _ in 0..2 * PLACES {
                threads.spawn(|| {
                    for _ in 0..100 {
                        counts.decision(Reason::Role);
                        counts.lookup(Kind::User, Lookup::Hit);
                        counts.rpc(Method::CHECK, Code::Ok, Duration::from_micros(70));
                    }
                });
            }
        });
        let all = u64::try_from(2 * PLACES * 100).unwrap();
        assert_eq!((counts.of_reason(Reason::Role), counts.of_reason(Reason::Grant)), (all, 0));
        assert_eq!((counts.of_kind(Kind::User), counts.of_kind(Kind::Member)), ((all, 0), (0, 0)));
        let (codes, took) = counts.of_rpc(Method::CHECK);
        assert_eq!((codes[0], codes[1], took.count(), took.buckets[1]), (all, 0, all, all));
    }

    #[test]
    fn positions_are_those_of_the_lists() {
        assert!(Reason::ALL.iter().enumerate().all(|(place, reason)| *reason as usize == place));
        assert!(Kind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
        assert!((0..CODES).all(|code| Code::from(i32::try_from(code).unwrap()) as usize == code));
        assert_eq!(Code::from(i32::try_from(CODES).unwrap()), Code::Unknown, "there are no more codes");
        assert!(DURATIONS.is_sorted() && LAGS.is_sorted());
    }
}
