//! Everything that one permission check is decided on, in one statement and so in one snapshot.

use mandate_domain::account::Account;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::membership::Membership;
use mandate_domain::resource::{Assignment, Resource, ResourceRef};
use mandate_domain::user::User;

use crate::error::StoreError;
use crate::json::decode;
use crate::open::Store;
use crate::position::Position;
use crate::tx::{Pools, Tx, on_readers, on_tx};

/// What a check is decided on. Absence is an answer, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionRecords {
    /// The account.
    pub account: Option<Account>,
    /// The user.
    pub user: Option<User>,
    /// The user's membership in the account.
    pub membership: Option<Membership>,
    /// The resource, if the question names one and it is registered.
    pub resource: Option<Resource>,
    /// The user's assignments to the resource and to what it lives in, nearest first.
    pub assignments: Vec<Assignment>,
    /// Where in the database's history the snapshot stands.
    pub position: Position,
    /// How many versions of policies there are in it: by which ones it is to be judged.
    pub policies: i64,
}

/// Each row says what it is, how far from the resource an assignment lies, and the fact. The place where the snapshot stands
/// comes with the number of versions of policies.
macro_rules! question {
    ($position:literal) => {
        concat!(
            "SELECT 'account' AS what, 0 AS distance, body FROM accounts WHERE id = $1 \
             UNION ALL SELECT 'user', 0, body FROM users WHERE id = $2 \
             UNION ALL SELECT 'membership', 0, body FROM memberships WHERE account = $1 AND user_id = $2 \
             UNION ALL SELECT 'resource', 0, body FROM resources WHERE account = $1 AND kind = $3 AND id = $4 \
             UNION ALL SELECT 'assignment', 0, body FROM assignments \
               WHERE account = $1 AND user_id = $2 AND kind = $3 AND id = $4 \
             UNION ALL SELECT 'assignment', a.depth, s.body FROM resource_ancestors a JOIN assignments s \
               ON s.account = a.account AND s.kind = a.ancestor_kind AND s.id = a.ancestor_id AND s.user_id = $2 \
               WHERE a.account = $1 AND a.kind = $3 AND a.id = $4 \
             UNION ALL SELECT 'position', (SELECT COUNT(*) FROM policies), ",
            $position
        )
    };
}

/// The same for a question that names no resource: one row of account, user, membership and position, which costs less than
/// a row for each.
macro_rules! question_of_account {
    ($position:literal) => {
        concat!(
            "SELECT (SELECT body FROM accounts WHERE id = $1), (SELECT body FROM users WHERE id = $2), \
             (SELECT body FROM memberships WHERE account = $1 AND user_id = $2), (SELECT ",
            $position,
            "), (SELECT COUNT(*) FROM policies)"
        )
    };
}

/// The row of it.
type OfAccount = (Option<String>, Option<String>, Option<String>, String, i64);

/// The statement for an engine: each says in its own way where the snapshot stands.
macro_rules! positioned {
    ($on:expr, $sqlite:pat, $question:ident) => {
        match $on {
            $sqlite => $question!("CAST(COALESCE(MAX(seq), 0) AS TEXT) FROM feed"),
            // Up to the last transaction that wrote to the feed: later ones only failed, and a crash may give their
            // numbers to others.
            _ => $question!(
                "pg_current_snapshot()::text || ' ' || \
                 COALESCE((SELECT last.xid::text FROM feed last ORDER BY last.era DESC, last.xid DESC LIMIT 1), '0')"
            ),
        }
    };
}

pub(crate) use positioned;

impl Store {
    /// Reads what the question whether `user` may do something in `account`, perhaps to `resource`, is
    /// decided on.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt: then nothing can be decided.
    pub async fn read_question(
        &self,
        account: AccountId,
        user: UserId,
        resource: Option<&ResourceRef>,
    ) -> Result<QuestionRecords, StoreError> {
        let (account, user) = (account.to_string(), user.to_string());
        let pools = self.pools()?;
        let whole = positioned!(pools, Pools::Sqlite { .. }, question);
        let of_account = positioned!(pools, Pools::Sqlite { .. }, question_of_account);
        let Some(resource) = resource else {
            let row: OfAccount = on_readers!(pools, c => {
                sqlx::query_as(of_account).bind(&account).bind(&user).fetch_one(c).await
            })?;
            return of_account_alone(row, &account, &user);
        };
        let rows: Vec<(String, i64, String)> = on_readers!(pools, c => {
            sqlx::query_as(whole).bind(&account).bind(&user).bind(&resource.kind).bind(&resource.id)
                .fetch_all(c).await
        })?;
        collect(rows, &account, &user, &format!("{}/{}", resource.kind, resource.id))
    }
}

/// The same in a transaction that goes on: several statements, which see what it has written.
pub(crate) async fn question_in(
    tx: &mut Tx,
    account: AccountId,
    user: UserId,
    resource: Option<&ResourceRef>,
) -> Result<QuestionRecords, StoreError> {
    let (account, user) = (account.to_string(), user.to_string());
    let whole = positioned!(tx, Tx::Sqlite(_), question);
    let of_account = positioned!(tx, Tx::Sqlite(_), question_of_account);
    let Some(resource) = resource else {
        let row: OfAccount = on_tx!(tx, c => {
            sqlx::query_as(of_account).bind(&account).bind(&user).fetch_one(c).await
        })?;
        return of_account_alone(row, &account, &user);
    };
    let rows: Vec<(String, i64, String)> = on_tx!(tx, c => {
        sqlx::query_as(whole).bind(&account).bind(&user).bind(&resource.kind).bind(&resource.id)
            .fetch_all(c).await
    })?;
    collect(rows, &account, &user, &resource.to_string())
}

fn of_account_alone(
    (of_account, of_user, of_membership, position, policies): OfAccount,
    account: &str,
    user: &str,
) -> Result<QuestionRecords, StoreError> {
    let membership = |body: String| decode("memberships", || format!("{account}/{user}"), &body);
    Ok(QuestionRecords {
        account: of_account.map(|body| decode("accounts", || account.to_owned(), &body)).transpose()?,
        user: of_user.map(|body| decode("users", || user.to_owned(), &body)).transpose()?,
        membership: of_membership.map(membership).transpose()?,
        resource: None,
        assignments: Vec::new(),
        position: Position::told(&position)?,
        policies,
    })
}

fn collect(
    rows: Vec<(String, i64, String)>,
    account: &str,
    user: &str,
    resource: &str,
) -> Result<QuestionRecords, StoreError> {
    let mut found = QuestionRecords {
        account: None,
        user: None,
        membership: None,
        resource: None,
        assignments: Vec::new(),
        position: Position::default(),
        policies: 0,
    };
    let mut assignments: Vec<(i64, Assignment)> = Vec::new();
    for (what, number, body) in rows {
        match what.as_str() {
            "account" => found.account = Some(decode("accounts", || account.to_owned(), &body)?),
            "user" => found.user = Some(decode("users", || user.to_owned(), &body)?),
            "membership" => {
                found.membership = Some(decode("memberships", || format!("{account}/{user}"), &body)?);
            }
            "resource" => {
                found.resource = Some(decode("resources", || format!("{account}/{resource}"), &body)?)
            }
            "assignment" => {
                let key = || format!("{account}/{user}/{resource} or what it lives in ({number} up)");
                assignments.push((number, decode("assignments", key, &body)?));
            }
            _ => {
                found.position = Position::told(&body)?;
                found.policies = number;
            }
        }
    }
    assignments.sort_by_key(|(distance, _)| *distance);
    found.assignments = assignments.into_iter().map(|(_, assignment)| assignment).collect();
    Ok(found)
}
