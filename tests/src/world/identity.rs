//! Users, passwords and sessions in few words.

use mandate_proto::v1::identity_service_client::IdentityServiceClient;
use mandate_proto::v1::{
    EraseUserRequest, ExportUserRequest, RefreshTokenRequest, ReinstateUserRequest,
    SetInitialPasswordRequest, SetPasswordRequest, SetPasswordResponse, SignInRequest, SignOutRequest,
    SignOutScope, SuspendUserRequest, Tokens, UpdateUserRequest, User,
};
use prost_types::{FieldMask, Struct};
use tonic::Status;
use tonic::transport::Channel;

use super::{Party, World};
use crate::{Bearer, secrets};

impl World {
    /// Whoever has no token yet.
    pub fn anybody(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.server().channel())
    }

    /// Signs in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<Tokens, Status> {
        let request = SignInRequest { email: email.to_owned(), password: password.to_owned() };
        let answer = self.anybody().sign_in(request).await?.into_inner();
        secrets::password(password);
        Ok(answer.tokens.inspect(secrets::tokens).expect("tokens"))
    }

    /// Exchanges the refresh token.
    pub async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, Status> {
        let request = RefreshTokenRequest { refresh_token: tokens.refresh_token.clone() };
        let answer = self.anybody().refresh_token(request).await?.into_inner();
        Ok(answer.tokens.inspect(secrets::tokens).expect("tokens"))
    }

    /// Whoever has these tokens.
    pub fn with_tokens(&self, tokens: &Tokens) -> Party {
        self.with_token(&tokens.access_token)
    }

    /// Whoever has this token.
    pub fn with_token(&self, token: &str) -> Party {
        Party::new(Bearer::new(token).on(self.server().channel()))
    }

    /// Gives somebody a password of their own, by way of an initial one; none of their sessions is left.
    pub async fn has_password(&self, user: &User, password: &str) {
        let initial = self.operator().set_initial_password(user, "an initial password").await.expect("set");
        assert!(initial.is_empty(), "the one that was given is not repeated");
        let tokens = self.sign_in(&user.email, "an initial password").await.expect("signed in");
        let party = self.with_tokens(&tokens);
        party.set_password("an initial password", password).await.expect("a password");
        let tokens = self.refresh(&tokens).await.expect("the session goes on");
        self.with_tokens(&tokens).sign_out(SignOutScope::AllSessions).await.expect("signed out");
    }
}

/// Users.
impl Party {
    /// Says which language and region the caller prefers, as a BCP 47 tag.
    pub async fn prefer(&self, locale: &str) -> Result<User, Status> {
        let update_mask = Some(FieldMask { paths: vec!["locale".to_owned()] });
        let request =
            UpdateUserRequest { locale: locale.to_owned(), update_mask, ..UpdateUserRequest::default() };
        let answer = self.identity().update_user(request).await?.into_inner();
        Ok(answer.user.expect("the user"))
    }

    /// Suspends a user everywhere.
    pub async fn suspend_user(&self, user: &User) -> Result<User, Status> {
        let request = SuspendUserRequest { user: user.id.clone(), ..Default::default() };
        let answer = self.identity().suspend_user(request).await?.into_inner();
        Ok(answer.user.expect("the user"))
    }

    /// Ends a suspension.
    pub async fn reinstate_user(&self, user: &User) -> Result<User, Status> {
        let request = ReinstateUserRequest { user: user.id.clone(), ..Default::default() };
        let answer = self.identity().reinstate_user(request).await?.into_inner();
        Ok(answer.user.expect("the user"))
    }

    /// Erases a person; the accounts in which a membership ended.
    pub async fn erase_user(&self, user: &User) -> Result<Vec<String>, Status> {
        let request = EraseUserRequest { user: user.id.clone(), ..Default::default() };
        Ok(self.identity().erase_user(request).await?.into_inner().ended_memberships)
    }

    /// Everything known of a person, and the token of the next page.
    pub async fn export_user(&self, user: &User, size: i32, token: &str) -> Result<(Struct, String), Status> {
        let (user, page_size, page_token) = (user.id.clone(), size, token.to_owned());
        let answer = self
            .identity()
            .export_user(ExportUserRequest { user, page_size, page_token })
            .await?
            .into_inner();
        Ok((answer.data.expect("data"), answer.next_page_token))
    }
}

/// Passwords and sessions.
impl Party {
    /// Gives somebody an initial password; the one that was made up where this one is empty.
    pub async fn set_initial_password(&self, user: &User, password: &str) -> Result<String, Status> {
        let (user, password) = (user.id.clone(), password.to_owned());
        let request = SetInitialPasswordRequest { user, password, ..Default::default() };
        Ok(self.identity().set_initial_password(request).await?.into_inner().password)
    }

    /// Replaces one's own password.
    pub async fn set_password(&self, old: &str, new: &str) -> Result<SetPasswordResponse, Status> {
        let (old_password, new_password) = (old.to_owned(), new.to_owned());
        let request = SetPasswordRequest { old_password, new_password, ..Default::default() };
        self.identity().set_password(request).await.map(tonic::Response::into_inner)
    }

    /// Ends sessions; how many.
    pub async fn sign_out(&self, scope: SignOutScope) -> Result<i32, Status> {
        let request = SignOutRequest { scope: scope.into(), ..Default::default() };
        Ok(self.identity().sign_out(request).await?.into_inner().ended_sessions)
    }
}
