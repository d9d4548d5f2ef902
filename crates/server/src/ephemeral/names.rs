//! Ids that follow from names, so that they are the same in each run.

use sha2::{Digest as _, Sha256};

/// The time in such ids: 2020-01-01T00:00:00Z in milliseconds, so that they are told from those given out since.
const TIME: u128 = 1_577_836_800_000;
/// How many bits of an id are not time.
const REST: u32 = 80;

/// The bits of the id of what stands at this path of the fixtures (`people.ada`).
pub(super) fn bits(path: &str) -> u128 {
    let digest = Sha256::digest(format!("mandate fixtures\0{path}"));
    let rest = digest.iter().take(REST as usize / 8).fold(0, |bits, byte| bits << 8 | u128::from(*byte));
    TIME << REST | rest
}

#[cfg(test)]
mod tests {
    use mandate_domain::id::UserId;

    use super::*;

    /// INVARIANT: other people's tests have spelled such ids out, so this never changes.
    #[test]
    fn an_id_follows_from_the_name_alone() {
        let ada = UserId::from_bits(bits("people.ada")).to_string();
        assert!(ada.starts_with("usr_01DXF6DT00"), "{ada}");
        assert_eq!(ada, UserId::from_bits(bits("people.ada")).to_string());
        assert_ne!(ada, UserId::from_bits(bits("people.ben")).to_string());
    }
}
