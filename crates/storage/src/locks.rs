//! Which rows a write has to hold, and how.
//!
//! SQLite has one writer at a time and needs none of this. On PostgreSQL users, groups and accounts are locked
//! before anything is read that a rule judges, in the order of [`Key`], so that two writes never wait for each
//! other in a circle. What lies inside an account is protected by the account's lock.

use std::collections::BTreeSet;

use mandate_domain::change::Change;
use mandate_domain::command::{Command, ResetOf};
use mandate_domain::records::{Key, Record, Records};

/// How rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// As they are in the snapshot.
    None,
    /// So that nobody changes them until the transaction ends.
    Share,
    /// So that nobody else locks them until the transaction ends.
    Exclusive,
}

/// SQL that locks the rows it finds. SQLite has no such clause and no need of one.
macro_rules! locking {
    ($tx:expr, $lock:expr, $sql:literal) => {
        match (&*$tx, $lock) {
            ($crate::tx::Tx::Postgres(_), $crate::locks::Lock::Share) => concat!($sql, " FOR SHARE"),
            ($crate::tx::Tx::Postgres(_), $crate::locks::Lock::Exclusive) => concat!($sql, " FOR UPDATE"),
            _ => $sql,
        }
    };
}

pub(crate) use locking;

/// What a write reads, and which of it has to be held exclusively. It grows from one attempt to the next.
#[derive(Debug, Default, Clone)]
pub(crate) struct Needs {
    /// Everything to read before planning; those that lock come first in the order.
    pub(crate) keys: BTreeSet<Key>,
    /// Users and groups to hold exclusively. Accounts always are.
    exclusive: BTreeSet<Key>,
}

impl Needs {
    /// What the command is certain to read, with a guess at what its plan will change, since a guess that
    /// proves wrong costs a second attempt.
    pub(crate) fn of(keys: Vec<Key>, command: &Command) -> Self {
        let mut needs = Self::default();
        for key in keys {
            needs.read(key);
        }
        match command {
            Command::CreateAccount { id, .. } => needs.read(Key::Account(*id)),
            Command::CreateUser { id, .. } => needs.read(Key::User(*id)),
            // Whoever is made by one row may be meant by the next ones of its batch.
            Command::ImportMember { account, newcomer, email, .. } => {
                needs.read(Key::User(*newcomer));
                needs.read(Key::UserByEmail(email.clone()));
                needs.read(Key::Membership(*account, *newcomer));
            }
            Command::RemoveMember { account, user } => {
                needs.read(Key::AssignmentsOf(*account, *user));
                // They are written to.
                needs.read(Key::Recipient(*user));
            }
            Command::AcceptInvitation { newcomer, .. } => needs.read(Key::User(*newcomer)),
            Command::ActivateContact { account, contact, initial, .. } => {
                needs.hold(Key::User(initial.newcomer));
                needs.read(Key::Contact(*account, *contact));
            }
            Command::ResendInvitation { initial: Some(initial), .. } => {
                needs.hold(Key::User(initial.newcomer))
            }
            Command::ResetInitialPassword { of, initial, .. } => {
                needs.hold(Key::User(initial.newcomer));
                if let ResetOf::Member(user) = of {
                    needs.hold(Key::User(*user));
                }
            }
            Command::CreateGroup { id, founder, accounts, .. } => {
                needs.hold(Key::Group(*id));
                needs.hold(Key::User(*founder));
                accounts.iter().for_each(|account| needs.read(Key::Account(*account)));
            }
            Command::AddGroupUser { group, user, .. } | Command::RemoveGroupUser { group, user } => {
                needs.hold(Key::Group(*group));
                needs.hold(Key::User(*user));
            }
            // The group's lock makes them take turns with those who give and take its roles (PE-06, PE-11).
            Command::AddGroupAccount { group, .. }
            | Command::RemoveGroupAccount { group, .. }
            | Command::DeleteGroup { group } => needs.hold(Key::Group(*group)),
            Command::UpdateUser { user, .. } | Command::ReinstateUser { user } => {
                needs.hold(Key::User(*user))
            }
            Command::SuspendUser { user } | Command::EraseUser { user } => {
                needs.hold(Key::User(*user));
                needs.read(Key::MembershipsOf(*user));
                needs.read(Key::SessionsOf(*user));
            }
            Command::SetInitialPassword { user, .. } | Command::SetPassword { user, .. } => {
                needs.hold(Key::User(*user));
                needs.read(Key::Credential(*user));
                needs.read(Key::SessionsOf(*user));
            }
            Command::BeginSession { user, .. } => {
                needs.read(Key::Credential(*user));
                needs.read(Key::SessionsOf(*user));
            }
            Command::EndSessions { user, .. } => needs.read(Key::SessionsOf(*user)),
            _ => {}
        }
        needs
    }

