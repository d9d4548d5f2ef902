//! What a plan is made from: entities read inside the write's transaction.
//!
//! A rule asks for what it judges when it judges it. What has not been read yet stops the plan with the
//! [`Key`] to read; storage locks and reads it and plans again. So no rule can judge a fact that was read
//! outside of the transaction, and no list of reads has to be kept beside the rules.

use std::collections::BTreeMap;

use crate::account::Account;
use crate::contact::Contact;
use crate::credential::Credential;
use crate::group::Group;
use crate::id::{AccountId, ContactId, GroupId, InvitationId, SessionId, UserId};
use crate::invitation::Invitation;
use crate::membership::Membership;
use crate::refusal::Refusal;
use crate::resource::{Assignment, Resource, ResourceRef};
use crate::session::Session;
use crate::user::{Identity, User};

/// Names one thing to read. The order of the variants is the order in which rows are locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A user, locked.
    User(UserId),
    /// A group, locked.
    Group(GroupId),
    /// An account, locked: with it everything inside.
    Account(AccountId),
    /// The user with this e-mail address.
    UserByEmail(String),
    /// The user with this login.
    UserByIdentity(Identity),
    /// A membership.
    Membership(AccountId, UserId),
    /// A registered resource.
    Resource(AccountId, ResourceRef),
    /// One resource that lives in this one, if there is any.
    ChildOf(AccountId, ResourceRef),
    /// One assignment.
    Assignment(AccountId, UserId, ResourceRef),
    /// Every assignment of one member.
    AssignmentsOf(AccountId, UserId),
    /// Every assignment of one resource.
    AssignmentsOn(AccountId, ResourceRef),
    /// How many members hold an account role, and are invited to it at that time: microseconds since the Unix epoch.
    Holders(AccountId, String, i64),
    /// How many members hold a role of one resource.
    ResourceHolders(AccountId, ResourceRef, String),
    /// How many users hold a role of one group.
    GroupHolders(GroupId, String),
    /// The user's direct memberships in accounts of the group that hold one of these account roles.
    MembershipsInGroup(GroupId, UserId, Vec<String>),
    /// Accounts of the group in which the user does not actively hold this account role: the first 20 by id.
    AccountsNotHeld(GroupId, UserId, String),
    /// A contact.
    Contact(AccountId, ContactId),
    /// The account's contact with this e-mail address.
    ContactByEmail(AccountId, String),
    /// One resource whose holder the contact is, if there is any.
    HeldBy(AccountId, ContactId),
    /// How many accounts the group contains.
    GroupSize(GroupId),
    /// Every account of the group, all of them to be locked.
    GroupAccounts(GroupId),
    /// Every user of the group, all of them to be locked.
    GroupUsers(GroupId),
    /// Users who hold this group role and do not actively hold this account role in the account.
    UsersNotHolding(GroupId, String, AccountId, String),
    /// The direct memberships of the group's users in this account.
    MembershipsOfGroup(GroupId, AccountId),
    /// The direct memberships of the group's users in accounts of the group.
    MembershipsThroughGroup(GroupId),
    /// An invitation.
    Invitation(AccountId, InvitationId),
    /// The pending invitation of this e-mail address.
    PendingInvitation(AccountId, String),
    /// Every pending invitation of this e-mail address, in whatever account. Not locked: see `plan/identity.rs`.
    PendingInvitationsTo(String),
    /// A user to write to, as they are: not locked, since an e-mail address never changes (IX-11).
    Recipient(UserId),
    /// Every active member who holds this account role, by user id.
    ActiveHolders(AccountId, String),
    /// Every membership of a user, whose accounts are locked with it.
    MembershipsOf(UserId),
    /// A user's password.
    Credential(UserId),
    /// One session.
    Session(SessionId),
    /// Every session of a user.
    SessionsOf(UserId),
}

