//! The rows of each kind of fact.

use std::time::{SystemTime, UNIX_EPOCH};

use mandate_domain::change::Change;
use mandate_domain::search::text_of;
use mandate_domain::user::GroupSeat;
use serde::Serialize;

use super::{Fill, Ids};
use crate::facts;

/// A seat that each of some users has.
pub(crate) struct Seat<'a> {
    /// The id of the group in SQL, of `n`.
    pub(crate) group: String,
    /// The role in it.
    pub(crate) role: &'a str,
}

/// Memberships, each with one role. Texts are SQL of `n`.
#[derive(Clone)]
pub(crate) struct Members {
    /// How many.
    pub(crate) count: u64,
    /// The account's id.
    pub(crate) account: String,
    /// The user's id.
    pub(crate) user: String,
    /// The role.
    pub(crate) role: String,
}

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

impl Fill {
    /// Adds users, named by their numbers.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn users(&mut self, ids: Ids, count: u64, seat: Option<Seat<'_>>) -> anyhow::Result<()> {
        let seats =
            seat.as_ref().map(|seat| GroupSeat { group: facts::group_id(0), role: seat.role.to_owned() });
        let template = facts::user(0, seats.into_iter().collect());
        let (id, world) = (self.sql(ids, "n"), ids.world());
        let email = format!("('person-{world}-' || n || '@example.com')");
        let name = format!("('Person {world} ' || n)");
        let group = seat.as_ref().map_or("''", |seat| seat.group.as_str());
        let body = replaced(&[
            (&template.id.to_string(), &id),
            (&template.email, &email),
            (&template.display_name, &name),
            (&facts::group_id(0).to_string(), group),
        ]);
        let search = format!(
            "replace(replace($2, '{}', lower({name})), '{}', lower({email}))",
            template.display_name.to_lowercase(),
            template.email
        );
        let sql = format!(
            "INSERT INTO users (id, email, display_name, state, body, version, search) \
             SELECT {id}, {email}, {name}, 'active', {body}, 1, {search} FROM {{numbers}}"
        );
        let found_by = text_of(&template.display_name, &template.email);
        self.put(&sql, count, &[&text(&template)?, &found_by]).await?;
        if let Some(Seat { group, role }) = seat {
            let sql = format!(
                "INSERT INTO group_users (group_id, user_id, role) SELECT {group}, {id}, '{role}' FROM {{numbers}}"
            );
            self.put(&sql, count, &[]).await?;
        }
        Ok(())
    }

    /// Adds groups.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn groups(&mut self, ids: Ids, count: u64) -> anyhow::Result<()> {
        let (template, id) = (facts::group(0), self.sql(ids, "n"));
        let body = replaced(&[(&template.id.to_string(), &id)]);
        let sql = format!(
            "INSERT INTO groups (id, policy, body, version) SELECT {id}, $2, {body}, 1 FROM {{numbers}}"
        );
        self.put(&sql, count, &[&text(&template)?, &template.policy]).await
    }

    /// Adds accounts, in groups (the SQL of the group's id) or in none.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn accounts(&mut self, ids: Ids, count: u64, group: Option<&str>) -> anyhow::Result<()> {
        let (template, id) = (facts::account(0, group.map(|_| 0)), self.sql(ids, "n"));
        let body = replaced(&[
            (&template.id.to_string(), &id),
            (&facts::group_id(0).to_string(), group.unwrap_or("''")),
        ]);
        let sql = format!(
            "INSERT INTO accounts (id, policy, state, body, version) SELECT {id}, $2, 'active', {body}, 1 FROM {{numbers}}"
        );
        self.put(&sql, count, &[&text(&template)?, &template.policy]).await?;
        if let Some(group) = group {
            let sql = format!(
                "INSERT INTO account_groups (group_id, account) SELECT {group}, {id} FROM {{numbers}}"
            );
            self.put(&sql, count, &[]).await?;
        }
        Ok(())
    }

    /// Adds active memberships, after their accounts and users.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn memberships(&mut self, members: &Members) -> anyhow::Result<()> {
        let Members { count, account, user, role } = members;
        let template = facts::membership(0, 0, ROLE);
        let body = membership_body(members);
        let sql = format!(
            "INSERT INTO memberships (account, user_id, state, body, version) \
             SELECT {account}, {user}, 'active', {body}, 1 FROM {{numbers}}"
        );
        self.put(&sql, *count, &[&text(&template)?]).await?;
        let sql = format!(
            "INSERT INTO member_names (account, user_id, kind, name, state) \
             SELECT {account}, {user}, 'role', {role}, 'active' FROM {{numbers}}"
        );
        self.put(&sql, *count, &[]).await
    }

    /// Completes what members are found by, and lets every second of them have been active some day of the last year.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn people_are_known(&mut self) -> anyhow::Result<()> {
        self.connection
            .execute(
                "INSERT INTO member_search (account, user_id, text) SELECT m.account, m.user_id, u.search \
                 FROM memberships m JOIN users u ON u.id = m.user_id ORDER BY m.account, m.user_id",
            )
            .await?;
        let day = format!("{} - {DAY} * (CAST(substr(user_id, 25) AS BIGINT) % 366)", now());
        let sql = format!(
            "INSERT INTO member_activity (account, user_id, at) SELECT account, user_id, {day} FROM memberships \
             WHERE CAST(substr(user_id, 25) AS BIGINT) % 2 = 0"
        );
        self.connection.run(sql, &[]).await
    }

    /// Writes into activity log and feed that each of these was added, evenly over the last so many days.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn log(&mut self, members: &Members, days: Kept) -> anyhow::Result<()> {
        let Members { count, account, user, .. } = members;
        let change = Change::Membership(facts::membership(0, 0, ROLE));
        let body = membership_body(members);
        let rows = i64::try_from(*count)?.max(1);
        let at = |days: i64| format!("{} + {} * n", now() - days * DAY, days * DAY / rows);
        let activity = format!(
            "INSERT INTO activity (at, account, actor_kind, actor, operation, subject, changes) \
             SELECT {}, {account}, 'person', {user}, 'member.add', {user}, {body} FROM {{numbers}}",
            at(days.activity)
        );
        self.put(&activity, *count, &[&text(&[&change])?]).await?;
        let feed = format!(
            "INSERT INTO feed (at, account, kind, body) SELECT {}, {account}, '{}', {body} FROM {{numbers}}",
            at(days.feed),
            change.kind()
        );
        self.put(&feed, *count, &[&text(&facts::membership(0, 0, ROLE))?]).await
    }
}

/// Over how many days the rows of a log are spread. The server deletes what is older than it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Of the activity log.
    pub(crate) activity: i64,
    /// Of the feed.
    pub(crate) feed: i64,
}

/// A role that is replaced.
const ROLE: &str = "$ROLE$";

fn membership_body(members: &Members) -> String {
    let Members { account, user, role, .. } = members;
    replaced(&[
        (&facts::account_id(0).to_string(), account),
        (&facts::user_id(0).to_string(), user),
        (ROLE, role),
    ])
}

/// SQL of the text `$1` with other texts in the place of these. None of them has a quotation mark.
fn replaced(texts: &[(&str, &str)]) -> String {
    let body = "CAST($1 AS TEXT)".to_owned();
    texts.iter().fold(body, |sql, (text, with)| format!("replace({sql}, '{text}', {with})"))
}

/// Microseconds since the Unix epoch.
fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

fn text<T: Serialize + ?Sized>(fact: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string(fact)?)
}
