//! `MembershipService`: members of accounts and what is assigned to them.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::records::{Key, Record};
use mandate_domain::resource::Assignment;
use mandate_proto::v1;
use mandate_proto::v1::membership_service_server::MembershipService;
use mandate_storage::{Member, MemberFilter};
use tonic::{Request, Response, Status};

use crate::access::{self, PersonRule};
use crate::account::exists;
use crate::caller::Call;
use crate::convert;
use crate::convert::resource::ListAssignments;
use crate::error::Error;
use crate::facts::Facts;
use crate::reads::{About, may_read};
use crate::writer::write;

/// The service.
#[derive(Clone)]
pub struct Memberships {
    facts: Arc<Facts>,
}

impl Memberships {
    /// The service on these facts.
    #[must_use]
    pub fn new(facts: Arc<Facts>) -> Self {
        Self { facts }
    }

    /// The member, from one snapshot.
    async fn stored(&self, account: AccountId, user: UserId) -> Result<Member, Error> {
        let keys = [Key::User(user), Key::Account(account), Key::Membership(account, user)];
        let (mut person, mut membership) = (None, None);
        for (_, record) in self.facts.store().read(&keys).await? {
            match record {
                Record::Account(None) => return Err(Error::not_found("account", account)),
                Record::User(found) => person = found,
                Record::Membership(found) => membership = found,
                _ => {}
            }
        }
        match (person, membership) {
            (Some(person), Some(membership)) => {
                Ok(Member { membership, email: person.email, display_name: person.display_name })
            }
            _ => Err(Error::not_found("member", user)),
        }
    }

    /// Carries out a command that leaves the member there, and returns them as they are then.
    async fn change(&self, call: &Call, command: Command) -> Result<Option<v1::Member>, Error> {
        let no_member = || Error::Defect(format!("{} names no member", command.name()));
        let (account, user) = command.account().zip(command.user()).ok_or_else(no_member)?;
        let committed = write(&self.facts, call.actor(), command).await?;
        let mut member = self.stored(account, user).await?;
        // What this write did, whatever another one has done since.
        for change in committed.plan.changes {
            match change {
                Change::Membership(changed) if changed.account == account && changed.user == user => {
                    member.membership = changed;
                }
                _ => {}
            }
        }
        Ok(Some(convert::membership::to_message(member)))
    }

    async fn list(
        &self,
        call: &Call,
        message: v1::ListMembersRequest,
    ) -> Result<v1::ListMembersResponse, Error> {
        let convert::membership::ListMembers { account, role, state, paging } =
            convert::membership::list(message)?;
        may_read(&self.facts, call.party, access::LIST_MEMBERS.person, account, About::Account).await?;
        exists(&self.facts, call.party, account).await?;
        let filter = MemberFilter { role: role.as_deref(), state };
        let page = self.facts.store().list_members(account, filter, paging.after, paging.limit).await?;
        let last = page.items.last().map(|member| member.membership.user);
        let next_page_token = paging.next(last, page.more.into())?;
        let members = page.items.into_iter().map(convert::membership::to_message).collect();
        Ok(v1::ListMembersResponse { members, next_page_token })
    }

    async fn assign(&self, call: &Call, message: v1::AssignResourceRequest) -> Result<Assignment, Error> {
        let command = convert::resource::assign(message)?;
        let Command::Assign { account, user, assignment } = &command else {
            return Err(Error::Defect("an assignment became another command".to_owned()));
        };
        let key = Key::Assignment(*account, *user, assignment.resource.clone());
        let committed = write(&self.facts, call.actor(), command).await?;
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
        found.ok_or_else(|| Error::Defect("an assignment was made and is not there".to_owned()))
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
    async fn add_member(
        &self,
        request: Request<v1::AddMemberRequest>,
    ) -> Result<Response<v1::AddMemberResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let member = self.change(&call, convert::membership::add(request.into_inner())?).await?;
        Ok(Response::new(v1::AddMemberResponse { member }))
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

    async fn update_member(
        &self,
        request: Request<v1::UpdateMemberRequest>,
    ) -> Result<Response<v1::UpdateMemberResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let member = self.change(&call, convert::membership::update(request.into_inner())?).await?;
        Ok(Response::new(v1::UpdateMemberResponse { member }))
    }

    async fn suspend_member(
        &self,
        request: Request<v1::SuspendMemberRequest>,
    ) -> Result<Response<v1::SuspendMemberResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let member = self.change(&call, convert::membership::suspend(request.into_inner())?).await?;
        Ok(Response::new(v1::SuspendMemberResponse { member }))
    }

    async fn reinstate_member(
        &self,
        request: Request<v1::ReinstateMemberRequest>,
    ) -> Result<Response<v1::ReinstateMemberResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let member = self.change(&call, convert::membership::reinstate(request.into_inner())?).await?;
        Ok(Response::new(v1::ReinstateMemberResponse { member }))
    }

    async fn remove_member(
        &self,
        request: Request<v1::RemoveMemberRequest>,
    ) -> Result<Response<v1::RemoveMemberResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let command = convert::membership::remove(request.into_inner())?;
        let committed = write(&self.facts, call.actor(), command).await?;
        let unassigned = committed.plan.changes.into_iter().filter_map(|change| match change {
            Change::AssignmentEnded { resource, .. } => Some(convert::resource::to_reference(resource)),
            _ => None,
        });
        Ok(Response::new(v1::RemoveMemberResponse { unassigned: unassigned.collect() }))
    }

    async fn assign_resource(
        &self,
        request: Request<v1::AssignResourceRequest>,
    ) -> Result<Response<v1::AssignResourceResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let assignment = self.assign(&call, request.into_inner()).await?;
        let assignment = Some(convert::resource::to_assignment(assignment));
        Ok(Response::new(v1::AssignResourceResponse { assignment }))
    }

    async fn unassign_resource(
        &self,
        request: Request<v1::UnassignResourceRequest>,
    ) -> Result<Response<v1::UnassignResourceResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        write(&self.facts, call.actor(), convert::resource::unassign(request.into_inner())?).await?;
        Ok(Response::new(v1::UnassignResourceResponse {}))
    }

    async fn list_assignments(
        &self,
        request: Request<v1::ListAssignmentsRequest>,
    ) -> Result<Response<v1::ListAssignmentsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(self.list_assignments(&call, request.into_inner()).await?))
    }
}
