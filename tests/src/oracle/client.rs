//! The real service, spoken to in the model's words.

use std::collections::BTreeMap;

use mandate_proto::v1::account_service_client::AccountServiceClient;
use mandate_proto::v1::authz_service_client::AuthzServiceClient;
use mandate_proto::v1::identity_service_client::IdentityServiceClient;
use mandate_proto::v1::membership_service_client::MembershipServiceClient;
use mandate_proto::v1::{self as pb, attribute_value};
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::judge::Actor;
use super::policy::Value;
use super::world::{Assignment, Member, MemberState, Ref};
use super::writes::Write;
use crate::Server;

/// Calls of one server, in anybody's name.
pub(super) struct Client<'s> {
    server: &'s Server,
    channel: Channel,
}

impl<'s> Client<'s> {
    pub(super) fn new(server: &'s Server) -> Self {
        Self { server, channel: server.channel() }
    }

    /// A call in somebody's name: an operator's, a person's own, or (for every other person) one that a service makes
    /// for them, which must come to the same.
    fn request<T>(&self, actor: &Actor, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = match actor {
            Actor::Operator => self.server.token("operator", &["platform.operator"]),
            Actor::Person(user) if user.bytes().map(usize::from).sum::<usize>() % 2 == 0 => {
                self.server.token(user, &[])
            }
            Actor::Person(user) => {
                request
                    .metadata_mut()
                    .insert("mandate-acting-for", user.parse().expect("an id fits into a header"));
                self.server.token("front-end", &["people.act"])
            }
        };
        let header = format!("Bearer {token}").parse().expect("a token fits into a header");
        request.metadata_mut().insert("authorization", header);
        request
    }

