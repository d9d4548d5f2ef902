//! Users who are suspended, reinstated and erased: limits are judged in every account, group and resource.

use mandate_domain::command::Command;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::records::{HolderCount, Key, Record};
use mandate_domain::refusal::Refusal;
use mandate_storage::WriteError;

use crate::on_every_engine;
use crate::races::{ROUNDS, assert_one, company, is_least, race, two};
use crate::world::{NOW, World, assign, create_resource, group, new_user, set_roles, thing, user};

fn suspend(user: UserId) -> Command {
    Command::SuspendUser { user }
}

fn reinstate(user: UserId) -> Command {
    Command::ReinstateUser { user }
}

async fn admins(world: &World, home: AccountId) -> HolderCount {
    world.count(Key::Holders(home, "admin".to_owned(), NOW)).await
}

async fn refused(world: &World, command: Command) -> Refusal {
    match world.run(command).await {
        Err(WriteError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

on_every_engine! {
    async fn suspending_one_admin_beside_losing_the_other_leaves_one(database: Database) {
        let worlds = two(database).await;
        let world = &worlds.0;
        let home = company(world).await;
        for round in 0..ROUNDS {
            let beside = match round % 3 {
                0 => Command::RemoveMember { account: home, user: user(2) },
                1 => suspend(user(2)),
                _ => set_roles(home, user(2), &["member"]),
            };
            let outcomes = race(&worlds, (suspend(user(1)), beside)).await;
            assert_one(&outcomes, is_least);
            assert_eq!(admins(world, home).await.active, 1, "round {round}");
            for n in [1, 2] {
                world.must(reinstate(user(n))).await;
                if world.run(set_roles(home, user(n), &["admin"])).await.is_err() {
                    world.member(home, user(n), &["admin"]).await;
                }
            }
            assert_eq!(admins(world, home).await, HolderCount { active: 2, total: 2 });
        }
    }

    async fn erasing_one_admin_beside_suspending_the_other_leaves_one(database: Database) {
        let worlds = two(database).await;
        let world = &worlds.0;
        let home = company(world).await;
        world.must(set_roles(home, user(3), &["member", "billing_contact"])).await;
        for round in 0..u128::from(ROUNDS) {
            let n = 100 + round;
            world.must(new_user(n, &format!("admin{n}@example.org"))).await;
            world.member(home, user(n), &["admin"]).await;
            world.must(Command::RemoveMember { account: home, user: user(2) }).await;
            let outcomes = race(&worlds, (Command::EraseUser { user: user(n) }, suspend(user(1)))).await;
            assert_one(&outcomes, is_least);
            assert_eq!(admins(world, home).await.active, 1, "round {round}");
            world.member(home, user(2), &["admin"]).await;
            let _ = world.run(Command::EraseUser { user: user(n) }).await;
            world.must(reinstate(user(1))).await;
        }
    }

    async fn a_cloud_keeps_an_admin_who_is_not_suspended(database: Database) {
        let worlds = two(database).await;
        let world = &worlds.0;
        let (olga, ada, bob) = (world.user(1).await, world.user(2).await, world.user(3).await);
        let home = world.account(9, "terminal", olga).await;
        let cloud = thing("cloud", "c1");
        for user in [ada, bob] {
            world.member(home, user, &["terminal_user"]).await;
        }
        world.must(create_resource(home, &cloud, None, ada)).await;
        world.must(assign(home, bob, &cloud, &["cloud_admin"])).await;
        for round in 0..ROUNDS {
            let unassign = Command::Unassign { account: home, user: bob, resource: cloud.clone() };
            let outcomes = race(&worlds, (suspend(ada), unassign)).await;
            assert_one(&outcomes, is_least);
            let count = world.count(Key::ResourceHolders(home, cloud.clone(), "cloud_admin".to_owned())).await;
            assert_eq!(count.active, 1, "round {round}");
            world.must(reinstate(ada)).await;
            world.must(assign(home, bob, &cloud, &["cloud_admin"])).await;
        }
    }

    async fn a_group_keeps_an_administrator_who_is_not_suspended(database: Database) {
        let worlds = two(database).await;
        let world = &worlds.0;
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "managed-accounts", ada).await;
        world.member(home, bob, &["owner"]).await;
        let display_name = "G".to_owned();
        world.must(Command::CreateGroup { id: group(1), display_name, accounts: vec![home], founder: ada }).await;
        let administer = |user| Command::AddGroupUser { group: group(1), user, role: "administrator".to_owned() };
        world.must(administer(bob)).await;
        for round in 0..ROUNDS {
            let leave = Command::RemoveGroupUser { group: group(1), user: bob };
            let outcomes = race(&worlds, (suspend(ada), leave)).await;
            assert_one(&outcomes, is_least);
            let count = world.count(Key::GroupHolders(group(1), "administrator".to_owned())).await;
            assert_eq!(count.active, 1, "round {round}");
            world.must(reinstate(ada)).await;
            world.must(administer(bob)).await;
        }
    }

    async fn whoever_is_suspended_holds_nothing_actively_whatever_becomes_of_the_membership(database: Database) {
        let world = World::new(database.open().await);
        let home = company(&world).await;
        world.must(suspend(user(2))).await;
        // The membership comes back, the person does not.
        world.must(Command::SuspendMember { account: home, user: user(2) }).await;
        world.must(Command::ReinstateMember { account: home, user: user(2) }).await;
        assert_eq!(admins(&world, home).await, HolderCount { active: 1, total: 2 });
        assert!(is_least(&refused(&world, set_roles(home, user(1), &["member"])).await));
        assert!(is_least(&refused(&world, suspend(user(1))).await));
        world.must(reinstate(user(2))).await;
        world.must(suspend(user(1))).await;
    }

    async fn a_deleted_account_keeps_nobody_from_being_suspended_and_comes_back_with_its_holders(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let home = world.account(9, "company-account", ada).await;
        assert!(is_least(&refused(&world, suspend(ada)).await));
        world.must(Command::DeleteAccount { account: home }).await;
        world.must(suspend(ada)).await;
        assert!(is_least(&refused(&world, Command::UndeleteAccount { account: home }).await));
        world.must(reinstate(ada)).await;
        world.must(Command::UndeleteAccount { account: home }).await;
    }

    async fn an_erased_user_leaves_groups_accounts_and_resources(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "managed-accounts", ada).await;
        world.member(home, bob, &["owner"]).await;
        let display_name = "G".to_owned();
        world.must(Command::CreateGroup { id: group(1), display_name, accounts: vec![home], founder: ada }).await;
        assert!(is_least(&refused(&world, Command::EraseUser { user: ada }).await));
        world.must(Command::AddGroupUser { group: group(1), user: bob, role: "administrator".to_owned() }).await;
        world.must(Command::EraseUser { user: ada }).await;
        // No account hears of the others, nor of the user as such.
        let log = world.store.list_activity(home, None, None, 1).await.expect("reads").items;
        let changes = log[0].changes.as_array().expect("a list");
        let elsewhere = changes.iter().filter(|change| change["fact"]["account"] != home.to_string());
        assert_eq!((log[0].operation.as_str(), elsewhere.count()), ("user.erase", 0), "{changes:?}");
        assert!(matches!(world.read(Key::User(ada)).await, Record::User(None)));
        assert!(matches!(world.read(Key::MembershipsOf(ada)).await, Record::Memberships(all) if all.is_empty()));
        let count = world.count(Key::GroupHolders(group(1), "administrator".to_owned())).await;
        assert_eq!((count.active, count.total), (1, 1));
        assert!(matches!(refused(&world, Command::EraseUser { user: ada }).await, Refusal::NotFound { .. }));
        // The address is anybody's again.
        world.must(new_user(7, "user1@example.org")).await;
    }
}
