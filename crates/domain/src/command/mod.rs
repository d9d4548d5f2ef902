//! What a write asks for: one variant per RPC that changes something, with every field already well formed
//! (ids parsed, lengths checked) but nothing yet judged against state or policy.

mod about;

use serde::{Deserialize, Serialize};

use crate::account::{AttributeValue, Origin};
use crate::credential::{InitialLifetime, InitialPassword, Secret};
use crate::id::{AccountId, ContactId, GroupId, InvitationId, SessionId, UserId};
use crate::invitation::Then;
use crate::mail::Locale;
use crate::resource::ResourceRef;
use crate::session::Sessions;
use crate::user::Identity;

/// Who asks for a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A platform operator: not a member of anything, bound by limits but not by permissions.
    Operator {
        /// The token's issuer and subject, as `issuer#subject`.
        name: String,
    },
    /// A person, with the permissions of that person.
    Person {
        /// The user.
        user: UserId,
        /// The service that acts for them, as `issuer#subject`, if one does.
        through: Option<String>,
    },
    /// A service in its own name, within the scopes of its token.
    Service {
        /// The token's issuer and subject, as `issuer#subject`.
        name: String,
    },
    /// Whoever holds a link that was mailed: it proves the address, and nothing else about them is known.
    Link {
        /// The invitation it is of.
        invitation: InvitationId,
    },
}

impl Actor {
    /// The user, if a person asks.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Person { user, .. } => Some(*user),
            Self::Operator { .. } | Self::Service { .. } | Self::Link { .. } => None,
        }
    }
}

/// What an assignment carries beside the resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAssignment {
    /// The resource.
    pub resource: ResourceRef,
    /// Names of roles of its type.
    pub roles: Vec<String>,
    /// Names of single permissions.
    pub permissions: Vec<String>,
}

