//! Which changes an account's watcher is told: its own, and those of users and groups by which its access changes.

use std::collections::BTreeSet;

use mandate_domain::change::Change;
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_proto::v1;
use mandate_storage::{FeedRow, Store, StoreError};

use crate::convert::watch::to_message;

/// The rows of one batch that the watcher is told, as messages. Users and groups count as the account's if they belong to it
/// now, or did until a change of this very batch. Whoever came or went in between comes or goes with a change of the
/// account's own, which is told.
///
/// # Errors
/// [`StoreError`] when who belongs to the account has to be read, and cannot be.
pub(super) async fn told(
    store: &Store,
    account: Option<AccountId>,
    rows: &[FeedRow],
) -> Result<Vec<v1::WatchedChange>, StoreError> {
    let Some(account) = account else {
        return Ok(rows.iter().filter_map(|row| to_message(row, None)).collect());
    };
    let related = Related::to(store, account, rows).await?;
    let told = rows.iter().filter(|row| related.concerns(row));
    Ok(told.filter_map(|row| to_message(row, Some(&related.groups))).collect())
}

/// What belongs to an account, as far as the rows of a batch are about it.
struct Related {
    account: AccountId,
    users: BTreeSet<UserId>,
    groups: BTreeSet<GroupId>,
}

impl Related {
    async fn to(store: &Store, account: AccountId, rows: &[FeedRow]) -> Result<Self, StoreError> {
        let mut related = Self { account, users: BTreeSet::new(), groups: BTreeSet::new() };
        let (mut users, mut by_groups) = (BTreeSet::new(), false);
        for row in rows {
            let FeedRow::Fact(row) = row else { continue };
            match &row.change {
                Change::User(user) => drop(users.insert(user.id)),
                Change::UserErased { user, .. } => drop(users.insert(*user)),
                Change::Group(_) | Change::GroupDeleted { .. } => by_groups = true,
                Change::MembershipEnded { account: of, user } if *of == account => {
                    related.users.insert(*user);
                }
                Change::Account(after) if after.id == account => {
                    related.groups.extend(row.taken.iter().flat_map(|taken| &taken.groups));
                }
                _ => {}
            }
        }
        if by_groups || !users.is_empty() {
            let (members, groups) = store.relations(account, &users).await?;
            related.users.extend(members);
            related.groups.extend(groups);
        }
        Ok(related)
    }

    fn concerns(&self, row: &FeedRow) -> bool {
        let FeedRow::Fact(row) = row else { return true };
        let left = row.taken.iter().flat_map(|taken| &taken.groups);
        match &row.change {
            Change::User(user) => {
                let mut groups = user.seats.iter().map(|seat| &seat.group).chain(left);
                self.users.contains(&user.id) || groups.any(|group| self.groups.contains(group))
            }
            Change::UserErased { user, .. } => {
                self.users.contains(user) || left.into_iter().any(|group| self.groups.contains(group))
            }
            Change::Group(group) => self.groups.contains(&group.id),
            Change::GroupDeleted { group } => self.groups.contains(group),
            change => change.account() == Some(self.account),
        }
    }
}
