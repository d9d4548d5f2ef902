//! Limits hold when two writes race for them, each on a connection of its own.

use mandate_domain::command::Command;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::records::Key;
use mandate_domain::refusal::Refusal;
use mandate_storage::{Committed, WriteError};

use crate::database::Database;
use crate::on_every_engine;
use crate::world::{
    NOW, World, account, add_member, assign, create_resource, group, new_user, set_roles, thing, user,
};

pub(crate) const ROUNDS: u32 = 25;

/// Two ways into one database.
pub(crate) async fn two(database: &Database) -> (World, World) {
    let first = World::new(database.open().await);
    let second = first.beside(database.open_beside(&first.store).await);
    (first, second)
}

/// Runs both at once and gives both outcomes.
pub(crate) async fn race(
    worlds: &(World, World),
    commands: (Command, Command),
) -> [Result<Committed, WriteError>; 2] {
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let run = |world: &World, command| {
        let (world, start) = (world.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            world.run(command).await
        })
    };
    let (first, second) = (run(&worlds.0, commands.0), run(&worlds.1, commands.1));
    [first.await.expect("does not panic"), second.await.expect("does not panic")]
}

/// One of the two was refused, and for the right reason.
pub(crate) fn assert_one(outcomes: &[Result<Committed, WriteError>; 2], expected: impl Fn(&Refusal) -> bool) {
    let refusals: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    let [WriteError::Refused(refusal)] = refusals.as_slice() else { panic!("not one refusal: {outcomes:?}") };
    assert!(expected(refusal), "{refusal:?}");
}

pub(crate) fn is_least(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::LimitLeast { least: 1, .. })
}

/// An account with the admins 1 and 2, and somebody else for the billing.
pub(crate) async fn company(world: &World) -> AccountId {
    for n in 1..=5 {
        world.user(n).await;
    }
    let home = world.account(9, "company-account", user(1)).await;
    world.member(home, user(3), &["member", "billing_contact"]).await;
    world.member(home, user(2), &["admin"]).await;
    world.must(set_roles(home, user(1), &["admin"])).await;
    home
}

/// Makes both admins again, whatever became of them.
async fn restore(world: &World, home: AccountId) {
    for user in [user(1), user(2)] {
        if world.run(set_roles(home, user, &["admin"])).await.is_err() {
            world.member(home, user, &["admin"]).await;
        }
    }
}

