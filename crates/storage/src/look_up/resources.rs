//! To which resources of an account somebody may do something.

use std::collections::{BTreeMap, BTreeSet};

use mandate_domain::id::{AccountId, UserId};
use mandate_domain::resource::{Assignment, Resource, ResourceRef};
use serde::{Deserialize, Serialize};

use super::Reading;
use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::tx::{Tx, json_rows, on_tx};

/// By which way a walk over somebody's resources came to one: where the next page goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It is registered, and they may do it to all of its type.
    Registered(ResourceRef),
    /// They created it.
    Created(ResourceRef),
    /// It is assigned to them.
    Assigned(ResourceRef),
    /// It lives in one that is assigned to them.
    Below {
        /// What is assigned.
        assigned: ResourceRef,
        /// What lives in it.
        resource: ResourceRef,
    },
}

/// Where a walk finds resources.
#[derive(Debug, Clone, Copy)]
pub enum Places {
    /// Among all that are registered.
    Registered,
    /// Among what the user created; then what is assigned to them, each with what lives in it.
    TheirOwn,
}

/// What a part of a walk came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// The resources, each once in the whole walk.
    pub found: Vec<ResourceRecords>,
    /// The last step, if there may be more behind it.
    pub end: Option<Way>,
    /// How many steps were made.
    pub steps: usize,
}

/// What the question about one resource is decided on, beside the account and the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceRecords {
    /// How the walk came to it.
    pub way: Way,
    /// The resource, if it is registered.
    pub resource: Option<Resource>,
    /// The user's assignments of it and of what it lives in.
    pub assignments: Vec<Assignment>,
}

impl Way {
    /// Which resource it leads to.
    #[must_use]
    pub fn resource(&self) -> &ResourceRef {
        match self {
            Self::Registered(resource)
            | Self::Created(resource)
            | Self::Assigned(resource)
            | Self::Below { resource, .. } => resource,
        }
    }
}

impl ResourceRecords {
    /// Whether the walk comes to the resource by an earlier way, too, and this one is not to count.
    fn is_repeated(&self, user: UserId) -> bool {
        let assigned = match &self.way {
            Way::Registered(_) | Way::Created(_) => return false,
            Way::Assigned(assigned) | Way::Below { assigned, .. } => assigned,
        };
        self.resource.as_ref().is_some_and(|resource| resource.created_by == Some(user))
            || self.assignments.iter().any(|assignment| assignment.resource < *assigned)
    }
}

const OF_TYPE: &str =
    "SELECT kind, id FROM resources WHERE account = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4";
const CREATED: [&str; 2] = [
    "SELECT kind, id FROM resources WHERE account = $1 AND (body ->> 'created_by') = $2 AND (kind, id) > ($3, $4) \
     ORDER BY kind, id LIMIT $5",
    "SELECT kind, id FROM resources WHERE account = $1 AND (body::json ->> 'created_by') = $2 AND (kind, id) > ($3, $4) \
     ORDER BY kind, id LIMIT $5",
];
/// With whether anything lives in it.
const ASSIGNED: &str = "SELECT a.kind, a.id, (SELECT r.id FROM resource_ancestors r WHERE r.account = a.account \
     AND r.ancestor_kind = a.kind AND r.ancestor_id = a.id LIMIT 1) FROM assignments a \
     WHERE a.account = $1 AND a.user_id = $2 AND (a.kind, a.id) > ($3, $4) ORDER BY a.kind, a.id LIMIT $5";
const BELOW: &str = "SELECT kind, id FROM resource_ancestors WHERE account = $1 AND ancestor_kind = $2 \
     AND ancestor_id = $3 AND (kind, id) > ($4, $5) ORDER BY kind, id LIMIT $6";

/// A walk over somebody's resources in an account, as far as it has come.
struct Walk<'r> {
    tx: &'r mut Tx,
    account: String,
    /// Most steps of it.
    rows: usize,
    ways: Vec<Way>,
}

