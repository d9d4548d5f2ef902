//! Platforms of different shapes in one database, and the questions that are asked about each.

use anyhow::{Context as _, ensure};
use mandate_proto::v1::subject::Subject as Who;
use mandate_proto::v1::{CheckRequest, Subject};

use crate::facts::{ADMINISTRATOR, HELD_BY_ALL, MANAGER};
use crate::fill::{ACCOUNTS, Crowd, Fill, GROUPS, Members, Seat, USERS};

/// Letters for the worlds of the numbers of memberships that were asked for.
const WORLDS: [char; 8] = ['0', '1', '2', '3', '4', '5', '6', '7'];
/// Accounts of few members.
const SMALL: char = 'A';
/// Accounts of many.
const LARGE: char = 'B';
/// Users of one account.
const SINGLE: char = 'C';
/// A user of many.
const WIDE: char = 'D';
/// Small groups and their administrators.
const BUNDLES: char = 'E';
/// A large group and its administrator.
const BUNDLE: char = 'F';
/// Users and accounts that nobody asks about but once.
const COLD: char = 'G';

/// How many different questions are asked about each shape, at the most.
pub(super) const QUESTIONS: u64 = 100_000;
/// How many accounts the user has who is in many.
pub(super) const WIDELY: u64 = 10_000;
/// The small number of whatever there is a large number of as well.
pub(super) const FEW: u64 = 3;
/// The large number.
pub(super) const MANY: u64 = 100_000;
/// How many questions can be asked for the first time.
pub(super) const FIRST_TIME: u64 = 200_000;

/// Questions come in an order in which neighbours have nothing in common: multiples of a prime.
const STRIDE: u64 = 1_000_003;

/// Questions about one shape.
pub(super) struct Asked {
    /// What differs.
    pub(super) dimension: &'static str,
    /// How much of it there is.
    pub(super) size: u64,
    /// How many different questions there are.
    pub(super) questions: u64,
    about: Box<dyn Fn(u64) -> (String, String)>,
}

impl Asked {
    fn new(
        dimension: &'static str,
        size: u64,
        questions: u64,
        about: impl Fn(u64) -> (String, String) + 'static,
    ) -> Self {
        Self { dimension, size, questions, about: Box::new(about) }
    }

    /// How figures are named.
    pub(super) fn name(&self) -> String {
        format!("{}_{}", self.dimension, self.size)
    }

    /// The question of that number, below [`Asked::questions`].
    pub(super) fn question(&self, number: u64) -> CheckRequest {
        let (account, user) = (self.about)(number.wrapping_mul(STRIDE) % self.questions);
        question(account, user)
    }

    /// All questions, each once.
    pub(super) fn all(&self) -> impl Iterator<Item = CheckRequest> {
        (0..self.questions).map(|number| self.question(number))
    }
}

/// Whether a user may do what every role may.
pub(super) fn question(account: String, user: String) -> CheckRequest {
    let subject = Some(Subject { subject: Some(Who::User(user)) });
    CheckRequest { account, subject, permission: HELD_BY_ALL.to_owned(), ..Default::default() }
}

/// Makes all shapes; the questions about each.
///
/// # Errors
/// The database's, or numbers that cannot be made.
pub(super) async fn make(fill: &mut Fill, memberships: &[u64]) -> anyhow::Result<Vec<Asked>> {
    ensure!(!memberships.is_empty(), "give at least one number of memberships");
    let mut asked = Vec::new();
    for (place, number) in memberships.iter().enumerate() {
        let world = *WORLDS.get(place).context("give at most 8 numbers of memberships")?;
        asked.push(crowd(fill, Crowd::of(world, *number)?).await?);
    }
    asked.extend([accounts_of(fill, SMALL, FEW).await?, accounts_of(fill, LARGE, MANY).await?]);
    asked.extend([single(fill, SINGLE, WIDELY).await?, wide(fill).await?]);
    asked.extend(groups_of(fill, BUNDLES, FEW).await?);
    asked.extend(groups_of(fill, BUNDLE, MANY).await?);
    Ok(asked)
}

