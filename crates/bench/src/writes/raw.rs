//! The rows of a write, without anything that decides on them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mandate_domain::change::Change;
use mandate_domain::mail::{Locale, Mail, MailContent};
use mandate_domain::records::{Key, Record, Records};
use mandate_domain::taken::taken;
use sqlx::{Executor as _, PgConnection, SqliteConnection};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{MOST, sum};
use crate::database::{Connection, Engine};
use crate::facts::{MEMBER, account_id, membership, user_id};
use crate::service::Service;

/// Connections past the server: one on SQLite, where there is one writer at a time, and one for each client elsewhere.
pub(super) struct Raw {
    clients: u64,
    connections: Vec<Arc<Mutex<Connection>>>,
}

/// Who comes and goes, as the rows have it.
#[derive(Clone)]
struct Rows {
    account: String,
    user: String,
    text: String,
    membership: String,
    ended: String,
    taken: String,
    added: String,
    removed: String,
    recipient: String,
    mail: String,
}

impl Raw {
    /// Connects.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn open(service: &Service, engine: Engine, clients: u64) -> anyhow::Result<Self> {
        let number = match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => clients,
        };
        let mut connections = Vec::new();
        for _ in 0..number {
            let mut connection = service.connect().await?;
            if let Connection::Sqlite(_) = connection {
                // As the server writes.
                for pragma in
                    ["PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON", "PRAGMA secure_delete = ON"]
                {
                    connection.execute(pragma).await?;
                }
            }
            connections.push(Arc::new(Mutex::new(connection)));
        }
        Ok(Self { clients, connections })
    }

    /// How many writes a second the clients reach.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn run(self, time: Duration) -> anyhow::Result<f64> {
        let mut tasks = JoinSet::new();
        let began = Instant::now();
        for (number, connection) in (0..self.clients).zip(self.connections.iter().cycle().cloned()) {
            // Accounts of which no server remembers anything.
            let rows = Rows::of(MOST + number, number + 1)?;
            tasks.spawn(async move {
                let mut writes = 0_u32;
                while began.elapsed() < time {
                    rows.add(&mut *connection.lock().await).await?;
                    rows.remove(&mut *connection.lock().await).await?;
                    writes += 2;
                }
                anyhow::Ok(writes)
            });
        }
        let writes = sum(tasks).await?;
        Ok(f64::from(writes) / began.elapsed().as_secs_f64())
    }
}

/// The same on a connection of either engine: their statements differ in how the feed numbers its rows.
macro_rules! transaction {
    ($connection:expr, $begin:literal, $feed:literal, $c:ident => $body:expr, $kind:literal, $fact:expr) => {{
        $connection.execute($begin).await?;
        let $c = &mut *$connection;
        sqlx::query($feed)
            .bind(AT)
            .bind($fact.0)
            .bind($kind)
            .bind($fact.1)
            .bind($fact.2)
            .execute(&mut *$c)
            .await?;
        $body;
        $c.execute("COMMIT").await?;
    }};
}

/// Microseconds since the Unix epoch; which ones does not matter to the database.
const AT: i64 = 1_800_000_000_000_000;

impl Rows {
    fn of(account: u64, user: u64) -> anyhow::Result<Self> {
        let membership = membership(account, user, MEMBER);
        let mail = Mail {
            account: account_id(account),
            account_name: format!("Account {account}"),
            recipient: format!("user-{user}@example.com"),
            recipient_name: Some(format!("User {user}")),
            locale: Locale::En,
            content: MailContent::MemberRemoved,
        };
        let (account, user) = (account_id(account), user_id(user));
        let ended = Change::MembershipEnded { account, user };
        let mut before = Records::default();
        before.put(Key::Membership(account, user), Record::Membership(Some(membership.clone())));
        let list = |change: &Change| serde_json::to_string(&[change]);
        Ok(Self {
            account: account.to_string(),
            user: user.to_string(),
            text: format!("{user} {user}@example.com"),
            taken: serde_json::to_string(&taken(&ended, &before))?,
            ended: serde_json::json!({ "account": account, "user": user }).to_string(),
            added: list(&Change::Membership(membership.clone()))?,
            removed: list(&ended)?,
            recipient: mail.recipient.clone(),
            mail: serde_json::to_string(&mail)?,
            membership: serde_json::to_string(&membership)?,
        })
    }