impl Reading {
    /// The next resources behind this one, of these types (ascending by name): at most so many steps of the walk. A step that
    /// leads to where an earlier one led is left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn resources(
        &mut self,
        account: AccountId,
        user: UserId,
        places: Places,
        types: &[&str],
        after: Option<Way>,
        rows: usize,
    ) -> Result<Walked, StoreError> {
        let mut walk = Walk { tx: &mut self.0, account: account.to_string(), rows, ways: Vec::new() };
        match places {
            Places::Registered => walk.registered(types, after).await?,
            Places::TheirOwn => walk.of(user, after).await?,
        }
        let mut ways = walk.ways;
        let steps = ways.len();
        let end = ways.last().filter(|_| steps >= rows).cloned();
        ways.retain(|way| types.contains(&way.resource().kind.as_str()));
        let mut found = self.facts(account, user, ways).await?;
        found.retain(|records| !records.is_repeated(user));
        Ok(Walked { found, end, steps })
    }

    async fn facts(
        &mut self,
        account: AccountId,
        user: UserId,
        ways: Vec<Way>,
    ) -> Result<Vec<ResourceRecords>, StoreError> {
        let registered = self.registered(account, &ways).await?;
        let links = registered.iter().flat_map(|(resource, found)| {
            std::iter::once(resource).chain(found.iter().flat_map(|found| &found.ancestors))
        });
        let links: BTreeSet<&ResourceRef> = links.collect();
        let pairs: Vec<_> = links.into_iter().map(|link| (user, link)).collect();
        let assigned = self.assignments(account, &pairs).await?;
        let assigned: BTreeMap<ResourceRef, Assignment> =
            assigned.into_iter().map(|assignment| (assignment.resource.clone(), assignment)).collect();
        let records = ways.into_iter().map(|way| {
            let resource = registered.get(way.resource()).and_then(Clone::clone);
            let ancestors = resource.iter().flat_map(|found| &found.ancestors);
            let chain = std::iter::once(way.resource()).chain(ancestors);
            let assignments = chain.filter_map(|link| assigned.get(link)).cloned().collect();
            ResourceRecords { way, resource, assignments }
        });
        Ok(records.collect())
    }

    /// Those of the resources that are registered.
    async fn registered(
        &mut self,
        account: AccountId,
        ways: &[Way],
    ) -> Result<BTreeMap<ResourceRef, Option<Resource>>, StoreError> {
        let asked: BTreeSet<&ResourceRef> = ways.iter().map(Way::resource).collect();
        let sql = json_rows!(
            self.0.engine(),
            "SELECT value ->> 'kind', value ->> 'id', (SELECT r.body FROM resources r WHERE r.account = $1 \
             AND r.kind = (value ->> 'kind') AND r.id = (value ->> 'id')) FROM",
            "$2",
            ""
        );
        let asked = encode(&asked)?;
        let rows: Vec<(String, String, Option<String>)> = on_tx!(&mut self.0, c => {
            sqlx::query_as(sql).bind(account.to_string()).bind(asked).fetch_all(c).await
        })?;
        let read = |(kind, id, body): (String, String, Option<String>)| {
            let found = body
                .map(|body| decode("resources", || format!("{account}/{kind}/{id}"), &body))
                .transpose()?;
            Ok((ResourceRef { kind, id }, found))
        };
        rows.into_iter().map(read).collect()
    }
}

