//! Ids whose last digits are a number in decimals, so that a database can make them.

/// The ids of one kind of thing in one world, numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    prefix: &'static str,
    /// Which world: a letter of the alphabet of ids, which has no I, L, O and U.
    world: char,
}

/// The accounts of a world.
pub(crate) const ACCOUNTS: fn(char) -> Ids = |world| Ids { prefix: "acc", world };
/// The users of a world.
pub(crate) const USERS: fn(char) -> Ids = |world| Ids { prefix: "usr", world };
/// The groups of a world.
pub(crate) const GROUPS: fn(char) -> Ids = |world| Ids { prefix: "grp", world };

impl Ids {
    /// The id of that number.
    pub(crate) fn id(self, number: u64) -> String {
        format!("{}_0{}{number:024}", self.prefix, self.world)
    }

    /// The same in SQL, with an expression for the 24 digits.
    pub(super) fn sql(self, digits: &str) -> String {
        format!("('{}_0{}' || {digits})", self.prefix, self.world)
    }

    /// Which world it is of.
    pub(super) fn world(self) -> char {
        self.world
    }
}

#[cfg(test)]
mod tests {
    use mandate_domain::id::{AccountId, GroupId, UserId};

    use super::*;

    #[test]
    fn they_are_ids() {
        assert!(USERS('Z').id(9_999_999_999).parse::<UserId>().is_ok());
        assert!(ACCOUNTS('A').id(0).parse::<AccountId>().is_ok());
        assert!(GROUPS('M').id(17).parse::<GroupId>().is_ok());
    }

    #[test]
    fn sql_makes_the_same() {
        assert_eq!(USERS('B').sql("'000000000000000000000012'"), "('usr_0B' || '000000000000000000000012')");
        assert_eq!(USERS('B').id(12), "usr_0B000000000000000000000012");
    }
}
