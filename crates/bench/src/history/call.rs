//! The calls that clients make, and what their answers say for certain.

use mandate_proto::v1 as pb;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use super::model::{Question, Refusal, Roles, Seat, State, Thing, Who, Write};
use crate::client::Client;

/// The one thing there is in each account, which is assigned and unassigned.
const THING: (&str, &str) = ("thing", "t-1");

/// What an answer says.
#[derive(Debug)]
pub(super) enum Told<T> {
    /// It was done, or answered.
    Done(T),
    /// The rules refused it.
    Refused(Refusal),
    /// Certainly nothing happened, and nothing was answered.
    Nothing,
    /// It may have happened, or may still happen.
    Unknown,
    /// Something that no answer should be.
    Unexpected(String),
}

/// An account, and everybody who can be a member of it, by their ids.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) people: Vec<String>,
}

/// How fresh a Check is asked to be.
pub(super) type Consistency = pb::consistency::Requirement;

impl Place {
    fn id(&self, who: Who) -> String {
        self.people.get(who).cloned().unwrap_or_default()
    }

    /// Who it is whose id this is.
    fn who(&self, id: &str) -> Option<Who> {
        self.people.iter().position(|person| person == id)
    }

    /// Writes, and returns the consistency token of what was written.
    pub(super) async fn write(&self, client: &Client, write: Write, request_id: &str) -> Told<String> {
        let (account, request_id) = (self.account.clone(), request_id.to_owned());
        let mut members = client.memberships();
        let resource = || Some(thing());
        let assignment = || pb::NewAssignment { resource: resource(), ..Default::default() };
        macro_rules! member {
            ($call:ident, $message:ident, $who:expr $(, $field:ident: $value:expr)*) => {
                token(members.$call(pb::$message { account, request_id, user: self.id($who), $($field: $value,)* ..Default::default() }).await, |m| m.consistency_token)
            };
        }
        match write {
            Write::Add(who, roles, with) => {
                let assignments = if with == Thing::With { vec![assignment()] } else { Vec::new() };
                member!(add_member, AddMemberRequest, who, roles: named(roles), assignments: assignments)
            }
            Write::Remove(who) => member!(remove_member, RemoveMemberRequest, who),
            Write::SetRoles(who, roles) => {
                let mask = prost_types::FieldMask { paths: vec!["roles".to_owned()] };
                member!(update_member, UpdateMemberRequest, who, roles: named(roles), update_mask: Some(mask))
            }
            Write::Suspend(who) => member!(suspend_member, SuspendMemberRequest, who),
            Write::Reinstate(who) => member!(reinstate_member, ReinstateMemberRequest, who),
            Write::Assign(who) => {
                member!(assign_resource, AssignResourceRequest, who, assignment: Some(assignment()))
            }
            Write::Unassign(who) => {
                member!(unassign_resource, UnassignResourceRequest, who, resource: resource())
            }
            Write::Transfer { from, to } => {
                let (from, to) = (self.id(from), self.id(to));
                let request =
                    pb::TransferOwnershipRequest { account, from, to, request_id, ..Default::default() };
                token(client.accounts().transfer_ownership(request).await, |m| m.consistency_token)
            }
        }
    }

    fn question(&self, who: Who, question: Question) -> pb::CheckRequest {
        pb::CheckRequest {
            account: self.account.clone(),
            subject: Some(pb::Subject { subject: Some(pb::subject::Subject::User(self.id(who))) }),
            permission: question.permission().to_owned(),
            resource: (question == Question::ViewThing).then(thing),
            consistency: None,
        }
    }

    /// Asks one question.
    pub(super) async fn check(
        &self,
        client: &Client,
        (who, question): (Who, Question),
        consistency: Consistency,
    ) -> Told<pb::CheckResponse> {
        let consistency = Some(pb::Consistency { requirement: Some(consistency) });
        let request = pb::CheckRequest { consistency, ..self.question(who, question) };
        done(client.authz().check(request).await)
    }

    /// Asks several at once; questions that failed by themselves are left out.
    pub(super) async fn batch(
        &self,
        client: &Client,
        questions: &[(Who, Question)],
        consistency: Consistency,
    ) -> Told<Vec<Option<pb::CheckResponse>>> {
        let checks = questions.iter().map(|(who, question)| self.question(*who, *question)).collect();
        let consistency = Some(pb::Consistency { requirement: Some(consistency) });
        match done(client.authz().batch_check(pb::BatchCheckRequest { checks, consistency }).await) {
            Told::Done(answer) => Told::Done(answer.results.into_iter().map(answered).collect()),
            Told::Refused(refusal) => Told::Refused(refusal),
            Told::Nothing => Told::Nothing,
            Told::Unknown => Told::Unknown,
            Told::Unexpected(text) => Told::Unexpected(text),
        }
    }

