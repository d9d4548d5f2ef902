//! A platform of accounts with ten members and an owner each, every one of them a member of five accounts.

use anyhow::ensure;

use super::{ACCOUNTS, Fill, Members, USERS};

/// Members of an account, its owner aside.
const MEMBERS: u64 = 10;

/// Accounts that a user is a member of.
const ACCOUNTS_EACH: u64 = 5;

/// So many memberships of one world, numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowd {
    /// The letter of its ids.
    pub(crate) world: char,
    /// How many memberships there are, owners aside.
    pub(crate) memberships: u64,
}

impl Crowd {
    /// A crowd that can be made.
    ///
    /// # Errors
    /// A number of memberships that cannot be made.
    pub(crate) fn of(world: char, memberships: u64) -> anyhow::Result<Self> {
        let least = 2 * MEMBERS * ACCOUNTS_EACH;
        ensure!(
            memberships >= least && memberships.is_multiple_of(MEMBERS * ACCOUNTS_EACH),
            "give a number of memberships that is a multiple of {} and at least {least}",
            MEMBERS * ACCOUNTS_EACH
        );
        Ok(Self { world, memberships })
    }

    /// How many accounts there are.
    pub(crate) fn accounts(self) -> u64 {
        self.memberships / MEMBERS
    }

    /// How many users there are.
    pub(crate) fn users(self) -> u64 {
        self.memberships / ACCOUNTS_EACH
    }

    /// The numbers of a membership's account and user.
    pub(crate) fn membership(self, number: u64) -> (u64, u64) {
        (number / MEMBERS, number % self.users())
    }

    /// The ids of a membership's account and user.
    pub(crate) fn ids(self, number: u64) -> (String, String) {
        let (account, user) = self.membership(number);
        (ACCOUNTS(self.world).id(account), USERS(self.world).id(user))
    }

    /// The memberships of those who own nothing, in SQL of `n`.
    pub(crate) fn members(self, fill: &Fill) -> Members {
        Members {
            count: self.memberships,
            account: fill.sql(ACCOUNTS(self.world), &format!("n / {MEMBERS}")),
            user: fill.sql(USERS(self.world), &format!("n % {}", self.users())),
            role: "'member'".to_owned(),
        }
    }

    /// Makes it. The owner of an account is a member of the next one.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn make(self, fill: &mut Fill) -> anyhow::Result<()> {
        fill.users(USERS(self.world), self.users(), None).await?;
        fill.accounts(ACCOUNTS(self.world), self.accounts(), None).await?;
        fill.memberships(&self.members(fill)).await?;
        let owner = format!("(n + 1) * {MEMBERS} % {}", self.users());
        let owners = Members {
            count: self.accounts(),
            account: fill.sql(ACCOUNTS(self.world), "n"),
            user: fill.sql(USERS(self.world), &format!("({owner})")),
            role: "'owner'".to_owned(),
        };
        fill.memberships(&owners).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn memberships_differ_and_no_owner_is_a_member() {
        for memberships in [100, 500, 1_000] {
            let crowd = Crowd::of('A', memberships).unwrap();
            let mut all: BTreeSet<_> = (0..memberships).map(|number| crowd.membership(number)).collect();
            all.extend(
                (0..crowd.accounts()).map(|account| (account, (account + 1) * MEMBERS % crowd.users())),
            );
            assert_eq!(all.len() as u64, memberships + crowd.accounts());
            assert_eq!(all.iter().filter(|(account, _)| *account == 7).count() as u64, MEMBERS + 1);
        }
        assert!(Crowd::of('A', 50).is_err() && Crowd::of('A', 1_010).is_err());
    }
}
