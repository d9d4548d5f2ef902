//! How often one caller may do what costs others something: sign in, and have mail sent.
//!
//! Each caller has a bucket that fills evenly (the generic cell rate algorithm, of which a time is all that is kept). It
//! lives in memory with a bound, of each server by itself. Wrong passwords of one address are slowed down besides, wherever
//! they come from ([`crate::back_off`]).

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZero;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mandate_domain::id::UserId;

/// Most callers that are remembered.
const MOST: usize = 65_536;

/// How often one caller may do what costs others something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Rate")]
pub struct RateSettings {
    /// How often one network address may call SignIn: a number by s, m, h or d, all of which may come at once, or
    /// unlimited. More are RESOURCE_EXHAUSTED, RATE_LIMITED. Addresses of IPv6 count by their /64. Behind a proxy all callers
    /// have its address.
    #[arg(long, value_name = "RATE", default_value = "1200/m", env = "MANDATE_RATE_SIGN_IN")]
    pub rate_sign_in: Rate,
    /// How often one person may have invitations, activations and initial passwords mailed. Operators may always.
    #[arg(long, value_name = "RATE", default_value = "1000/h", env = "MANDATE_RATE_INVITATIONS")]
    pub rate_invitations: Rate,
}

impl Default for RateSettings {
    /// What the command line has where nothing is said.
    fn default() -> Self {
        let of = |number, seconds| Rate::Of(number, Duration::from_secs(seconds));
        Self {
            rate_sign_in: NonZero::new(1200).map_or(Rate::Unlimited, |number| of(number, 60)),
            rate_invitations: NonZero::new(1000).map_or(Rate::Unlimited, |number| of(number, 60 * 60)),
        }
    }
}

/// So often in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// At most so often in this time.
    Of(NonZero<u32>, Duration),
    /// As often as one likes.
    Unlimited,
}

/// A rate that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no rate: write a number by s, m, h or d, such as 100/m, or unlimited")]
pub struct NoRate;

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (number, unit) = text.split_once('/').ok_or(NoRate)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return Err(NoRate),
        };
        let number = number.trim().parse().map_err(|_| NoRate)?;
        Ok(Self::Of(number, Duration::from_secs(seconds)))
    }
}

/// What a rate is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rated {
    /// SignIn.
    SignIn,
    /// Calls that send mail to somebody who is not a member yet.
    Invitations,
}

impl fmt::Display for Rated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignIn => "sign_in",
            Self::Invitations => "invitations",
        })
    }
}

/// One caller does it too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this caller makes more calls of this kind ({rated}) than one may; nothing was done, wait {} second(s) and try again",
    wait.as_secs().saturating_add(1)
)]
pub struct TooOften {
    /// What.
    pub rated: Rated,
    /// How long to wait.
    pub wait: Duration,
}

/// The buckets of each kind.
#[derive(Debug)]
pub struct Rates {
    sign_in: Limiter<IpAddr>,
    invitations: Limiter<UserId>,
}

impl Rates {
    /// Nobody has done anything yet.
    #[must_use]
    pub fn new(settings: RateSettings) -> Self {
        Self {
            sign_in: Limiter::new(settings.rate_sign_in),
            invitations: Limiter::new(settings.rate_invitations),
        }
    }

    /// Counts a sign-in from an address. `now` is in microseconds since the Unix epoch.
    ///
    /// # Errors
    /// It is not to be made.
    pub fn sign_in(&self, from: Option<IpAddr>, now: i64) -> Result<(), TooOften> {
        let Some(from) = from else { return Ok(()) };
        self.sign_in.take(network(from), now).map_err(|wait| TooOften { rated: Rated::SignIn, wait })
    }

    /// Counts a mail that a person has sent.
    ///
    /// # Errors
    /// It is not to be sent.
    pub fn invitation(&self, by: Option<UserId>, now: i64) -> Result<(), TooOften> {
        let Some(by) = by else { return Ok(()) };
        self.invitations.take(by, now).map_err(|wait| TooOften { rated: Rated::Invitations, wait })
    }
}

/// Whoever has one address of IPv6 has at least 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// Buckets by their callers: for each the time at which it will be full again, in microseconds.
#[derive(Debug)]
struct Limiter<K> {
    rate: Rate,
    full_at: Mutex<HashMap<K, i64>>,
}

