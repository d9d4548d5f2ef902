//! The two things the domain must not have: the time and chance.

use std::time::{SystemTime, UNIX_EPOCH};

use ulid::Ulid;

/// The system gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random numbers are not available")]
pub struct NoRandomness;

/// The current time in microseconds since the Unix epoch.
#[must_use]
pub fn now_micros() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

/// The bits of a new id: a ULID, 48 bits of milliseconds followed by 80 random bits.
///
/// # Errors
/// [`NoRandomness`].
pub fn new_id_bits() -> Result<u128, NoRandomness> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
    let millis = u64::try_from(now_micros() / 1_000).unwrap_or_default();
    Ok(Ulid::from_parts(millis, u128::from_le_bytes(random)).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_millisecond_they_were_made_in() {
        let before = u64::try_from(now_micros() / 1_000).unwrap();
        let id = Ulid(new_id_bits().unwrap());
        assert!(id.timestamp_ms() >= before);
        assert_ne!(Some(id.0), new_id_bits().ok());
    }
}