async fn crowd(fill: &mut Fill, crowd: Crowd) -> anyhow::Result<Asked> {
    crowd.make(fill).await?;
    let questions = crowd.memberships.min(QUESTIONS);
    // Evenly from all of them.
    let step = crowd.memberships / questions;
    Ok(Asked::new("memberships", crowd.memberships, questions, move |number| crowd.ids(number * step)))
}

/// Accounts with so many members each, who are members of nothing else.
async fn accounts_of(fill: &mut Fill, world: char, members: u64) -> anyhow::Result<Asked> {
    let accounts = QUESTIONS / members;
    let count = accounts * members;
    fill.users(USERS(world), count, None).await?;
    fill.accounts(ACCOUNTS(world), accounts, None).await?;
    let all = Members {
        count,
        account: fill.sql(ACCOUNTS(world), &format!("n / {members}")),
        user: fill.sql(USERS(world), "n"),
        role: "'member'".to_owned(),
    };
    fill.memberships(&all).await?;
    let about = move |number| (ACCOUNTS(world).id(number / members), USERS(world).id(number));
    Ok(Asked::new("members", members, count, about))
}

/// Users with one account each, and accounts with one member each.
pub(super) async fn single(fill: &mut Fill, world: char, count: u64) -> anyhow::Result<Asked> {
    fill.users(USERS(world), count, None).await?;
    fill.accounts(ACCOUNTS(world), count, None).await?;
    let all = Members {
        count,
        account: fill.sql(ACCOUNTS(world), "n"),
        user: fill.sql(USERS(world), "n"),
        role: "'member'".to_owned(),
    };
    fill.memberships(&all).await?;
    Ok(Asked::new("accounts", 1, count, move |number| (ACCOUNTS(world).id(number), USERS(world).id(number))))
}

/// What is asked about for the first time.
///
/// # Errors
/// The database's.
pub(super) async fn cold(fill: &mut Fill) -> anyhow::Result<Asked> {
    single(fill, COLD, FIRST_TIME).await
}

/// One user with many accounts.
async fn wide(fill: &mut Fill) -> anyhow::Result<Asked> {
    fill.users(USERS(WIDE), 1, None).await?;
    fill.accounts(ACCOUNTS(WIDE), WIDELY, None).await?;
    let all = Members {
        count: WIDELY,
        account: fill.sql(ACCOUNTS(WIDE), "n"),
        user: fill.sql(USERS(WIDE), "0"),
        role: "'member'".to_owned(),
    };
    fill.memberships(&all).await?;
    Ok(Asked::new("accounts", WIDELY, WIDELY, |number| (ACCOUNTS(WIDE).id(number), USERS(WIDE).id(0))))
}

/// Groups of so many accounts each: asked are the administrator, who owns all of them, and a manager, who is a member of none.
async fn groups_of(fill: &mut Fill, world: char, accounts: u64) -> anyhow::Result<[Asked; 2]> {
    let groups = QUESTIONS / accounts;
    let count = groups * accounts;
    // Managers have letters of their own.
    let managers = if world == BUNDLE { 'J' } else { 'H' };
    fill.groups(GROUPS(world), groups).await?;
    for (people, role) in [(world, ADMINISTRATOR), (managers, MANAGER)] {
        let group = fill.sql(GROUPS(world), "n");
        fill.users(USERS(people), groups, Some(Seat { group, role })).await?;
    }
    let group = fill.sql(GROUPS(world), &format!("n / {accounts}"));
    fill.accounts(ACCOUNTS(world), count, Some(&group)).await?;
    let owned = Members {
        count,
        account: fill.sql(ACCOUNTS(world), "n"),
        user: fill.sql(USERS(world), &format!("n / {accounts}")),
        role: "'owner'".to_owned(),
    };
    fill.memberships(&owned).await?;
    let by =
        |people: char| move |number: u64| (ACCOUNTS(world).id(number), USERS(people).id(number / accounts));
    Ok([
        Asked::new("group_administrator", accounts, count, by(world)),
        Asked::new("group_manager", accounts, count, by(managers)),
    ])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_question_is_asked_once() {
        for questions in [10_000, 99_999, 100_000, FIRST_TIME] {
            let asked = Asked::new("x", 1, questions, |number| (number.to_string(), String::new()));
            let all: BTreeSet<_> = asked.all().map(|question| question.account).collect();
            assert_eq!(all.len() as u64, questions);
        }
    }
}
