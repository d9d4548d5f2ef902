//! What follows for contacts from changes of memberships and invitations, whichever command made them.
//!
//! INVARIANT: where contacts can become users, a contact's `user` is the member who has its address, its `activation`
//! is pending, and an initial password that an activation brought is dead once that is taken back.

use super::{Context, credential};
use crate::change::Change;
use crate::contact::Contact;
use crate::credential::{Activation, Credential, CredentialKind};
use crate::id::{AccountId, ContactId, UserId};
use crate::invitation::{Invitation, InvitationState, Proof};
use crate::records::{Key, Stop};

/// The changes, with those that follow from them at their end.
pub(super) fn follow(context: Context<'_>, changes: Vec<Change>) -> Result<Vec<Change>, Stop> {
    let mut logins = Logins { context, made: changes.len(), changes };
    for index in 0..logins.made {
        match logins.changes.get(index).cloned() {
            Some(Change::Membership(after)) => logins.began(after.account, after.user)?,
            Some(Change::MembershipEnded { account, user }) => logins.ended(account, user)?,
            Some(Change::Invitation(after)) => logins.answered(&after)?,
            _ => {}
        }
    }
    Ok(logins.changes)
}

struct Logins<'a> {
    context: Context<'a>,
    /// How many of the changes the command made itself.
    made: usize,
    changes: Vec<Change>,
}

impl Logins<'_> {
    fn began(&mut self, account: AccountId, user: UserId) -> Result<(), Stop> {
        let records = self.context.records;
        let is_new =
            !records.has(&Key::Membership(account, user)) || records.membership(account, user)?.is_none();
        if !is_new || !self.concerns(account)? {
            return Ok(());
        }
        match self.contact_of(account, user)? {
            Some(contact) => self.edit(account, contact, |contact| contact.user = Some(user)),
            None => Ok(()),
        }
    }

    fn ended(&mut self, account: AccountId, user: UserId) -> Result<(), Stop> {
        if !self.concerns(account)? {
            return Ok(());
        }
        match self.contact_of(account, user)? {
            Some(contact) => self.edit(account, contact, |contact| contact.user = None),
            None => Ok(()),
        }
    }

    /// An activation that is not pending any more.
    fn answered(&mut self, after: &Invitation) -> Result<(), Stop> {
        let Some(contact) = after.contact else { return Ok(()) };
        if after.state == InvitationState::Pending {
            return Ok(());
        }
        self.edit(after.account, contact, |contact| {
            contact.activation = contact.activation.filter(|pending| *pending != after.id);
        })?;
        match (after.state, after.proof) {
            (InvitationState::Revoked | InvitationState::Declined, Proof::InitialPassword { user, .. }) => {
                self.kill_password(user, Activation { account: after.account, invitation: after.id })
            }
            _ => Ok(()),
        }
    }

    /// Whether contacts of the account can become users.
    fn concerns(&self, account: AccountId) -> Result<bool, Stop> {
        let account = self.context.records.account(account)?;
        let policy = account.and_then(|account| self.context.policies.get(&account.policy));
        Ok(policy.is_some_and(|policy| policy.contacts_become_users()))
    }

    /// The account's contact with the user's address.
    fn contact_of(&self, account: AccountId, user: UserId) -> Result<Option<ContactId>, Stop> {
        let records = self.context.records;
        let planned = self.changes.iter().find_map(|change| match change {
            Change::User(planned) if planned.id == user => Some(planned),
            _ => None,
        });
        let user = match planned {
            Some(user) => Some(user),
            None if records.has(&Key::User(user)) => records.user(user)?,
            None => records.recipient(user)?,
        };
        let Some(user) = user else { return Ok(None) };
        Ok(records.contact_by_email(account, &user.email)?.map(|contact| contact.id))
    }

    /// Changes a contact that the plan leaves there, beside what it changes of it already.
    fn edit(
        &mut self,
        account: AccountId,
        id: ContactId,
        change: impl FnOnce(&mut Contact),
    ) -> Result<(), Stop> {
        for planned in &mut self.changes {
            match planned {
                Change::Contact(contact) if contact.account == account && contact.id == id => {
                    change(contact);
                    return Ok(());
                }
                Change::ContactRemoved { contact, .. } if *contact == id => return Ok(()),
                _ => {}
            }
        }
        let Some(before) = self.context.records.contact(account, id)? else { return Ok(()) };
        let mut after = before.clone();
        change(&mut after);
        if after != *before {
            self.changes.push(Change::Contact(Contact { updated_at: self.context.now, ..after }));
        }
        Ok(())
    }

    /// The initial password of an activation that was taken back opens nothing from now on, nor does a session that
    /// it opened.
    fn kill_password(&mut self, user: UserId, by: Activation) -> Result<(), Stop> {
        let replaced = self.changes.iter().any(|change| match change {
            Change::Credential(planned) => planned.user == user,
            Change::UserErased { user: erased, .. } => *erased == user,
            _ => false,
        });
        let found = if replaced { None } else { self.context.records.credential(user)? };
        let Some(Credential { kind: CredentialKind::Initial { activation, .. }, .. }) = found else {
            return Ok(());
        };
        if *activation != Some(by) {
            return Ok(());
        }
        self.changes.extend(credential::end_all(self.context, user)?);
        let kind = CredentialKind::Initial { expires_at: 0, activation: *activation };
        self.changes.extend(found.map(|found| Change::Credential(Credential { kind, ..found.clone() })));
        Ok(())
    }
}
