//! What commands say about themselves: whom and what they are about, and what is certain to be read for them.

use super::{Actor, Command, ResetOf};
use crate::id::{AccountId, GroupId, UserId};
use crate::records::Key;

impl Command {
    /// What is certain to be needed, so that it is locked in order and read in one go.
    #[must_use]
    pub fn reads(&self, actor: &Actor) -> Vec<Key> {
        let mut keys: Vec<Key> = actor.user().map(Key::User).into_iter().collect();
        keys.extend(self.user().map(Key::User));
        keys.extend(self.group().map(Key::Group));
        if let Some(account) = self.account() {
            keys.push(Key::Account(account));
            let members = [actor.user(), self.user()];
            keys.extend(members.into_iter().flatten().map(|user| Key::Membership(account, user)));
        }
        keys.sort();
        keys.dedup();
        keys
    }

    /// The account it happens in, if that exists already.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::UpdateAccount { account, .. }
            | Self::SuspendAccount { account }
            | Self::ReinstateAccount { account }
            | Self::DeleteAccount { account }
            | Self::UndeleteAccount { account }
            | Self::TransferOwnership { account, .. }
            | Self::AddMember { account, .. }
            | Self::UpdateMember { account, .. }
            | Self::SuspendMember { account, .. }
            | Self::ReinstateMember { account, .. }
            | Self::RemoveMember { account, .. }
            | Self::CreateResource { account, .. }
            | Self::DeleteResource { account, .. }
            | Self::Assign { account, .. }
            | Self::Unassign { account, .. }
            | Self::UpdateResource { account, .. }
            | Self::AddGroupAccount { account, .. }
            | Self::RemoveGroupAccount { account, .. }
            | Self::CreateContact { account, .. }
            | Self::UpdateContact { account, .. }
            | Self::DeleteContact { account, .. }
            | Self::InviteMember { account, .. }
            | Self::ReplaceMemberEmail { account, .. }
            | Self::ResendInvitation { account, .. }
            | Self::RevokeInvitation { account, .. }
            | Self::AcceptInvitation { account, .. }
            | Self::DeclineInvitation { account, .. }
            | Self::ActivateContact { account, .. }
            | Self::ResetInitialPassword { account, .. }
            | Self::ImportMember { account, .. }
            | Self::SendBillingMail { account, .. } => Some(*account),
            Self::CreateAccount { .. }
            | Self::CreateUser { .. }
            | Self::UpdateUser { .. }
            | Self::SuspendUser { .. }
            | Self::ReinstateUser { .. }
            | Self::EraseUser { .. }
            | Self::SetInitialPassword { .. }
            | Self::SetPassword { .. }
            | Self::BeginSession { .. }
            | Self::EndSessions { .. }
            | Self::CreateGroup { .. }
            | Self::AddGroupUser { .. }
            | Self::RemoveGroupUser { .. }
            | Self::DeleteGroup { .. } => None,
        }
    }

    /// The user it is about, if that user exists already.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::AddMember { user, .. }
            | Self::UpdateMember { user, .. }
            | Self::SuspendMember { user, .. }
            | Self::ReinstateMember { user, .. }
            | Self::RemoveMember { user, .. }
            | Self::Assign { user, .. }
            | Self::Unassign { user, .. }
            | Self::ReplaceMemberEmail { user, .. }
            | Self::AddGroupUser { user, .. }
            | Self::RemoveGroupUser { user, .. }
            | Self::UpdateUser { user, .. }
            | Self::SuspendUser { user }
            | Self::ReinstateUser { user }
            | Self::EraseUser { user }
            | Self::SetInitialPassword { user, .. }
            | Self::SetPassword { user, .. }
            | Self::BeginSession { user, .. }
            | Self::EndSessions { user, .. }
            | Self::CreateAccount { first_user: user, .. }
            | Self::ResetInitialPassword { of: ResetOf::Member(user), .. }
            | Self::CreateGroup { founder: user, .. }
            | Self::TransferOwnership { to: user, .. }
            | Self::CreateResource { creator: Some(user), .. } => Some(*user),
            Self::UpdateAccount { .. }
            | Self::SuspendAccount { .. }
            | Self::ReinstateAccount { .. }
            | Self::DeleteAccount { .. }
            | Self::UndeleteAccount { .. }
            | Self::CreateResource { creator: None, .. }
            | Self::DeleteResource { .. }
            | Self::UpdateResource { .. }
            | Self::AddGroupAccount { .. }
            | Self::RemoveGroupAccount { .. }
            | Self::DeleteGroup { .. }
            | Self::CreateContact { .. }
            | Self::UpdateContact { .. }
            | Self::DeleteContact { .. }
            | Self::InviteMember { .. }
            | Self::ResendInvitation { .. }
            | Self::RevokeInvitation { .. }
            | Self::AcceptInvitation { .. }
            | Self::DeclineInvitation { .. }
            | Self::ActivateContact { .. }
            | Self::ResetInitialPassword { of: ResetOf::Contact(_), .. }
            | Self::ImportMember { .. }
            | Self::SendBillingMail { .. }
            | Self::CreateUser { .. } => None,
        }
    }

    /// The one fact that it edits, if it edits one that two people may edit at once (AIP-154).
    #[must_use]
    pub fn edits(&self) -> Option<Key> {
        match self {
            Self::UpdateAccount { account, .. } | Self::DeleteAccount { account } => {
                Some(Key::Account(*account))
            }
            Self::UpdateMember { account, user, .. }
            | Self::SuspendMember { account, user }
            | Self::ReinstateMember { account, user }
            | Self::RemoveMember { account, user } => Some(Key::Membership(*account, *user)),
            Self::Assign { account, user, assignment } => {
                Some(Key::Assignment(*account, *user, assignment.resource.clone()))
            }
            Self::Unassign { account, user, resource } => {
                Some(Key::Assignment(*account, *user, resource.clone()))
            }
            Self::UpdateResource { account, resource, .. } | Self::DeleteResource { account, resource } => {
                Some(Key::Resource(*account, resource.clone()))
            }
            Self::UpdateContact { account, contact, .. }
            | Self::DeleteContact { account, contact }
            | Self::ActivateContact { account, contact, .. } => Some(Key::Contact(*account, *contact)),
            Self::UpdateUser { user, .. } => Some(Key::User(*user)),
            _ => None,
        }
    }

    fn group(&self) -> Option<GroupId> {
        match self {
            Self::AddGroupUser { group, .. }
            | Self::RemoveGroupUser { group, .. }
            | Self::AddGroupAccount { group, .. }
            | Self::RemoveGroupAccount { group, .. }
            | Self::DeleteGroup { group } => Some(*group),
            _ => None,
        }
    }

    /// The name the activity log keeps.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateAccount { .. } => "account.create",
            Self::UpdateAccount { .. } => "account.update",
            Self::SuspendAccount { .. } => "account.suspend",
            Self::ReinstateAccount { .. } => "account.reinstate",
            Self::DeleteAccount { .. } => "account.delete",
            Self::UndeleteAccount { .. } => "account.undelete",
            Self::TransferOwnership { .. } => "account.transfer",
            Self::AddMember { .. } => "member.add",
            Self::UpdateMember { .. } => "member.update",
            Self::SuspendMember { .. } => "member.suspend",
            Self::ReinstateMember { .. } => "member.reinstate",
            Self::RemoveMember { .. } => "member.remove",
            Self::CreateResource { .. } => "resource.create",
            Self::DeleteResource { .. } => "resource.delete",
            Self::Assign { .. } => "resource.assign",
            Self::Unassign { .. } => "resource.unassign",
            Self::CreateUser { .. } => "user.create",
            Self::UpdateUser { .. } => "user.update",
            Self::SuspendUser { .. } => "user.suspend",
            Self::ReinstateUser { .. } => "user.reinstate",
            Self::EraseUser { .. } => "user.erase",
            Self::SetInitialPassword { .. } => "user.set_initial_password",
            Self::SetPassword { .. } => "user.set_password",
            Self::BeginSession { .. } => "session.begin",
            Self::EndSessions { .. } => "session.end",
            Self::CreateGroup { .. } => "group.create",
            Self::AddGroupUser { .. } => "group.add_user",
            Self::RemoveGroupUser { .. } => "group.remove_user",
            Self::UpdateResource { .. } => "resource.update",
            Self::AddGroupAccount { .. } => "group.add_account",
            Self::RemoveGroupAccount { .. } => "group.remove_account",
            Self::DeleteGroup { .. } => "group.delete",
            Self::CreateContact { .. } => "contact.create",
            Self::UpdateContact { .. } => "contact.update",
            Self::DeleteContact { .. } => "contact.delete",
            Self::InviteMember { .. } => "member.invite",
            Self::ReplaceMemberEmail { .. } => "member.replace_email",
            Self::ResendInvitation { .. } => "invitation.resend",
            Self::RevokeInvitation { .. } => "invitation.revoke",
            Self::AcceptInvitation { .. } => "invitation.accept",
            Self::DeclineInvitation { .. } => "invitation.decline",
            Self::ActivateContact { .. } => "contact.activate",
            Self::ResetInitialPassword { .. } => "password.reset",
            Self::ImportMember { .. } => "member.import",
            Self::SendBillingMail { .. } => "mail.billing",
        }
    }
}

impl Command {
    /// Whom or what it concerns, as the activity log names it.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        match self {
            Self::CreateResource { resource, .. }
            | Self::UpdateResource { resource, .. }
            | Self::DeleteResource { resource, .. } => Some(resource.to_string()),
            Self::AddGroupAccount { group, .. }
            | Self::RemoveGroupAccount { group, .. }
            | Self::DeleteGroup { group } => Some(group.to_string()),
            Self::CreateContact { id: contact, .. }
            | Self::UpdateContact { contact, .. }
            | Self::DeleteContact { contact, .. }
            | Self::ActivateContact { contact, .. }
            | Self::ResetInitialPassword { of: ResetOf::Contact(contact), .. } => Some(contact.to_string()),
            Self::CreateUser { id, .. } => Some(id.to_string()),
            Self::CreateGroup { id, .. } => Some(id.to_string()),
            Self::InviteMember { id, .. } => Some(id.to_string()),
            Self::ResendInvitation { invitation, .. }
            | Self::RevokeInvitation { invitation, .. }
            | Self::AcceptInvitation { invitation, .. }
            | Self::DeclineInvitation { invitation, .. } => Some(invitation.to_string()),
            _ => self.user().map(|user| user.to_string()),
        }
    }
}
