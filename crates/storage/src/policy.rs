//! Policies live in the database, versioned, so that every server on it decides alike.

use sqlx::PgConnection;

use crate::error::StoreError;
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::tx::{Tx, on_readers, on_tx};

/// A policy file as a server brings it along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicySource<'a> {
    /// The policy's name.
    pub name: &'a str,
    /// The text of the file.
    pub source: &'a str,
    /// A digest of the text: what differs is a new version.
    pub digest: &'a str,
}

/// A version of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPolicy {
    /// The policy's name.
    pub name: String,
    /// Counts from 1.
    pub version: i64,
    /// The digest of the text.
    pub digest: String,
    /// The text of the file.
    pub source: String,
    /// When it was written: microseconds since the Unix epoch.
    pub at: i64,
    /// Who applied it, as the activity log names them; `None`: a server brought it as a file.
    pub applied_by: Option<String>,
}

/// What a name of a policy names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind<'a> {
    /// An account role.
    Role,
    /// A permission granted to a member.
    Grant,
    /// A restriction put on a member.
    Restriction,
    /// A role of this resource type.
    ResourceRole(&'a str),
    /// A permission that came with an assignment.
    AssignedPermission,
    /// A role of account groups.
    GroupRole,
}

/// A name that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameInUse {
    /// The name.
    pub name: String,
    /// How often it is held, in all accounts of the policy.
    pub holders: u64,
}

macro_rules! columns {
    () => {
        "SELECT p.name, p.version, p.digest, p.source, p.at, p.applied_by FROM policies p "
    };
}

const NEWEST: &str = concat!(
    columns!(),
    "JOIN (SELECT name, MAX(version) AS version FROM policies GROUP BY name) newest \
     ON newest.name = p.name AND newest.version = p.version ORDER BY p.name"
);

/// The columns of one row.
pub(crate) type Row = (String, i64, String, String, i64, Option<String>);

pub(crate) fn stored((name, version, digest, source, at, applied_by): Row) -> StoredPolicy {
    StoredPolicy { name, version, digest, source, at, applied_by }
}

/// The newest version of each policy, on a session of one's own.
pub(crate) async fn newest(session: &mut PgConnection) -> Result<Vec<StoredPolicy>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(NEWEST).fetch_all(session).await?;
    Ok(rows.into_iter().map(stored).collect())
}

/// The newest version of one policy.
pub(crate) async fn newest_of(tx: &mut Tx, name: &str) -> Result<Option<StoredPolicy>, StoreError> {
    let sql = concat!(columns!(), "WHERE p.name = $1 ORDER BY p.version DESC LIMIT 1");
    let row: Option<Row> = on_tx!(tx, c => sqlx::query_as(sql).bind(name).fetch_optional(c).await)?;
    Ok(row.map(stored))
}

