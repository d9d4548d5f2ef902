//! Lists of people from the first page to the last, and what they are found by.

use std::time::Duration;

use mandate_proto::v1::{
    Account, Contact, CreateUserRequest, ListContactsRequest, ListMembersRequest, ListPeopleRequest, Member,
    Person, UpdateUserRequest, User,
};
use prost_types::FieldMask;
use tonic::Status;

use super::{Party, World};
use crate::{Engine, Server, poll};

/// How long it may take until activity is written down, by servers of [`World::that_records_at_once`].
const LIMIT: Duration = Duration::from_secs(30);

/// Most pages of a list in a test.
const PAGES: usize = 1_000;

impl World {
    /// A world in which it is written down at once when members were active.
    pub async fn that_records_at_once(engine: Engine) -> Self {
        let server = Server::builder(engine).argument("--activity-interval").argument("0.02");
        Self::on(server.start().await)
    }

    /// Makes a person known by this name and address.
    pub async fn person_called(&self, name: &str, email: &str) -> User {
        let request = CreateUserRequest {
            email: email.to_owned(),
            display_name: name.to_owned(),
            ..CreateUserRequest::default()
        };
        let answer = self.operator().identity().create_user(request).await;
        answer.expect("a new person").into_inner().user.expect("the person")
    }

    /// Waits until it is written down that a member was active, and returns when; panics where it never is.
    pub async fn active_since(&self, user: &User, account: &Account) -> prost_types::Timestamp {
        let seen = poll::until(LIMIT, async || self.membership(user, account).await?.last_active_time);
        seen.await.unwrap_or_else(|| panic!("{} was never active", user.display_name))
    }
}

impl Party {
    /// All members that a query finds, page by page.
    pub async fn every_member(&self, mut query: ListMembersRequest) -> Result<Vec<Member>, Status> {
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let page = self.memberships().list_members(query.clone()).await?.into_inner();
            all.extend(page.members);
            query.page_token = page.next_page_token;
            if query.page_token.is_empty() {
                return Ok(all);
            }
        }
        panic!("no end to the pages of {query:?}")
    }

    /// All contacts that a query finds, page by page.
    pub async fn every_contact(&self, mut query: ListContactsRequest) -> Result<Vec<Contact>, Status> {
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let page = self.memberships().list_contacts(query.clone()).await?.into_inner();
            all.extend(page.contacts);
            query.page_token = page.next_page_token;
            if query.page_token.is_empty() {
                return Ok(all);
            }
        }
        panic!("no end to the pages of {query:?}")
    }

    /// Everybody whom a query finds, page by page.
    pub async fn everybody(&self, mut query: ListPeopleRequest) -> Result<Vec<Person>, Status> {
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let page = self.memberships().list_people(query.clone()).await?.into_inner();
            all.extend(page.people);
            query.page_token = page.next_page_token;
            if query.page_token.is_empty() {
                return Ok(all);
            }
        }
        panic!("no end to the pages of {query:?}")
    }

    /// Gives somebody a picture; empty: takes it away.
    pub async fn set_avatar(&self, user: &User, url: &str) -> Result<User, Status> {
        let request = UpdateUserRequest {
            user: user.id.clone(),
            avatar_url: url.to_owned(),
            update_mask: Some(FieldMask { paths: vec!["avatar_url".to_owned()] }),
            ..UpdateUserRequest::default()
        };
        Ok(self.identity().update_user(request).await?.into_inner().user.expect("the user"))
    }
}
