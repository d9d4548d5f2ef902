//! A change goes to its tables here, and nowhere else.

use mandate_domain::change::Change;
use mandate_domain::id::UserId;
use mandate_domain::records::Records;
use mandate_domain::user::User;

use crate::error::StoreError;
use crate::writes::Writes;
use crate::{
    account, assignment, contact, credential, group, invitation, membership, resource, session, user,
};

/// Applies one change out of the `changes` of a plan. `version` is its place in the feed; `records` is what
/// the plan was made from, so that index rows need not be deleted where nothing was before.
pub(crate) fn apply(
    writes: &mut Writes,
    change: &Change,
    version: i64,
    (records, changes): (&Records, &[Change]),
) -> Result<(), StoreError> {
    match change {
        Change::Account(fact) => account::put(writes, fact, version, records)?,
        Change::User(fact) => user::put(writes, fact, version, records)?,
        Change::UserErased { user, .. } => user::erase(writes, *user, records)?,
        Change::Credential(fact) => credential::put(writes, fact, version)?,
        Change::Session(fact) => session::put(writes, fact, version)?,
        Change::SessionEnded { session, .. } => session::end(writes, *session),
        Change::Membership(fact) => {
            let called = called(fact.user, records, changes);
            membership::put(writes, fact, version, (records, called))?;
        }
        Change::MembershipEnded { account, user } => membership::end(writes, *account, *user),
        Change::Resource(fact) => resource::put(writes, fact, version)?,
        Change::ResourceDeleted { account, resource } => resource::delete(writes, *account, resource),
        Change::Assignment(fact) => assignment::put(writes, fact, version, records)?,
        Change::AssignmentEnded { account, user, resource } => {
            assignment::end(writes, *account, *user, resource);
        }
        Change::Contact(fact) => contact::put(writes, fact, version)?,
        Change::ContactRemoved { account, contact } => contact::remove(writes, *account, *contact),
        Change::Group(fact) => group::put(writes, fact, version)?,
        Change::GroupDeleted { group } => group::delete(writes, *group),
        Change::Invitation(fact) => invitation::put(writes, fact, version)?,
    }
    Ok(())
}

/// The user as the plan leaves them, or as they were read.
fn called<'a>(id: UserId, records: &'a Records, changes: &'a [Change]) -> Option<&'a User> {
    let planned = changes.iter().find_map(|change| match change {
        Change::User(user) if user.id == id => Some(user),
        _ => None,
    });
    planned.or_else(|| records.user(id).ok().flatten())
}