    /// Reads a key, and locks what protects it.
    pub(crate) fn read(&mut self, key: Key) {
        for lock in protected_by(&key).into_iter().flatten() {
            match lock {
                (lock, Lock::Exclusive) => self.hold(lock),
                (lock, _) => self.read(lock),
            }
        }
        self.keys.insert(key);
    }

    /// Reads a user, a group or an account and holds it exclusively.
    pub(crate) fn hold(&mut self, key: Key) {
        self.keys.insert(key.clone());
        self.exclusive.insert(key);
    }

    /// How the row of a key is read.
    pub(crate) fn lock(&self, key: &Key) -> Lock {
        match key {
            Key::Account(_) => Lock::Exclusive,
            Key::User(_) | Key::Group(_) if self.exclusive.contains(key) => Lock::Exclusive,
            Key::User(_) | Key::Group(_) => Lock::Share,
            _ => Lock::None,
        }
    }

    /// Whether everything the other holds is held here at least as firmly.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.keys.is_subset(&self.keys)
            && other.exclusive.iter().all(|key| self.lock(key) == Lock::Exclusive)
    }

    /// Whether a transaction that holds these may go on to lock more: none that it holds more weakly, none
    /// before one that it holds, and none at all when its plan is made already.
    pub(crate) fn may_add(&self, more: &Self, planned: bool) -> bool {
        let last = self.keys.range(..Key::UserByEmail(String::new())).next_back();
        let firm =
            more.exclusive.iter().all(|key| self.lock(key) == Lock::Exclusive || !self.keys.contains(key));
        let mut new = more.keys.iter().filter(|key| locks(key) && !self.keys.contains(key));
        firm && new.all(|key| !planned && last.is_none_or(|last| key > last))
    }

    /// Whether every row that the other locks is locked by these, at least as firmly.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        other.keys.iter().all(|key| !locks(key) || self.keys.contains(key))
            && other.exclusive.iter().all(|key| self.lock(key) == Lock::Exclusive)
    }

    /// What is locked and how, in the order in which it has to be.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (&Key, Lock)> {
        self.keys.iter().take_while(|key| locks(key)).map(|key| (key, self.lock(key)))
    }

    /// Takes over what the other needs.
    pub(crate) fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.exclusive.extend(other.exclusive);
    }
}

/// Whether reading the key locks a row. INVARIANT: such keys come before all others.
fn locks(key: &Key) -> bool {
    matches!(key, Key::User(_) | Key::Group(_) | Key::Account(_))
}

