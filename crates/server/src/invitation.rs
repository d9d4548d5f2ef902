//! The invitation calls of `MembershipService`: access offered by mail, and what whoever follows the link does.

use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::id::{AccountId, InvitationId, UserId};
use mandate_domain::invitation::{Invitation, InvitationState};
use mandate_domain::membership::MemberState;
use mandate_domain::records::{Key, Record};
use mandate_domain::refusal::Refusal;
use mandate_mail::MailKey;
use mandate_proto::v1;
use mandate_storage::{Committed, InvitationFilter, Member, MemberFilter, StoreError};
use tonic::Response;

use crate::access;
use crate::account::exists;
use crate::caller::Call;
use crate::clock::new_id_bits;
use crate::convert;
use crate::convert::membership::MemberKey;
use crate::convert::page::More;
use crate::error::Error;
use crate::membership::Memberships;
use crate::reads::{About, may_read};
use crate::writer::{Write, write};

/// How often an acceptance is tried again because its address became somebody's meanwhile.
const ATTEMPTS: usize = 3;

impl Memberships {
    /// A page of members and, once they have all been shown, of those whose invitation is pending (RE-04).
    pub(crate) async fn members_and_invited(
        &self,
        account: AccountId,
        filter: MemberFilter<'_>,
        after: Option<MemberKey>,
        limit: u32,
    ) -> Result<(Vec<v1::Member>, Option<MemberKey>, More), Error> {
        let store = self.facts().store();
        let (mut rows, mut last) = (Vec::new(), after);
        let mut invited = None;
        match after {
            Some(MemberKey::Invited(after)) => invited = after,
            Some(MemberKey::Member(_)) | None => {
                let after = match after {
                    Some(MemberKey::Member(user)) => Some(user),
                    _ => None,
                };
                let page = store.list_members(account, filter, after, limit).await?;
                let key = page.items.last().map(|member| MemberKey::Member(member.membership.user));
                last = key.or(last);
                rows.extend(page.items.into_iter().map(convert::membership::to_message));
                if page.more {
                    return Ok((rows, last, More::Yes));
                }
            }
        }
        if !matches!(filter.state, None | Some(MemberState::Pending)) {
            return Ok((rows, last, More::No));
        }
        let MemberFilter { role, state: _, search, last_active_before: _, beyond } = filter;
        let state = Some(InvitationState::Pending);
        let pending = InvitationFilter { state, pending_with_role: role, search, beyond };
        let room = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(limit));
        let page = store.list_invitations(account, pending, invited, room).await?;
        // A page that members have filled still leads on to those who are invited.
        last = Some(MemberKey::Invited(page.items.last().map(|last| last.id).or(invited)));
        rows.extend(page.items.into_iter().map(convert::invitation::to_member));
        Ok((rows, last, page.more.into()))
    }

    /// Carries out a command that leaves an invitation, and returns it as it is then.
    pub(crate) async fn invitation_after(
        &self,
        call: &Call,
        command: Command,
    ) -> Result<Option<v1::Invitation>, Error> {
        let name = command.name();
        Self::left(write(self.facts(), &call.write, command).await?, name)
    }

    /// The invitation as a write left it.
    pub(crate) fn left(committed: Committed, name: &str) -> Result<Option<v1::Invitation>, Error> {
        // The last one: another may have made room for it.
        let left = committed.plan.changes.into_iter().rev().find_map(|change| match change {
            Change::Invitation(invitation) => Some(invitation),
            _ => None,
        });
        let left = left.ok_or_else(|| Error::Defect(format!("{name} left no invitation")))?;
        Ok(Some(convert::invitation::to_message(left)))
    }

    pub(crate) async fn invite(
        &self,
        call: &Call,
        message: v1::InviteMemberRequest,
    ) -> Result<Option<v1::Invitation>, Error> {
        let id = InvitationId::from_bits(new_id_bits()?);
        self.invitation_after(call, convert::invitation::invite(message, id)?).await
    }

    pub(crate) async fn replace(
        &self,
        call: &Call,
        message: v1::ReplaceMemberEmailRequest,
    ) -> Result<Option<v1::Invitation>, Error> {
        let id = InvitationId::from_bits(new_id_bits()?);
        self.invitation_after(call, convert::invitation::replace(message, id)?).await
    }

    pub(crate) async fn one_invitation(
        &self,
        call: &Call,
        message: v1::GetInvitationRequest,
    ) -> Result<Option<v1::Invitation>, Error> {
        let convert::invitation::InvitationOf { account, invitation } = convert::invitation::get(message)?;
        may_read(self.facts(), call.party, access::GET_INVITATION.person, account, About::Account).await?;
        exists(self.facts(), call.party, account).await?;
        let found = self.facts().store().read(&[Key::Invitation(account, invitation)]).await?;
        match found.into_iter().next() {
            Some((_, Record::Invitation(Some(found)))) => Ok(Some(convert::invitation::to_message(found))),
            _ => Err(Error::not_found("invitation", invitation)),
        }
    }

    pub(crate) async fn invitations(
        &self,
        call: &Call,
        message: v1::ListInvitationsRequest,
    ) -> Result<v1::ListInvitationsResponse, Error> {
        let convert::invitation::ListInvitations { account, state, paging } =
            convert::invitation::list(message)?;
        may_read(self.facts(), call.party, access::LIST_INVITATIONS.person, account, About::Account).await?;
        exists(self.facts(), call.party, account).await?;
        let filter = InvitationFilter { state, ..InvitationFilter::default() };
        let page = self.facts().store().list_invitations(account, filter, paging.after, paging.limit).await?;
        let next_page_token = paging.next(page.items.last().map(|last| last.id), page.more.into())?;
        let invitations = page.items.into_iter().map(convert::invitation::to_message).collect();
        Ok(v1::ListInvitationsResponse { invitations, next_page_token })
    }

    /// The invitation whose link was followed. INVARIANT: whatever is wrong with the token, the answer is the same.
    async fn followed(&self, token: &str) -> Result<Invitation, Error> {
        let invalid = || Error::from(Refusal::InvitationInvalid);
        let id = MailKey::invitation(token).ok_or_else(invalid)?;
        let found = self.facts().store().invitation(id).await?.ok_or_else(invalid)?;
        match self.mail_key().proves(token, found.id, found.generation) {
            true => Ok(found),
            false => Err(invalid()),
        }
    }

    pub(crate) async fn accept(
        &self,
        message: v1::AcceptInvitationRequest,
    ) -> Result<Response<v1::AcceptInvitationResponse>, Error> {
        let convert::invitation::Accept { token, display_name } =
            convert::invitation::accept(message.clone())?;
        let Invitation { account, id, generation, .. } = self.followed(&token).await?;
        let writing = Write::asked(Actor::Link { invitation: id }, &message)?;
        let newcomer = UserId::from_bits(new_id_bits()?);
        let command = || Command::AcceptInvitation {
            account,
            invitation: id,
            generation,
            newcomer,
            display_name: display_name.clone(),
        };
        let mut attempt = 1;
        let committed = loop {
            match write(self.facts(), &writing, command()).await {
                // Somebody made this address known between reading and writing: they are who accepts.
                Err(Error::Refused(Refusal::AlreadyExists { what, .. }))
                    if what != "member" && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => break outcome?,
            }
        };
        let (mut made, mut person) = (None, None);
        for change in committed.plan.changes {
            match change {
                Change::Membership(membership) => made = Some(membership),
                Change::User(user) => person = Some(user),
                _ => {}
            }
        }
        let membership = made.ok_or_else(|| Error::Defect("an acceptance made no member".to_owned()))?;
        self.facts().note_change(account, membership.user);
        let person = match person {
            Some(person) => Some(person),
            None => self.facts().store().user(membership.user).await.map_err(StoreError::after_commit)?,
        };
        let person = person.ok_or_else(|| Error::not_found("user", membership.user))?;
        let member = Some(convert::membership::to_message(Member::new(membership, person, None)));
        Ok(writing.answer(v1::AcceptInvitationResponse { member, ..Default::default() }))
    }

    pub(crate) async fn decline(
        &self,
        message: v1::DeclineInvitationRequest,
    ) -> Result<Response<v1::DeclineInvitationResponse>, Error> {
        let token = convert::invitation::decline(message.clone())?;
        let Invitation { account, id, generation, .. } = self.followed(&token).await?;
        let writing = Write::asked(Actor::Link { invitation: id }, &message)?;
        let command = Command::DeclineInvitation { account, invitation: id, generation };
        write(self.facts(), &writing, command).await?;
        Ok(writing.answer(v1::DeclineInvitationResponse::default()))
    }
}
