//! The activation of contacts' logins in few words.

use mandate_proto::v1::{
    Account, ActivateContactRequest, ActivateContactResponse, Activity, Contact, ListActivityRequest,
    ListUsersRequest, ResetInitialPasswordRequest, SetPasswordResponse, SignInRequest, User,
    reset_initial_password_request,
};
use tonic::Status;

use super::{Party, World, names};
use crate::secrets;

/// The password of their own that everybody sets who comes in.
pub const OWN: &str = "a password of my own";

/// The request to activate a contact's login with roles alone, to be completed.
pub fn activating(account: &Account, contact: &Contact, roles: &[&str]) -> ActivateContactRequest {
    ActivateContactRequest {
        account: account.id.clone(),
        contact: contact.id.clone(),
        roles: names(roles),
        ..ActivateContactRequest::default()
    }
}

impl Party {
    /// Activates a contact's login with roles alone.
    pub async fn activate(
        &self,
        account: &Account,
        contact: &Contact,
        roles: &[&str],
    ) -> Result<ActivateContactResponse, Status> {
        self.activate_with(activating(account, contact, roles)).await
    }

    /// Activates a contact's login with everything that can come with it.
    pub async fn activate_with(
        &self,
        request: ActivateContactRequest,
    ) -> Result<ActivateContactResponse, Status> {
        self.memberships().activate_contact(request).await.map(tonic::Response::into_inner)
    }

    /// Sets off a new initial password of a member.
    pub async fn reset_password(&self, account: &Account, user: &User) -> Result<(), Status> {
        self.reset(account, reset_initial_password_request::Of::User(user.id.clone())).await
    }

    /// Sets off a new initial password of a contact.
    pub async fn reset_password_of(&self, account: &Account, contact: &Contact) -> Result<(), Status> {
        self.reset(account, reset_initial_password_request::Of::Contact(contact.id.clone())).await
    }

    async fn reset(&self, account: &Account, of: reset_initial_password_request::Of) -> Result<(), Status> {
        let request =
            ResetInitialPasswordRequest { account: account.id.clone(), of: Some(of), ..Default::default() };
        self.memberships().reset_initial_password(request).await.map(drop)
    }

    /// What happened to somebody or something, latest first.
    pub async fn activity_of(&self, account: &Account, subject: &str) -> Result<Vec<Activity>, Status> {
        let request = ListActivityRequest {
            account: account.id.clone(),
            subject: subject.to_owned(),
            ..ListActivityRequest::default()
        };
        Ok(self.accounts().list_activity(request).await?.into_inner().activities)
    }
}

impl World {
    /// The user with that address; `None`: it is nobody's.
    pub async fn user_of(&self, email: &str) -> Option<User> {
        let request = ListUsersRequest { email: email.to_owned(), ..ListUsersRequest::default() };
        let found = self.operator().identity().list_users(request).await.expect("listed");
        found.into_inner().users.pop()
    }

    /// Signs in with an initial password and sets [`OWN`] in its place; who that is, and what the answer says.
    pub async fn come_in(&self, email: &str, initial: &str) -> Result<(User, SetPasswordResponse), Status> {
        let request = SignInRequest { email: email.to_owned(), password: initial.to_owned() };
        let answer = self.anybody().sign_in(request).await?.into_inner();
        let tokens = answer.tokens.inspect(secrets::tokens).expect("tokens");
        assert!(tokens.password_change_required, "nothing but setting a password");
        let set = self.with_tokens(&tokens).set_password(initial, OWN).await?;
        Ok((User { id: answer.user, email: email.to_owned(), ..User::default() }, set))
    }

    /// Comes in with the initial password of the `count`th mail to the contact; panics where that is refused.
    pub async fn comes_in(&self, contact: &Contact, count: usize) -> User {
        let initial = self.letter(&contact.email, count).await.password();
        self.come_in(&contact.email, &initial).await.expect("the first sign-in").0
    }
}