    /// A connection.
    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A question of a service that may ask.
    pub(super) fn asking<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = self.server.token("asker", &["authz.check", "authz.read", "accounts.read"]);
        let header = format!("Bearer {token}").parse().expect("a token fits into a header");
        request.metadata_mut().insert("authorization", header);
        request
    }

    /// Makes a write; the answer is the id of what was created, if the write creates something.
    pub(super) async fn write(&self, actor: &Actor, write: &Write) -> Result<String, Status> {
        match write {
            Write::CreateUser { .. } => self.write_user(actor, write).await,
            Write::CreateAccount { .. }
            | Write::UpdateAccount { .. }
            | Write::SuspendAccount { .. }
            | Write::ReinstateAccount { .. }
            | Write::DeleteAccount { .. }
            | Write::CreateResource { .. }
            | Write::DeleteResource { .. } => self.write_account(actor, write).await,
            Write::CreateGroup { .. } | Write::AddGroupUser { .. } | Write::RemoveGroupUser { .. } => {
                self.write_group(actor, write).await
            }
            Write::AddMember { .. }
            | Write::UpdateMember { .. }
            | Write::SuspendMember { .. }
            | Write::ReinstateMember { .. }
            | Write::RemoveMember { .. }
            | Write::Assign { .. }
            | Write::Unassign { .. } => self.write_member(actor, write).await,
        }
    }

    async fn write_user(&self, actor: &Actor, write: &Write) -> Result<String, Status> {
        let mut client = IdentityServiceClient::new(self.channel.clone());
        let Write::CreateUser { email } = write else { unreachable!("called for users") };
        let message =
            pb::CreateUserRequest { email: email.clone(), display_name: email.clone(), ..Default::default() };
        let answer = client.create_user(self.request(actor, message)).await?.into_inner();
        Ok(answer.user.expect("the user").id)
    }

    async fn write_account(&self, actor: &Actor, write: &Write) -> Result<String, Status> {
        let mut client = AccountServiceClient::new(self.channel.clone());
        match write.clone() {
            Write::CreateAccount { policy, first, attributes } => {
                let attributes = attributes.iter().map(|(name, value)| (name.clone(), sent(value))).collect();
                let message = pb::CreateAccountRequest {
                    policy,
                    display_name: "account".into(),
                    first_user: first,
                    origin: None,
                    attributes,
                    ..Default::default()
                };
                let answer = client.create_account(self.request(actor, message)).await?.into_inner();
                return Ok(answer.account.expect("the account").id);
            }
            Write::UpdateAccount { account, attributes } => {
                let paths = attributes.keys().map(|name| format!("attributes.{name}")).collect();
                let values =
                    attributes.iter().filter_map(|(name, value)| Some((name.clone(), sent(value.as_ref()?))));
                let message = pb::UpdateAccountRequest {
                    account,
                    display_name: String::new(),
                    attributes: values.collect(),
                    update_mask: Some(FieldMask { paths }),
                    ..Default::default()
                };
                client.update_account(self.request(actor, message)).await?;
            }
            Write::SuspendAccount { account } => {
                client
                    .suspend_account(
                        self.request(actor, pb::SuspendAccountRequest { account, ..Default::default() }),
                    )
                    .await?;
            }
            Write::ReinstateAccount { account } => {
                client
                    .reinstate_account(
                        self.request(actor, pb::ReinstateAccountRequest { account, ..Default::default() }),
                    )
                    .await?;
            }
            Write::DeleteAccount { account } => {
                client
                    .delete_account(
                        self.request(actor, pb::DeleteAccountRequest { account, ..Default::default() }),
                    )
                    .await?;
            }
            Write::CreateResource { account, name, parent, creator } => {
                let message = pb::CreateResourceRequest {
                    account,
                    resource: Some(named(&name)),
                    display_name: "resource".into(),
                    parent: parent.as_ref().map(named),
                    creator: creator.unwrap_or_default(),
                    holder: String::new(),
                    ..Default::default()
                };
                client.create_resource(self.request(actor, message)).await?;
            }
            Write::DeleteResource { account, name } => {
                let message =
                    pb::DeleteResourceRequest { account, resource: Some(named(&name)), ..Default::default() };
                client.delete_resource(self.request(actor, message)).await?;
            }
            other => unreachable!("not of accounts: {other:?}"),
        }
        Ok(String::new())
    }

    async fn write_group(&self, actor: &Actor, write: &Write) -> Result<String, Status> {
        let mut client = AccountServiceClient::new(self.channel.clone());
        match write.clone() {
            Write::CreateGroup { accounts, founder } => {
                let message = pb::CreateAccountGroupRequest {
                    display_name: "group".into(),
                    accounts,
                    founder,
                    ..Default::default()
                };
                let answer = client.create_account_group(self.request(actor, message)).await?.into_inner();
                return Ok(answer.group.expect("the group").id);
            }
            Write::AddGroupUser { group, user, role } => {
                let message = pb::AddAccountGroupUserRequest { group, user, role, ..Default::default() };
                client.add_account_group_user(self.request(actor, message)).await?;
            }
            Write::RemoveGroupUser { group, user } => {
                let message = pb::RemoveAccountGroupUserRequest { group, user, ..Default::default() };
                client.remove_account_group_user(self.request(actor, message)).await?;
            }
            other => unreachable!("not of groups: {other:?}"),
        }
        Ok(String::new())
    }

    async fn write_member(&self, actor: &Actor, write: &Write) -> Result<String, Status> {
        let mut client = MembershipServiceClient::new(self.channel.clone());
        match write.clone() {
            Write::AddMember { account, member, assignments } => {
                let Member { user, state: _, roles, grants, restrictions } = member;
                let assignments = assignments.iter().map(carried).collect();
                let message = pb::AddMemberRequest {
                    account,
                    user,
                    roles,
                    grants,
                    restrictions,
                    assignments,
                    ..Default::default()
                };
                client.add_member(self.request(actor, message)).await?;
            }
            Write::UpdateMember { account, user, roles, grants, restrictions } => {
                let lists = [("roles", &roles), ("grants", &grants), ("restrictions", &restrictions)];
                let paths = lists
                    .iter()
                    .filter(|(_, list)| list.is_some())
                    .map(|(path, _)| (*path).to_owned())
                    .collect();
                let message = pb::UpdateMemberRequest {
                    account,
                    user,
                    roles: roles.unwrap_or_default(),
                    grants: grants.unwrap_or_default(),
                    restrictions: restrictions.unwrap_or_default(),
                    update_mask: Some(FieldMask { paths }),
                    ..Default::default()
                };
                client.update_member(self.request(actor, message)).await?;
            }
            Write::SuspendMember { account, user } => {
                client
                    .suspend_member(
                        self.request(actor, pb::SuspendMemberRequest { account, user, ..Default::default() }),
                    )
                    .await?;
            }
            Write::ReinstateMember { account, user } => {
                client
                    .reinstate_member(
                        self.request(
                            actor,
                            pb::ReinstateMemberRequest { account, user, ..Default::default() },
                        ),
                    )
                    .await?;
            }
            Write::RemoveMember { account, user } => {
                client
                    .remove_member(
                        self.request(actor, pb::RemoveMemberRequest { account, user, ..Default::default() }),
                    )
                    .await?;
            }
            Write::Assign { account, assignment } => {
                let (user, assignment) = (assignment.user.clone(), Some(carried(&assignment)));
                let message = pb::AssignResourceRequest { account, user, assignment, ..Default::default() };
                client.assign_resource(self.request(actor, message)).await?;
            }
            Write::Unassign { account, user, resource } => {
                let message = pb::UnassignResourceRequest {
                    account,
                    user,
                    resource: Some(named(&resource)),
                    ..Default::default()
                };
                client.unassign_resource(self.request(actor, message)).await?;
            }
            other => unreachable!("not of members: {other:?}"),
        }
        Ok(String::new())
    }

    pub(super) async fn check(&self, check: pb::CheckRequest) -> Result<pb::CheckResponse, Status> {
        let mut client = AuthzServiceClient::new(self.channel.clone());
        Ok(client.check(self.asking(check)).await?.into_inner())
    }

    /// The answers to a batch, asked twice: a server answers plain questions by a shorter way than those that say how
    /// fresh facts must be, and must not answer them otherwise. Panics where it does.
    pub(super) async fn batch(
        &self,
        checks: Vec<pb::CheckRequest>,
    ) -> Result<Vec<pb::BatchCheckResult>, Status> {
        let fresh = pb::consistency::Requirement::FullyConsistent(pb::FullyConsistent {});
        let consistency = Some(pb::Consistency { requirement: Some(fresh) });
        let plain = pb::BatchCheckRequest { checks, consistency: None };
        let ordinary = self.asked(pb::BatchCheckRequest { consistency, ..plain.clone() }).await?;
        let short = self.asked(plain).await?;
        assert_eq!(undated(&short), undated(&ordinary), "a batch that says nothing of freshness");
        Ok(short)
    }

    async fn asked(&self, batch: pb::BatchCheckRequest) -> Result<Vec<pb::BatchCheckResult>, Status> {
        let mut client = AuthzServiceClient::new(self.channel.clone());
        Ok(client.batch_check(self.asking(batch)).await?.into_inner().results)
    }

    /// The answers to the same questions on a stream, each asked twice, as those of a batch are. Panics where the two
    /// differ.
    pub(super) async fn stream(
        &self,
        checks: Vec<pb::CheckRequest>,
    ) -> Result<Vec<pb::BatchCheckResult>, Status> {
        let fresh = pb::consistency::Requirement::FullyConsistent(pb::FullyConsistent {});
        let consistency = Some(pb::Consistency { requirement: Some(fresh) });
        let ordinary =
            checks.iter().map(|check| pb::CheckRequest { consistency: consistency.clone(), ..check.clone() });
        let ordinary: Vec<_> = ordinary.collect();
        let count = checks.len();
        let questions = (0..)
            .zip(checks.into_iter().chain(ordinary))
            .map(|(correlation_id, check)| pb::CheckStreamRequest { correlation_id, check: Some(check) });
        let questions: Vec<_> = questions.collect();
        let asked = questions.len();
        let mut client = AuthzServiceClient::new(self.channel.clone());
        let mut stream = client.check_stream(self.asking(tokio_stream::iter(questions))).await?.into_inner();
        let mut answers = BTreeMap::new();
        while let Some(pb::CheckStreamResponse { correlation_id, result }) = stream.message().await? {
            use pb::batch_check_result::Result as OfBatch;
            use pb::check_stream_response::Result as OfStream;
            let result = result.map(|result| match result {
                OfStream::Response(response) => OfBatch::Response(response),
                OfStream::Error(error) => OfBatch::Error(error),
            });
            let before = answers.insert(correlation_id, pb::BatchCheckResult { result });
            assert_eq!(before, None, "a question is answered once");
        }
        let mut plain: Vec<_> = answers.into_values().collect();
        assert_eq!(plain.len(), asked, "each question is answered");
        let ordinary = plain.split_off(count);
        assert_eq!(
            undated(&plain),
            undated(&ordinary),
            "a question of a stream that says nothing of freshness"
        );
        Ok(plain)
    }

    pub(super) async fn lookup(
        &self,
        request: pb::LookupPermissionsRequest,
    ) -> Result<pb::LookupPermissionsResponse, Status> {
        let mut client = AuthzServiceClient::new(self.channel.clone());
        Ok(client.lookup_permissions(self.asking(request)).await?.into_inner())
    }

    /// The members of an account, by user id.
    pub(super) async fn members(&self, account: &str) -> Result<Vec<Member>, Status> {
        let mut client = MembershipServiceClient::new(self.channel.clone());
        let message =
            pb::ListMembersRequest { account: account.into(), page_size: 1000, ..Default::default() };
        let page = client.list_members(self.asking(message)).await?.into_inner();
        let member = |found: pb::Member| Member {
            state: if found.state() == pb::MemberState::Active {
                MemberState::Active
            } else {
                MemberState::Suspended
            },
            user: found.user,
            roles: found.roles,
            grants: found.grants,
            restrictions: found.restrictions,
        };
        Ok(page.members.into_iter().map(member).collect())
    }
}

/// The answers without their tokens, which tell the moment and not the decision.
fn undated(results: &[pb::BatchCheckResult]) -> Vec<pb::BatchCheckResult> {
    let mut results = results.to_vec();
    for result in &mut results {
        if let Some(pb::batch_check_result::Result::Response(response)) = &mut result.result {
            response.consistency_token.clear();
        }
    }
    results
}

pub(super) fn named((kind, id): &Ref) -> pb::ResourceRef {
    pb::ResourceRef { r#type: kind.clone(), id: id.clone() }
}

fn carried(assignment: &Assignment) -> pb::NewAssignment {
    pb::NewAssignment {
        resource: Some(named(&assignment.resource)),
        roles: assignment.roles.clone(),
        permissions: assignment.permissions.clone(),
    }
}

fn sent(value: &Value) -> pb::AttributeValue {
    let value = match value.clone() {
        Value::Flag(on) => attribute_value::Value::Flag(on),
        Value::Number(number) => attribute_value::Value::Number(number),
        Value::Text(text) => attribute_value::Value::Text(text),
    };
    pb::AttributeValue { value: Some(value) }
}
