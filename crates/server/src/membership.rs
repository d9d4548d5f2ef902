//! `MembershipService`: members of accounts and what is assigned to them.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::membership::Membership;
use mandate_domain::records::{Key, Record};
use mandate_domain::resource::Assignment;
use mandate_mail::MailKey;
use mandate_proto::v1;
use mandate_proto::v1::membership_service_server::MembershipService;
use mandate_storage::{Member, MemberFilter, MemberProfile, StoreError};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::access::{self, PersonRule};
use crate::account::exists;
use crate::caller::Call;
use crate::clock::now_micros;
use crate::contact;
use crate::convert;
use crate::convert::resource::ListAssignments;
use crate::error::Error;
use crate::facts::Facts;
use crate::import;
use crate::passwords::Passwords;
use crate::rate::Rates;
use crate::reads::{About, may_read};
use crate::writer::write;

/// The service.
#[derive(Clone)]
pub struct Memberships {
    facts: Arc<Facts>,
    mail_key: MailKey,
    passwords: Arc<Passwords>,
    stopping: CancellationToken,
    rates: Arc<Rates>,
}

impl Memberships {
    /// The service on these facts; links and initial passwords that are mailed come from the key. Streams end when the
    /// server is stopping.
    #[must_use]
    pub fn new(
        facts: Arc<Facts>,
        mail_key: MailKey,
        passwords: Arc<Passwords>,
        stopping: CancellationToken,
        rates: Arc<Rates>,
    ) -> Self {
        Self { facts, mail_key, passwords, stopping, rates }
    }

