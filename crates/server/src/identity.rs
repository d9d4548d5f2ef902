//! `IdentityService`: the people that accounts have as members.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::id::UserId;
use mandate_domain::user::User;
use mandate_proto::v1;
use mandate_proto::v1::identity_service_server::IdentityService;
use tonic::{Request, Response, Status};

use crate::access::AccessError;
use crate::caller::Call;
use crate::clock::new_id_bits;
use crate::convert;
use crate::error::Error;
use crate::facts::Facts;
use crate::writer::write;

/// The service.
#[derive(Clone)]
pub struct Identities {
    facts: Arc<Facts>,
}

impl Identities {
    /// The service on these facts.
    #[must_use]
    pub fn new(facts: Arc<Facts>) -> Self {
        Self { facts }
    }

    async fn create(&self, call: &Call, message: v1::CreateUserRequest) -> Result<User, Error> {
        let convert::identity::CreateUser { email, display_name, identities } =
            convert::identity::create(message)?;
        let id = UserId::from_bits(new_id_bits()?);
        let command = Command::CreateUser { id, email, display_name, identities };
        let committed = write(&self.facts, call.actor(), command).await?;
        let created = committed.plan.changes.into_iter().find_map(|change| match change {
            Change::User(user) => Some(user),
            _ => None,
        });
        created.ok_or_else(|| Error::Defect("a user was created without a change that says so".to_owned()))
    }

    async fn get(&self, call: &Call, message: v1::GetUserRequest) -> Result<User, Error> {
        let asked = convert::identity::get(message)?;
        let id = match (asked, call.party.person()) {
            (Some(asked), Some(person)) if asked != person => return Err(AccessError::NotOneself.into()),
            (Some(asked), _) => asked,
            (None, Some(person)) => person,
            (None, None) => return Err(Error::field("user", "is required of whoever is not a person")),
        };
        self.facts.store().user(id).await?.ok_or_else(|| Error::not_found("user", id))
    }
}

#[tonic::async_trait]
impl IdentityService for Identities {
    async fn create_user(
        &self,
        request: Request<v1::CreateUserRequest>,
    ) -> Result<Response<v1::CreateUserResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let user = self.create(&call, request.into_inner()).await?;
        Ok(Response::new(v1::CreateUserResponse { user: Some(convert::identity::to_message(user)) }))
    }

    async fn get_user(
        &self,
        request: Request<v1::GetUserRequest>,
    ) -> Result<Response<v1::GetUserResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let user = self.get(&call, request.into_inner()).await?;
        Ok(Response::new(v1::GetUserResponse { user: Some(convert::identity::to_message(user)) }))
    }
}
