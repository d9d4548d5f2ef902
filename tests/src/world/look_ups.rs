//! Who may, to what, in which accounts: every page of an answer.

use mandate_proto::v1::{
    Account, LookupAccountsRequest, LookupMembersRequest, LookupResourcesRequest, PermittedAccount,
    PermittedResource, PermittedUser, User,
};
use tonic::Status;

use super::{Party, user_subject};

/// Pages that no list of a story is longer than.
const PAGES: usize = 1_000;

/// Asks who may do this in the account, to be completed (`..who_may(&acme, "users.view")`).
pub fn who_may(account: &Account, permission: &str) -> LookupMembersRequest {
    LookupMembersRequest {
        account: account.id.clone(),
        permission: permission.to_owned(),
        ..LookupMembersRequest::default()
    }
}

/// Asks to what somebody may do this in the account.
pub fn to_what(account: &Account, user: &User, permission: &str) -> LookupResourcesRequest {
    LookupResourcesRequest {
        account: account.id.clone(),
        subject: Some(user_subject(&user.id)),
        permission: permission.to_owned(),
        ..LookupResourcesRequest::default()
    }
}

/// Asks in which accounts somebody may do this.
pub fn where_may(user: &User, permission: &str) -> LookupAccountsRequest {
    LookupAccountsRequest {
        subject: Some(user_subject(&user.id)),
        permission: permission.to_owned(),
        ..LookupAccountsRequest::default()
    }
}

impl Party {
    /// Everybody who may.
    pub async fn all_who_may(&self, mut query: LookupMembersRequest) -> Result<Vec<PermittedUser>, Status> {
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let page = self.authz().lookup_members(query.clone()).await?.into_inner();
            all.extend(page.users);
            query.page_token = page.next_page_token;
            if query.page_token.is_empty() {
                return Ok(all);
            }
        }
        panic!("no end after {PAGES} pages")
    }

    /// Everything to which they may, as `type/id`.
    pub async fn all_to_which(&self, query: LookupResourcesRequest) -> Result<Vec<String>, Status> {
        let told = |found: PermittedResource| {
            found.resource.map(|name| format!("{}/{}", name.r#type, name.id)).unwrap_or_default()
        };
        Ok(self.all_resources(query).await?.into_iter().map(told).collect())
    }

    /// The same with the ways.
    pub async fn all_resources(
        &self,
        mut query: LookupResourcesRequest,
    ) -> Result<Vec<PermittedResource>, Status> {
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let page = self.authz().lookup_resources(query.clone()).await?.into_inner();
            all.extend(page.resources);
            query.page_token = page.next_page_token;
            if query.page_token.is_empty() {
                return Ok(all);
            }
        }
        panic!("no end after {PAGES} pages")
    }

    /// Every account in which they may.
    pub async fn all_where(&self, mut query: LookupAccountsRequest) -> Result<Vec<PermittedAccount>, Status> {
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let page = self.authz().lookup_accounts(query.clone()).await?.into_inner();
            all.extend(page.accounts);
            query.page_token = page.next_page_token;
            if query.page_token.is_empty() {
                return Ok(all);
            }
        }
        panic!("no end after {PAGES} pages")
    }
}