/// A write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Creates an account; its first user gets the policy's roles at birth.
    CreateAccount {
        /// The new id.
        id: AccountId,
        /// The name of its policy.
        policy: String,
        /// What people call it.
        display_name: String,
        /// The user who gets the roles at birth.
        first_user: UserId,
        /// How it came to exist.
        origin: Origin,
        /// Attributes set from the start.
        attributes: Vec<(String, AttributeValue)>,
    },
    /// Changes an account's name or attributes.
    UpdateAccount {
        /// The account.
        account: AccountId,
        /// The new name, if it is to change.
        display_name: Option<String>,
        /// Attributes to set, or to unset with `None`.
        attributes: Vec<(String, Option<AttributeValue>)>,
    },
    /// Suspends an account.
    SuspendAccount {
        /// The account.
        account: AccountId,
    },
    /// Ends an account's suspension.
    ReinstateAccount {
        /// The account.
        account: AccountId,
    },
    /// Deletes an account.
    DeleteAccount {
        /// The account.
        account: AccountId,
    },
    /// Takes back a deletion within 30 days.
    UndeleteAccount {
        /// The account.
        account: AccountId,
    },
    /// Moves ownership from one member to another (GW-09).
    TransferOwnership {
        /// The account.
        account: AccountId,
        /// Who hands it over.
        from: UserId,
        /// Who takes it on.
        to: UserId,
    },
    /// Adds a known user as an active member.
    AddMember {
        /// The account.
        account: AccountId,
        /// The user.
        user: UserId,
        /// Roles, by name.
        roles: Vec<String>,
        /// Single permissions, by name.
        grants: Vec<String>,
        /// Restrictions, by name.
        restrictions: Vec<String>,
        /// Resources to assign in the same step.
        assignments: Vec<NewAssignment>,
    },
    /// Replaces a member's roles, grants or restrictions.
    UpdateMember {
        /// The account.
        account: AccountId,
        /// The member.
        user: UserId,
        /// The new roles, if they are to change.
        roles: Option<Vec<String>>,
        /// The new grants, if they are to change.
        grants: Option<Vec<String>>,
        /// The new restrictions, if they are to change.
        restrictions: Option<Vec<String>>,
    },
    /// Suspends a membership.
    SuspendMember {
        /// The account.
        account: AccountId,
        /// The member.
        user: UserId,
    },
    /// Ends a membership's suspension.
    ReinstateMember {
        /// The account.
        account: AccountId,
        /// The member.
        user: UserId,
    },
    /// Ends a membership and everything that goes with it (RE-09).
    RemoveMember {
        /// The account.
        account: AccountId,
        /// The member.
        user: UserId,
    },
    /// Registers a resource; its creator gets the type's roles at birth.
    CreateResource {
        /// The account.
        account: AccountId,
        /// Its type and id.
        resource: ResourceRef,
        /// What people call it.
        display_name: String,
        /// What it lives in.
        parent: Option<ResourceRef>,
        /// The member who gets the type's roles at birth; `None`: nobody does.
        creator: Option<UserId>,
        /// The contact to record as its holder (GW-07).
        holder: Option<ContactId>,
    },
    /// Changes a resource's name or holder.
    UpdateResource {
        /// The account.
        account: AccountId,
        /// Its type and id.
        resource: ResourceRef,
        /// The new name, if it is to change.
        display_name: Option<String>,
        /// The new holder, or none, if that is to change.
        holder: Option<Option<ContactId>>,
    },
    /// Deletes a resource with its assignments.
    DeleteResource {
        /// The account.
        account: AccountId,
        /// Its type and id.
        resource: ResourceRef,
    },
    /// Assigns a resource to a member, replacing what an assignment there carried.
    Assign {
        /// The account.
        account: AccountId,
        /// The member.
        user: UserId,
        /// The resource and what the assignment carries.
        assignment: NewAssignment,
    },
    /// Ends an assignment.
    Unassign {
        /// The account.
        account: AccountId,
        /// The member.
        user: UserId,
        /// The resource.
        resource: ResourceRef,
    },
    /// Makes a person known.
    CreateUser {
        /// The new id.
        id: UserId,
        /// The e-mail address, lower-case.
        email: String,
        /// What people call them.
        display_name: String,
        /// Where a picture of them is; empty: nowhere.
        avatar_url: String,
        /// Logins that are this person.
        identities: Vec<Identity>,
    },
    /// Changes a user's profile. The e-mail address never changes (IX-11).
    UpdateUser {
        /// The user.
        user: UserId,
        /// The new name, if it is to change.
        display_name: Option<String>,
        /// The new language tag, if it is to change; empty: not known any more.
        locale: Option<String>,
        /// The new picture's URL, if it is to change; empty: none any more.
        avatar_url: Option<String>,
    },
    /// Suspends a user in every account, and ends their sessions.
    SuspendUser {
        /// The user.
        user: UserId,
    },
    /// Ends a user's suspension.
    ReinstateUser {
        /// The user.
        user: UserId,
    },
    /// Erases a user's personal data, and ends their memberships and sessions.
    EraseUser {
        /// The user.
        user: UserId,
    },
    /// Gives a user a password of somebody else's choosing (IX-10).
    SetInitialPassword {
        /// The user.
        user: UserId,
        /// Its hash.
        hash: Secret,
        /// How long it is good.
        lifetime: InitialLifetime,
    },
    /// Replaces a user's password by one of their own choosing, and ends their other sessions.
    SetPassword {
        /// The user.
        user: UserId,
        /// The hash that the old password was found to fit.
        proven: Secret,
        /// The hash of the new one.
        hash: Secret,
        /// The session that goes on; `None`: all end.
        keep: Option<SessionId>,
    },
    /// Begins a session for a user who gave their password.
    BeginSession {
        /// The user.
        user: UserId,
        /// The new session.
        session: SessionId,
        /// The hash that the password was found to fit.
        proven: Secret,
        /// The hash of the refresh token.
        refresh: Secret,
    },
    /// Ends sessions of a user.
    EndSessions {
        /// The user.
        user: UserId,
        /// Which.
        which: Sessions,
    },
    /// Founds a group of accounts (PE-01).
    CreateGroup {
        /// The new group.
        id: GroupId,
        /// What people call it.
        display_name: String,
        /// The accounts to put in it.
        accounts: Vec<AccountId>,
        /// The user who gets the group roles at birth.
        founder: UserId,
    },
    /// Adds a user to a group, or changes the role they hold in it.
    AddGroupUser {
        /// The group.
        group: GroupId,
        /// The user.
        user: UserId,
        /// The group role, by name.
        role: String,
    },
    /// Removes a user from a group, and from the accounts they lose by that (PE-05).
    RemoveGroupUser {
        /// The group.
        group: GroupId,
        /// The user.
        user: UserId,
    },
    /// Puts an account into a group (PE-06).
    AddGroupAccount {
        /// The group.
        group: GroupId,
        /// The account.
        account: AccountId,
        /// What becomes of administrators who do not own the account.
        missing: MissingHolders,
    },
    /// Takes an account out of a group; the group's users lose it (PE-05).
    RemoveGroupAccount {
        /// The group.
        group: GroupId,
        /// The account.
        account: AccountId,
    },
    /// Deletes a group; its users lose its accounts (PE-05).
    DeleteGroup {
        /// The group.
        group: GroupId,
    },
    /// Makes a contact known to an account (IX-01).
    CreateContact {
        /// The account.
        account: AccountId,
        /// The new id.
        id: ContactId,
        /// The e-mail address, lower-case.
        email: String,
        /// What people call them.
        display_name: String,
        /// Whatever else is to be remembered.
        details: String,
    },
    /// Changes a contact.
    UpdateContact {
        /// The account.
        account: AccountId,
        /// The contact.
        contact: ContactId,
        /// The new name, if it is to change.
        display_name: Option<String>,
        /// The new details, if they are to change.
        details: Option<String>,
        /// The new single permissions, if they are to change (IX-07).
        permissions: Option<Vec<String>>,
    },
    /// Removes a contact that holds no resource.
    DeleteContact {
        /// The account.
        account: AccountId,
        /// The contact.
        contact: ContactId,
    },
    /// Offers access to an e-mail address (RE-05).
    InviteMember {
        /// The new id.
        id: InvitationId,
        /// The account.
        account: AccountId,
        /// The address, lower-case.
        email: String,
        /// Roles, by name.
        roles: Vec<String>,
        /// Single permissions, by name.
        grants: Vec<String>,
        /// Restrictions, by name.
        restrictions: Vec<String>,
        /// Resources to assign in the same step.
        assignments: Vec<NewAssignment>,
        /// The language of the mail; `None`: the account's.
        locale: Option<Locale>,
    },
    /// Offers a member's access to another address of theirs (RE-10, IX-11).
    ReplaceMemberEmail {
        /// The new invitation's id.
        id: InvitationId,
        /// The account.
        account: AccountId,
        /// The member.
        user: UserId,
        /// The new address, lower-case.
        email: String,
        /// What becomes of the member once the new address has accepted.
        then: Then,
        /// The language of the mail; `None`: the account's.
        locale: Option<Locale>,
    },
    /// Sends an invitation anew, with another link.
    ResendInvitation {
        /// The account.
        account: AccountId,
        /// The invitation.
        invitation: InvitationId,
        /// For the activation of a contact's login: an initial password in the place of the one before.
        initial: Option<InitialPassword>,
    },
    /// Takes an invitation back.
    RevokeInvitation {
        /// The account.
        account: AccountId,
        /// The invitation.
        invitation: InvitationId,
    },
    /// Makes whoever follows the link a member.
    AcceptInvitation {
        /// The account.
        account: AccountId,
        /// The invitation.
        invitation: InvitationId,
        /// Which of its links was followed.
        generation: u32,
        /// The id they get if the address is unknown.
        newcomer: UserId,
        /// What people call them, if the address is unknown.
        display_name: Option<String>,
    },
    /// Turns an invitation down.
    DeclineInvitation {
        /// The account.
        account: AccountId,
        /// The invitation.
        invitation: InvitationId,
        /// Which of its links was followed.
        generation: u32,
    },
    /// Activates a contact's login: offers access to whoever has its address (IX-02, IX-08).
    ActivateContact {
        /// The id of the invitation it is done by.
        id: InvitationId,
        /// The account.
        account: AccountId,
        /// The contact.
        contact: ContactId,
        /// What the contact is to become.
        access: Access,
        /// The contact's new name, if it is to change.
        display_name: Option<String>,
        /// The contact's new details, if they are to change.
        details: Option<String>,
        /// The language of the mail; `None`: the account's.
        locale: Option<Locale>,
        /// For an address that is nobody's yet.
        initial: InitialPassword,
    },
    /// Mails a new initial password to somebody who has set no password of their own (IX-10).
    ResetInitialPassword {
        /// The account in whose right it is done.
        account: AccountId,
        /// Who gets it.
        of: ResetOf,
        /// The password.
        initial: InitialPassword,
    },
    /// Makes a member of whoever has an e-mail address, and a user of it if it is nobody's (GW-08).
    ImportMember {
        /// The id of the user who is made if the address is unknown.
        newcomer: UserId,
        /// The account.
        account: AccountId,
        /// The address, lower-case.
        email: String,
        /// What people call them, if the address is unknown.
        display_name: String,
        /// Roles, by name; none: those held already, or the one that the policy names.
        roles: Vec<String>,
        /// Single permissions by name, or whole modules.
        grants: Vec<String>,
        /// Restrictions, by name.
        restrictions: Vec<String>,
        /// What becomes of a member who holds something else.
        existing: ExistingMember,
    },
    /// Sends a mail to everybody whose role receives billing mail (SH-04).
    SendBillingMail {
        /// The account.
        account: AccountId,
        /// Its subject line.
        subject: String,
        /// Its plain text.
        text: String,
    },
}

/// Access that is offered, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Roles.
    pub roles: Vec<String>,
    /// Single permissions.
    pub grants: Vec<String>,
    /// Restrictions.
    pub restrictions: Vec<String>,
    /// Resources to assign in the same step.
    pub assignments: Vec<NewAssignment>,
}

/// Who gets a new initial password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetOf {
    /// A member.
    Member(UserId),
    /// A contact: the member it is, or whoever its login is being activated for.
    Contact(ContactId),
}

/// What becomes of users of a group who do not hold in a new account the role that their place in the group
/// rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingHolders {
    /// The account is refused (PE-06).
    #[default]
    Refuse,
    /// They get that role in the same step; for platform operators alone (PE-10).
    Give,
}

/// What an import does with a member who is there already and holds something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExistingMember {
    /// The row is refused: what was changed since stays (GW-05).
    #[default]
    Refuse,
    /// They hold what the row says.
    Replace,
}