    async fn add(&self, connection: &mut Connection) -> anyhow::Result<()> {
        let fact = (&self.account, &self.membership, None::<&String>);
        match connection {
            Connection::Sqlite(c) => {
                transaction!(c, "BEGIN IMMEDIATE", "INSERT INTO feed (seq, at, account, kind, body, taken) VALUES ((SELECT \
                    (COALESCE(MAX(seq), 0) / 64 + 1) * 64 FROM feed), $1, $2, $3, $4, $5) RETURNING seq",
                    c => self.added_on_sqlite(c).await?, "membership", fact);
            }
            Connection::Postgres(c) => {
                transaction!(c, "BEGIN", "INSERT INTO feed (at, account, kind, body, taken) VALUES ($1, $2, $3, $4, $5) RETURNING seq",
                    c => self.added_on_postgres(c).await?, "membership", fact);
            }
        }
        Ok(())
    }

    async fn remove(&self, connection: &mut Connection) -> anyhow::Result<()> {
        let fact = (&self.account, &self.ended, Some(&self.taken));
        match connection {
            Connection::Sqlite(c) => {
                transaction!(c, "BEGIN IMMEDIATE", "INSERT INTO feed (seq, at, account, kind, body, taken) VALUES ((SELECT \
                    (COALESCE(MAX(seq), 0) / 64 + 1) * 64 FROM feed), $1, $2, $3, $4, $5) RETURNING seq",
                    c => self.removed_on_sqlite(c).await?, "membership_ended", fact);
            }
            Connection::Postgres(c) => {
                transaction!(c, "BEGIN", "INSERT INTO feed (at, account, kind, body, taken) VALUES ($1, $2, $3, $4, $5) RETURNING seq",
                    c => self.removed_on_postgres(c).await?, "membership_ended", fact);
            }
        }
        Ok(())
    }
}

/// Everything but the feed, once for each engine.
macro_rules! rows {
    ($added:ident, $removed:ident, $connection:ty) => {
        impl Rows {
            async fn $added(&self, c: &mut $connection) -> anyhow::Result<()> {
                let Self { account, user, text, membership, added, .. } = self;
                let sql = "INSERT INTO memberships (account, user_id, state, body, version) VALUES ($1, $2, 'active', $3, 1)";
                sqlx::query(sql).bind(account).bind(user).bind(membership).execute(&mut *c).await?;
                let sql = "INSERT INTO member_search (account, user_id, text) VALUES ($1, $2, $3)";
                sqlx::query(sql).bind(account).bind(user).bind(text).execute(&mut *c).await?;
                let sql = "INSERT INTO member_names (account, user_id, kind, name, state) VALUES ($1, $2, 'role', $3, 'active')";
                sqlx::query(sql).bind(account).bind(user).bind(MEMBER).execute(&mut *c).await?;
                self.log(c, "member.add", added).await
            }

            async fn $removed(&self, c: &mut $connection) -> anyhow::Result<()> {
                let Self { account, user, removed, recipient, mail, .. } = self;
                // As one that the server has sent, so that it is left alone.
                let sql = "INSERT INTO outbox (at, account, kind, recipient, body, state, attempts, next_at, claimed) \
                           VALUES ($1, $2, 'member_removed', $3, $4, 'sent', 0, $1, 0)";
                sqlx::query(sql).bind(AT).bind(account).bind(recipient).bind(mail).execute(&mut *c).await?;
                let sql = "DELETE FROM memberships WHERE account = $1 AND user_id = $2";
                sqlx::query(sql).bind(account).bind(user).execute(&mut *c).await?;
                self.log(c, "member.remove", removed).await
            }
        }

        impl Log<$connection> for Rows {
            async fn log(&self, c: &mut $connection, operation: &str, changes: &str) -> anyhow::Result<()> {
                let sql = "INSERT INTO activity (at, account, actor_kind, actor, operation, subject, changes) \
                           VALUES ($1, $2, 'operator', 'mandate#bench', $3, $4, $5)";
                let query = sqlx::query(sql).bind(AT).bind(&self.account).bind(operation).bind(&self.user);
                query.bind(changes).execute(c).await?;
                Ok(())
            }
        }
    };
}

/// The row of the activity log.
trait Log<C> {
    async fn log(&self, connection: &mut C, operation: &str, changes: &str) -> anyhow::Result<()>;
}

rows!(added_on_sqlite, removed_on_sqlite, SqliteConnection);
rows!(added_on_postgres, removed_on_postgres, PgConnection);
