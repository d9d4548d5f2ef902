//! The vocabulary of the scenarios: people, accounts, who may do what.
//!
//! ```no_run
//! use mandate_proto::v1::DecisionReason as Reason;
//! use mandate_tests::{World, on_both_engines};
//!
//! on_both_engines! {
//!     /// The founder of an organization sees its users.
//!     async fn the_founder_sees_users(world: World) {
//!         let ada = world.person("Ada").await;
//!         let acme = world.account("organization", &ada).await;
//!         world.may(&ada, &acme, "users.view").await.allowed_by(Reason::Role);
//!         world.by(&ada).remove(&acme, &ada).await.expect_err("nobody removes themself");
//!     }
//! }
//! # fn main() {}
//! ```

mod activation;
mod calls;
mod checks;
mod contacts;
mod groups;
mod identity;
mod imports;
mod invitations;
mod look_ups;
mod party;
mod people;
mod policies;
mod question;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use mandate_proto::v1::{
    AccessLevel, Account, AttributeValue, CreateAccountRequest, CreateUserRequest, Identity,
    LookupPermissionsRequest, LookupPermissionsResponse, Member, NewAssignment, Resource, ResourceRef,
    Subject, User, attribute_value, subject,
};
use tonic::Code;
use tonic::transport::Endpoint;

pub use self::activation::{OWN, activating};
pub use self::calls::adding;
pub use self::checks::Asking;
pub use self::contacts::contact_named;
pub use self::imports::{as_call, outcomes, row};
pub use self::invitations::inviting;
pub use self::look_ups::{to_what, where_may, who_may};
pub use self::party::Party;
pub use self::policies::{applying, rolling_back};
pub use self::question::{Question, Verdict};
pub use self::watch::{Watch, watching, watching_all};
use crate::{Bearer, Engine, Fixture, Server};

/// A running service and what a story says about it: its people and accounts.
///
/// Whatever is part of the story's beginning panics where it fails; calls whose refusal may be the point are made
/// [`by`](World::by) somebody and return tonic's results.
pub struct World {
    server: Server,
}

impl Fixture for World {
    async fn prepare(engine: Engine) -> Self {
        Self::on(Server::start(engine).await)
    }
}

impl World {
    /// A world on a server with options of its own.
    pub fn on(server: Server) -> Self {
        Self { server }
    }

    /// The service itself.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The service itself, to stop and start it.
    pub fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    /// Makes a person known who has no account yet. Each name once.
    pub async fn person(&self, name: &str) -> User {
        self.person_with_logins(name, Vec::new()).await
    }

    /// Makes a person known whose logins are those of another issuer.
    pub async fn person_with_logins(&self, name: &str, identities: Vec<Identity>) -> User {
        let email = format!("{}@example.com", name.to_lowercase().replace(' ', "."));
        let request =
            CreateUserRequest { email, display_name: name.to_owned(), identities, ..Default::default() };
        let answer = self.operator().identity().create_user(request).await;
        answer.expect("a new person").into_inner().user.expect("the person")
    }

    /// Several people at once.
    pub async fn people<const N: usize>(&self, names: [&str; N]) -> [User; N] {
        let mut people = Vec::with_capacity(N);
        for name in names {
            people.push(self.person(name).await);
        }
        people.try_into().expect("as many people as names")
    }

    /// An account that `first_user` creates for themself.
    pub async fn account(&self, policy: &str, first_user: &User) -> Account {
        let request = CreateAccountRequest {
            policy: policy.to_owned(),
            display_name: format!("{}'s {policy}", first_user.display_name),
            ..CreateAccountRequest::default()
        };
        self.by(first_user).create_account(request).await.expect("a new account")
    }

    /// A terminal account in which everything is set up that its access control center requires (IX-03, 04, 06).
    pub async fn ready_terminal(&self, owner: &User) -> Account {
        let account = self.account("terminal", owner).await;
        let values = [
            ("tier", text("business")),
            ("organization_domain", text("acme.example")),
            ("access_control", flag(true)),
        ];
        for (name, value) in values {
            self.operator().set(&account, name, value).await.expect("an attribute that is set");
        }
        account
    }