/// What was read for a [`Key`]. Absence is something read, too.
#[derive(Debug, Clone)]
pub enum Record {
    /// For `User`, `UserByEmail`, `UserByIdentity`.
    User(Option<User>),
    /// For `Group`.
    Group(Option<Group>),
    /// For `Account`.
    Account(Option<Account>),
    /// For `Membership`.
    Membership(Option<Membership>),
    /// For `Resource`, `ChildOf` and `HeldBy`.
    Resource(Option<Resource>),
    /// For `Assignment`.
    Assignment(Option<Assignment>),
    /// For `AssignmentsOf` and `AssignmentsOn`.
    Assignments(Vec<Assignment>),
    /// For `Holders`, `ResourceHolders` and `GroupHolders`.
    Count(HolderCount),
    /// For `Contact` and `ContactByEmail`.
    Contact(Option<Contact>),
    /// For `MembershipsInGroup`, `MembershipsOfGroup`, `MembershipsThroughGroup` and `MembershipsOf`.
    Memberships(Vec<Membership>),
    /// For `AccountsNotHeld` and `GroupAccounts`, ascending.
    Accounts(Vec<AccountId>),
    /// For `GroupSize`.
    Size(u32),
    /// For `GroupUsers` and `UsersNotHolding`, ascending.
    Users(Vec<UserId>),
    /// For `Invitation` and `PendingInvitation`.
    Invitation(Option<Invitation>),
    /// For `PendingInvitationsTo`.
    Invitations(Vec<Invitation>),
    /// For `ActiveHolders`.
    People(Vec<User>),
    /// For `Credential`.
    Credential(Option<Credential>),
    /// For `Session`.
    Session(Option<Session>),
    /// For `SessionsOf`.
    Sessions(Vec<Session>),
}

/// How many hold a role, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HolderCount {
    /// Active holders.
    pub active: u32,
    /// All holders: pending and suspended ones, too.
    pub total: u32,
}