impl Store {
    /// The newest version of each policy, ascending by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn load_policies(&self) -> Result<Vec<StoredPolicy>, StoreError> {
        let rows: Vec<Row> = on_readers!(self.pools()?, c => sqlx::query_as(NEWEST).fetch_all(c).await)?;
        Ok(rows.into_iter().map(stored).collect())
    }

    /// A version of a policy, or its newest one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn policy_version(
        &self,
        name: &str,
        version: Option<i64>,
    ) -> Result<Option<StoredPolicy>, StoreError> {
        let sql = concat!(
            columns!(),
            "WHERE p.name = $1 AND p.version = COALESCE($2, (SELECT MAX(version) FROM policies WHERE name = $1))"
        );
        let row: Option<Row> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(name).bind(version).fetch_optional(c).await
        })?;
        Ok(row.map(stored))
    }

    /// The latest version of a policy with a text of this digest.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn version_of_digest(&self, name: &str, digest: &str) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MAX(version) FROM policies WHERE name = $1 AND digest = $2";
        Ok(on_readers!(self.pools()?, c => {
            sqlx::query_scalar(sql).bind(name).bind(digest).fetch_one(c).await
        })?)
    }

    /// A page of the newest versions of all policies, ascending by name, without their texts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_policies(&self, after: &str, limit: u32) -> Result<Page<StoredPolicy>, StoreError> {
        let sql = "SELECT p.name, p.version, p.digest, '', p.at, p.applied_by FROM policies p \
                   JOIN (SELECT name, MAX(version) AS version FROM policies WHERE name > $1 GROUP BY name) newest \
                   ON newest.name = p.name AND newest.version = p.version ORDER BY p.name LIMIT $2";
        let rows: Vec<Row> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(after).bind(rows_for(limit)).fetch_all(c).await
        })?;
        Page::of(rows, limit, |row| Ok(stored(row)))
    }

    /// A page of the versions of one policy, newest first, without their texts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_policy_versions(
        &self,
        name: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<StoredPolicy>, StoreError> {
        let sql = "SELECT name, version, digest, '', at, applied_by FROM policies \
                   WHERE name = $1 AND version < $2 ORDER BY version DESC LIMIT $3";
        let rows: Vec<Row> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(name).bind(before.unwrap_or(i64::MAX)).bind(rows_for(limit)).fetch_all(c).await
        })?;
        Page::of(rows, limit, |row| Ok(stored(row)))
    }

    /// The first of the names that is held anywhere under the policy, deleted accounts included, since those
    /// can be taken back. A new version must not drop it without saying what becomes of its holders.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn name_in_use(
        &self,
        policy: &str,
        kind: NameKind<'_>,
        names: &[String],
    ) -> Result<Option<NameInUse>, StoreError> {
        for name in names {
            let holders = self.count_holders(policy, kind, name).await?;
            if holders > 0 {
                return Ok(Some(NameInUse { name: name.clone(), holders }));
            }
        }
        Ok(None)
    }

    async fn count_holders(&self, policy: &str, kind: NameKind<'_>, name: &str) -> Result<u64, StoreError> {
        let (sql, within) = counting(kind);
        let count: i64 = on_readers!(self.pools()?, c => {
            let query = sqlx::query_scalar(sql).bind(policy).bind(name);
            within.into_iter().fold(query, |query, within| query.bind(within)).fetch_one(c).await
        })?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// How often a name is held, as the transaction sees it.
pub(crate) async fn holders(
    tx: &mut Tx,
    policy: &str,
    kind: NameKind<'_>,
    name: &str,
) -> Result<u64, StoreError> {
    let (sql, within) = counting(kind);
    let count: i64 = on_tx!(tx, c => {
        let query = sqlx::query_scalar(sql).bind(policy).bind(name);
        within.into_iter().fold(query, |query, within| query.bind(within)).fetch_one(c).await
    })?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// The statement that counts the holders of such a name, and what it is told beside policy and name.
fn counting(kind: NameKind<'_>) -> (&'static str, Option<&str>) {
    match kind {
        NameKind::Role => (BY_MEMBERS, Some("role")),
        NameKind::Grant => (BY_MEMBERS, Some("grant")),
        NameKind::Restriction => (BY_MEMBERS, Some("restriction")),
        NameKind::ResourceRole(kind) => (BY_RESOURCES, Some(kind)),
        NameKind::AssignedPermission => (BY_ASSIGNMENTS, None),
        NameKind::GroupRole => (BY_GROUPS, None),
    }
}

const BY_MEMBERS: &str = "SELECT COUNT(*) FROM accounts a \
     JOIN member_names n ON n.account = a.id AND n.kind = $3 AND n.name = $2 WHERE a.policy = $1";
const BY_RESOURCES: &str = "SELECT COUNT(*) FROM accounts a \
     JOIN assignment_names n ON n.account = a.id AND n.kind = $3 AND n.what = 'role' AND n.name = $2 \
     WHERE a.policy = $1";
const BY_ASSIGNMENTS: &str = "SELECT COUNT(*) FROM accounts a \
     JOIN assignment_names n ON n.account = a.id AND n.what = 'permission' AND n.name = $2 WHERE a.policy = $1";
const BY_GROUPS: &str = "SELECT COUNT(*) FROM groups g \
     JOIN group_users u ON u.group_id = g.id AND u.role = $2 WHERE g.policy = $1";
