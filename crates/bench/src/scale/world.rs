//! A large platform: a crowd of ordinary accounts, and one of everything that is large.

use crate::facts::{ADMINISTRATOR, MANAGER};
use crate::fill::{ACCOUNTS, Crowd, Fill, GROUPS, Kept, Members, Seat, USERS};

const CROWD: char = 'A';
const LARGE: char = 'B';
const WIDE: char = 'C';
/// The large group and its administrator.
const GROUP: char = 'D';
/// Small groups and their administrators.
const SMALL: char = 'E';
const MANAGERS: char = 'F';

/// Members of the large account, and accounts of the large group.
const MANY: u64 = 100_000;
/// Accounts of the user who is in many.
const WIDELY: u64 = 10_000;
/// Accounts of each small group.
const FEW: u64 = 3;

/// Over how many days the logs are spread: less than the server keeps by default.
const KEPT: Kept = Kept { activity: 300, feed: 6 };

/// What is asked about.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// Most of the platform.
    pub(super) crowd: Crowd,
    /// The account with many members.
    pub(super) large: String,
    /// The user in many accounts.
    pub(super) wide: String,
    /// The group with many accounts.
    pub(super) group: String,
    /// Its administrator, who owns all of them.
    pub(super) administrator: String,
    /// Its manager, who is a member of none of them.
    pub(super) manager: String,
    /// A group with few accounts.
    pub(super) small_group: String,
    /// Its administrator.
    pub(super) small_administrator: String,
}

impl World {
    /// So many memberships, owners and all that is large aside.
    ///
    /// # Errors
    /// A number that cannot be made.
    pub(super) fn of(memberships: u64) -> anyhow::Result<Self> {
        Ok(Self {
            crowd: Crowd::of(CROWD, memberships)?,
            large: ACCOUNTS(LARGE).id(0),
            wide: USERS(WIDE).id(0),
            group: GROUPS(GROUP).id(0),
            administrator: USERS(GROUP).id(0),
            manager: USERS(MANAGERS).id(0),
            small_group: GROUPS(SMALL).id(0),
            small_administrator: USERS(SMALL).id(0),
        })
    }

    /// Makes it.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn make(&self, fill: &mut Fill) -> anyhow::Result<()> {
        let crowd = self.crowd;
        crowd.make(fill).await?;
        large(fill).await?;
        wide(fill, crowd).await?;
        groups(fill, GROUP, 1, MANY, Some(MANAGERS)).await?;
        groups(fill, SMALL, (crowd.accounts() / 100).max(1), FEW, None).await?;
        fill.people_are_known().await?;
        // Each fifth of the changes that made the crowd is not too long ago, and all that made the large account.
        fill.log(&Members { count: crowd.memberships / 5, ..crowd.members(fill) }, KEPT).await?;
        fill.log(&members_of_large(fill), KEPT).await
    }

    /// A member of the large account, its owner aside.
    pub(super) fn member_of_large(&self, number: u64) -> String {
        USERS(LARGE).id(1 + number % (MANY - 1))
    }

    /// The account and user of a membership of the crowd, spread over all of it.
    pub(super) fn member(&self, number: u64) -> (String, String) {
        self.crowd.ids(number.wrapping_mul(1_000_003) % self.crowd.memberships)
    }

    /// A user of the crowd.
    pub(super) fn user(&self, number: u64) -> String {
        USERS(self.crowd.world).id(number % self.crowd.users())
    }

    /// An account of the large group.
    pub(super) fn account_of_group(&self, number: u64) -> String {
        ACCOUNTS(GROUP).id(number.wrapping_mul(1_003) % MANY)
    }

    /// How many members the large account has.
    pub(super) fn many(&self) -> u64 {
        MANY
    }
}

fn members_of_large(fill: &Fill) -> Members {
    Members {
        count: MANY,
        account: fill.sql(ACCOUNTS(LARGE), "0"),
        user: fill.sql(USERS(LARGE), "n"),
        role: "CASE WHEN n = 0 THEN 'owner' ELSE 'member' END".to_owned(),
    }
}

async fn large(fill: &mut Fill) -> anyhow::Result<()> {
    fill.users(USERS(LARGE), MANY, None).await?;
    fill.accounts(ACCOUNTS(LARGE), 1, None).await?;
    fill.memberships(&members_of_large(fill)).await
}

/// A member of many accounts of the crowd, far from each other.
async fn wide(fill: &mut Fill, crowd: Crowd) -> anyhow::Result<()> {
    let count = WIDELY.min(crowd.accounts());
    let apart = crowd.accounts() / count;
    fill.users(USERS(WIDE), 1, None).await?;
    let all = Members {
        count,
        account: fill.sql(ACCOUNTS(crowd.world), &format!("n * {apart}")),
        user: fill.sql(USERS(WIDE), "0"),
        role: "'member'".to_owned(),
    };
    fill.memberships(&all).await
}

async fn groups(
    fill: &mut Fill,
    world: char,
    groups: u64,
    accounts: u64,
    managers: Option<char>,
) -> anyhow::Result<()> {
    fill.groups(GROUPS(world), groups).await?;
    let seat = |role| Seat { group: fill.sql(GROUPS(world), "n"), role };
    let (administrator, manager) = (seat(ADMINISTRATOR), seat(MANAGER));
    fill.users(USERS(world), groups, Some(administrator)).await?;
    if let Some(managers) = managers {
        fill.users(USERS(managers), groups, Some(manager)).await?;
    }
    let of = |ids, fill: &Fill| fill.sql(ids, &format!("n / {accounts}"));
    let group = of(GROUPS(world), fill);
    fill.accounts(ACCOUNTS(world), groups * accounts, Some(&group)).await?;
    let owned = Members {
        count: groups * accounts,
        account: fill.sql(ACCOUNTS(world), "n"),
        user: of(USERS(world), fill),
        role: "'owner'".to_owned(),
    };
    fill.memberships(&owned).await
}
