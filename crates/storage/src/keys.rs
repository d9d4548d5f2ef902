//! Reads what a plan asks for by [`Key`]: each kind of key goes to the file of its noun. Most are read in one statement.

use std::mem::discriminant;

use mandate_domain::records::{Key, Record};

use crate::error::StoreError;
use crate::locks::Lock;
use crate::places::Places;
use crate::statement::Statement;
use crate::tx::{Engine, Tx};
use crate::{
    account, assignment, contact, credential, group, holders, invitation, membership, resource, session, user,
};

/// Most keys that are read in one statement.
const TOGETHER: usize = 16;

/// Reads the keys, locking rows as `lock` says. They come in any order.
pub(crate) async fn load(
    tx: &mut Tx,
    keys: &[&Key],
    lock: &(impl Fn(&Key) -> Lock + Sync),
) -> Result<Vec<(Key, Record)>, StoreError> {
    load_and_draw(tx, keys, lock, None).await
}

/// The same, and draws places in the feed in passing, once all rows are locked.
///
/// INVARIANT: rows are locked in the order of the keys, and nothing else is read before all of them are: a statement
/// that has waited for a lock sees of all other rows what there was before it waited.
pub(crate) async fn load_and_draw(
    tx: &mut Tx,
    keys: &[&Key],
    lock: &(impl Fn(&Key) -> Lock + Sync),
    mut places: Option<&mut Places>,
) -> Result<Vec<(Key, Record)>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    // SQLite has one writer at a time and no locks of rows.
    let postgres = tx.engine() == Engine::Postgres;
    let locks = |key: &&Key| postgres && lock(key) != Lock::None;
    let (locked, others): (Vec<&Key>, Vec<&Key>) = keys.iter().copied().partition(locks);
    for some in locked.chunks(TOGETHER) {
        found.extend(load_together(tx, some, lock, None).await?);
    }
    if let (Some(places), false) = (&mut places, locked.is_empty()) {
        places.locked_more();
    }
    let places = places.filter(|places| places.are_wanted());
    let (plain, others): (Vec<&Key>, Vec<&Key>) = others.into_iter().partition(|key| is_plain(key));
    if plain.len() <= TOGETHER {
        if !plain.is_empty() || places.is_some() {
            found.extend(load_together(tx, &plain, &|_| Lock::None, places).await?);
        }
    } else {
        // Many keys are of few kinds: each by itself makes few different statements, which the database then knows.
        for of_a_kind in plain.chunk_by(|a, b| discriminant(*a) == discriminant(*b)) {
            for some in of_a_kind.chunks(TOGETHER) {
                found.extend(load_together(tx, some, &|_| Lock::None, None).await?);
            }
        }
        if let Some(places) = places {
            places.draw_more(tx, 1).await?;
        }
    }
    for key in others {
        found.push((key.clone(), load_one(tx, key).await?));
    }
    Ok(found)
}

/// Reads keys of which [`is_plain`] holds in one statement, in their order.
async fn load_together(
    tx: &mut Tx,
    keys: &[&Key],
    lock: &(impl Fn(&Key) -> Lock + Sync),
    places: Option<&mut Places>,
) -> Result<Vec<(Key, Record)>, StoreError> {
    let mut query = Statement::default();
    for (index, key) in keys.iter().enumerate() {
        query.then(if index == 0 { "SELECT CAST(" } else { " UNION ALL SELECT CAST(" });
        query.literal(index).then(" AS BIGINT), ");
        match lock(key) {
            Lock::None => find(&mut query, key),
            // What is part of a UNION cannot lock, but what it reads from can.
            lock => {
                query.then("r.* FROM (SELECT ");
                find(&mut query, key);
                query.then(if lock == Lock::Share { " FOR SHARE) r" } else { " FOR UPDATE) r" });
            }
        }
    }
    if let Some(places) = &places {
        query.then(if keys.is_empty() { "SELECT CAST(" } else { " UNION ALL SELECT CAST(" });
        query.literal(keys.len()).then(" AS BIGINT), ");
        places.draw(&mut query, Places::usual());
    }
    let rows: Vec<(i64, String, String)> = query.rows_in(tx).await?;
    let mut rows = rows.into_iter().peekable();
    let mut found = Vec::with_capacity(keys.len());
    for (index, key) in (0_i64..).zip(keys) {
        let mut of_key = Vec::new();
        while let Some((_, id, body)) = rows.next_if(|(of, ..)| *of == index) {
            of_key.push((id, body));
        }
        found.push(((*key).clone(), read(key, of_key)?));
    }
    if let Some(places) = places {
        places.put(rows.map(|(_, place, transaction)| (place, transaction)).collect())?;
    }
    Ok(found)
}