impl Walk<'_> {
    /// How many steps may follow.
    fn room(&self) -> i64 {
        i64::try_from(self.rows.saturating_sub(self.ways.len())).unwrap_or(i64::MAX)
    }

    async fn registered(&mut self, types: &[&str], after: Option<Way>) -> Result<(), StoreError> {
        // Behind a step of another walk this one begins anew: what somebody may changed in between.
        let after = match after {
            Some(Way::Registered(after)) => after,
            _ => ResourceRef { kind: String::new(), id: String::new() },
        };
        for kind in types.iter().filter(|kind| **kind >= after.kind.as_str()) {
            if self.room() == 0 {
                return Ok(());
            }
            let id = if *kind == after.kind { after.id.as_str() } else { "" };
            let (room, account) = (self.room(), &self.account);
            let rows: Vec<(String, String)> = on_tx!(&mut *self.tx, c => {
                sqlx::query_as(OF_TYPE).bind(account).bind(kind).bind(id).bind(room).fetch_all(c).await
            })?;
            self.ways.extend(rows.into_iter().map(|row| Way::Registered(named(row))));
        }
        Ok(())
    }

    async fn of(&mut self, user: UserId, after: Option<Way>) -> Result<(), StoreError> {
        let assigned = match after {
            Some(Way::Assigned(assigned)) => {
                self.below(&assigned, None).await?;
                Some(assigned)
            }
            Some(Way::Below { assigned, resource }) => {
                self.below(&assigned, Some(resource)).await?;
                Some(assigned)
            }
            Some(Way::Created(after)) => {
                self.created(user, Some(after)).await?;
                None
            }
            Some(Way::Registered(_)) | None => {
                self.created(user, None).await?;
                None
            }
        };
        self.assigned(user, assigned).await
    }

    /// What they created behind this one.
    async fn created(&mut self, user: UserId, after: Option<ResourceRef>) -> Result<(), StoreError> {
        let [sqlite, postgres] = CREATED;
        let sql = match self.tx {
            Tx::Sqlite(_) => sqlite,
            Tx::Postgres(_) => postgres,
        };
        let (kind, id) = after.map(|after| (after.kind, after.id)).unwrap_or_default();
        let (room, account) = (self.room(), &self.account);
        let rows: Vec<(String, String)> = on_tx!(&mut *self.tx, c => {
            sqlx::query_as(sql).bind(account).bind(user.to_string()).bind(kind).bind(id).bind(room)
                .fetch_all(c).await
        })?;
        self.ways.extend(rows.into_iter().map(|row| Way::Created(named(row))));
        Ok(())
    }

    /// What is assigned behind this one, each with what lives in it.
    async fn assigned(&mut self, user: UserId, after: Option<ResourceRef>) -> Result<(), StoreError> {
        if self.room() == 0 {
            return Ok(());
        }
        let (kind, id) = after.map(|after| (after.kind, after.id)).unwrap_or_default();
        let (room, account) = (self.room(), &self.account);
        let rows: Vec<(String, String, Option<String>)> = on_tx!(&mut *self.tx, c => {
            sqlx::query_as(ASSIGNED).bind(account).bind(user.to_string()).bind(kind).bind(id).bind(room)
                .fetch_all(c).await
        })?;
        for (kind, id, inside) in rows {
            if self.room() == 0 {
                return Ok(());
            }
            let assigned = named((kind, id));
            self.ways.push(Way::Assigned(assigned.clone()));
            if inside.is_some() {
                self.below(&assigned, None).await?;
            }
        }
        Ok(())
    }

    /// What lives in an assigned resource, behind this one.
    async fn below(&mut self, assigned: &ResourceRef, after: Option<ResourceRef>) -> Result<(), StoreError> {
        if self.room() == 0 {
            return Ok(());
        }
        let (kind, id) = after.map(|after| (after.kind, after.id)).unwrap_or_default();
        let (room, account) = (self.room(), &self.account);
        let rows: Vec<(String, String)> = on_tx!(&mut *self.tx, c => {
            sqlx::query_as(BELOW).bind(account).bind(&assigned.kind).bind(&assigned.id).bind(kind).bind(id).bind(room)
                .fetch_all(c).await
        })?;
        let step = |row| Way::Below { assigned: assigned.clone(), resource: named(row) };
        self.ways.extend(rows.into_iter().map(step));
        Ok(())
    }
}

fn named((kind, id): (String, String)) -> ResourceRef {
    ResourceRef { kind, id }
}
