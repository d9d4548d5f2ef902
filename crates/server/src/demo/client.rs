//! The client side: one connection over the socket, and a token with each call.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use mandate_proto::v1::account_service_client::AccountServiceClient;
use mandate_proto::v1::authz_service_client::AuthzServiceClient;
use mandate_proto::v1::identity_service_client::IdentityServiceClient;
use mandate_proto::v1::membership_service_client::MembershipServiceClient;
use mandate_proto::v1::{
    BatchCheckRequest, BatchCheckResult, CheckRequest, CheckResponse, CreateUserRequest,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::auth::{Scope, ScopeSet, SigningKey};
use crate::clock;

/// How long the demo's tokens are valid: long enough to paste the lines tomorrow.
const TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// No call of the demo takes anywhere near as long.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The services of a server, and the tokens of a backend and of an operator.
pub(super) struct Client {
    channel: Channel,
    key: SigningKey,
    /// A token of a service that may ask and look things up.
    pub(super) backend: String,
    /// A token of a platform operator.
    pub(super) operator: String,
    /// The folder into which the server writes mail.
    pub(super) mail: PathBuf,
}

impl Client {
    /// Connects to the server at the address, with tokens of the key in its data folder.
    pub(super) async fn connect(address: SocketAddr, data: &Path) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.timeout(CALL_TIMEOUT);
        let channel = endpoint.connect().await.with_context(|| format!("no connection to {address}"))?;
        let key = SigningKey::load(data)?;
        let backend = [Scope::AuthzCheck, Scope::AuthzRead, Scope::AccountsRead];
        let backend = mint(&key, "demo-backend", backend.into_iter().collect())?;
        let operator = mint(&key, "demo-operator", ScopeSet::EMPTY.with(Scope::PlatformOperator))?;
        Ok(Self { channel, key, backend, operator, mail: data.join("mail") })
    }

    /// A token of a person.
    pub(super) fn token_of(&self, user: &str) -> anyhow::Result<String> {
        mint(&self.key, user, ScopeSet::EMPTY)
    }

    pub(super) fn accounts(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.channel.clone())
    }

    pub(super) fn members(&self) -> MembershipServiceClient<Channel> {
        MembershipServiceClient::new(self.channel.clone())
    }

    pub(super) fn identity(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.channel.clone())
    }

    /// Makes a person known, as the operator, and returns the user's id.
    pub(super) async fn create_user(&self, name: &str) -> anyhow::Result<String> {
        let request =
            CreateUserRequest { email: address(name), display_name: name.to_owned(), ..Default::default() };
        let answer = self
            .identity()
            .create_user(with(&self.operator, request)?)
            .await
            .with_context(|| format!("{name} could not be made known"))?;
        Ok(answer.into_inner().user.context("an answer without a user")?.id)
    }

    /// Asks one question, as the backend.
    pub(super) async fn check(
        &self,
        question: CheckRequest,
    ) -> anyhow::Result<Result<CheckResponse, Status>> {
        let request = with(&self.backend, question)?;
        let answer = AuthzServiceClient::new(self.channel.clone()).check(request).await;
        Ok(answer.map(tonic::Response::into_inner))
    }

    /// Asks several questions at once, as the backend.
    pub(super) async fn check_all(&self, checks: Vec<CheckRequest>) -> anyhow::Result<Vec<BatchCheckResult>> {
        let request = with(&self.backend, BatchCheckRequest { checks, consistency: None })?;
        let answer = AuthzServiceClient::new(self.channel.clone()).batch_check(request).await?;
        Ok(answer.into_inner().results)
    }
}

/// The e-mail address of a person of the stories.
pub(super) fn address(name: &str) -> String {
    format!("{}@example.com", name.to_lowercase())
}

/// A call with this token.
pub(super) fn with<T>(token: &str, message: T) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    Ok(request)
}

fn mint(key: &SigningKey, subject: &str, scopes: ScopeSet) -> anyhow::Result<String> {
    Ok(key.mint(subject, scopes, TOKEN_LIFETIME, clock::now_micros())?)
}
