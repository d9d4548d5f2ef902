//! The calls of `MembershipService` that make users of contacts, and those that set off initial passwords.
//!
//! INVARIANT: a password is made up and hashed before it is known whether anybody gets it, so that neither the answer
//! nor the time it takes tells whether the address was somebody's (IX-10).

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::contact::Contact;
use mandate_domain::credential::{Credential, CredentialKind, InitialPassword};
use mandate_domain::id::{InvitationId, PasswordId, UserId};
use mandate_domain::invitation::{Invitation, InvitationState};
use mandate_domain::refusal::Refusal;
use mandate_proto::v1;
use mandate_storage::Committed;

use crate::access;
use crate::authz::everything;
use crate::caller::Call;
use crate::clock::new_id_bits;
use crate::convert;
use crate::convert::activation::Reset;
use crate::convert::invitation::InvitationOf;
use crate::error::Error;
use crate::facts::Offered;
use crate::membership::Memberships;
use crate::passwords::Password;
use crate::reads::{About, may_read};
use crate::writer::write;

/// How often a write is tried again because its address became somebody's meanwhile.
const ATTEMPTS: usize = 3;

impl Memberships {
    pub(crate) async fn activate(
        &self,
        call: &Call,
        message: v1::ActivateContactRequest,
    ) -> Result<v1::ActivateContactResponse, Error> {
        let activate = convert::activation::activate(message)?;
        // The plan judges it; nobody else has passwords hashed.
        let rule = access::ACTIVATE_CONTACT.person;
        may_read(self.facts(), call.party, rule, activate.account, About::Account).await?;
        let id = InvitationId::from_bits(new_id_bits()?);
        let committed = self.retried(call, &activate.command(id, self.initial_password().await?)).await?;
        // Not by this call's own id: a retry is answered with what the first one made.
        let (mut contact, mut invitation) = (None, None);
        for change in committed.plan.changes {
            match change {
                Change::Contact(changed) if changed.activation.is_some() => contact = Some(changed),
                Change::Invitation(made) if made.state == InvitationState::Pending => invitation = Some(made),
                _ => {}
            }
        }
        let both: Option<(Contact, Invitation)> = contact.zip(invitation);
        let (contact, invitation) =
            both.ok_or_else(|| Error::Defect("an activation left no contact or invitation".to_owned()))?;
        Ok(v1::ActivateContactResponse {
            permissions: Some(self.offered(&invitation).await?),
            contact: Some(convert::contact::to_message(contact)),
            invitation: Some(convert::invitation::to_message(invitation)),
            ..Default::default()
        })
    }

    /// IX-08: the summary of what was offered.
    async fn offered(&self, offer: &Invitation) -> Result<v1::OfferedPermissions, Error> {
        let Offered { ask, known, carried } = self.facts().of_offer(offer, None).await?;
        let everywhere = everything(&known, ask, &carried);
        let mut resources = Vec::with_capacity(offer.assignments.len());
        for assignment in &offer.assignments {
            let Offered { ask, known, carried } =
                self.facts().of_offer(offer, Some(&assignment.resource)).await?;
            resources.push((assignment.resource.clone(), everything(&known, ask, &carried)));
        }
        Ok(convert::activation::to_permissions(everywhere, resources))
    }

    pub(crate) async fn reset_password(
        &self,
        call: &Call,
        message: v1::ResetInitialPasswordRequest,
    ) -> Result<v1::ResetInitialPasswordResponse, Error> {
        let Reset { account, of } = convert::activation::reset(message)?;
        let rule = access::RESET_INITIAL_PASSWORD.person;
        may_read(self.facts(), call.party, rule, account, About::Account).await?;
        let initial = self.initial_password().await?;
        let committed = self.retried(call, &Command::ResetInitialPassword { account, of, initial }).await?;
        let expires_at = committed.plan.changes.iter().find_map(|change| match change {
            Change::Invitation(Invitation { expires_at, .. })
            | Change::Credential(Credential { kind: CredentialKind::Initial { expires_at, .. }, .. }) => {
                Some(*expires_at)
            }
            _ => None,
        });
        let expire_time = expires_at.map(convert::timestamp);
        Ok(v1::ResetInitialPasswordResponse { expire_time, ..Default::default() })
    }

    pub(crate) async fn resend(
        &self,
        call: &Call,
        message: v1::ResendInvitationRequest,
    ) -> Result<Option<v1::Invitation>, Error> {
        let InvitationOf { account, invitation } = convert::invitation::resend(message)?;
        let found = self.facts().store().invitation(invitation).await?;
        let activates = found.is_some_and(|found| found.account == account && found.contact.is_some());
        let rule = access::ACTIVATE_CONTACT.person;
        // Whoever may not activate is refused by the plan, which looks at the invitation last.
        let may =
            activates && may_read(self.facts(), call.party, rule, account, About::Account).await.is_ok();
        let initial = if may { Some(self.initial_password().await?) } else { None };
        let committed =
            self.retried(call, &Command::ResendInvitation { account, invitation, initial }).await?;
        Self::left(committed, "invitation.resend")
    }

    /// An initial password that whoever needs it gets by mail.
    async fn initial_password(&self) -> Result<InitialPassword, Error> {
        let id = PasswordId::from_bits(new_id_bits()?);
        let hash = self.passwords().hash(Password::new(self.mail_key().initial_password(id))).await?;
        Ok(InitialPassword { id, hash, newcomer: UserId::from_bits(new_id_bits()?) })
    }

    /// Carries out a command that may make somebody known: if somebody else was faster, they are who it is about.
    async fn retried(&self, call: &Call, command: &Command) -> Result<Committed, Error> {
        let mut attempt = 1;
        loop {
            match write(self.facts(), &call.write, command.clone()).await {
                Err(Error::Refused(Refusal::AlreadyExists { what, .. }))
                    if what == "a user with the e-mail address" && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}