    /// Makes somebody a member with these roles, by the hand of an operator.
    pub async fn member(&self, account: &Account, user: &User, roles: &[&str]) -> Member {
        self.operator().add(account, user, roles).await.expect("a new member")
    }

    /// Registers a resource without holders, by the hand of an operator.
    pub async fn resource(&self, account: &Account, kind: &str, id: &str) -> Resource {
        self.operator().register(account, resource(kind, id), None).await.expect("a new resource")
    }

    /// Somebody who calls with a token of their own.
    pub fn by(&self, person: &User) -> Party {
        Party::new(self.server.calling_as(&person.id, &[]))
    }

    /// The same on a connection of its own, for races between clients.
    pub fn by_another_client(&self, person: &User) -> Party {
        self.another_client(&self.server.token(&person.id, &[]))
    }

    /// A platform operator on a connection of its own, for races between clients.
    pub fn another_operator(&self) -> Party {
        self.another_client(&self.server.token("backend", &["platform.operator"]))
    }

    fn another_client(&self, token: &str) -> Party {
        let url = format!("http://{}", self.server.address());
        let endpoint = Endpoint::from_shared(url).expect("the URL of an address");
        Party::new(Bearer::new(token).on(endpoint.timeout(Duration::from_secs(30)).connect_lazy()))
    }

    /// A platform operator.
    pub fn operator(&self) -> Party {
        self.service(&["platform.operator"])
    }

    /// A backend whose token carries these scopes.
    pub fn service(&self, scopes: &[&str]) -> Party {
        Party::new(self.server.calling_as("backend", scopes))
    }

    /// The question whether somebody may do something, asked by a backend. Await it for the verdict.
    pub fn may(&self, who: &User, account: &Account, permission: &str) -> Question {
        Question::new(self.service(&["authz.check"]), &account.id, &who.id, permission)
    }

    /// Everything that somebody may do account-wide, in the order of the policy.
    pub async fn permissions(&self, who: &User, account: &Account) -> Vec<String> {
        self.lookup(who, account).await.permissions
    }

    /// One row per module of the access matrix: how much of it somebody may do.
    pub async fn access(&self, who: &User, account: &Account) -> BTreeMap<String, AccessLevel> {
        let modules = self.lookup(who, account).await.modules;
        modules.into_iter().map(|row| (row.module.clone(), row.access())).collect()
    }

    /// Somebody's membership as it is now; `None`: they are not a member.
    pub async fn membership(&self, who: &User, account: &Account) -> Option<Member> {
        match self.operator().member(account, who).await {
            Ok(member) => Some(member),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => panic!("{} in {}: {status:?}", who.display_name, account.display_name),
        }
    }

    /// Somebody's roles as they are now; none where they are not a member.
    pub async fn roles(&self, who: &User, account: &Account) -> Vec<String> {
        self.membership(who, account).await.map(|member| member.roles).unwrap_or_default()
    }

    async fn lookup(&self, who: &User, account: &Account) -> LookupPermissionsResponse {
        let request = LookupPermissionsRequest {
            account: account.id.clone(),
            subject: Some(user_subject(&who.id)),
            resource: None,
            consistency: None,
        };
        let answer = self.service(&["authz.read"]).authz().lookup_permissions(request).await;
        answer.expect("the permissions").into_inner()
    }
}

/// A user as the subject of a question.
pub fn user_subject(user: &str) -> Subject {
    Subject { subject: Some(subject::Subject::User(user.to_owned())) }
}

/// The name of a resource.
pub fn resource(kind: &str, id: &str) -> ResourceRef {
    ResourceRef { r#type: kind.to_owned(), id: id.to_owned() }
}

/// An assignment of a resource that carries these roles and permissions of its own.
pub fn assignment(resource: &ResourceRef, roles: &[&str], permissions: &[&str]) -> NewAssignment {
    NewAssignment { resource: Some(resource.clone()), roles: names(roles), permissions: names(permissions) }
}

/// Names as the messages carry them.
pub fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A text, choice or domain as the value of an attribute.
pub fn text(text: &str) -> AttributeValue {
    AttributeValue { value: Some(attribute_value::Value::Text(text.to_owned())) }
}

/// A flag as the value of an attribute.
pub fn flag(flag: bool) -> AttributeValue {
    AttributeValue { value: Some(attribute_value::Value::Flag(flag)) }
}
