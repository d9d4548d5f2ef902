use std::sync::Arc;

use mandate_domain::account::Origin;
use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::decide::{Reason, decide};
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::policy;
use mandate_domain::resource::ResourceRef;
use mandate_domain::user::Identity;
use mandate_storage::{OpenOptions, Store};

use super::{Ask, Facts};
use crate::error::Error;
use crate::writer::{Write, write};

const POLICY: &str = "
policy: shop
title: Shop
modules:
  stock:
    title: Stock
    on: shelf
    actions: { view: See stock, edit: { title: Change stock, on: [] } }
  people:
    title: People
    actions: { manage: Manage people }
resources:
  shelf:
    title: Shelf
    operations: { create: stock.edit, view: stock.view, assign: people.manage, unassign: people.manage }
roles:
  owner:
    title: Owner
    description: Runs the shop.
    at_birth: true
    holders: { least: 1 }
    may: '*'
    delegation: { over: clerk, give: clerk, take: clerk, remove: true, assign: shelf, unassign: shelf }
  clerk:
    title: Clerk
    description: Fills shelves.
    may_on_assigned: stock.view
operations:
  member.add: people.manage
  member.remove: people.manage
";

struct Shop {
    facts: Arc<Facts>,
    account: AccountId,
    owner: UserId,
    clerk: UserId,
}

fn operator() -> Actor {
    Actor::Operator { name: "test#operator".into() }
}

fn login(subject: &str) -> Identity {
    Identity { issuer: "https://login".into(), subject: subject.into() }
}

impl Shop {
    async fn open() -> Self {
        let checked = policy::check("shop.yaml", POLICY);
        let policies: Policies =
            [checked.policy.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))].into_iter().collect();
        let store = Store::open("sqlite::memory:", OpenOptions::default()).await.unwrap();
        let facts = Facts::open(
            store.clone(),
            policies,
            std::time::Duration::ZERO,
            crate::overload::Bounds::for_tests(&store),
        )
        .await
        .unwrap();
        let (account, owner, clerk) = (AccountId::from_bits(1), UserId::from_bits(2), UserId::from_bits(3));
        let shop = Self { facts, account, owner, clerk };
        for (id, name) in [(owner, "owner"), (clerk, "clerk")] {
            let (email, display_name) = (format!("{name}@example.com"), name.to_owned());
            let identities = vec![login(name)];
            let avatar_url = String::new();
            let create = Command::CreateUser { id, email, display_name, avatar_url, identities };
            shop.write(create).await.unwrap();
        }
        let create = Command::CreateAccount {
            id: account,
            policy: "shop".into(),
            display_name: "Shop".into(),
            first_user: owner,
            origin: Origin::Registration,
            attributes: Vec::new(),
        };
        shop.write(create).await.unwrap();
        shop
    }

    async fn write(&self, command: Command) -> Result<Vec<Change>, Error> {
        Ok(write(&self.facts, &Write::by(operator()), command).await?.plan.changes)
    }

    async fn hire(&self) {
        let (account, user) = (self.account, self.clerk);
        let (roles, none) = (vec!["clerk".to_owned()], Vec::new());
        let command = Command::AddMember {
            account,
            user,
            roles,
            grants: none.clone(),
            restrictions: none,
            assignments: Vec::new(),
        };
        self.write(command).await.unwrap();
    }

    async fn dismiss(&self) {
        self.write(Command::RemoveMember { account: self.account, user: self.clerk }).await.unwrap();
    }

    async fn ask(&self, user: UserId, permission: &str, resource: Option<&ResourceRef>) -> Reason {
        let ask = Ask { account: self.account, user, resource };
        let known = self.facts.of(ask).await.unwrap();
        decide(&known.question(ask, known.permission(permission))).reason
    }

    fn is_in_memory(&self, user: UserId) -> bool {
        self.facts.caches.known(Ask { account: self.account, user, resource: None }).is_some()
    }
}

fn shelf(id: &str) -> ResourceRef {
    ResourceRef { kind: "shelf".into(), id: id.into() }
}

#[tokio::test]
async fn a_question_is_answered_from_memory_after_it_was_asked_once() {
    let shop = Shop::open().await;
    assert!(!shop.is_in_memory(shop.owner));
    assert_eq!(shop.ask(shop.owner, "stock.view", None).await, Reason::Role);
    assert!(shop.is_in_memory(shop.owner));
    // Nobody could read the database any more.
    shop.facts.store().close().await;
    assert_eq!(shop.ask(shop.owner, "stock.edit", None).await, Reason::Role);
}

#[tokio::test]
async fn what_is_not_there_is_remembered_and_comes_to_be_with_its_write() {
    let shop = Shop::open().await;
    assert_eq!(shop.ask(shop.clerk, "stock.view", None).await, Reason::NotAMember);
    assert!(shop.is_in_memory(shop.clerk));
    shop.hire().await;
    assert!(shop.is_in_memory(shop.clerk), "the write changed the entry instead of dropping it");
    assert_eq!(shop.ask(shop.clerk, "stock.view", None).await, Reason::ResourceRequired);
    shop.dismiss().await;
    assert_eq!(shop.ask(shop.clerk, "stock.view", None).await, Reason::NotAMember);
}

