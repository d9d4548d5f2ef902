//! Who may do something in an account, or to one resource of it.

use std::collections::BTreeMap;

use mandate_domain::candidates::Sources;
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::membership::Membership;
use mandate_domain::resource::{Assignment, ResourceRef};
use mandate_domain::user::User;
use serde::Serialize;

use super::{Range, Reading};
use crate::error::StoreError;
use crate::json::{decode, decode_column, encode};
use crate::statement::Statement;
use crate::tx::{json_rows, on_tx};

/// Where those are to be found who may do something.
#[derive(Debug, Clone, Copy)]
pub struct Holders<'a> {
    /// The account.
    pub account: AccountId,
    /// The permission, which may have been granted.
    pub permission: &'a str,
    /// The roles that hold it.
    pub sources: &'a Sources<'a>,
    /// The groups that contain the account.
    pub groups: &'a [GroupId],
    /// The resource asked about and what it lives in; empty: the question names none.
    pub chain: &'a [ResourceRef],
}

/// What the question about one user is decided on, beside the account and the resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecords {
    /// Whose facts these are.
    pub id: UserId,
    /// The user.
    pub user: Option<User>,
    /// Their membership.
    pub membership: Option<Membership>,
    /// Their assignments of the resource asked about and of what it lives in.
    pub assignments: Vec<Assignment>,
}

/// One place where they are found.
enum Place<'a> {
    /// Members who hold a role, or were granted a permission.
    Name(AccountId, &'static str, &'a str),
    /// Users with a role in a group.
    Seat(GroupId, &'a str),
    /// Members whom a resource is assigned to.
    Assigned(AccountId, &'a ResourceRef),
}

impl Range for Place<'_> {
    fn query(&self, page: &mut Statement, after: &str, rows: i64) {
        match self {
            Self::Name(account, kind, name) => {
                page.then("SELECT n.user_id AS k FROM member_names n WHERE n.account = ").text(account);
                page.then(" AND n.kind = ").text(kind).then(" AND n.name = ").text(name);
                page.then(" AND n.user_id > ").text(after).then(" ORDER BY n.user_id LIMIT ").number(rows);
            }
            Self::Seat(group, role) => {
                page.then("SELECT g.user_id AS k FROM group_users g WHERE g.group_id = ").text(group);
                page.then(" AND g.role = ").text(role);
                page.then(" AND g.user_id > ").text(after).then(" ORDER BY g.user_id LIMIT ").number(rows);
            }
            Self::Assigned(account, resource) => {
                page.then("SELECT a.user_id AS k FROM assignments a WHERE a.account = ").text(account);
                page.then(" AND a.kind = ").text(&resource.kind).then(" AND a.id = ").text(&resource.id);
                page.then(" AND a.user_id > ").text(after).then(" ORDER BY a.user_id LIMIT ").number(rows);
            }
        }
    }
}

impl<'a> Holders<'a> {
    fn places(&self) -> Vec<Place<'a>> {
        let Self { account, permission, sources, groups, chain } = *self;
        let roles = sources.roles.iter().map(|role| Place::Name(account, "role", role));
        let grant = [Place::Name(account, "grant", permission)];
        let seats =
            groups.iter().flat_map(|group| sources.group_roles.iter().map(|role| Place::Seat(*group, role)));
        let assigned = chain.iter().map(|resource| Place::Assigned(account, resource));
        roles.chain(grant).chain(seats).chain(assigned).collect()
    }
}

#[derive(Serialize)]
struct Asked {
    id: String,
}

impl Reading {
    /// The first users behind this one who may hold something there, ascending: at most so many.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn holders(
        &mut self,
        holders: &Holders<'_>,
        after: Option<UserId>,
        rows: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let found = self.first_of(&holders.places(), &after, rows).await?;
        let read = |id: String| {
            decode_column("member_names", "user_id", || format!("{}/{id}", holders.account), &encode(&id)?)
        };
        found.into_iter().map(read).collect()
    }

    /// What the question about each of these users is decided on, ascending by user.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn members(
        &mut self,
        account: AccountId,
        users: &[UserId],
        chain: &[ResourceRef],
    ) -> Result<Vec<MemberRecords>, StoreError> {
        // Subqueries that give one value are looked up by key, whatever the planner believes of the list.
        let sql = json_rows!(
            self.0.engine(),
            "SELECT value ->> 'id', (SELECT u.body FROM users u WHERE u.id = (value ->> 'id')), \
             (SELECT m.body FROM memberships m WHERE m.account = $1 AND m.user_id = (value ->> 'id')) FROM",
            "$2",
            ""
        );
        let asked: Vec<Asked> = users.iter().map(|id| Asked { id: id.to_string() }).collect();
        let asked = encode(&asked)?;
        let rows: Vec<(String, Option<String>, Option<String>)> = on_tx!(&mut self.0, c => {
            sqlx::query_as(sql).bind(account.to_string()).bind(asked).fetch_all(c).await
        })?;
        let pairs = users.iter().flat_map(|user| chain.iter().map(|resource| (*user, resource)));
        let pairs: Vec<_> = pairs.collect();
        let mut assigned = BTreeMap::<UserId, Vec<Assignment>>::new();
        for assignment in self.assignments(account, &pairs).await? {
            assigned.entry(assignment.user).or_default().push(assignment);
        }
        let mut members = Vec::with_capacity(rows.len());
        for (key, user, membership) in rows {
            let id = decode_column("users", "id", || key.clone(), &encode(&key)?)?;
            let user = user.map(|body| decode("users", || key.clone(), &body)).transpose()?;
            let membership = membership
                .map(|body| decode("memberships", || format!("{account}/{key}"), &body))
                .transpose()?;
            let assignments = assigned.remove(&id).unwrap_or_default();
            members.push(MemberRecords { id, user, membership, assignments });
        }
        members.sort_by_key(|member| member.id);
        Ok(members)
    }
}
