//! X: what holds across all five systems, and for a policy that nobody here has seen.

mod callers;
mod denials;
mod grants;

use mandate_proto::v1::{Account, User};
use mandate_tests::{Engine, Fixture, Server, World};
use tempfile::TempDir;

/// A customer's own policy, with names and rules that no other policy has.
const BAKERY: &str = r#"
policy: bakery
title: Bakery
modules:
  oven:
    title: Oven
    on: shop
    actions: { heat: Heat the oven, clean: Clean the oven, staff: Say who works there }
  crew:
    title: Crew
    actions: { look: Look at the rota, hire: Hire people, swap: Swap shifts, fire: Fire people }
  stalls:
    title: Market stalls
    on: stall
    actions: { open: { title: Open stalls, on: [] }, staff: Say who works there, sell: Sell there }
  till:
    title: Till
    actions: { count: Count the money }
resources:
  shop:
    title: Shop
    ids: free
    operations: { assign: oven.staff, unassign: oven.staff }
  stall:
    title: Market stall
    assignable: stalls.sell
    operations: { create: stalls.open, view: stalls.sell, assign: stalls.staff, unassign: stalls.staff }
    roles:
      keeper:
        title: Keeper
        description: Opened the stall and says who helps.
        exclusive: true
        at_birth: true
        may: stalls.*
        delegation: { over: anyone, assign: { stall: { roles: helper } } }
      helper:
        title: Helper
        description: Sells at the stall.
        exclusive: true
        may: stalls.sell
roles:
  master:
    title: Master baker
    description: Runs the bakery.
    exclusive: true
    at_birth: true
    holders: { least: 1, most: 2 }
    may: "*"
    delegation:
      - { over: anyone, give: [journeyman, apprentice], grant: till.count, remove: true }
      - { over: anyone, assign: { shop: {}, stall: { roles: "*", permissions: "*" } } }
  journeyman:
    title: Journeyman
    description: Hires apprentices.
    exclusive: true
    may: [crew.hire, crew.look, stalls.open]
    may_on_assigned: oven.clean
    grantable: till.count
    delegation:
      - { over: apprentice, give: apprentice, take: [] }
  apprentice:
    title: Apprentice
    description: Cleans where they are assigned.
    exclusive: true
    may_on_assigned: oven.clean
    grantable: till.count
operations:
  account.get: anyone
  account.update: crew.fire
  account.delete: crew.fire
  member.add: crew.hire
  member.get: crew.look
  member.list: crew.look
  member.update: crew.swap
  member.remove: crew.fire
  member.suspend: crew.fire
boarding: { ways: [direct] }
"#;

/// A service with the bakery's policy beside the built-in ones.
struct Bakery {
    world: World,
    shop: Account,
    master: User,
    jon: User,
    ann: User,
    _folder: TempDir,
}

impl Fixture for Bakery {
    async fn prepare(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("bakery.yaml"), BAKERY).expect("a policy file");
        let world = World::on(Server::builder(engine).policies(folder.path()).start().await);
        let [master, jon, ann] = world.people(["Max", "Jon", "Ann"]).await;
        let shop = world.account("bakery", &master).await;
        world.by(&master).add(&shop, &jon, &["journeyman"]).await.expect("a journeyman");
        world.by(&master).add(&shop, &ann, &["apprentice"]).await.expect("an apprentice");
        Self { world, shop, master, jon, ann, _folder: folder }
    }
}
