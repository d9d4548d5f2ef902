//! Somebody who calls the service, with a client for each of its services.

use mandate_proto::v1::account_service_client::AccountServiceClient;
use mandate_proto::v1::authz_service_client::AuthzServiceClient;
use mandate_proto::v1::identity_service_client::IdentityServiceClient;
use mandate_proto::v1::membership_service_client::MembershipServiceClient;

use crate::Authorized;

/// A person, a backend or an operator with a token; the calls of the scenarios are its methods.
#[derive(Clone)]
pub struct Party {
    pub(super) channel: Authorized,
}

impl Party {
    /// Whoever the token of the channel speaks for.
    pub fn new(channel: Authorized) -> Self {
        Self { channel }
    }

    /// Accounts, resources and account groups.
    pub fn accounts(&self) -> AccountServiceClient<Authorized> {
        AccountServiceClient::new(self.channel.clone())
    }

    /// Members and assignments.
    pub fn memberships(&self) -> MembershipServiceClient<Authorized> {
        MembershipServiceClient::new(self.channel.clone())
    }

    /// Decisions.
    pub fn authz(&self) -> AuthzServiceClient<Authorized> {
        AuthzServiceClient::new(self.channel.clone())
    }

    /// People.
    pub fn identity(&self) -> IdentityServiceClient<Authorized> {
        IdentityServiceClient::new(self.channel.clone())
    }
}