impl<K: Eq + Hash + Copy> Limiter<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::default() }
    }

    /// Takes one from the bucket.
    ///
    /// # Errors
    /// It is empty: after how long there will be one.
    fn take(&self, key: K, now: i64) -> Result<(), Duration> {
        let Rate::Of(number, per) = self.rate else { return Ok(()) };
        let per = i64::try_from(per.as_micros()).unwrap_or(i64::MAX);
        let one = (per / i64::from(number.get())).max(1);
        // Nothing that holds it can panic half-way through a change.
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = all.get(&key).copied().unwrap_or(now).max(now).saturating_add(one);
        if let Ok(wait @ 1..) = u64::try_from(full_at.saturating_sub(now).saturating_sub(per)) {
            return Err(Duration::from_micros(wait));
        }
        if all.len() >= MOST && !all.contains_key(&key) {
            make_room(&mut all, now);
        }
        all.insert(key, full_at);
        Ok(())
    }
}

/// Forgets full buckets, of which nothing need be known, or else the one that is full first.
fn make_room<K: Eq + Hash + Copy>(all: &mut HashMap<K, i64>, now: i64) {
    all.retain(|_, full_at| *full_at > now);
    if all.len() < MOST {
        return;
    }
    let first = all.iter().min_by_key(|(_, full_at)| **full_at).map(|(key, _)| *key);
    if let Some(first) = first {
        all.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        rates: RateSettings,
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        let Ok(line) = <Line as clap::Parser>::try_parse_from(["x"]) else { panic!("no option is needed") };
        assert_eq!(line.rates, RateSettings::default());
    }

    #[test]
    fn a_rate_is_a_number_by_a_unit() {
        let number = NonZero::new(10).unwrap();
        assert_eq!("10/m".parse(), Ok(Rate::Of(number, Duration::from_secs(60))));
        assert_eq!("unlimited".parse(), Ok(Rate::Unlimited));
        for wrong in ["", "10", "0/s", "10/w", "-1/s", "m", "ten/s"] {
            assert_eq!(wrong.parse::<Rate>(), Err(NoRate), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_is_emptied_at_once_and_fills_evenly() {
        let limiter = Limiter::new("4/s".parse().unwrap());
        for _ in 0..4 {
            assert_eq!(limiter.take("ada", 0), Ok(()));
        }
        assert_eq!(limiter.take("ada", 0), Err(Duration::from_millis(250)));
        assert_eq!(limiter.take("bob", 0), Ok(()), "others have their own");
        assert_eq!(limiter.take("ada", SECOND / 4), Ok(()));
        assert_eq!(limiter.take("ada", SECOND / 4), Err(Duration::from_millis(250)));
        for _ in 0..4 {
            assert_eq!(limiter.take("ada", 9 * SECOND), Ok(()), "never more than a bucket");
        }
        assert!(limiter.take("ada", 9 * SECOND).is_err());
        let unlimited = Limiter::new(Rate::Unlimited);
        assert!((0..10_000).all(|_| unlimited.take("ada", 0).is_ok()));
    }

    #[test]
    fn callers_are_bounded_and_who_waits_is_remembered() {
        let limiter = Limiter::new("2/d".parse().unwrap());
        for key in 0..MOST {
            assert_eq!(limiter.take(key, 0), Ok(()));
        }
        assert_eq!(limiter.take(0, 0), Ok(()));
        assert!(limiter.take(0, 0).is_err());
        for key in MOST..MOST + 10 {
            assert_eq!(limiter.take(key, 1), Ok(()));
        }
        assert_eq!(limiter.full_at.lock().unwrap().len(), MOST);
        assert!(limiter.take(0, 1).is_err());
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let rates =
            Rates::new(RateSettings { rate_sign_in: "1/h".parse().unwrap(), ..RateSettings::default() });
        let from = |text: &str| Some(text.parse().unwrap());
        assert!(rates.sign_in(from("2001:db8::1"), 0).is_ok());
        assert!(rates.sign_in(from("2001:db8::2"), 0).is_err());
        assert!(rates.sign_in(from("2001:db8:0:1::1"), 0).is_ok());
        assert!(rates.sign_in(from("10.0.0.1"), 0).is_ok());
        assert!(rates.sign_in(from("::ffff:10.0.0.1"), 0).is_err(), "the same address of IPv4");
        assert!(rates.sign_in(None, 0).is_ok());
    }
}
