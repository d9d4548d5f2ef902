//! `IdentityService`: the people that accounts have as members ([`crate::users`]), and how they sign in
//! ([`crate::sign_in`]).

use std::sync::Arc;

use mandate_domain::user::User;
use mandate_proto::v1;
use mandate_proto::v1::identity_service_server::IdentityService;
use mandate_proto::write::WriteRequest;
use tonic::{Request, Response, Status};

use crate::auth::SigningKeys;
use crate::caller::Call;
use crate::convert::identity;
use crate::error::Error;
use crate::facts::Facts;
use crate::passwords::Passwords;
use crate::rate::Rates;
use crate::sign_in::SignIns;
use crate::users;

/// The service.
#[derive(Clone)]
pub struct Identities {
    facts: Arc<Facts>,
    sign_ins: Arc<SignIns>,
}

impl Identities {
    /// The service on these facts, with tokens signed by these keys.
    #[must_use]
    pub fn new(
        facts: Arc<Facts>,
        keys: Arc<SigningKeys>,
        passwords: Arc<Passwords>,
        rates: Arc<Rates>,
    ) -> Self {
        let sign_ins = Arc::new(SignIns::new(Arc::clone(&facts), keys, passwords, rates));
        Self { facts, sign_ins }
    }

    async fn caller<T>(&self, request: Request<T>) -> Result<(Call, T), Error> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        call.in_use(&self.facts).await?;
        Ok((call, request.into_inner()))
    }

    /// The same of a request that writes.
    async fn writer<T: WriteRequest>(&self, request: Request<T>) -> Result<(Call, T), Error> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        call.in_use(&self.facts).await?;
        Ok((call, message))
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn told(user: User) -> Option<v1::User> {
    Some(identity::to_message(user))
}

#[tonic::async_trait]
impl IdentityService for Identities {
    async fn create_user(&self, request: Request<v1::CreateUserRequest>) -> Answer<v1::CreateUserResponse> {
        let (call, message) = self.writer(request).await?;
        let user = told(users::create(&self.facts, &call, message).await?);
        Ok(call.write.answer(v1::CreateUserResponse { user, ..Default::default() }))
    }

    async fn get_user(&self, request: Request<v1::GetUserRequest>) -> Answer<v1::GetUserResponse> {
        let (call, message) = self.caller(request).await?;
        let user = told(users::get(&self.facts, &call, message).await?);
        Ok(Response::new(v1::GetUserResponse { user }))
    }

    async fn list_users(&self, request: Request<v1::ListUsersRequest>) -> Answer<v1::ListUsersResponse> {
        let (_, message) = self.caller(request).await?;
        Ok(Response::new(users::list(&self.facts, message).await?))
    }

    async fn update_user(&self, request: Request<v1::UpdateUserRequest>) -> Answer<v1::UpdateUserResponse> {
        let (call, message) = self.writer(request).await?;
        let user = told(users::update(&self.facts, &call, message).await?);
        Ok(call.write.answer(v1::UpdateUserResponse { user, ..Default::default() }))
    }

    async fn suspend_user(
        &self,
        request: Request<v1::SuspendUserRequest>,
    ) -> Answer<v1::SuspendUserResponse> {
        let (call, message) = self.writer(request).await?;
        let user = told(users::set_state(&self.facts, &call, identity::suspend(message)?).await?);
        Ok(call.write.answer(v1::SuspendUserResponse { user, ..Default::default() }))
    }

    async fn reinstate_user(
        &self,
        request: Request<v1::ReinstateUserRequest>,
    ) -> Answer<v1::ReinstateUserResponse> {
        let (call, message) = self.writer(request).await?;
        let user = told(users::set_state(&self.facts, &call, identity::reinstate(message)?).await?);
        Ok(call.write.answer(v1::ReinstateUserResponse { user, ..Default::default() }))
    }

    async fn export_user(&self, request: Request<v1::ExportUserRequest>) -> Answer<v1::ExportUserResponse> {
        let (call, message) = self.caller(request).await?;
        Ok(Response::new(users::export(&self.facts, &call, message).await?))
    }

    async fn erase_user(&self, request: Request<v1::EraseUserRequest>) -> Answer<v1::EraseUserResponse> {
        let (call, message) = self.writer(request).await?;
        Ok(call.write.answer(users::erase(&self.facts, &call, message).await?))
    }

    async fn set_initial_password(
        &self,
        request: Request<v1::SetInitialPasswordRequest>,
    ) -> Answer<v1::SetInitialPasswordResponse> {
        let (call, message) = self.writer(request).await?;
        Ok(call.write.answer(self.sign_ins.set_initial(&call, message).await?))
    }

    async fn sign_in(&self, request: Request<v1::SignInRequest>) -> Answer<v1::SignInResponse> {
        let from = request.remote_addr().map(|address| address.ip());
        Ok(Response::new(self.sign_ins.sign_in(from, request.into_inner()).await?))
    }

    async fn refresh_token(
        &self,
        request: Request<v1::RefreshTokenRequest>,
    ) -> Answer<v1::RefreshTokenResponse> {
        Ok(Response::new(self.sign_ins.refresh(request.into_inner()).await?))
    }

    async fn sign_out(&self, request: Request<v1::SignOutRequest>) -> Answer<v1::SignOutResponse> {
        let (call, message) = self.writer(request).await?;
        Ok(call.write.answer(self.sign_ins.sign_out(&call, message).await?))
    }

    async fn set_password(
        &self,
        request: Request<v1::SetPasswordRequest>,
    ) -> Answer<v1::SetPasswordResponse> {
        let (call, message) = self.writer(request).await?;
        Ok(call.write.answer(self.sign_ins.set_password(&call, message).await?))
    }

    async fn get_public_keys(
        &self,
        _: Request<v1::GetPublicKeysRequest>,
    ) -> Answer<v1::GetPublicKeysResponse> {
        Ok(Response::new(self.sign_ins.public_keys()))
    }
}
