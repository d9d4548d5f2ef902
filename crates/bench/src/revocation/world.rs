//! Groups of different sizes, with the same people around each.

use mandate_domain::user::GroupSeat;

use crate::facts::{ADMINISTRATOR, OWNER, account, group, group_id, membership, user};
use crate::service::Service;

/// All groups.
pub(super) struct World {
    /// In the order asked for.
    pub(super) groups: Vec<Sized>,
}

/// A group, and who is around it.
pub(super) struct Sized {
    /// Its number.
    pub(super) number: u64,
    /// How many accounts it contains.
    pub(super) accounts: u64,
    /// The number of its first account.
    pub(super) first_account: u64,
    /// The number of its last account.
    pub(super) last_account: u64,
    /// Who belongs to nothing yet.
    pub(super) manager: u64,
    /// Who owns every account of the group and is not in the group yet.
    pub(super) second_owner: u64,
}

/// Numbers of users are this far apart from group to group.
const PEOPLE: u64 = 3;

impl World {
    /// Makes groups of these sizes.
    ///
    /// # Errors
    /// The database's, or a size of 0.
    pub(super) async fn seed(service: &Service, sizes: &[u64]) -> anyhow::Result<Self> {
        anyhow::ensure!(sizes.iter().all(|size| *size > 0), "a group contains at least one account");
        let mut groups: Vec<Sized> = Vec::with_capacity(sizes.len());
        for (number, accounts) in (0_u64..).zip(sizes.iter().copied()) {
            let first_account = groups.last().map_or(0, |before| before.last_account + 1);
            groups.push(Sized {
                number,
                accounts,
                first_account,
                last_account: first_account + accounts - 1,
                manager: number * PEOPLE + 1,
                second_owner: number * PEOPLE + 2,
            });
        }
        let mut seeder = service.seed().await?;
        for one in &groups {
            let administrator = one.number * PEOPLE;
            let seat = GroupSeat { group: group_id(one.number), role: ADMINISTRATOR.to_owned() };
            seeder.group(&group(one.number)).await?;
            seeder.user(&user(administrator, vec![seat])).await?;
            seeder.user(&user(one.manager, Vec::new())).await?;
            seeder.user(&user(one.second_owner, Vec::new())).await?;
            for number in one.first_account..=one.last_account {
                seeder.account(&account(number, Some(one.number))).await?;
            }
        }
        seeder.flush_all().await?;
        for one in &groups {
            for number in one.first_account..=one.last_account {
                seeder.membership(&membership(number, one.number * PEOPLE, OWNER)).await?;
                seeder.membership(&membership(number, one.second_owner, OWNER)).await?;
            }
        }
        seeder.let_be_searched().await?;
        seeder.finish().await?;
        Ok(Self { groups })
    }
}
