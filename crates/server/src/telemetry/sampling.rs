//! Which calls are traced: decided once, before anything else happens, and by no more than a header and a random number.
//!
//! Whoever calls may say by the W3C header `traceparent` that its trace is sampled, and then this part of it is, too; or
//! that it is not, and then this is not, either. Nobody has shown a token by then, so that a second has a limit for calls
//! that are sampled because they ask for it; beyond it they are answered like all others. Calls that do not say are
//! sampled by chance.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::{HeaderMap, HeaderName};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use super::settings::TelemetrySettings;

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Chooses the calls that are traced.
#[derive(Debug)]
pub(super) struct Sampling {
    chance: Chance,
    asked: PerSecond,
}

/// Why a call is traced.
#[derive(Debug)]
pub(super) enum Sampled {
    /// By chance: its trace begins here.
    Here,
    /// Its caller traces it.
    Under(SpanContext),
}

impl Sampling {
    pub(super) fn new(settings: &TelemetrySettings) -> Self {
        let asked =
            PerSecond { begun: Instant::now(), most: settings.trace_asked_limit, state: AtomicU64::new(0) };
        Self { chance: Chance::new(settings.trace_sample_ratio), asked }
    }

    /// `None`: the call is not traced.
    pub(super) fn choose(&self, headers: &HeaderMap) -> Option<Sampled> {
        match parent(headers) {
            None => self.chance.draw().then_some(Sampled::Here),
            Some(parent) if parent.is_sampled() && self.asked.take() => {
                Some(Sampled::Under(parent.with_state(headers)))
            }
            Some(_) => None,
        }
    }
}

/// What a caller says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
}

impl Parent {
    fn is_sampled(self) -> bool {
        self.flags.is_sampled()
    }

    fn with_state(self, headers: &HeaderMap) -> SpanContext {
        let state =
            headers.get(&TRACESTATE).and_then(|state| state.to_str().ok()?.parse::<TraceState>().ok());
        SpanContext::new(self.trace, self.span, self.flags, true, state.unwrap_or_default())
    }
}

/// The trace that the caller is in, if it says so in a way that is good.
pub(super) fn parent(headers: &HeaderMap) -> Option<Parent> {
    // Calls that have none, which are most, cost no more than to find that out.
    let value = headers.get(&TRACEPARENT)?;
    let mut several = headers.get_all(&TRACEPARENT).iter().skip(1);
    if several.next().is_some() {
        return None;
    }
    read(value.as_bytes())
}

/// Reads `00-TRACE-SPAN-FLAGS` (W3C Trace Context, 3.2). What later versions put behind it does not matter.
fn read(text: &[u8]) -> Option<Parent> {
    let (version, rest) = field(text, 2)?;
    let (trace, rest) = field(rest.strip_prefix(b"-")?, 32)?;
    let (span, rest) = field(rest.strip_prefix(b"-")?, 16)?;
    let (flags, rest) = field(rest.strip_prefix(b"-")?, 2)?;
    let ends_well = if version == 0 { rest.is_empty() } else { rest.is_empty() || rest.starts_with(b"-") };
    let trace = TraceId::from(trace);
    let span = SpanId::from(u64::try_from(span).ok()?);
    let valid = version != 0xff && ends_well && trace != TraceId::INVALID && span != SpanId::INVALID;
    let sampled = TraceFlags::new(u8::try_from(flags).ok()?) & TraceFlags::SAMPLED;
    valid.then_some(Parent { trace, span, flags: sampled })
}

/// A number of so many hexadecimal digits, and what is behind it.
fn field(text: &[u8], digits: usize) -> Option<(u128, &[u8])> {
    let (digits, rest) = text.split_at_checked(digits)?;
    let number = digits.iter().try_fold(0u128, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })?;
    Some((number, rest))
}

/// Happens to some, by a random number that costs nothing: nobody gains anything by guessing it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    /// What is drawn below it happens.
    below: u64,
    always: bool,
}

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

