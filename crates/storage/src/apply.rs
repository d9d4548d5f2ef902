//! A change goes to its tables here, and nowhere else.

use mandate_domain::change::Change;
use mandate_domain::records::Records;

use crate::error::WriteError;
use crate::tx::Tx;
use crate::{account, assignment, contact, group, invitation, membership, resource, user};

/// Applies one change. `version` is its place in the feed; `records` is what the plan was made from, so that
/// index rows need not be deleted where nothing was before.
pub(crate) async fn apply(
    tx: &mut Tx,
    change: &Change,
    version: i64,
    records: &Records,
) -> Result<(), WriteError> {
    match change {
        Change::Account(fact) => account::put(tx, fact, version, records).await,
        Change::User(fact) => user::put(tx, fact, version, records).await,
        Change::Membership(fact) => membership::put(tx, fact, version, records).await,
        Change::MembershipEnded { account, user } => membership::end(tx, *account, *user).await,
        Change::Resource(fact) => resource::put(tx, fact, version).await,
        Change::ResourceDeleted { account, resource } => resource::delete(tx, *account, resource).await,
        Change::Assignment(fact) => assignment::put(tx, fact, version, records).await,
        Change::AssignmentEnded { account, user, resource } => {
            assignment::end(tx, *account, *user, resource).await
        }
        Change::Contact(fact) => contact::put(tx, fact, version).await,
        Change::ContactRemoved { account, contact } => contact::remove(tx, *account, *contact).await,
        Change::Group(fact) => group::put(tx, fact, version).await,
        Change::GroupDeleted { group } => group::delete(tx, *group).await,
        Change::Invitation(fact) => invitation::put(tx, fact, version).await,
    }
}