/// Why a plan was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Something has to be read first: read it and plan again.
    Read(Key),
    /// The command is refused.
    Refused(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
pub struct Records(BTreeMap<Key, Record>);

macro_rules! lookup {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty, $key:expr, $record:pat => $value:expr) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Stop::Read`] when it has not been read yet.
        pub fn $name(&self, $($arg: $ty),*) -> Result<$out, Stop> {
            let key = $key;
            match self.0.get(&key) {
                Some($record) => Ok($value),
                _ => Err(Stop::Read(key)),
            }
        }
    };
}

impl Records {
    /// Keeps what was read.
    pub fn put(&mut self, key: Key, record: Record) {
        self.0.insert(key, record);
    }

    /// Whether it has been read.
    #[must_use]
    pub fn has(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    /// What was read for the key.
    ///
    /// # Errors
    /// [`Stop::Read`] when it has not been read yet.
    pub fn get(&self, key: &Key) -> Result<&Record, Stop> {
        self.0.get(key).ok_or_else(|| Stop::Read(key.clone()))
    }

    lookup!(
        /// The user of that id.
        user(id: UserId) -> Option<&User>, Key::User(id), Record::User(user) => user.as_ref());
    lookup!(
        /// The user with that e-mail address.
        user_by_email(email: &str) -> Option<&User>, Key::UserByEmail(email.to_owned()), Record::User(user) => user.as_ref());
    lookup!(
        /// The user with that login.
        user_by_identity(identity: &Identity) -> Option<&User>, Key::UserByIdentity(identity.clone()), Record::User(user) => user.as_ref());
    lookup!(
        /// The group of that id.
        group(id: GroupId) -> Option<&Group>, Key::Group(id), Record::Group(group) => group.as_ref());
    lookup!(
        /// The account of that id.
        account(id: AccountId) -> Option<&Account>, Key::Account(id), Record::Account(account) => account.as_ref());
    lookup!(
        /// The user's membership in the account.
        membership(account: AccountId, user: UserId) -> Option<&Membership>, Key::Membership(account, user), Record::Membership(m) => m.as_ref());
    lookup!(
        /// The registered resource.
        resource(account: AccountId, resource: &ResourceRef) -> Option<&Resource>, Key::Resource(account, resource.clone()), Record::Resource(r) => r.as_ref());
    lookup!(
        /// A resource that lives in this one.
        child_of(account: AccountId, resource: &ResourceRef) -> Option<&Resource>, Key::ChildOf(account, resource.clone()), Record::Resource(r) => r.as_ref());
    lookup!(
        /// The assignment of the resource to the member.
        assignment(account: AccountId, user: UserId, resource: &ResourceRef) -> Option<&Assignment>, Key::Assignment(account, user, resource.clone()), Record::Assignment(a) => a.as_ref());
    lookup!(
        /// Everything assigned to the member.
        assignments_of(account: AccountId, user: UserId) -> &[Assignment], Key::AssignmentsOf(account, user), Record::Assignments(all) => all.as_slice());
    lookup!(
        /// Every assignment of the resource.
        assignments_on(account: AccountId, resource: &ResourceRef) -> &[Assignment], Key::AssignmentsOn(account, resource.clone()), Record::Assignments(all) => all.as_slice());
    lookup!(
        /// How many members hold the account role, and are invited to it at that time.
        holders(account: AccountId, role: &str, now: i64) -> HolderCount, Key::Holders(account, role.to_owned(), now), Record::Count(count) => *count);
    lookup!(
        /// How many members hold the role on the resource.
        resource_holders(account: AccountId, resource: &ResourceRef, role: &str) -> HolderCount, Key::ResourceHolders(account, resource.clone(), role.to_owned()), Record::Count(count) => *count);
    lookup!(
        /// How many users hold the role in the group.
        group_holders(group: GroupId, role: &str) -> HolderCount, Key::GroupHolders(group, role.to_owned()), Record::Count(count) => *count);
    lookup!(
        /// The user's direct memberships in accounts of the group that hold one of these account roles.
        memberships_in_group(group: GroupId, user: UserId, roles: Vec<String>) -> &[Membership], Key::MembershipsInGroup(group, user, roles), Record::Memberships(all) => all.as_slice());
    lookup!(
        /// Accounts of the group in which the user does not actively hold the account role: the first 20.
        accounts_not_held(group: GroupId, user: UserId, role: &str) -> &[AccountId], Key::AccountsNotHeld(group, user, role.to_owned()), Record::Accounts(all) => all.as_slice());
    lookup!(
        /// The contact of that id.
        contact(account: AccountId, contact: ContactId) -> Option<&Contact>, Key::Contact(account, contact), Record::Contact(found) => found.as_ref());
    lookup!(
        /// The account's contact with that e-mail address.
        contact_by_email(account: AccountId, email: &str) -> Option<&Contact>, Key::ContactByEmail(account, email.to_owned()), Record::Contact(found) => found.as_ref());
    lookup!(
        /// A resource whose holder the contact is.
        held_by(account: AccountId, contact: ContactId) -> Option<&Resource>, Key::HeldBy(account, contact), Record::Resource(r) => r.as_ref());
    lookup!(
        /// How many accounts the group contains.
        group_size(group: GroupId) -> u32, Key::GroupSize(group), Record::Size(size) => *size);
    lookup!(
        /// Every account of the group.
        group_accounts(group: GroupId) -> &[AccountId], Key::GroupAccounts(group), Record::Accounts(all) => all.as_slice());
    lookup!(
        /// Every user of the group.
        group_users(group: GroupId) -> &[UserId], Key::GroupUsers(group), Record::Users(all) => all.as_slice());
    lookup!(
        /// Users who hold the group role and do not actively hold the account role in the account.
        users_not_holding(group: GroupId, seat: &str, account: AccountId, role: &str) -> &[UserId], Key::UsersNotHolding(group, seat.to_owned(), account, role.to_owned()), Record::Users(all) => all.as_slice());
    lookup!(
        /// The direct memberships of the group's users in the account.
        memberships_of_group(group: GroupId, account: AccountId) -> &[Membership], Key::MembershipsOfGroup(group, account), Record::Memberships(all) => all.as_slice());
    lookup!(
        /// The direct memberships of the group's users in accounts of the group.
        memberships_through_group(group: GroupId) -> &[Membership], Key::MembershipsThroughGroup(group), Record::Memberships(all) => all.as_slice());
    lookup!(
        /// The invitation of that id.
        invitation(account: AccountId, id: InvitationId) -> Option<&Invitation>, Key::Invitation(account, id), Record::Invitation(found) => found.as_ref());
    lookup!(
        /// The pending invitation of that e-mail address.
        pending_invitation(account: AccountId, email: &str) -> Option<&Invitation>, Key::PendingInvitation(account, email.to_owned()), Record::Invitation(found) => found.as_ref());
    lookup!(
        /// Every pending invitation of the e-mail address, in whatever account.
        pending_invitations_to(email: &str) -> &[Invitation], Key::PendingInvitationsTo(email.to_owned()), Record::Invitations(all) => all.as_slice());
    lookup!(
        /// A user to whom mail goes.
        recipient(id: UserId) -> Option<&User>, Key::Recipient(id), Record::User(user) => user.as_ref());
    lookup!(
        /// The active users who actively hold the account role.
        active_holders(account: AccountId, role: &str) -> &[User], Key::ActiveHolders(account, role.to_owned()), Record::People(all) => all.as_slice());
    lookup!(
        /// Every membership of the user.
        memberships_of(user: UserId) -> &[Membership], Key::MembershipsOf(user), Record::Memberships(all) => all.as_slice());
    lookup!(
        /// The user's password.
        credential(user: UserId) -> Option<&Credential>, Key::Credential(user), Record::Credential(found) => found.as_ref());
    lookup!(
        /// Every session of the user.
        sessions_of(user: UserId) -> &[Session], Key::SessionsOf(user), Record::Sessions(all) => all.as_slice());
}
