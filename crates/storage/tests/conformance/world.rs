//! People, accounts and policies for the tests.

use mandate_domain::account::{AttributeValue, Origin};
use mandate_domain::command::{Actor, Command, NewAssignment};
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::policy;
use mandate_domain::records::{HolderCount, Key, Record};
use mandate_domain::resource::ResourceRef;
use mandate_storage::{Committed, Store, WriteError};

/// 2026-01-01, in microseconds since the Unix epoch.
pub(crate) const NOW: i64 = 1_767_225_600_000_000;

/// The policies that come with the program.
pub(crate) fn policies() -> Policies {
    policy::builtin().iter().map(|(name, source)| policy::compile(name, source).expect(name)).collect()
}

pub(crate) fn user(n: u128) -> UserId {
    UserId::from_bits(n)
}

pub(crate) fn account(n: u128) -> AccountId {
    AccountId::from_bits(n)
}

pub(crate) fn group(n: u128) -> GroupId {
    GroupId::from_bits(n)
}

pub(crate) fn thing(kind: &str, id: &str) -> ResourceRef {
    ResourceRef { kind: kind.to_owned(), id: id.to_owned() }
}

pub(crate) fn operator() -> Actor {
    Actor::Operator { name: "https://issuer.test#operator".to_owned() }
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A store, and the policies its writes are planned by.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) policies: std::sync::Arc<Policies>,
}

impl World {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, policies: std::sync::Arc::new(policies()) }
    }

    /// The same world under a policy that differs from the built-in one of that name.
    pub(crate) fn with_policy(&self, name: &str, change: impl Fn(&str) -> String) -> Self {
        let all = policy::builtin().iter().map(|(other, source)| {
            let source = if *other == name { change(source) } else { (*source).to_owned() };
            policy::compile(other, &source).expect(other)
        });
        Self { store: self.store.clone(), policies: std::sync::Arc::new(all.collect()) }
    }

    /// The same world seen through another store.
    pub(crate) fn beside(&self, store: Store) -> Self {
        Self { store, policies: self.policies.clone() }
    }

    pub(crate) async fn run_as(&self, actor: &Actor, command: Command) -> Result<Committed, WriteError> {
        self.store.prepare(&self.policies, actor, &command, NOW).await?.commit().await
    }

    pub(crate) async fn run(&self, command: Command) -> Result<Committed, WriteError> {
        self.run_as(&operator(), command).await
    }

    pub(crate) async fn must(&self, command: Command) -> Committed {
        let shown = format!("{command:?}");
        self.run(command).await.unwrap_or_else(|error| panic!("{shown}: {error:?}"))
    }

    pub(crate) async fn user(&self, n: u128) -> UserId {
        self.must(new_user(n, &format!("user{n}@example.org"))).await;
        user(n)
    }

    /// An account of the policy with the first user's roles at birth, ready for anything.
    pub(crate) async fn account(&self, n: u128, policy: &str, first_user: UserId) -> AccountId {
        self.must(new_account(n, policy, first_user)).await;
        account(n)
    }

    pub(crate) async fn member(&self, account: AccountId, user: UserId, roles: &[&str]) -> Committed {
        self.must(add_member(account, user, roles)).await
    }

    pub(crate) async fn read(&self, key: Key) -> Record {
        let mut records = self.store.read(std::slice::from_ref(&key)).await.expect("reads");
        assert_eq!(records.len(), 1);
        records.remove(0).1
    }

    pub(crate) async fn count(&self, key: Key) -> HolderCount {
        match self.read(key).await {
            Record::Count(count) => count,
            other => panic!("no count: {other:?}"),
        }
    }
}

pub(crate) fn new_user(n: u128, email: &str) -> Command {
    Command::CreateUser {
        id: user(n),
        email: email.to_owned(),
        display_name: format!("User {n}"),
        avatar_url: String::new(),
        identities: Vec::new(),
    }
}

pub(crate) fn new_account(n: u128, policy: &str, first_user: UserId) -> Command {
    // What the terminal's article asks of an account before people can be added.
    let attributes = match policy {
        "terminal" => vec![
            ("tier".to_owned(), AttributeValue::Text("business".to_owned())),
            ("organization_domain".to_owned(), AttributeValue::Text("example.org".to_owned())),
            ("access_control".to_owned(), AttributeValue::Flag(true)),
        ],
        _ => Vec::new(),
    };
    Command::CreateAccount {
        id: account(n),
        policy: policy.to_owned(),
        display_name: format!("Account {n}"),
        first_user,
        origin: Origin::Registration,
        attributes,
    }
}

pub(crate) fn add_member(account: AccountId, user: UserId, roles: &[&str]) -> Command {
    Command::AddMember {
        account,
        user,
        roles: names(roles),
        grants: Vec::new(),
        restrictions: Vec::new(),
        assignments: Vec::new(),
    }
}

pub(crate) fn set_roles(account: AccountId, user: UserId, roles: &[&str]) -> Command {
    Command::UpdateMember { account, user, roles: Some(names(roles)), grants: None, restrictions: None }
}

pub(crate) fn create_resource(
    account: AccountId,
    resource: &ResourceRef,
    parent: Option<&ResourceRef>,
    creator: UserId,
) -> Command {
    Command::CreateResource {
        account,
        resource: resource.clone(),
        display_name: format!("The {}", resource.kind),
        parent: parent.cloned(),
        creator: Some(creator),
        holder: None,
    }
}

pub(crate) fn assign(account: AccountId, user: UserId, resource: &ResourceRef, roles: &[&str]) -> Command {
    let assignment =
        NewAssignment { resource: resource.clone(), roles: names(roles), permissions: Vec::new() };
    Command::Assign { account, user, assignment }
}
