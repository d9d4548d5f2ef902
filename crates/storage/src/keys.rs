//! Reads what a plan asks for by [`Key`]: each kind of key goes to the file of its noun.

use mandate_domain::records::{Key, Record};

use crate::error::StoreError;
use crate::locks::Lock;
use crate::tx::Tx;
use crate::{
    account, assignment, contact, credential, group, holders, invitation, membership, resource, session, user,
};

/// Reads the keys in the order given, locking rows as `lock` says.
pub(crate) async fn load(
    tx: &mut Tx,
    keys: &[&Key],
    lock: &(impl Fn(&Key) -> Lock + Sync),
) -> Result<Vec<(Key, Record)>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    let mut rest = keys;
    loop {
        rest = match rest {
            [] => return Ok(found),
            // An actor and the person they act on are the rule, so two of a kind are read in one statement.
            [first, second, tail @ ..] if go_together(first, second) && lock(first) == lock(second) => {
                let records = load_pair(tx, first, second, lock(first)).await?;
                found.extend([(*first).clone(), (*second).clone()].into_iter().zip(records));
                tail
            }
            [key, tail @ ..] => {
                found.push(((*key).clone(), load_one(tx, key, lock(key)).await?));
                tail
            }
        };
    }
}

fn go_together(first: &Key, second: &Key) -> bool {
    match (first, second) {
        (Key::User(_), Key::User(_))
        | (Key::Account(_), Key::Account(_))
        | (Key::Group(_), Key::Group(_)) => true,
        (Key::Membership(account, _), Key::Membership(other, _)) => account == other,
        _ => false,
    }
}

/// Reads two keys for which [`go_together`] holds.
async fn load_pair(tx: &mut Tx, a: &Key, b: &Key, lock: Lock) -> Result<Vec<Record>, StoreError> {
    Ok(match (a, b) {
        (Key::User(a), Key::User(b)) => user::load(tx, *a, *b, lock).await?.map(Record::User).into(),
        (Key::Group(a), Key::Group(b)) => group::load(tx, *a, *b, lock).await?.map(Record::Group).into(),
        (Key::Account(a), Key::Account(b)) => {
            account::load(tx, *a, *b, lock).await?.map(Record::Account).into()
        }
        (Key::Membership(account, a), Key::Membership(_, b)) => {
            membership::load(tx, *account, *a, *b).await?.map(Record::Membership).into()
        }
        (a, b) => vec![load_one(tx, a, lock).await?, load_one(tx, b, lock).await?],
    })
}

async fn load_one(tx: &mut Tx, key: &Key, lock: Lock) -> Result<Record, StoreError> {
    Ok(match key {
        Key::User(id) => Record::User(first(user::load(tx, *id, *id, lock).await?)),
        Key::Group(id) => Record::Group(first(group::load(tx, *id, *id, lock).await?)),
        Key::Account(id) => Record::Account(first(account::load(tx, *id, *id, lock).await?)),
        Key::Membership(account, user) => {
            Record::Membership(first(membership::load(tx, *account, *user, *user).await?))
        }
        Key::UserByEmail(email) => Record::User(user::by_email(tx, email).await?),
        Key::UserByIdentity(identity) => Record::User(user::by_identity(tx, identity).await?),
        Key::Resource(account, resource) => Record::Resource(resource::load(tx, *account, resource).await?),
        Key::ChildOf(account, parent) => Record::Resource(resource::child_of(tx, *account, parent).await?),
        Key::Assignment(account, user, resource) => {
            Record::Assignment(assignment::load(tx, *account, *user, resource).await?)
        }
        Key::AssignmentsOf(account, user) => Record::Assignments(assignment::of(tx, *account, *user).await?),
        Key::AssignmentsOn(account, resource) => {
            Record::Assignments(assignment::on(tx, *account, resource).await?)
        }
        Key::Holders(account, role, now) => {
            Record::Count(holders::in_account(tx, *account, role, *now).await?)
        }
        Key::ResourceHolders(account, resource, role) => {
            Record::Count(holders::on_resource(tx, *account, resource, role).await?)
        }
        Key::GroupHolders(group, role) => Record::Count(holders::in_group(tx, *group, role).await?),
        Key::MembershipsInGroup(group, user, roles) => {
            Record::Memberships(membership::in_group(tx, *group, *user, roles).await?)
        }
        Key::AccountsNotHeld(group, user, role) => {
            Record::Accounts(holders::accounts_not_held(tx, *group, *user, role).await?)
        }
        Key::Contact(account, id) => Record::Contact(contact::load(tx, *account, *id).await?),
        Key::ContactByEmail(account, email) => Record::Contact(contact::by_email(tx, *account, email).await?),
        Key::HeldBy(account, contact) => Record::Resource(resource::held_by(tx, *account, *contact).await?),
        Key::GroupSize(group) => Record::Size(group::size(tx, *group).await?),
        Key::GroupAccounts(group) => Record::Accounts(group::accounts(tx, *group).await?),
        Key::GroupUsers(group) => Record::Users(group::users(tx, *group).await?),
        Key::UsersNotHolding(group, seat, account, role) => {
            Record::Users(holders::users_not_holding(tx, *group, seat, *account, role).await?)
        }
        Key::MembershipsOfGroup(group, account) => {
            Record::Memberships(membership::of_group(tx, *group, *account).await?)
        }
        Key::MembershipsThroughGroup(group) => {
            Record::Memberships(membership::through_group(tx, *group).await?)
        }
        Key::Recipient(id) => Record::User(first(user::load(tx, *id, *id, Lock::None).await?)),
        Key::Invitation(account, id) => Record::Invitation(invitation::load(tx, *account, *id).await?),
        Key::PendingInvitation(account, email) => {
            Record::Invitation(invitation::pending(tx, *account, email).await?)
        }
        Key::PendingInvitationsTo(email) => Record::Invitations(invitation::pending_to(tx, email).await?),
        Key::ActiveHolders(account, role) => Record::People(holders::active(tx, *account, role).await?),
        Key::MembershipsOf(user) => Record::Memberships(membership::of(tx, *user).await?),
        Key::Credential(user) => Record::Credential(credential::load(tx, *user).await?),
        Key::Session(id) => Record::Session(session::load(tx, *id).await?),
        Key::SessionsOf(user) => Record::Sessions(session::of(tx, *user).await?),
    })
}

fn first<T>(pair: [Option<T>; 2]) -> Option<T> {
    let [first, _] = pair;
    first
}

/// Sorts rows of (id, fact) to the two ids asked for; the same id twice gets the fact once.
pub(crate) fn to_pair<T>(rows: Vec<(String, T)>, first: &str, second: &str) -> [Option<T>; 2] {
    let mut pair = [None, None];
    let [left, right] = &mut pair;
    for (id, fact) in rows {
        if id == first {
            *left = Some(fact);
        } else if id == second {
            *right = Some(fact);
        }
    }
    pair
}
