//! Invitations and mail in few words.

use std::time::Duration;

use mandate_proto::v1::mail_service_client::MailServiceClient;
use mandate_proto::v1::membership_service_client::MembershipServiceClient;
use mandate_proto::v1::{
    AcceptInvitationRequest, Account, DeclineInvitationRequest, Invitation, InvitationState,
    InviteMemberRequest, ListInvitationsRequest, ListOutboxRequest, Member, OutgoingMail,
    ReplaceMemberEmailRequest, ResendInvitationRequest, RevokeInvitationRequest, SendBillingMailRequest,
    User,
};
use tonic::Status;

use super::{Party, World, names};
use crate::letter::Letter;
use crate::poll;

/// How long a mail may take to be sent.
const LIMIT: Duration = Duration::from_secs(30);

/// The request to invite somebody with roles alone, to be completed.
pub fn inviting(account: &Account, email: &str, roles: &[&str]) -> InviteMemberRequest {
    InviteMemberRequest {
        account: account.id.clone(),
        email: email.to_owned(),
        roles: names(roles),
        ..InviteMemberRequest::default()
    }
}

/// Invitations.
impl Party {
    /// Invites somebody with roles alone.
    pub async fn invite(&self, account: &Account, email: &str, roles: &[&str]) -> Result<Invitation, Status> {
        self.invite_with(inviting(account, email, roles)).await
    }

    /// Invites somebody with everything that can come with it.
    pub async fn invite_with(&self, request: InviteMemberRequest) -> Result<Invitation, Status> {
        let answer = self.memberships().invite_member(request).await?.into_inner();
        Ok(answer.invitation.expect("the invitation"))
    }

    /// Invites another address of a member.
    pub async fn replace_email(
        &self,
        account: &Account,
        user: &User,
        email: &str,
        remove_replaced: bool,
    ) -> Result<Invitation, Status> {
        let request = ReplaceMemberEmailRequest {
            account: account.id.clone(),
            user: user.id.clone(),
            email: email.to_owned(),
            remove_replaced,
            language: String::new(),
            ..Default::default()
        };
        let answer = self.memberships().replace_member_email(request).await?.into_inner();
        Ok(answer.invitation.expect("the invitation"))
    }

    /// Sends an invitation anew.
    pub async fn resend(&self, invitation: &Invitation) -> Result<Invitation, Status> {
        let (account, invitation) = (invitation.account.clone(), invitation.id.clone());
        let answer = self
            .memberships()
            .resend_invitation(ResendInvitationRequest { account, invitation, ..Default::default() })
            .await?;
        Ok(answer.into_inner().invitation.expect("the invitation"))
    }

    /// Takes an invitation back.
    pub async fn revoke(&self, invitation: &Invitation) -> Result<Invitation, Status> {
        let (account, invitation) = (invitation.account.clone(), invitation.id.clone());
        let answer = self
            .memberships()
            .revoke_invitation(RevokeInvitationRequest { account, invitation, ..Default::default() })
            .await?;
        Ok(answer.into_inner().invitation.expect("the invitation"))
    }

    /// The first page of an account's invitations in a state.
    pub async fn invitations(
        &self,
        account: &Account,
        state: InvitationState,
    ) -> Result<Vec<Invitation>, Status> {
        let request = ListInvitationsRequest {
            account: account.id.clone(),
            state: state.into(),
            ..ListInvitationsRequest::default()
        };
        Ok(self.memberships().list_invitations(request).await?.into_inner().invitations)
    }

    /// Mail and the outbox.
    pub fn mail(&self) -> MailServiceClient<crate::Authorized> {
        MailServiceClient::new(self.channel.clone())
    }

    /// Sends a mail to those who receive billing mail; to how many.
    pub async fn bill(&self, account: &Account, subject: &str) -> Result<i32, Status> {
        let request = SendBillingMailRequest {
            account: account.id.clone(),
            subject: subject.to_owned(),
            text: "It is due at the end of the month.".to_owned(),
            ..Default::default()
        };
        Ok(self.mail().send_billing_mail(request).await?.into_inner().recipients)
    }
}

/// Links and letters.
impl World {
    /// Somebody who has no token.
    fn nobody(&self) -> MembershipServiceClient<tonic::transport::Channel> {
        MembershipServiceClient::new(self.server().channel())
    }

    /// Follows a link, by the name of whoever does.
    pub async fn accept(&self, token: &str, name: &str) -> Result<Member, Status> {
        let request = AcceptInvitationRequest {
            token: token.to_owned(),
            display_name: name.to_owned(),
            ..Default::default()
        };
        Ok(self.nobody().accept_invitation(request).await?.into_inner().member.expect("the member"))
    }

    /// Turns a link down.
    pub async fn decline(&self, token: &str) -> Result<(), Status> {
        let request = DeclineInvitationRequest { token: token.to_owned(), ..Default::default() };
        self.nobody().decline_invitation(request).await.map(drop)
    }

    /// Waits for this many mails to an address in the server's folder and returns the last; panics where they do
    /// not come.
    pub async fn letter(&self, email: &str, count: usize) -> Letter {
        let found = poll::until(LIMIT, async || {
            let letters = self.letters(email);
            (letters.len() >= count).then(|| letters.last().cloned()).flatten()
        });
        found.await.unwrap_or_else(|| panic!("{} of {count} mails to {email}", self.letters(email).len()))
    }

    /// The mails to an address in the server's folder so far.
    pub fn letters(&self, email: &str) -> Vec<Letter> {
        let letters = Letter::all_in(&self.server().data_dir().join("mail"));
        letters.into_iter().filter(|letter| letter.to == email).collect()
    }

    /// Everything in the outbox, sent or not.
    pub async fn outbox(&self) -> Vec<OutgoingMail> {
        let request = ListOutboxRequest { page_size: 1_000, ..ListOutboxRequest::default() };
        self.operator().mail().list_outbox(request).await.expect("the outbox").into_inner().mails
    }
}
