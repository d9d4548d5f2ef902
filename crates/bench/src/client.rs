//! Single calls through tonic's own client, for what is not counted in millions.

use std::net::SocketAddr;
use std::time::Duration;

use mandate_proto::v1::account_service_client::AccountServiceClient;
use mandate_proto::v1::authz_service_client::AuthzServiceClient;
use mandate_proto::v1::identity_service_client::IdentityServiceClient;
use mandate_proto::v1::membership_service_client::MembershipServiceClient;
use mandate_proto::v1::subject::Subject as Who;
use mandate_proto::v1::{
    AddAccountGroupUserRequest, AddMemberRequest, BatchCheckRequest, BatchCheckResponse, CheckRequest,
    CheckResponse, CheckStreamRequest, CheckStreamResponse, RemoveAccountGroupUserRequest,
    RemoveMemberRequest, Subject,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::facts::{account_id, group_id, user_id};

/// A connection of one caller.
#[derive(Clone)]
pub(crate) struct Client(InterceptedService<Channel, Bearer>);

/// Puts the token into each call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl Client {
    /// Connects with a token.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) async fn connect(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
        Ok(Self(InterceptedService::new(channel, Bearer(format!("Bearer {token}").parse()?))))
    }

    /// A connection that is made with the first call, and anew when it was lost; no call takes longer than `limit`.
    ///
    /// # Errors
    /// The token cannot be sent.
    pub(crate) fn patient(address: SocketAddr, token: &str, limit: Duration) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        let channel = endpoint.connect_timeout(limit).timeout(limit).connect_lazy();
        Ok(Self(InterceptedService::new(channel, Bearer(format!("Bearer {token}").parse()?))))
    }

    /// `AccountService` by this caller.
    pub(crate) fn accounts(&self) -> AccountServiceClient<InterceptedService<Channel, Bearer>> {
        AccountServiceClient::new(self.0.clone())
    }

    /// `AuthzService` by this caller.
    pub(crate) fn authz(&self) -> AuthzServiceClient<InterceptedService<Channel, Bearer>> {
        AuthzServiceClient::new(self.0.clone())
    }

    /// `IdentityService` by this caller.
    pub(crate) fn identity(&self) -> IdentityServiceClient<InterceptedService<Channel, Bearer>> {
        IdentityServiceClient::new(self.0.clone())
    }

    /// `MembershipService` by this caller.
    pub(crate) fn memberships(&self) -> MembershipServiceClient<InterceptedService<Channel, Bearer>> {
        MembershipServiceClient::new(self.0.clone())
    }

    /// Whether a user holds a permission in an account.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn check(&self, account: u64, user: u64, permission: &str) -> Result<bool, Status> {
        Ok(self.ask(question(account, user, permission)).await?.allowed)
    }

    /// Asks one question.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn ask(&self, question: CheckRequest) -> Result<CheckResponse, Status> {
        Ok(AuthzServiceClient::new(self.0.clone()).check(question).await?.into_inner())
    }

    /// Asks several at once.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn ask_all(&self, checks: Vec<CheckRequest>) -> Result<BatchCheckResponse, Status> {
        let request = BatchCheckRequest { checks, consistency: None };
        Ok(AuthzServiceClient::new(self.0.clone()).batch_check(request).await?.into_inner())
    }

    /// Asks one question on a stream of its own.
    ///
    /// # Errors
    /// The server's, or there is no answer.
    pub(crate) async fn ask_on_a_stream(
        &self,
        question: CheckStreamRequest,
    ) -> Result<CheckStreamResponse, Status> {
        let questions = tokio_stream::iter([question]);
        let answers = AuthzServiceClient::new(self.0.clone()).check_stream(questions).await?;
        let answer = answers.into_inner().message().await?;
        answer.ok_or_else(|| Status::unknown("the stream ended without an answer"))
    }

    /// Gives a user a role in a group.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn add_to_group(&self, group: u64, user: u64, role: &str) -> Result<(), Status> {
        let (group, user) = (group_id(group).to_string(), user_id(user).to_string());
        let request = AddAccountGroupUserRequest { group, user, role: role.to_owned(), ..Default::default() };
        AccountServiceClient::new(self.0.clone()).add_account_group_user(request).await.map(drop)
    }

    /// Takes a user out of a group; how many direct memberships ended with it.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn remove_from_group(&self, group: u64, user: u64) -> Result<usize, Status> {
        let (group, user) = (group_id(group).to_string(), user_id(user).to_string());
        let request = RemoveAccountGroupUserRequest { group, user, ..Default::default() };
        let answer = AccountServiceClient::new(self.0.clone()).remove_account_group_user(request).await?;
        Ok(answer.into_inner().ended_memberships.len())
    }

    /// Makes a user a member of an account.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn add_member(&self, account: u64, user: u64, role: &str) -> Result<(), Status> {
        let request = AddMemberRequest {
            account: account_id(account).to_string(),
            user: user_id(user).to_string(),
            roles: vec![role.to_owned()],
            ..Default::default()
        };
        MembershipServiceClient::new(self.0.clone()).add_member(request).await.map(drop)
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn remove_member(&self, account: u64, user: u64) -> Result<(), Status> {
        let request = RemoveMemberRequest {
            account: account_id(account).to_string(),
            user: user_id(user).to_string(),
            ..Default::default()
        };
        MembershipServiceClient::new(self.0.clone()).remove_member(request).await.map(drop)
    }
}

/// The question whether a user holds a permission in an account.
pub(crate) fn question(account: u64, user: u64, permission: &str) -> CheckRequest {
    CheckRequest {
        account: account_id(account).to_string(),
        subject: Some(Subject { subject: Some(Who::User(user_id(user).to_string())) }),
        permission: permission.to_owned(),
        resource: None,
        consistency: None,
    }
}
