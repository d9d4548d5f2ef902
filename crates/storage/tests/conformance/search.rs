//! Searching and last activity: answered from indexes of the account, kept apart from facts, complete after an upgrade.

use mandate_domain::command::Command;
use mandate_domain::id::UserId;
use mandate_domain::search::Infix;
use mandate_storage::{Active, MemberFilter, SignedIn};

use crate::on_every_engine;
use crate::world::{NOW, World, account, user};

fn infix(text: &str) -> Infix {
    Infix::new(text).expect("long enough")
}

async fn found(world: &World, search: &str) -> Vec<UserId> {
    let infix = infix(search);
    let filter = MemberFilter { search: Some(&infix), ..MemberFilter::default() };
    let page = world.store.list_members(account(9), filter, None, 100).await.expect("reads");
    page.items.iter().map(|member| member.membership.user).collect()
}

async fn last_active(world: &World, n: u128) -> Option<i64> {
    world.store.member(account(9), user(n)).await.expect("reads").expect("a member").last_active
}

async fn company(world: &World) {
    for n in 1..=3 {
        world.user(n).await;
    }
    let home = world.account(9, "company-account", user(1)).await;
    world.member(home, user(2), &["member"]).await;
}

on_every_engine! {
    async fn the_later_time_stays_whoever_writes_it(database: Database) {
        let world = World::new(database.open().await);
        company(&world).await;
        let active = |n, at| Active { account: account(9), user: user(n), at };
        assert_eq!(last_active(&world, 2).await, None);
        for (at, kept) in [(NOW + 5, NOW + 5), (NOW + 9, NOW + 9), (NOW + 7, NOW + 9)] {
            world.store.keep_active(&[active(1, at), active(2, at)]).await.expect("kept");
            assert_eq!(last_active(&world, 2).await, Some(kept));
        }
        // Not of somebody who is no member, nor of an account that does not exist, nor of a time before the membership.
        world.store.keep_active(&[active(3, NOW + 5), Active { account: account(8), ..active(1, NOW) }]).await.expect("kept");
        world.must(Command::RemoveMember { account: account(9), user: user(2) }).await;
        world.member(account(9), user(2), &["member"]).await;
        world.member(account(9), user(3), &["member"]).await;
        world.store.keep_active(&[active(2, NOW - 1)]).await.expect("kept");
        assert_eq!((last_active(&world, 2).await, last_active(&world, 3).await), (None, None));
        world.store.keep_signed_in(&[SignedIn { user: user(2), at: NOW + 20 }]).await.expect("kept");
        assert_eq!((last_active(&world, 1).await, last_active(&world, 2).await), (Some(NOW + 9), Some(NOW + 20)));
        world.store.keep_active(&[]).await.expect("nothing to keep");
    }

    async fn many_are_kept_at_once_beside_those_who_leave(database: Database) {
        let world = World::new(database.open().await);
        company(&world).await;
        let home = account(9);
        for n in 10..30 {
            world.user(n).await;
            world.member(home, user(n), &["member"]).await;
        }
        // More than one transaction of them, most of nobody.
        let all: Vec<_> = (1..1_200).map(|n| Active { account: home, user: user(n), at: NOW + 1 }).collect();
        let leaving = async {
            for n in 10..30 {
                world.must(Command::RemoveMember { account: home, user: user(n) }).await;
            }
        };
        let keeping = async {
            for _ in 0..5 {
                world.store.keep_active(&all).await.expect("nobody waits in a circle");
            }
        };
        tokio::join!(leaving, keeping);
        assert_eq!(last_active(&world, 2).await, Some(NOW + 1));
    }

    async fn what_an_older_version_wrote_is_found_after_the_upgrade(database: Database) {
        if !database.is_kept() {
            return;
        }
        let world = World::new(database.open().await);
        company(&world).await;
        assert_eq!(found(&world, "USER 2").await, [user(2)]);
        // As a database that was there before the column: nothing in it, and the mark of the migration.
        database.execute("UPDATE users SET search = NULL").await;
        database.execute("DELETE FROM member_search").await;
        database.execute("UPDATE meta SET value = 'incomplete' WHERE name = 'search'").await;
        assert_eq!(found(&world, "USER 2").await, []);
        world.store.close().await;
        let world = World::new(database.open().await);
        assert_eq!(found(&world, "USER 2").await, [user(2)]);
        assert_eq!(found(&world, "example.org").await, [user(1), user(2)]);
    }
}