/// Whether rows of two texts are all there is to a key.
fn is_plain(key: &Key) -> bool {
    matches!(
        key,
        Key::User(_)
            | Key::Group(_)
            | Key::Account(_)
            | Key::UserByEmail(_)
            | Key::Membership(..)
            | Key::AssignmentsOf(..)
            | Key::Contact(..)
            | Key::ContactByEmail(..)
            | Key::Recipient(_)
    )
}

/// Goes on with the rows of a key of which [`is_plain`] holds.
fn find(query: &mut Statement, key: &Key) {
    match key {
        Key::User(id) | Key::Recipient(id) => user::find(query, *id),
        Key::Group(id) => group::find(query, *id),
        Key::Account(id) => account::find(query, *id),
        Key::UserByEmail(email) => user::find_by_email(query, email),
        Key::Membership(account, user) => membership::find(query, *account, *user),
        Key::AssignmentsOf(account, user) => assignment::find_of(query, *account, *user),
        Key::Contact(account, id) => contact::find(query, *account, *id),
        Key::ContactByEmail(account, email) => contact::find_by_email(query, *account, email),
        _ => {}
    }
}

/// What the rows of a key say.
fn read(key: &Key, rows: Vec<(String, String)>) -> Result<Record, StoreError> {
    if let Key::AssignmentsOf(account, user) = key {
        return Ok(Record::Assignments(assignment::read_of(*account, *user, rows)?));
    }
    let row = rows.into_iter().next();
    Ok(match key {
        Key::Group(_) => Record::Group(row.map(group::read).transpose()?),
        Key::Account(_) => Record::Account(row.map(account::read).transpose()?),
        Key::Membership(account, _) => {
            Record::Membership(row.map(|row| membership::read_in(*account, row)).transpose()?)
        }
        Key::Contact(account, _) | Key::ContactByEmail(account, _) => {
            Record::Contact(row.map(|row| contact::read(*account, row)).transpose()?)
        }
        _ => Record::User(row.map(user::read).transpose()?),
    })
}

/// Reads one key in a statement of its own.
async fn load_one(tx: &mut Tx, key: &Key) -> Result<Record, StoreError> {
    Ok(match key {
        Key::User(_)
        | Key::Group(_)
        | Key::Account(_)
        | Key::UserByEmail(_)
        | Key::Membership(..)
        | Key::AssignmentsOf(..)
        | Key::Contact(..)
        | Key::ContactByEmail(..)
        | Key::Recipient(_) => {
            let found = load_together(tx, &[key], &|_| Lock::None, None).await?;
            found.into_iter().map(|(_, record)| record).next().unwrap_or(Record::User(None))
        }
        Key::UserByIdentity(identity) => Record::User(user::by_identity(tx, identity).await?),
        Key::Resource(account, resource) => Record::Resource(resource::load(tx, *account, resource).await?),
        Key::ChildOf(account, parent) => Record::Resource(resource::child_of(tx, *account, parent).await?),
        Key::Assignment(account, user, resource) => {
            Record::Assignment(assignment::load(tx, *account, *user, resource).await?)
        }
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
