//! Ids that carry their kind: `acc_` and a ULID in its canonical spelling (26 characters of Crockford's
//! base 32, upper case, time-ordered). Inside they are 128 bits, so that comparing and hashing them is cheap.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// Why a text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It is the id of something else.
    #[error("is the id of {found}; give the id of {wanted}, which starts with `{prefix}`")]
    WrongKind {
        /// What the id names.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
        /// How such ids start.
        prefix: &'static str,
    },
    /// It is no id at all.
    #[error(
        "is not the id of {wanted}: write `{prefix}` followed by 26 characters, as this service gave it out"
    )]
    Malformed {
        /// What was asked for.
        wanted: &'static str,
        /// How such ids start.
        prefix: &'static str,
    },
}

const KINDS: &[(&str, &str)] = &[
    ("acc_", "an account"),
    ("usr_", "a user"),
    ("con_", "a contact"),
    ("grp_", "an account group"),
    ("inv_", "an invitation"),
    ("ses_", "a session"),
];

fn parse(text: &str, prefix: &'static str, wanted: &'static str) -> Result<u128, IdError> {
    let malformed = IdError::Malformed { wanted, prefix };
    let Some(tail) = text.strip_prefix(prefix) else {
        return Err(match KINDS.iter().find(|(other, _)| text.starts_with(other)) {
            Some((_, found)) => IdError::WrongKind { found, wanted, prefix },
            None => malformed,
        });
    };
    bits(tail.as_bytes()).ok_or(malformed)
}

/// The alphabet's values by character. INVARIANT: one id has one spelling, so that ids may be compared as text by any
/// client: lower case and the letters that the alphabet takes for others' are none of its characters.
const VALUES: [u8; 256] = {
    let alphabet = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let (mut values, mut value) = ([NO_VALUE; 256], 0);
    while value < 32 {
        // In a constant, an index out of bounds does not compile.
        #[expect(clippy::indexing_slicing, reason = "in a constant")]
        {
            values[alphabet[value as usize] as usize] = value;
        }
        value += 1;
    }
    values
};
const NO_VALUE: u8 = 0xff;

/// Reads the canonical spelling of 128 bits: this is on the way of every question, twice.
fn bits(spelling: &[u8]) -> Option<u128> {
    // The first of 26 characters stands for three bits, so that two of them and twice twelve make 128.
    let (first, rest) = spelling.split_first_chunk::<2>()?;
    let (middle, last) = rest.split_first_chunk::<12>()?;
    let last: &[u8; 12] = last.try_into().ok()?;
    let mut any = 0;
    let mut number = |characters: &[u8]| {
        characters.iter().fold(0_u64, |number, character| {
            let value = VALUES.get(usize::from(*character)).copied().unwrap_or(NO_VALUE);
            any |= value;
            number << 5 | u64::from(value & 31)
        })
    };
    let [first, middle, last] = [number(first), number(middle), number(last)];
    let bits = u128::from(first) << 120 | u128::from(middle) << 60 | u128::from(last);
    (any < 32 && first < 1 << 8).then_some(bits)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal, $wanted:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// How such ids start.
            pub const PREFIX: &'static str = $prefix;

            /// The id with these 128 bits (a ULID's).
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The 128 bits behind the prefix.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text, $prefix, $wanted).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut spelling = [0; ulid::ULID_LEN];
                write!(f, "{}{}", $prefix, Ulid(self.0).array_to_str(&mut spelling))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// The id of an account.
    AccountId, "acc_", "an account";
    /// The id of a user: one person across all accounts.
    UserId, "usr_", "a user";
    /// The id of a contact: somebody known to one account, without a login.
    ContactId, "con_", "a contact";
    /// The id of an account group.
    GroupId, "grp_", "an account group";
    /// The id of an invitation.
    InvitationId, "inv_", "an invitation";
    /// The id of a session.
    SessionId, "ses_", "a session";
    /// The id of an initial password: which one it is of all that were ever made up, and no secret.
    PasswordId, "pwd_", "an initial password";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_wrote() {
        let id = AccountId::from_bits(0x0192_5f00_0000_0000_0000_0000_0000_0001);
        assert_eq!(id.to_string().parse::<AccountId>(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_is_named_as_such() {
        let text = UserId::from_bits(7).to_string();
        let error = text.parse::<AccountId>().unwrap_err();
        assert!(error.to_string().starts_with("is the id of a user; give the id of an account"), "{error}");
    }

    #[test]
    fn one_id_has_one_spelling() {
        let text = UserId::from_bits(u128::MAX / 3).to_string();
        for other in
            [text.to_lowercase(), format!("{text} "), text.replace('A', "a"), "usr_".into(), String::new()]
        {
            assert!(other == text || other.parse::<UserId>().is_err(), "{other}");
        }
        assert!("usr_8ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<UserId>().is_err(), "more than 128 bits");
        assert_eq!("usr_7ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<UserId>(), Ok(UserId::from_bits(u128::MAX)));
    }

    #[test]
    fn reading_agrees_with_the_library_that_writes() {
        let mut bits = 1_u128;
        for _ in 0..1_000 {
            // Every bit takes every value: multiples of an odd number.
            bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let text = UserId::from_bits(bits).to_string();
            assert_eq!(text.parse::<UserId>(), Ok(UserId::from_bits(bits)), "{text}");
            let spelt = text.strip_prefix("usr_").unwrap();
            for at in 0..spelt.len() {
                for other in ["I", "L", "O", "U", "i", "a", "-", "\u{e9}"] {
                    let mut wrong = spelt.to_owned();
                    wrong.replace_range(at..=at, other);
                    assert!(format!("usr_{wrong}").parse::<UserId>().is_err(), "{wrong}");
                }
            }
        }
    }
}
