//! A platform of accounts with ten members each, every one of them a member of five accounts.

use anyhow::ensure;
use mandate_proto::v1::CheckRequest;

use crate::client::question;
use crate::facts::{HELD_BY_ALL, MEMBER, OWNER, account, membership, user};
use crate::service::Service;

/// Members of an account, its owner aside.
const MEMBERS: u64 = 10;

/// Accounts that a user is a member of.
const ACCOUNTS: u64 = 5;

/// Questions come in an order in which neighbours have nothing in common: multiples of a prime.
const STRIDE: u64 = 1_000_003;

/// So many memberships, numbered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    /// How many there are to ask about.
    pub(crate) memberships: u64,
}

impl World {
    /// Makes it.
    ///
    /// # Errors
    /// The database's, or a number that cannot be made.
    pub(crate) async fn seed(service: &Service, memberships: u64) -> anyhow::Result<Self> {
        let world = Self { memberships };
        ensure!(
            memberships >= MEMBERS * ACCOUNTS && memberships.is_multiple_of(MEMBERS * ACCOUNTS),
            "give a number of memberships that is a multiple of {}",
            MEMBERS * ACCOUNTS
        );
        ensure!(!memberships.is_multiple_of(STRIDE), "{STRIDE} does not go round {memberships} memberships");
        let (owner, accounts) = (world.users(), world.accounts());
        let mut seeder = service.seed().await?;
        for number in 0..=owner {
            seeder.user(&user(number, Vec::new())).await?;
        }
        for number in 0..accounts {
            seeder.account(&account(number, None)).await?;
        }
        seeder.flush_all().await?;
        for number in 0..memberships {
            let (account, user) = world.membership(number);
            if number.is_multiple_of(MEMBERS) {
                seeder.membership(&membership(account, owner, OWNER)).await?;
            }
            seeder.membership(&membership(account, user, MEMBER)).await?;
        }
        seeder.finish().await?;
        Ok(world)
    }

    /// How many users there are, the owner of everything aside.
    pub(crate) fn users(self) -> u64 {
        self.memberships / ACCOUNTS
    }

    /// How many accounts there are.
    pub(crate) fn accounts(self) -> u64 {
        self.memberships / MEMBERS
    }

    /// The account and the user of a membership.
    pub(crate) fn membership(self, number: u64) -> (u64, u64) {
        (number / MEMBERS, number % self.users())
    }

    /// A question about every membership once, each of which is allowed by the member's role.
    pub(crate) fn questions(self) -> impl Iterator<Item = CheckRequest> {
        (0..self.memberships).map(move |number| self.question(number))
    }

    /// The question of that number.
    pub(crate) fn question(self, number: u64) -> CheckRequest {
        let (account, user) = self.asked(number);
        question(account, user, HELD_BY_ALL)
    }

    /// The account and the user of the question of that number.
    pub(crate) fn asked(self, number: u64) -> (u64, u64) {
        self.membership(number.wrapping_mul(STRIDE) % self.memberships)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn memberships_differ_and_every_user_has_five() {
        let world = World { memberships: 500 };
        let all: BTreeSet<_> = (0..500).map(|number| world.membership(number)).collect();
        assert_eq!(all.len(), 500);
        assert_eq!(all.iter().filter(|(_, user)| *user == 7).count(), 5);
        assert_eq!(all.iter().filter(|(account, _)| *account == 7).count(), 10);
    }

    #[test]
    fn every_membership_is_asked_about_once() {
        let world = World { memberships: 500 };
        let asked: BTreeSet<_> =
            world.questions().map(|one| format!("{} {:?}", one.account, one.subject)).collect();
        assert_eq!(asked.len(), 500);
    }
}
