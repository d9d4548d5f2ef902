//! What the feed and the activity log say.

use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};

use crate::on_every_engine;
use crate::world::{World, account, add_member, operator, set_roles, user};

on_every_engine! {
    async fn the_feed_repeats_every_change_in_order(database: Database) {
        let world = World::new(database.open().await);
        let mut changes = Vec::new();
        let mut versions = Vec::new();
        let mut note = |committed: mandate_storage::Committed| {
            assert_eq!(committed.versions.len(), committed.plan.changes.len());
            assert_eq!(committed.versions.last(), Some(&committed.position));
            versions.extend(committed.versions);
            changes.extend(committed.plan.changes);
        };
        for n in [1, 2, 3] {
            note(world.must(crate::world::new_user(n, &format!("u{n}@example.org"))).await);
        }
        note(world.must(crate::world::new_account(9, "company-account", user(1))).await);
        note(world.must(add_member(account(9), user(2), &["manager"])).await);
        note(world.must(set_roles(account(9), user(2), &["manager", "member"])).await);
        note(world.must(Command::RemoveMember { account: account(9), user: user(2) }).await);
        assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");

        let (mut fed, mut after) = (Vec::new(), 0);
        for _ in 0..100 {
            let page = world.store.list_feed(after, 2).await.expect("reads");
            fed.extend(page.items);
            after = fed.last().map_or(0, |entry| entry.seq);
            if !page.more {
                break;
            }
        }
        assert_eq!(fed.iter().map(|entry| entry.seq).collect::<Vec<_>>(), versions);
        let expected: Vec<_> = changes
            .into_iter()
            .map(|change| match change {
                Change::User(user) => Change::User(user.without_personal_data()),
                other => other,
            })
            .collect();
        assert_eq!(fed.into_iter().map(|entry| entry.change).collect::<Vec<_>>(), expected);
    }

    async fn a_token_on_sqlite_tells_that_there_was_a_write_and_not_how_much_it_changed(database: Database) {
        let world = World::new(database.open().await);
        let one = world.must(crate::world::new_user(1, "ada@example.org")).await;
        let two = world.must(crate::world::new_account(9, "company-account", user(1))).await;
        let three = world.must(crate::world::new_user(2, "bob@example.org")).await;
        assert!(two.versions.len() > one.versions.len());
        // On PostgreSQL a token tells a transaction.
        if two.transaction.is_none() {
            let places = [&one, &two, &three].map(|write| mandate_storage::rounded(write.position));
            assert_eq!(places, [64, 128, 192]);
        }
    }

    async fn a_write_that_changes_nothing_writes_nothing(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "company-account", ada).await;
        let last = world.member(home, bob, &["member"]).await;
        let again = world.must(set_roles(home, bob, &["member"])).await;
        assert_eq!((again.plan.changes.len(), again.position), (0, last.position));
        assert_eq!(world.store.list_activity(home, None, None, 100).await.expect("reads").items.len(), 2);
    }

    async fn the_log_says_who_did_what_and_keeps_nobodys_data(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "company-account", ada).await;
        let through = Some("https://issuer.test#portal".to_owned());
        let actor = Actor::Person { user: ada, through: through.clone() };
        world.run_as(&actor, add_member(home, bob, &["member"])).await.expect("is added");
        let page = world.store.list_activity(home, None, None, 1).await.expect("reads");
        let [entry] = page.items.as_slice() else { panic!("{page:?}") };
        assert!(page.more);
        assert_eq!((entry.actor_kind.as_str(), &entry.actor), ("person", &ada.to_string()));
        assert_eq!((&entry.through, entry.operation.as_str()), (&through, "member.add"));
        assert_eq!(entry.subject, Some(bob.to_string()));
        assert_eq!(entry.changes[0]["kind"], "membership");
        let page = world.store.list_activity(home, None, Some(entry.seq), 10).await.expect("reads");
        let [entry] = page.items.as_slice() else { panic!("{page:?}") };
        let Actor::Operator { name } = operator() else { panic!() };
        assert_eq!((entry.actor_kind.as_str(), &entry.actor, entry.through.as_deref()), ("operator", &name, None));
        assert!(!page.more);
    }

    async fn a_write_leaves_one_entry_in_each_account_it_touches(database: Database) {
        let world = World::new(database.open().await);
        let (ada, mia) = (world.user(1).await, world.user(2).await);
        let mut homes = Vec::new();
        for n in 1..=3 {
            let home = world.account(n, "organization", ada).await;
            world.member(home, mia, &["member"]).await;
            homes.push(home);
        }
        let erased = world.must(Command::EraseUser { user: mia }).await;
        let mut places = Vec::new();
        for home in homes {
            let entries = world.store.list_activity(home, None, None, 10).await.expect("the log").items;
            let of_erasure: Vec<_> = entries.iter().filter(|entry| entry.operation == erased.plan.operation).collect();
            let [entry] = of_erasure.as_slice() else { panic!("{entries:?}") };
            assert_eq!(entry.subject, erased.plan.subject);
            let changes = entry.changes.as_array().expect("a list");
            assert!(!changes.is_empty());
            for change in changes {
                assert_eq!(change["fact"]["account"], home.to_string(), "an account learns of no other one");
            }
            places.push(entry.seq);
        }
        assert!(places.is_sorted(), "in the order of the accounts: {places:?}");
    }
}
