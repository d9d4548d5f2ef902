//! Verified tokens, so that the signature of each is checked once and not on every call.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::caller::Caller;

/// How many tokens of usual size fit.
const TOKENS: usize = 100_000;

/// What one token may cost beside its own bytes: entry, caller, subject.
const OVERHEAD_BYTES: u64 = 256;

/// The memory that remembered tokens may take, in bytes.
const CAPACITY_BYTES: u64 = 128 << 20;

/// What is remembered of one verified token.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    pub(super) caller: Arc<Caller>,
    /// From when on the token is refused: `exp` and the issuer's leeway, in microseconds since the Unix epoch.
    pub(super) refused_from_micros: i64,
    /// Which of the verifier's issuers signed it.
    pub(super) issuer: usize,
    /// The generation of the issuer's keys that it was verified with.
    pub(super) generation: u64,
}

/// A bounded map from whole tokens to their verified facts; the least used give way.
///
/// A look-up hashes the token with a hash keyed at random per process and then compares every byte. Only verified
/// tokens get in, so nobody without an issuer's key can choose what is hashed into it.
// INVARIANT: keyed on all bytes of the token. A key on less would let one token speak for another.
pub(super) struct Remembered(Cache<Box<[u8]>, Verified, BySize>);

impl Remembered {
    pub(super) fn new() -> Self {
        Self::bounded(TOKENS, CAPACITY_BYTES)
    }

    /// Room for about `tokens` tokens, and for no more than that many bytes of them.
    pub(super) fn bounded(tokens: usize, bytes: u64) -> Self {
        Self(Cache::with_weighter(tokens, bytes, BySize))
    }

    pub(super) fn get(&self, token: &[u8]) -> Option<Verified> {
        self.0.get(token)
    }

    pub(super) fn insert(&self, token: &str, verified: Verified) {
        self.0.insert(token.as_bytes().into(), verified);
    }

    pub(super) fn forget(&self, token: &[u8]) {
        self.0.remove(token);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[derive(Clone, Debug)]
struct BySize;

impl Weighter<Box<[u8]>, Verified> for BySize {
    fn weight(&self, token: &Box<[u8]>, _: &Verified) -> u64 {
        token.len() as u64 + OVERHEAD_BYTES
    }
}
