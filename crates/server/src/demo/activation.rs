//! The acts by which a contact becomes a user: from the contact to the password that its owner sets.

use anyhow::Context as _;
use mandate_proto::v1::{ActivateContactRequest, CreateContactRequest, SetPasswordRequest, SignInRequest};

use super::acts::{Outcome, Scene, owned};
use super::client::{address, with};
use super::letters;
use super::story::Newcomer;

/// The password that people of the stories set.
const OWN: &str = "a password for the demo alone";

impl Scene<'_> {
    /// Makes a contact known; its id.
    pub(super) async fn contact(&self, name: &str) -> anyhow::Result<Outcome> {
        let request = CreateContactRequest {
            account: self.cast.id_of(self.at)?,
            email: address(name),
            display_name: name.to_owned(),
            ..CreateContactRequest::default()
        };
        let answer = self.client.members().create_contact(with(self.token, request)?).await;
        Ok(answer.map(|answer| answer.into_inner().contact.map(|contact| contact.id)))
    }

    /// Activates a contact's login, and comes in with it; the id of the user.
    pub(super) async fn activate(&self, newcomer: Newcomer) -> anyhow::Result<Outcome> {
        let request = ActivateContactRequest {
            account: self.cast.id_of(self.at)?,
            contact: self.cast.id_of(newcomer.name)?,
            roles: owned(newcomer.roles),
            grants: owned(newcomer.grants),
            ..ActivateContactRequest::default()
        };
        match self.client.members().activate_contact(with(self.token, request)?).await {
            Ok(_) => self.come_in(&address(newcomer.name)).await,
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Signs in with the initial password of the mail and sets another one.
    async fn come_in(&self, email: &str) -> anyhow::Result<Outcome> {
        let password = letters::password(&self.client.mail, email).await?;
        let request = SignInRequest { email: email.to_owned(), password: password.clone() };
        let answer = match self.client.identity().sign_in(request).await {
            Ok(answer) => answer.into_inner(),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let tokens = answer.tokens.context("an answer without tokens")?;
        let new_password = OWN.to_owned();
        let request =
            SetPasswordRequest { old_password: password, new_password, ..SetPasswordRequest::default() };
        let set = self.client.identity().set_password(with(&tokens.access_token, request)?).await;
        Ok(set.map(|_| Some(answer.user)))
    }
}