on_every_engine! {
    async fn the_last_admin_stays(database: Database) {
        let worlds = two(database).await;
        let home = company(&worlds.0).await;
        let remove = |user: UserId| Command::RemoveMember { account: home, user };
        let demote = |user: UserId| set_roles(home, user, &["member"]);
        let suspend = |user: UserId| Command::SuspendMember { account: home, user };
        for round in 0..ROUNDS {
            let commands = match round % 3 {
                0 => (remove(user(1)), remove(user(2))),
                1 => (demote(user(1)), remove(user(2))),
                _ => (demote(user(2)), demote(user(1))),
            };
            let outcomes = race(&worlds, commands).await;
            assert_one(&outcomes, is_least);
            let count = worlds.0.count(Key::Holders(home, "admin".to_owned(), NOW)).await;
            assert_eq!((count.active, count.total), (1, 1), "round {round}");
            restore(&worlds.0, home).await;
        }
        for _ in 0..ROUNDS {
            let outcomes = race(&worlds, (suspend(user(1)), remove(user(2)))).await;
            assert_one(&outcomes, is_least);
            assert_eq!(worlds.0.count(Key::Holders(home, "admin".to_owned(), NOW)).await.active, 1);
            let _ = worlds.0.run(Command::ReinstateMember { account: home, user: user(1) }).await;
            restore(&worlds.0, home).await;
        }
    }

    async fn no_more_than_the_most(database: Database) {
        let worlds = two(database).await;
        let home = company(&worlds.0).await;
        worlds.0.must(set_roles(home, user(1), &["admin", "billing_contact"])).await;
        for n in [4, 5] {
            worlds.0.member(home, user(n), &["member"]).await;
        }
        let bill = |n| set_roles(home, user(n), &["member", "billing_contact"]);
        for round in 0..ROUNDS {
            let outcomes = race(&worlds, (bill(4), bill(5))).await;
            assert_one(&outcomes, |refusal| matches!(refusal, Refusal::LimitMost { most: 3, .. }));
            let count = worlds.0.count(Key::Holders(home, "billing_contact".to_owned(), NOW)).await;
            assert_eq!(count.total, 3, "round {round}");
            for n in [4, 5] {
                worlds.0.must(set_roles(home, user(n), &["member"])).await;
            }
        }
    }

    async fn a_cloud_keeps_an_admin(database: Database) {
        let worlds = two(database).await;
        let world = &worlds.0;
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "terminal", ada).await;
        world.member(home, bob, &["terminal_user"]).await;
        let cloud = thing("cloud", "c1");
        world.must(create_resource(home, &cloud, None, ada)).await;
        world.must(assign(home, bob, &cloud, &["cloud_admin"])).await;
        let unassign = |user| Command::Unassign { account: home, user, resource: cloud.clone() };
        let remove = |user| Command::RemoveMember { account: home, user };
        for round in 0..ROUNDS {
            let against = if round % 2 == 0 { unassign(bob) } else { remove(bob) };
            let outcomes = race(&worlds, (unassign(ada), against)).await;
            assert_one(&outcomes, is_least);
            let count = world.count(Key::ResourceHolders(home, cloud.clone(), "cloud_admin".to_owned())).await;
            assert_eq!((count.active, count.total), (1, 1), "round {round}");
            let _ = world.run(add_member(home, bob, &["terminal_user"])).await;
            for user in [ada, bob] {
                world.must(assign(home, user, &cloud, &["cloud_admin"])).await;
            }
        }
    }

    async fn a_group_keeps_an_administrator(database: Database) {
        let worlds = two(database).await;
        let world = &worlds.0;
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "managed-accounts", ada).await;
        world.member(home, bob, &["owner"]).await;
        let display_name = "G".to_owned();
        world.must(Command::CreateGroup { id: group(1), display_name, accounts: vec![home], founder: ada }).await;
        let administer =
            |user| Command::AddGroupUser { group: group(1), user, role: "administrator".to_owned() };
        world.must(administer(bob)).await;
        for round in 0..ROUNDS {
            let leave = |user| Command::RemoveGroupUser { group: group(1), user };
            let outcomes = race(&worlds, (leave(ada), leave(bob))).await;
            assert_one(&outcomes, is_least);
            let count = world.count(Key::GroupHolders(group(1), "administrator".to_owned())).await;
            assert_eq!((count.active, count.total), (1, 1), "round {round}");
            for user in [ada, bob] {
                world.must(administer(user)).await;
            }
        }
    }

    async fn a_group_keeps_an_administrator_who_has_no_account_in_common_with_another(database: Database) {
        let (first, second) = two(database).await;
        let free = |source: &str| source.replace("must_hold: owner", "may: \"*\"");
        let worlds = (first.with_policy("managed-accounts", free), second.with_policy("managed-accounts", free));
        let world = &worlds.0;
        let (ada, bob, cleo) = (world.user(1).await, world.user(2).await, world.user(3).await);
        let home = world.account(9, "managed-accounts", cleo).await;
        let display_name = "G".to_owned();
        world.must(Command::CreateGroup { id: group(1), display_name, accounts: vec![home], founder: cleo }).await;
        let administer =
            |user| Command::AddGroupUser { group: group(1), user, role: "administrator".to_owned() };
        let leave = |user| Command::RemoveGroupUser { group: group(1), user };
        world.must(administer(ada)).await;
        world.must(leave(cleo)).await;
        world.must(administer(bob)).await;
        for round in 0..ROUNDS {
            let outcomes = race(&worlds, (leave(ada), leave(bob))).await;
            assert_one(&outcomes, is_least);
            let count = world.count(Key::GroupHolders(group(1), "administrator".to_owned())).await;
            assert_eq!((count.active, count.total), (1, 1), "round {round}");
            for user in [ada, bob] {
                world.must(administer(user)).await;
            }
        }
    }

    async fn a_group_administrator_holds_the_role_in_every_account(database: Database) {
        let worlds = two(database).await;
        let world = &worlds.0;
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "managed-accounts", ada).await;
        world.member(home, bob, &["owner"]).await;
        let display_name = "G".to_owned();
        world.must(Command::CreateGroup { id: group(1), display_name, accounts: vec![home], founder: ada }).await;
        for round in 0..ROUNDS {
            let promote =
                Command::AddGroupUser { group: group(1), user: bob, role: "administrator".to_owned() };
            let outcomes = race(&worlds, (promote, set_roles(home, bob, &["member"]))).await;
            assert_one(&outcomes, |refusal| matches!(refusal, Refusal::WrongState(_)));
            let _ = world.run(Command::RemoveGroupUser { group: group(1), user: bob }).await;
            let owner = world.run(set_roles(home, bob, &["owner"])).await;
            if owner.is_err() {
                world.member(home, bob, &["owner"]).await;
            }
            assert_eq!(world.count(Key::Holders(home, "owner".to_owned(), NOW)).await.active, 2, "round {round}");
        }
    }

    async fn one_of_two_gets_the_address(database: Database) {
        let worlds = two(database).await;
        for round in 0..u128::from(ROUNDS) {
            let email = format!("user{round}@example.org");
            let commands = (new_user(2 * round + 1, &email), new_user(2 * round + 2, &email));
            let outcomes = race(&worlds, commands).await;
            assert_one(&outcomes, |refusal| matches!(refusal, Refusal::AlreadyExists { .. }));
        }
    }

    async fn one_of_two_becomes_a_member(database: Database) {
        let worlds = two(database).await;
        let home = company(&worlds.0).await;
        for _ in 0..ROUNDS {
            let add = || add_member(home, user(4), &["member"]);
            let outcomes = race(&worlds, (add(), add())).await;
            assert_one(&outcomes, |refusal| matches!(refusal, Refusal::AlreadyExists { .. }));
            worlds.0.must(Command::RemoveMember { account: account(9), user: user(4) }).await;
        }
    }
}
