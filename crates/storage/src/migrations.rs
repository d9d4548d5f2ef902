//! Bringing a database's tables to the form that this version needs, and saying which they had.

use std::ops::Deref;

use sqlx::Acquire;
use sqlx::migrate::{Migrate, MigrateError, Migrator};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// What opening a database changed about the form of its tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrated {
    /// The newest migration that it had before. `None`: it was empty.
    pub before: Option<i64>,
    /// The newest that it has now. A newer version of this program may have brought it there.
    pub after: Option<i64>,
    /// What was applied, in order: version and name.
    pub applied: Vec<(i64, String)>,
}

impl Migrated {
    /// The newest migration that this program knows for the engine of a URL.
    #[must_use]
    pub fn newest(url: &str) -> i64 {
        let known = if url.starts_with("sqlite:") { &SQLITE } else { &POSTGRES };
        known.iter().map(|migration| migration.version).max().unwrap_or_default()
    }
}

pub(crate) async fn sqlite<'a, A>(connection: A) -> Result<Migrated, MigrateError>
where
    A: Acquire<'a>,
    <A::Connection as Deref>::Target: Migrate,
{
    run(&SQLITE, connection).await
}

pub(crate) async fn postgres<'a, A>(connection: A) -> Result<Migrated, MigrateError>
where
    A: Acquire<'a>,
    <A::Connection as Deref>::Target: Migrate,
{
    run(&POSTGRES, connection).await
}

/// A newer version's migrations are not missed: whether this one can read their tables `meta` says.
async fn run<'a, A>(known: &Migrator, connection: A) -> Result<Migrated, MigrateError>
where
    A: Acquire<'a>,
    <A::Connection as Deref>::Target: Migrate,
{
    let migrator =
        Migrator { migrations: known.migrations.clone(), ignore_missing: true, ..Migrator::DEFAULT };
    let mut connection = connection.acquire().await.map_err(MigrateError::Execute)?;
    connection.ensure_migrations_table(&migrator.table_name).await?;
    let before = versions(&mut *connection, &migrator).await?;
    migrator.run_direct(None, &mut *connection, false).await?;
    let after = versions(&mut *connection, &migrator).await?;
    let new = known.iter().filter(|migration| after.contains(&migration.version));
    let new = new.filter(|migration| !before.contains(&migration.version));
    Ok(Migrated {
        before: before.iter().max().copied(),
        after: after.iter().max().copied(),
        applied: new.map(|migration| (migration.version, migration.description.to_string())).collect(),
    })
}

async fn versions(connection: &mut impl Migrate, migrator: &Migrator) -> Result<Vec<i64>, MigrateError> {
    let applied = connection.list_applied_migrations(&migrator.table_name).await?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}