    /// Counts a call that sends mail to somebody, by the person who makes it.
    fn mails(&self, call: &Call) -> Result<(), Error> {
        Ok(self.rates.invitation(call.party.person(), now_micros())?)
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    pub(crate) fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    pub(crate) fn mail_key(&self) -> &MailKey {
        &self.mail_key
    }

    /// The member, from one snapshot.
    async fn stored(&self, account: AccountId, user: UserId) -> Result<Member, Error> {
        if let Some(member) = self.facts.store().member(account, user).await? {
            return Ok(member);
        }
        match self.facts.store().read(&[Key::Account(account)]).await?.as_slice() {
            [(_, Record::Account(None))] => Err(Error::not_found("account", account)),
            _ => Err(Error::not_found("member", user)),
        }
    }

    /// Carries out a command that leaves the member there, and returns them as they are then.
    async fn change(&self, call: &Call, command: Command) -> Result<Option<v1::Member>, Error> {
        let no_member = || Error::Defect(format!("{} names no member", command.name()));
        let (account, user) = command.account().zip(command.user()).ok_or_else(no_member)?;
        // Whom it is about does not depend on the write, which waits for the database most of its time.
        let (committed, profile) = tokio::join!(
            write(&self.facts, &call.write, command),
            self.facts.store().profile(account, user),
        );
        let changed = committed?.plan.changes.into_iter().find_map(|change| match change {
            Change::Membership(changed) if changed.account == account && changed.user == user => {
                Some(changed)
            }
            _ => None,
        });
        let member = match changed {
            // What this write did, whatever another one has done since.
            Some(membership) => self.as_changed(membership, profile).await?,
            // Nothing changed: it was like that before.
            None => self.stored(account, user).await?,
        };
        Ok(Some(convert::membership::to_message(member)))
    }

    /// The member as this membership has them, which may have been changed again since, or not be there any more.
    async fn as_changed(
        &self,
        membership: Membership,
        profile: Result<Option<MemberProfile>, StoreError>,
    ) -> Result<Member, Error> {
        let (account, user) = (membership.account, membership.user);
        let found = match profile {
            Ok(Some(found)) => Some(found),
            // They became a user while the write waited, or the database was away for a moment.
            Ok(None) | Err(_) => {
                self.facts.store().profile(account, user).await.map_err(StoreError::after_commit)?
            }
        };
        let MemberProfile { user, last_active } = found.ok_or_else(|| Error::not_found("user", user))?;
        Ok(Member::new(membership, user, last_active))
    }

    async fn list(
        &self,
        call: &Call,
        message: v1::ListMembersRequest,
    ) -> Result<v1::ListMembersResponse, Error> {
        let convert::membership::ListMembers { account, role, state, search, last_active_before, paging } =
            convert::membership::list(message)?;
        may_read(&self.facts, call.party, access::LIST_MEMBERS.person, account, About::Account).await?;
        exists(&self.facts, call.party, account).await?;
        let (role, search) = (role.as_deref(), search.as_ref());
        let filter = MemberFilter { role, state, search, last_active_before, beyond: None };
        let (rows, last, more) =
            self.members_and_invited(account, filter, paging.after, paging.limit).await?;
        Ok(v1::ListMembersResponse { members: rows, next_page_token: paging.next(last, more)? })
    }

    async fn assign(&self, call: &Call, message: v1::AssignResourceRequest) -> Result<Assignment, Error> {
        let command = convert::resource::assign(message)?;
        let Command::Assign { account, user, assignment } = &command else {
            return Err(Error::Defect("an assignment became another command".to_owned()));
        };
        let key = Key::Assignment(*account, *user, assignment.resource.clone());
        let committed = write(&self.facts, &call.write, command).await?;
        let made = committed.plan.changes.into_iter().find_map(|change| match change {
            Change::Assignment(assignment) => Some(assignment),
            _ => None,
        });
        if let Some(assignment) = made {
            return Ok(assignment);
        }
        // Nothing changed: it was like that before.
        let found = self.facts.store().read(&[key]).await?.into_iter().find_map(|(_, record)| match record {
            Record::Assignment(assignment) => assignment,
            _ => None,
        });
        // Or has been undone since, by a write beside it: then it is to be asked for again.
        found.ok_or_else(|| StoreError::Contention { attempts: 1, source: None }.into())
    }

    async fn list_assignments(
        &self,
        call: &Call,
        message: v1::ListAssignmentsRequest,
    ) -> Result<v1::ListAssignmentsResponse, Error> {
        let (account, list) = convert::resource::list_assignments(message)?;
        let store = self.facts.store();
        let (page, next_page_token) = match list {
            ListAssignments::Of { user, paging } => {
                let rule = access::LIST_ASSIGNMENTS.person;
                may_read(&self.facts, call.party, rule, account, About::User(user)).await?;
                let page =
                    store.list_assignments_of(account, user, paging.after.as_ref(), paging.limit).await?;
                let last = page.items.last().map(|assignment| assignment.resource.clone());
                let token = paging.next(last, page.more.into())?;
                (page, token)
            }
            ListAssignments::On { resource, paging } => {
                let rule = PersonRule::Resource(mandate_domain::operation::ResourceOperation::View);
                may_read(&self.facts, call.party, rule, account, About::Resource(&resource)).await?;
                let page = store.list_assignments_on(account, &resource, paging.after, paging.limit).await?;
                let last = page.items.last().map(|assignment| assignment.user);
                let token = paging.next(last, page.more.into())?;
                (page, token)
            }
        };
        exists(&self.facts, call.party, account).await?;
        let assignments = page.items.into_iter().map(convert::resource::to_assignment).collect();
        Ok(v1::ListAssignmentsResponse { assignments, next_page_token })
    }
}

#[tonic::async_trait]
impl MembershipService for Memberships {
    type ImportMembersStream = import::Results;

    async fn import_members(
        &self,
        request: Request<Streaming<v1::ImportMembersRequest>>,
    ) -> Result<Response<Self::ImportMembersStream>, Status> {
        Ok(import::import(&self.facts, self.stopping.clone(), request).await?)
    }

    async fn add_member(
        &self,
        request: Request<v1::AddMemberRequest>,
    ) -> Result<Response<v1::AddMemberResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let member = self.change(&call, convert::membership::add(message)?).await?;
        Ok(call.write.answer(v1::AddMemberResponse { member, ..Default::default() }))
    }