#[tokio::test]
async fn assignments_and_resources_follow_their_writes() {
    let shop = Shop::open().await;
    let (account, user, resource) = (shop.account, shop.clerk, shelf("a"));
    shop.hire().await;
    let asked = || shop.ask(user, "stock.view", Some(&resource));
    assert_eq!(asked().await, Reason::UnknownResource);
    let (display_name, parent, creator) = (String::new(), None, None);
    let create = Command::CreateResource {
        account,
        resource: resource.clone(),
        display_name,
        parent,
        creator,
        holder: None,
    };
    shop.write(create).await.unwrap();
    assert_eq!(asked().await, Reason::NotAssigned);
    let assignment = mandate_domain::command::NewAssignment {
        resource: resource.clone(),
        roles: Vec::new(),
        permissions: Vec::new(),
    };
    shop.write(Command::Assign { account, user, assignment }).await.unwrap();
    assert_eq!(asked().await, Reason::Assignment);
    shop.write(Command::Unassign { account, user, resource: resource.clone() }).await.unwrap();
    assert_eq!(asked().await, Reason::NotAssigned);
    shop.write(Command::DeleteResource { account, resource: resource.clone() }).await.unwrap();
    assert_eq!(asked().await, Reason::UnknownResource);
}

#[tokio::test]
async fn a_login_is_nobodys_until_its_user_is_created() {
    let shop = Shop::open().await;
    assert_eq!(shop.facts.user_of(&login("owner")).await.unwrap(), Some(shop.owner));
    assert_eq!(shop.facts.user_of(&login("new")).await.unwrap(), None);
    let id = UserId::from_bits(9);
    let (email, display_name, identities) = ("n@example.com".into(), "N".into(), vec![login("new")]);
    let avatar_url = String::new();
    shop.write(Command::CreateUser { id, email, display_name, avatar_url, identities }).await.unwrap();
    assert_eq!(shop.facts.user_of(&login("new")).await.unwrap(), Some(id));
}

/// Reads what a question about the user is decided on; it is left in memory only when told to.
async fn miss(shop: &Shop, user: UserId) -> super::Fill {
    let ask = Ask { account: shop.account, user, resource: None };
    let since = shop.facts.epoch.load(std::sync::atomic::Ordering::Acquire);
    let records = shop.facts.store().read_question(shop.account, user, None).await.unwrap();
    let known = super::Known::new(&shop.facts.policies(), ask, &records);
    super::Fill { since, entries: known.entries(ask) }
}

#[tokio::test]
async fn a_miss_that_a_write_overtook_leaves_nothing() {
    let shop = Shop::open().await;
    let old = miss(&shop, shop.clerk).await;
    shop.hire().await;
    shop.facts.keep_later(old).await;
    assert!(!shop.is_in_memory(shop.clerk), "the miss knew nothing of the membership");
    assert_eq!(shop.ask(shop.clerk, "stock.view", None).await, Reason::ResourceRequired);
}

#[tokio::test]
async fn a_miss_is_not_kept_out_by_what_happens_to_others() {
    let shop = Shop::open().await;
    let read = miss(&shop, shop.owner).await;
    shop.hire().await;
    shop.facts.keep_later(read).await;
    assert!(shop.is_in_memory(shop.owner), "nothing of the owner's changed");
    let read = miss(&shop, shop.clerk).await;
    drop(shop.facts.gate().await);
    shop.facts.keep_later(read).await;
    assert!(!shop.is_in_memory(shop.clerk), "what was committed meanwhile is not known");
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_empties_the_memory() {
    let shop = Shop::open().await;
    shop.ask(shop.owner, "stock.view", None).await;
    shop.facts.gate().await.undone();
    assert!(shop.is_in_memory(shop.owner));
    drop(shop.facts.gate().await);
    assert!(!shop.is_in_memory(shop.owner));
    assert_eq!(shop.ask(shop.owner, "stock.view", None).await, Reason::Role);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_sees_what_they_wrote_however_many_ask() {
    let shop = Arc::new(Shop::open().await);
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move {
                for _ in 0..500 {
                    shop.ask(shop.clerk, "stock.view", None).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..50 {
        shop.hire().await;
        assert_eq!(shop.ask(shop.clerk, "stock.view", None).await, Reason::ResourceRequired);
        shop.dismiss().await;
        assert_eq!(shop.ask(shop.clerk, "stock.view", None).await, Reason::NotAMember);
    }
    for asker in askers {
        asker.await.unwrap();
    }
}

#[tokio::test]
async fn a_subject_without_a_tie_to_the_account_does_not_know_it() {
    let shop = Shop::open().await;
    let knows = async |user| {
        shop.facts.of(Ask { account: shop.account, user, resource: None }).await.unwrap().knows_account()
    };
    assert!(knows(shop.owner).await);
    assert!(!knows(shop.clerk).await);
}