impl Chance {
    /// Happens in this part of all cases.
    pub(super) fn new(ratio: f64) -> Self {
        // 2^64 as the nearest number of its kind; the conversion cuts off what is beyond.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1 times 2^64")]
        let below = (ratio * 18_446_744_073_709_551_616.0) as u64;
        Self { below, always: ratio >= 1.0 }
    }

    /// Whether it happens this time.
    pub(super) fn draw(self) -> bool {
        self.always || self.below > 0 && number() < self.below
    }
}

/// The next of this thread's numbers (xorshift64*).
fn number() -> u64 {
    let mut state = STATE.get();
    if state == 0 {
        // Another seed for each thread and process; it must not be 0.
        state = RandomState::new().hash_one(0) | 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    STATE.set(state);
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// So many a second, and no more.
#[derive(Debug)]
struct PerSecond {
    begun: Instant,
    most: u32,
    /// The second, and behind it in 32 bits how many there were in it.
    state: AtomicU64,
}

impl PerSecond {
    fn take(&self) -> bool {
        let second = self.begun.elapsed().as_secs();
        let next = |state: u64| {
            let taken = if state >> 32 == second { state & u64::from(u32::MAX) } else { 0 };
            (taken < u64::from(self.most)).then_some(second << 32 | (taken + 1))
        };
        self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(parent: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", parent.parse().unwrap());
        headers
    }

    fn sampling(ratio: f64, asked: u32) -> Sampling {
        let settings =
            TelemetrySettings { trace_sample_ratio: ratio, trace_asked_limit: asked, ..Default::default() };
        Sampling::new(&settings)
    }

    #[test]
    fn a_parent_is_read_as_w3c_writes_it() {
        let read = read(format!("00-{TRACE}-{SPAN}-01").as_bytes()).unwrap();
        assert_eq!((read.trace.to_string(), read.span.to_string()), (TRACE.to_owned(), SPAN.to_owned()));
        assert!(read.is_sampled());
        assert!(!super::read(format!("00-{TRACE}-{SPAN}-00").as_bytes()).unwrap().is_sampled());
        assert!(super::read(format!("01-{TRACE}-{SPAN}-01-more").as_bytes()).is_some(), "a later version");
    }

    #[test]
    fn what_is_no_parent_is_as_good_as_none() {
        let (zero, upper) = ("0".repeat(32), TRACE.to_uppercase());
        for bad in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{zero}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{upper}-{SPAN}-01"),
            format!("00-{TRACE}-+0f067aa0ba902b7-01"),
        ] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
        let mut twice = headers(&format!("00-{TRACE}-{SPAN}-01"));
        twice.append("traceparent", format!("00-{TRACE}-{SPAN}-01").parse().unwrap());
        assert_eq!(parent(&twice), None);
    }

    #[test]
    fn the_caller_says_whether_and_the_limit_how_often() {
        let (yes, no) =
            (headers(&format!("00-{TRACE}-{SPAN}-01")), headers(&format!("00-{TRACE}-{SPAN}-00")));
        let all = sampling(1.0, 0);
        assert!(matches!(all.choose(&HeaderMap::new()), Some(Sampled::Here)));
        assert!(all.choose(&no).is_none() && all.choose(&yes).is_none());
        let asked = sampling(0.0, 3);
        assert!(asked.choose(&HeaderMap::new()).is_none());
        let taken = (0..1_000).filter(|_| asked.choose(&yes).is_some()).count();
        // A new second may begin meanwhile.
        assert!((3..=6).contains(&taken), "{taken}");
    }

    #[test]
    fn chance_is_as_likely_as_it_was_told() {
        let draws = |ratio| (0..100_000).filter(|_| Chance::new(ratio).draw()).count();
        assert_eq!((draws(0.0), draws(1.0)), (0, 100_000));
        // Ten times the standard deviation.
        assert!((45_000..55_000).contains(&draws(0.5)) && (700..1_300).contains(&draws(0.01)));
    }
}
