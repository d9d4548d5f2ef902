//! Policies live in the database, versioned, so that every server on it decides alike.

use sqlx::PgConnection;

use crate::error::StoreError;
use crate::feed;
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

const NEWEST: &str = "SELECT p.name, p.version, p.digest, p.source, p.at FROM policies p \
     JOIN (SELECT name, MAX(version) AS version FROM policies GROUP BY name) newest \
     ON newest.name = p.name AND newest.version = p.version ORDER BY p.name";

type Row = (String, i64, String, String, i64);

fn stored((name, version, digest, source, at): Row) -> StoredPolicy {
    StoredPolicy { name, version, digest, source, at }
}

/// The newest version of each policy, on a session of one's own.
pub(crate) async fn newest(session: &mut PgConnection) -> Result<Vec<StoredPolicy>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(NEWEST).fetch_all(session).await?;
    Ok(rows.into_iter().map(stored).collect())
}

impl Store {
    /// Writes a new version of each policy whose digest differs from its newest version's, and names those.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written; then no version was.
    pub async fn sync_policies(
        &self,
        policies: &[PolicySource<'_>],
        now: i64,
    ) -> Result<Vec<StoredPolicy>, StoreError> {
        let mut tx = self.pools()?.begin_write().await?;
        if let Tx::Postgres(_) = &tx {
            // Two servers that start at once take turns; SQLite's writers do so anyhow.
            let sql = "LOCK TABLE policies IN SHARE ROW EXCLUSIVE MODE";
            on_tx!(&mut tx, c => sqlx::query(sql).execute(c).await.map(drop))?;
        }
        let rows: Vec<Row> = on_tx!(&mut tx, c => sqlx::query_as(NEWEST).fetch_all(c).await)?;
        let newest: Vec<StoredPolicy> = rows.into_iter().map(stored).collect();
        let mut written = Vec::new();
        for policy in policies {
            let before = newest.iter().find(|stored| stored.name == policy.name);
            if before.is_some_and(|before| before.digest == policy.digest) {
                continue;
            }
            let next = StoredPolicy {
                name: policy.name.to_owned(),
                version: before.map_or(0, |before| before.version) + 1,
                digest: policy.digest.to_owned(),
                source: policy.source.to_owned(),
                at: now,
            };
            insert(&mut tx, &next).await?;
            written.push(next);
        }
        if !written.is_empty() {
            feed::append_policies(&mut tx, now).await?;
        }
        tx.commit().await.map_err(StoreError::of_commit)?;
        Ok(written)
    }

    /// The newest version of each policy, ascending by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn load_policies(&self) -> Result<Vec<StoredPolicy>, StoreError> {
        let rows: Vec<Row> = on_readers!(self.pools()?, c => sqlx::query_as(NEWEST).fetch_all(c).await)?;
        Ok(rows.into_iter().map(stored).collect())
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
        let (sql, within) = match kind {
            NameKind::Role => (BY_MEMBERS, Some("role")),
            NameKind::Grant => (BY_MEMBERS, Some("grant")),
            NameKind::Restriction => (BY_MEMBERS, Some("restriction")),
            NameKind::ResourceRole(kind) => (BY_RESOURCES, Some(kind)),
            NameKind::AssignedPermission => (BY_ASSIGNMENTS, None),
            NameKind::GroupRole => (BY_GROUPS, None),
        };
        let count: i64 = on_readers!(self.pools()?, c => {
            let query = sqlx::query_scalar(sql).bind(policy).bind(name);
            within.into_iter().fold(query, |query, within| query.bind(within)).fetch_one(c).await
        })?;
        Ok(u64::try_from(count).unwrap_or_default())
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

async fn insert(tx: &mut Tx, policy: &StoredPolicy) -> Result<(), StoreError> {
    let sql = "INSERT INTO policies (name, version, digest, source, at) VALUES ($1, $2, $3, $4, $5)";
    on_tx!(tx, c => {
        sqlx::query(sql).bind(&policy.name).bind(policy.version).bind(&policy.digest).bind(&policy.source)
            .bind(policy.at).execute(c).await.map(drop)
    })?;
    Ok(())
}