    /// Everybody who is a member, without what is assigned to them.
    pub(super) async fn list(&self, client: &Client) -> Told<State> {
        let request = pb::ListMembersRequest { account: self.account.clone(), ..Default::default() };
        match done(client.memberships().list_members(request).await) {
            Told::Done(answer) => match self.state(&answer.members) {
                Some(state) => Told::Done(state),
                None => Told::Unexpected(format!("members that nobody made: {:?}", answer.members)),
            },
            Told::Refused(refusal) => Told::Refused(refusal),
            Told::Nothing => Told::Nothing,
            Told::Unknown => Told::Unknown,
            Told::Unexpected(text) => Told::Unexpected(text),
        }
    }

    fn state(&self, members: &[pb::Member]) -> Option<State> {
        members.iter().try_fold(State::default(), |state, member| {
            let suspended = member.state() == pb::MemberState::Suspended;
            let seat = Seat { roles: Roles::of(&member.roles)?, suspended, assigned: false };
            Some(state.with(self.who(&member.user)?, Some(seat)))
        })
    }

    /// Everything there is; `None`: it could not be read.
    pub(super) async fn everything(&self, client: &Client) -> Option<State> {
        let Told::Done(state) = self.list(client).await else { return None };
        let of = pb::list_assignments_request::Of::Resource(thing());
        let request =
            pb::ListAssignmentsRequest { account: self.account.clone(), of: Some(of), ..Default::default() };
        let assigned = client.memberships().list_assignments(request).await.ok()?.into_inner().assignments;
        let users = assigned.iter().map(|assignment| assignment.user.as_str());
        users.map(|user| self.who(user)).try_fold(state, |state, who| {
            let seat = state.seat(who?).map(|seat| Seat { assigned: true, ..seat });
            Some(state.with(who?, seat))
        })
    }
}

fn thing() -> pb::ResourceRef {
    pb::ResourceRef { r#type: THING.0.to_owned(), id: THING.1.to_owned() }
}

fn named(roles: Roles) -> Vec<String> {
    roles.names().map(str::to_owned).collect()
}

fn answered(result: pb::BatchCheckResult) -> Option<pb::CheckResponse> {
    match result.result? {
        pb::batch_check_result::Result::Response(answer) => Some(answer),
        pb::batch_check_result::Result::Error(_) => None,
    }
}

fn token<M>(answer: Result<Response<M>, Status>, token: impl FnOnce(M) -> String) -> Told<String> {
    match answer {
        Ok(answer) => Told::Done(token(answer.into_inner())),
        Err(status) => refused(&status),
    }
}

fn done<M>(answer: Result<Response<M>, Status>) -> Told<M> {
    match answer {
        Ok(answer) => Told::Done(answer.into_inner()),
        Err(status) => refused(&status),
    }
}

/// What a failure says. What comes without a reason comes from the way, not from the server.
fn refused<T>(status: &Status) -> Told<T> {
    let Some(info) = status.get_details_error_info() else {
        return Told::Unknown;
    };
    let role = || info.metadata.get("role").cloned().unwrap_or_default();
    match info.reason.as_str() {
        "NOT_FOUND" => Told::Refused(Refusal::NotFound),
        "ALREADY_EXISTS" => Told::Refused(Refusal::AlreadyExists),
        "WRONG_STATE" => Told::Refused(Refusal::WrongState),
        "LIMIT_LEAST" => Told::Refused(Refusal::LimitLeast(role())),
        "LIMIT_MOST" => Told::Refused(Refusal::LimitMost(role())),
        "STORAGE_UNAVAILABLE" if info.metadata.contains_key("outcome") => Told::Unknown,
        // It says that nothing was written, and is taken at its word.
        "STORAGE_UNAVAILABLE" | "CONTENTION" => Told::Nothing,
        _ if status.code() == Code::Unavailable => Told::Unknown,
        _ => Told::Unexpected(format!("{:?} {}: {}", status.code(), info.reason, status.message())),
    }
}