/// What has to be locked for what is read under the key to stay true until the end of the transaction.
fn protected_by(key: &Key) -> [Option<(Key, Lock)>; 2] {
    let one = match key {
        Key::Membership(account, _)
        | Key::Resource(account, _)
        | Key::ChildOf(account, _)
        | Key::Assignment(account, ..)
        | Key::AssignmentsOf(account, _)
        | Key::AssignmentsOn(account, _)
        | Key::Holders(account, ..)
        | Key::ResourceHolders(account, ..)
        | Key::Contact(account, _)
        | Key::ContactByEmail(account, _)
        | Key::HeldBy(account, _)
        | Key::Invitation(account, _)
        | Key::PendingInvitation(account, _)
        | Key::ActiveHolders(account, _) => Some((Key::Account(*account), Lock::Exclusive)),
        // Two users who lose the role at once change two rows; only the group's lock makes them take turns.
        Key::GroupHolders(group, _) => Some((Key::Group(*group), Lock::Exclusive)),
        // Who and what belongs to a group changes under its exclusive lock alone.
        Key::GroupSize(group)
        | Key::GroupAccounts(group)
        | Key::GroupUsers(group)
        | Key::MembershipsThroughGroup(group) => Some((Key::Group(*group), Lock::Share)),
        Key::UsersNotHolding(group, _, account, _) | Key::MembershipsOfGroup(group, account) => {
            let account = (Key::Account(*account), Lock::Exclusive);
            return [Some((Key::Group(*group), Lock::Share)), Some(account)];
        }
        // Whoever changes what this user holds in an account of the group locks the user, too.
        Key::MembershipsInGroup(group, ..) | Key::AccountsNotHeld(group, ..) => {
            Some((Key::Group(*group), Lock::Share))
        }
        // Nobody becomes a member, sets a password or signs in without holding the user.
        Key::MembershipsOf(user) | Key::Credential(user) | Key::SessionsOf(user) => {
            Some((Key::User(*user), Lock::Share))
        }
        Key::User(_)
        | Key::Group(_)
        | Key::Account(_)
        | Key::UserByEmail(_)
        | Key::UserByIdentity(_)
        | Key::PendingInvitationsTo(_)
        | Key::Recipient(_)
        | Key::Session(_) => None,
    };
    [one, None]
}

/// What has to be held for the changes to be applied to what they were planned from.
pub(crate) fn held_for(changes: &[Change], records: &Records) -> Needs {
    let mut needs = Needs::default();
    for change in changes {
        match change {
            // A user or a group that is not there yet has no row to lock; its key is unique.
            Change::User(user) if matches!(records.user(user.id), Ok(None)) => {}
            Change::Group(group) if matches!(records.group(group.id), Ok(None)) => {}
            Change::User(user) => needs.hold(Key::User(user.id)),
            Change::Group(group) => needs.hold(Key::Group(group.id)),
            Change::UserErased { user, .. } => needs.hold(Key::User(*user)),
            Change::Credential(credential) => needs.hold(Key::User(credential.user)),
            // Sessions come and go beside each other; whoever ends all of them holds the user.
            Change::Session(_) | Change::SessionEnded { .. } => {}
            Change::GroupDeleted { group } => needs.hold(Key::Group(*group)),
            Change::Account(_)
            | Change::Membership(_)
            | Change::MembershipEnded { .. }
            | Change::Resource(_)
            | Change::ResourceDeleted { .. }
            | Change::Assignment(_)
            | Change::Contact(_)
            | Change::ContactRemoved { .. }
            | Change::AssignmentEnded { .. }
            | Change::Invitation(_) => {
                needs.keys.extend(change.account().map(Key::Account));
            }
        }
    }
    needs
}

/// What a record that was read names and does not hold: the accounts of memberships, the accounts and users of
/// a group that is to lose them all.
pub(crate) fn held_for_record(key: &Key, record: &Record) -> Needs {
    let mut needs = Needs::default();
    match (key, record) {
        (_, Record::Memberships(memberships)) => {
            needs.keys.extend(memberships.iter().map(|membership| Key::Account(membership.account)));
        }
        (Key::GroupAccounts(_), Record::Accounts(accounts)) => {
            needs.keys.extend(accounts.iter().copied().map(Key::Account));
        }
        (Key::GroupUsers(_), Record::Users(users)) => {
            users.iter().for_each(|user| needs.hold(Key::User(*user)))
        }
        _ => {}
    }
    needs
}
