//! How fresh the facts of an answer must be, and the tokens that say so.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mandate_proto::v1;
use mandate_proto::v1::consistency::Requirement;
use mandate_storage::{Position, Snapshot, rounded};

use super::{Fields, Path};

/// The first byte of every token: its form.
const VERSION: u8 = 1;
/// The second byte: which kind of place follows.
const SEQ: u8 = 0;
const WRITE: u8 = 1;
const SNAPSHOT: u8 = 2;

/// No token given out here is longer, in bytes: 2,000 writes under way at once.
const MAX_TOKEN: usize = 8_192;

/// How fresh facts must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consistency {
    /// As fresh as they are here.
    MinimizeLatency,
    /// Not older than this place.
    AtLeastAsFresh(Token),
    /// Nothing may have been committed before the call that they do not show.
    FullyConsistent,
    /// Not older than what no token says: refused where tokens of other databases are.
    Unreachable,
}

/// A place in the history of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Which database.
    pub incarnation: u64,
    /// Where.
    pub position: Position,
}

/// Reads a `Consistency`; unset: minimize latency.
pub fn consistency(
    fields: &mut Fields,
    path: Path<'_>,
    message: Option<v1::Consistency>,
) -> Option<Consistency> {
    let Some(v1::Consistency { requirement }) = message else { return Some(Consistency::MinimizeLatency) };
    match requirement {
        None => fields.none(
            path,
            "is empty: set minimize_latency, at_least_as_fresh or fully_consistent, or leave it out",
        ),
        Some(Requirement::MinimizeLatency(v1::MinimizeLatency {})) => Some(Consistency::MinimizeLatency),
        Some(Requirement::FullyConsistent(v1::FullyConsistent {})) => Some(Consistency::FullyConsistent),
        Some(Requirement::AtLeastAsFresh(text)) => {
            Some(Token::decode(&text).map_or(Consistency::Unreachable, Consistency::AtLeastAsFresh))
        }
    }
}

impl Token {
    /// The token as callers see it: opaque, in base64url.
    #[must_use]
    pub fn encode(&self) -> String {
        let Self { incarnation, position } = self;
        let mut bytes = vec![VERSION];
        let kind = match position {
            Position::Seq(_) => SEQ,
            Position::Write(_) => WRITE,
            Position::Snapshot(_) => SNAPSHOT,
        };
        bytes.push(kind);
        bytes.extend(incarnation.to_be_bytes());
        match position {
            Position::Seq(seq) => bytes.extend(rounded(*seq).to_be_bytes()),
            Position::Write(transaction) => bytes.extend(transaction.to_be_bytes()),
            Position::Snapshot(snapshot) => {
                bytes.extend(snapshot.xmax().to_be_bytes());
                // From the newest to the oldest, each by how far it lies below the one before.
                let mut above = snapshot.xmax();
                for running in snapshot.running().iter().rev() {
                    put(&mut bytes, above.wrapping_sub(*running));
                    above = *running;
                }
            }
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token says; `None`: it is none.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > MAX_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let ([version, kind], rest) = bytes.split_first_chunk::<2>()?;
        let (incarnation, rest) = rest.split_first_chunk::<8>()?;
        let (place, mut rest) = rest.split_first_chunk::<8>()?;
        let place = u64::from_be_bytes(*place);
        if *version != VERSION {
            return None;
        }
        let position = match *kind {
            SEQ => Position::Seq(place.cast_signed()),
            WRITE => Position::Write(place),
            SNAPSHOT => {
                let (mut above, mut running) = (place, Vec::new());
                while !rest.is_empty() {
                    above = above.checked_sub(take(&mut rest)?)?;
                    running.push(above);
                }
                running.reverse();
                Position::Snapshot(Snapshot::new(place, running)?)
            }
            _ => return None,
        };
        rest.is_empty().then_some(Self { incarnation: u64::from_be_bytes(*incarnation), position })
    }
}

/// Seven bits a byte, the lowest first; the high bit says that more follow (LEB128).
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or_default());
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..=63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(first & 0x7f);
        // What does not fit was not written by `put`.
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_made() {
        let snapshot =
            |xmax, running: &[u64]| Position::Snapshot(Snapshot::new(xmax, running.to_vec()).unwrap());
        let positions = [
            Position::Seq(0),
            Position::Seq(i64::MAX - 63),
            Position::Write(u64::MAX),
            snapshot(1, &[]),
            snapshot(u64::MAX, &[0, 127, 128, u64::MAX - 1]),
        ];
        for position in positions {
            let token = Token { incarnation: u64::MAX - 1, position };
            let text = token.encode();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(Token::decode(&text), Some(token));
        }
    }

    #[test]
    fn a_token_does_not_tell_how_much_was_changed() {
        let after = |seq| Token { incarnation: 1, position: Position::Seq(seq) }.encode();
        assert_eq!(after(64), after(127));
        assert_ne!(after(127), after(128));
    }

    #[test]
    fn what_is_no_token_is_none() {
        let good = Token { incarnation: 1, position: Position::Write(700) }.encode();
        let other = good.replacen('A', "B", 1);
        for text in ["", "A", "not a token!", good.split_at(good.len() - 2).0, &format!("{good}AA"), &other] {
            assert_eq!(Token::decode(text), None, "{text}");
        }
        assert_eq!(Token::decode(&"A".repeat(MAX_TOKEN + 1)), None);
        let twice = Token { incarnation: 1, position: Position::Seq(64) }.encode();
        assert_ne!(Token::decode(&twice), Token::decode(&good));
    }
}
