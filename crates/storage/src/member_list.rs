//! Members as lists have them: with what people call them, and when they were last active.

use mandate_domain::id::{AccountId, ContactId, UserId};
use mandate_domain::membership::{MemberState, Membership};
use mandate_domain::search::Infix;
use mandate_domain::user::User;

use crate::error::StoreError;
use crate::json::decode;
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::search::pattern;
use crate::statement::{Statement, Value};
use crate::tx::on_readers;

/// Which members to list. All conditions hold at once; none lists all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemberFilter<'a> {
    /// Those who hold this account role.
    pub role: Option<&'a str>,
    /// Those whose membership is in this state.
    pub state: Option<MemberState>,
    /// Those whose name or e-mail address holds this text.
    pub search: Option<&'a Infix>,
    /// Those who were not active at this time or later: microseconds since the Unix epoch.
    pub last_active_before: Option<i64>,
    /// Those who are no contact of the account, or one with a greater id than this.
    pub beyond: Option<ContactId>,
}

/// A member, with what people call them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The membership.
    pub membership: Membership,
    /// The user's e-mail address.
    pub email: String,
    /// The user's name.
    pub display_name: String,
    /// Where a picture of the user is; empty: nowhere.
    pub avatar_url: String,
    /// When they were last active: microseconds since the Unix epoch; `None`: never.
    pub last_active: Option<i64>,
}

/// Whom a membership is about, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberProfile {
    /// The user.
    pub user: User,
    /// When they were last active in the account: microseconds since the Unix epoch; `None`: never.
    pub last_active: Option<i64>,
}

/// A membership's user and body, the user's body, and when the member was last active.
pub(crate) type Row = (String, String, String, Option<i64>);

/// A [`Row`] for each account and user of the query that stands between these two, which are few.
pub(crate) const ROWS_OF: &str = "SELECT k.user_id, m.body, u.body, a.at FROM (";
/// The end of it.
pub(crate) const ASCENDING: &str = ") k JOIN memberships m ON m.account = k.account AND m.user_id = k.user_id \
    JOIN users u ON u.id = k.user_id \
    LEFT JOIN member_activity a ON a.account = k.account AND a.user_id = k.user_id ORDER BY k.user_id";

impl Member {
    /// The member, of whom these facts are known.
    #[must_use]
    pub fn new(membership: Membership, user: User, last_active: Option<i64>) -> Self {
        let User { email, display_name, avatar_url, .. } = user;
        Self { membership, email, display_name, avatar_url, last_active }
    }

    /// Reads a row.
    pub(crate) fn read(
        account: AccountId,
        (user, body, profile, last_active): Row,
    ) -> Result<Self, StoreError> {
        let membership = decode("memberships", || format!("{account}/{user}"), &body)?;
        Ok(Self::new(membership, decode("users", || user, &profile)?, last_active))
    }
}

impl MemberFilter<'_> {
    /// A page of the members, ascending.
    ///
    /// INVARIANT: the first table is read by an index that begins with the account, the others row by row by their keys:
    /// how long a page takes depends on the account's members, never on those of all accounts. Subqueries that give one
    /// value, unlike joins and EXISTS, are never turned into a scan of the other table.
    fn page(self, account: AccountId, after: Option<UserId>, limit: u32) -> Statement {
        let mut page = Statement::new(ROWS_OF);
        // What narrows most comes first; the other conditions are looked up for what is left.
        page.then("SELECT p.account, p.user_id FROM ").then(match self {
            Self { search: Some(_), .. } => "member_search",
            Self { role: Some(_), .. } => "member_names",
            _ => "memberships",
        });
        page.then(" p WHERE p.account = ").text(account);
        page.then(" AND p.user_id > ").text(after.map(|id| id.to_string()).unwrap_or_default());
        match self.search {
            Some(infix) => {
                page.then(" AND p.text LIKE ").text(pattern(infix)).then(r" ESCAPE '\'");
                self.role_and_state_of_found(account, &mut page);
            }
            None => self.role_and_state(&mut page),
        }
        if let Some(before) = self.last_active_before {
            page.then(" AND COALESCE((SELECT a.at FROM member_activity a WHERE a.account = ").text(account);
            page.then(" AND a.user_id = p.user_id), 0) < ").bind(Value::Number(before));
        }
        if let Some(contact) = self.beyond {
            // No id is greater than a tilde.
            page.then(" AND COALESCE((SELECT c.id FROM contacts c WHERE c.account = ").text(account);
            page.then(" AND c.user_id = p.user_id), '~') > ").text(contact);
        }
        page.then(" ORDER BY p.user_id LIMIT ").bind(Value::Number(rows_for(limit))).then(ASCENDING);
        page
    }

    fn role_and_state(self, page: &mut Statement) {
        if let Some(role) = self.role {
            page.then(" AND p.kind = 'role' AND p.name = ").text(role);
        }
        if let Some(state) = self.state {
            page.then(" AND p.state = ").text(state.name());
        }
    }

    fn role_and_state_of_found(self, account: AccountId, page: &mut Statement) {
        if let Some(role) = self.role {
            page.then(" AND (SELECT n.name FROM member_names n WHERE n.account = ").text(account);
            page.then(" AND n.user_id = p.user_id AND n.kind = 'role' AND n.name = ").text(role);
            page.then(") IS NOT NULL");
        }
        if let Some(state) = self.state {
            page.then(" AND (SELECT s.state FROM memberships s WHERE s.account = ").text(account);
            page.then(" AND s.user_id = p.user_id) = ").text(state.name());
        }
    }
}

impl Store {
    /// A page of an account's members, ascending by the user's id.
    ///
    /// `after` is the last user of the page before, `limit` the most members of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_members(
        &self,
        account: AccountId,
        filter: MemberFilter<'_>,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<Member>, StoreError> {
        let rows: Vec<Row> = filter.page(account, after, limit).rows(self.pools()?).await?;
        Page::of(rows, limit, |row| Member::read(account, row))
    }

    /// The member, if the user is one of the account.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn member(&self, account: AccountId, user: UserId) -> Result<Option<Member>, StoreError> {
        let mut one = Statement::new(ROWS_OF);
        one.then("SELECT p.account, p.user_id FROM memberships p WHERE p.account = ").text(account);
        one.then(" AND p.user_id = ").text(user).then(ASCENDING);
        let rows: Vec<Row> = one.rows(self.pools()?).await?;
        rows.into_iter().next().map(|row| Member::read(account, row)).transpose()
    }

    /// Whom a membership of this user in this account is about, whether or not there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or the row is corrupt.
    pub async fn profile(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<MemberProfile>, StoreError> {
        let sql = "SELECT u.body, (SELECT a.at FROM member_activity a WHERE a.account = $1 AND a.user_id = u.id) \
                   FROM users u WHERE u.id = $2";
        let (account, user) = (account.to_string(), user.to_string());
        let row: Option<(String, Option<i64>)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(&account).bind(&user).fetch_optional(c).await
        })?;
        row.map(|(body, last_active)| {
            Ok(MemberProfile { user: decode("users", || user, &body)?, last_active })
        })
        .transpose()
    }
}