    async fn get_member(
        &self,
        request: Request<v1::GetMemberRequest>,
    ) -> Result<Response<v1::GetMemberResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let convert::membership::MemberOf { account, user } = convert::membership::get(request.into_inner())?;
        may_read(&self.facts, call.party, access::GET_MEMBER.person, account, About::User(user)).await?;
        let member = convert::membership::to_message(self.stored(account, user).await?);
        Ok(Response::new(v1::GetMemberResponse { member: Some(member) }))
    }

    async fn list_members(
        &self,
        request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(self.list(&call, request.into_inner()).await?))
    }

    async fn list_people(
        &self,
        request: Request<v1::ListPeopleRequest>,
    ) -> Result<Response<v1::ListPeopleResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(self.people(&call, request.into_inner()).await?))
    }

    async fn update_member(
        &self,
        request: Request<v1::UpdateMemberRequest>,
    ) -> Result<Response<v1::UpdateMemberResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let member = self.change(&call, convert::membership::update(message)?).await?;
        Ok(call.write.answer(v1::UpdateMemberResponse { member, ..Default::default() }))
    }

    async fn suspend_member(
        &self,
        request: Request<v1::SuspendMemberRequest>,
    ) -> Result<Response<v1::SuspendMemberResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let member = self.change(&call, convert::membership::suspend(message)?).await?;
        Ok(call.write.answer(v1::SuspendMemberResponse { member, ..Default::default() }))
    }

    async fn reinstate_member(
        &self,
        request: Request<v1::ReinstateMemberRequest>,
    ) -> Result<Response<v1::ReinstateMemberResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let member = self.change(&call, convert::membership::reinstate(message)?).await?;
        Ok(call.write.answer(v1::ReinstateMemberResponse { member, ..Default::default() }))
    }

    async fn remove_member(
        &self,
        request: Request<v1::RemoveMemberRequest>,
    ) -> Result<Response<v1::RemoveMemberResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let command = convert::membership::remove(message)?;
        let committed = write(&self.facts, &call.write, command).await?;
        let unassigned = committed.plan.changes.into_iter().filter_map(|change| match change {
            Change::AssignmentEnded { resource, .. } => Some(convert::resource::to_reference(resource)),
            _ => None,
        });
        Ok(call
            .write
            .answer(v1::RemoveMemberResponse { unassigned: unassigned.collect(), ..Default::default() }))
    }

    async fn assign_resource(
        &self,
        request: Request<v1::AssignResourceRequest>,
    ) -> Result<Response<v1::AssignResourceResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let assignment = self.assign(&call, message).await?;
        let assignment = Some(convert::resource::to_assignment(assignment));
        Ok(call.write.answer(v1::AssignResourceResponse { assignment, ..Default::default() }))
    }

    async fn unassign_resource(
        &self,
        request: Request<v1::UnassignResourceRequest>,
    ) -> Result<Response<v1::UnassignResourceResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        write(&self.facts, &call.write, convert::resource::unassign(message)?).await?;
        Ok(call.write.answer(v1::UnassignResourceResponse { ..Default::default() }))
    }

    async fn list_assignments(
        &self,
        request: Request<v1::ListAssignmentsRequest>,
    ) -> Result<Response<v1::ListAssignmentsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(self.list_assignments(&call, request.into_inner()).await?))
    }

    async fn create_contact(
        &self,
        request: Request<v1::CreateContactRequest>,
    ) -> Result<Response<v1::CreateContactResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let contact = contact::create(&self.facts, &call, message).await?;
        let contact = Some(convert::contact::to_message(contact));
        Ok(call.write.answer(v1::CreateContactResponse { contact, ..Default::default() }))
    }

    async fn get_contact(
        &self,
        request: Request<v1::GetContactRequest>,
    ) -> Result<Response<v1::GetContactResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let contact = contact::get(&self.facts, &call, request.into_inner()).await?;
        let contact = Some(convert::contact::to_message(contact));
        Ok(Response::new(v1::GetContactResponse { contact }))
    }

    async fn update_contact(
        &self,
        request: Request<v1::UpdateContactRequest>,
    ) -> Result<Response<v1::UpdateContactResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let contact = contact::update(&self.facts, &call, message).await?;
        let contact = Some(convert::contact::to_message(contact));
        Ok(call.write.answer(v1::UpdateContactResponse { contact, ..Default::default() }))
    }

    async fn list_contacts(
        &self,
        request: Request<v1::ListContactsRequest>,
    ) -> Result<Response<v1::ListContactsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(contact::list(&self.facts, &call, request.into_inner()).await?))
    }

    async fn delete_contact(
        &self,
        request: Request<v1::DeleteContactRequest>,
    ) -> Result<Response<v1::DeleteContactResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        Ok(call.write.answer(contact::delete(&self.facts, &call, message).await?))
    }

    async fn activate_contact(
        &self,
        request: Request<v1::ActivateContactRequest>,
    ) -> Result<Response<v1::ActivateContactResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        self.mails(&call)?;
        Ok(call.write.answer(self.activate(&call, message).await?))
    }

    async fn reset_initial_password(
        &self,
        request: Request<v1::ResetInitialPasswordRequest>,
    ) -> Result<Response<v1::ResetInitialPasswordResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        self.mails(&call)?;
        Ok(call.write.answer(self.reset_password(&call, message).await?))
    }

    async fn invite_member(
        &self,
        request: Request<v1::InviteMemberRequest>,
    ) -> Result<Response<v1::InviteMemberResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        self.mails(&call)?;
        let invitation = self.invite(&call, message).await?;
        Ok(call.write.answer(v1::InviteMemberResponse { invitation, ..Default::default() }))
    }

    async fn replace_member_email(
        &self,
        request: Request<v1::ReplaceMemberEmailRequest>,
    ) -> Result<Response<v1::ReplaceMemberEmailResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        self.mails(&call)?;
        let invitation = self.replace(&call, message).await?;
        Ok(call.write.answer(v1::ReplaceMemberEmailResponse { invitation, ..Default::default() }))
    }

    async fn get_invitation(
        &self,
        request: Request<v1::GetInvitationRequest>,
    ) -> Result<Response<v1::GetInvitationResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let invitation = self.one_invitation(&call, request.into_inner()).await?;
        Ok(Response::new(v1::GetInvitationResponse { invitation }))
    }

    async fn resend_invitation(
        &self,
        request: Request<v1::ResendInvitationRequest>,
    ) -> Result<Response<v1::ResendInvitationResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        self.mails(&call)?;
        let invitation = self.resend(&call, message).await?;
        Ok(call.write.answer(v1::ResendInvitationResponse { invitation, ..Default::default() }))
    }

    async fn revoke_invitation(
        &self,
        request: Request<v1::RevokeInvitationRequest>,
    ) -> Result<Response<v1::RevokeInvitationResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let invitation = self.invitation_after(&call, convert::invitation::revoke(message)?).await?;
        Ok(call.write.answer(v1::RevokeInvitationResponse { invitation, ..Default::default() }))
    }

    async fn list_invitations(
        &self,
        request: Request<v1::ListInvitationsRequest>,
    ) -> Result<Response<v1::ListInvitationsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(self.invitations(&call, request.into_inner()).await?))
    }

    async fn accept_invitation(
        &self,
        request: Request<v1::AcceptInvitationRequest>,
    ) -> Result<Response<v1::AcceptInvitationResponse>, Status> {
        Ok(self.accept(request.into_inner()).await?)
    }

    async fn decline_invitation(
        &self,
        request: Request<v1::DeclineInvitationRequest>,
    ) -> Result<Response<v1::DeclineInvitationResponse>, Status> {
        Ok(self.decline(request.into_inner()).await?)
    }
}
