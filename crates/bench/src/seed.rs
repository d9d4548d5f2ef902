//! Facts in bulk, straight into the tables that the server's own migrations made.
//!
//! A million memberships through the API take an hour; through here a minute. The bodies are the domain's own types,
//! as the server writes them. Neither change feed nor activity log is written: a seeded database is for measuring.

use std::mem::take;

use anyhow::Context as _;
use mandate_domain::account::Account;
use mandate_domain::group::Group;
use mandate_domain::membership::Membership;
use mandate_domain::user::User;
use serde::Serialize;
use serde_json::{Value, json};

use crate::database::Connection;

/// How many rows go into one statement.
const BATCH: usize = 5_000;

/// Takes facts one by one and writes them in batches, in one transaction.
pub(crate) struct Seeder {
    connection: Connection,
    batches: [Vec<Value>; TABLES.len()],
}

/// The statements of a fact, the table with what it refers to first.
struct Table(&'static [&'static str]);

const USERS: usize = 0;
const GROUPS: usize = 1;
const ACCOUNTS: usize = 2;
const MEMBERSHIPS: usize = 3;

const TABLES: [Table; 4] = [
    Table(&[
        "INSERT INTO users (id, email, display_name, state, body, version) SELECT value ->> 'id', value ->> 'email', \
         value ->> 'name', value ->> 'state', value ->> 'body', 1 FROM {rows}",
        SEATS,
    ]),
    Table(&["INSERT INTO groups (id, policy, body, version) SELECT value ->> 'id', value ->> 'policy', \
         value ->> 'body', 1 FROM {rows}"]),
    Table(&[
        "INSERT INTO accounts (id, policy, state, body, version) SELECT value ->> 'id', value ->> 'policy', \
         value ->> 'state', value ->> 'body', 1 FROM {rows}",
        // A row has at most one group here.
        "INSERT INTO account_groups (group_id, account) SELECT value ->> 'group', value ->> 'id' FROM {rows} \
         WHERE value ->> 'group' IS NOT NULL",
    ]),
    Table(&[
        "INSERT INTO memberships (account, user_id, state, body, version) SELECT value ->> 'account', \
         value ->> 'user', value ->> 'state', value ->> 'body', 1 FROM {rows}",
        // A row has one role here.
        "INSERT INTO member_names (account, user_id, kind, name, state) SELECT value ->> 'account', \
         value ->> 'user', 'role', value ->> 'role', value ->> 'state' FROM {rows}",
    ]),
];

const SEATS: &str = "INSERT INTO group_users (group_id, user_id, role) SELECT value ->> 'group', value ->> 'id', \
                     value ->> 'seat' FROM {rows} WHERE value ->> 'group' IS NOT NULL";
/// For a user's seats beyond the first.
const SEAT: &str = "INSERT INTO group_users (group_id, user_id, role) SELECT value ->> 'group', value ->> 'id', \
                    value ->> 'seat' FROM {rows}";

impl Seeder {
    /// Begins.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn begin(mut connection: Connection) -> anyhow::Result<Self> {
        if let Connection::Sqlite(_) = connection {
            // Whoever loses power while seeding seeds again.
            connection.execute("PRAGMA synchronous = OFF").await?;
        }
        connection.execute("BEGIN").await?;
        Ok(Self { connection, batches: Default::default() })
    }

    /// Adds a user.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn user(&mut self, user: &User) -> anyhow::Result<()> {
        let (first, rest) =
            user.seats.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
        let row = json!({
            "id": user.id, "email": user.email, "name": user.display_name, "state": user.state,
            "group": first.map(|seat| seat.group), "seat": first.map(|seat| &seat.role), "body": text(user)?,
        });
        self.add(USERS, row).await?;
        if !rest.is_empty() {
            self.flush(USERS).await?;
            let rows: Vec<_> = rest
                .iter()
                .map(|seat| json!({ "id": user.id, "group": seat.group, "seat": seat.role }))
                .collect();
            self.connection.insert(SEAT, &text(&rows)?).await?;
        }
        Ok(())
    }

    /// Adds a group.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn group(&mut self, group: &Group) -> anyhow::Result<()> {
        self.add(GROUPS, json!({ "id": group.id, "policy": group.policy, "body": text(group)? })).await
    }

    /// Adds an account that is in one group at most.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn account(&mut self, account: &Account) -> anyhow::Result<()> {
        let row = json!({
            "id": account.id, "policy": account.policy, "state": account.state, "group": account.groups.first(),
            "body": text(account)?,
        });
        self.add(ACCOUNTS, row).await
    }

    /// Adds a membership with one role and nothing else, after its account and its user.
    ///
    /// # Errors
    /// The database's, or a membership without a role.
    pub(crate) async fn membership(&mut self, membership: &Membership) -> anyhow::Result<()> {
        let role = membership.roles.first().context("a membership has a role")?;
        let row = json!({
            "account": membership.account, "user": membership.user, "state": membership.state, "role": role,
            "body": text(membership)?,
        });
        self.add(MEMBERSHIPS, row).await
    }

    async fn add(&mut self, table: usize, row: Value) -> anyhow::Result<()> {
        let batch = self.batches.get_mut(table).context("a table")?;
        batch.push(row);
        if batch.len() >= BATCH { self.flush(table).await } else { Ok(()) }
    }

    async fn flush(&mut self, table: usize) -> anyhow::Result<()> {
        let rows = self.batches.get_mut(table).map(take).unwrap_or_default();
        let Some(Table(statements)) = TABLES.get(table).filter(|_| !rows.is_empty()) else { return Ok(()) };
        let rows = text(&rows)?;
        for sql in *statements {
            self.connection.insert(sql, &rows).await?;
        }
        Ok(())
    }

    /// Writes what was added so far, so that what comes next may refer to it.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn flush_all(&mut self) -> anyhow::Result<()> {
        for table in 0..TABLES.len() {
            self.flush(table).await?;
        }
        Ok(())
    }

    /// Lets the next server that starts complete what people are searched by, without which nobody becomes a member.
    /// Measurements that only ask need not wait for it.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn let_be_searched(&mut self) -> anyhow::Result<()> {
        self.connection.execute("UPDATE meta SET value = 'incomplete' WHERE name = 'search'").await
    }

    /// Writes what is left and commits.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn finish(mut self) -> anyhow::Result<()> {
        self.flush_all().await?;
        self.connection.execute("COMMIT").await?;
        self.connection.analyze().await
    }
}

fn text<T: Serialize>(fact: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string(fact)?)
}
