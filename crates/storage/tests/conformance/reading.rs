//! What a question is decided on.

use mandate_domain::records::{Key, Record};
use mandate_storage::Position;

use crate::on_every_engine;
use crate::world::{World, account, assign, create_resource, thing, user};

on_every_engine! {
    async fn a_question_finds_everything_nearest_first(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "organization", ada).await;
        world.member(home, bob, &["member"]).await;
        let (space, contact) = (thing("workspace", "w"), thing("customer_contact", "c"));
        for (resource, parent) in [(&space, None), (&contact, Some(&space)), (&thing("workspace", "other"), None)] {
            world.must(create_resource(home, resource, parent, ada)).await;
        }
        for resource in [&space, &contact, &thing("workspace", "other")] {
            world.must(assign(home, bob, resource, &[])).await;
        }
        let committed = world.must(assign(home, ada, &contact, &[])).await;
        let found = world.store.read_question(home, bob, Some(&contact)).await.expect("reads");
        assert_eq!(found.account.map(|account| account.id), Some(home));
        assert_eq!(found.user.map(|user| user.id), Some(bob));
        assert_eq!(found.membership.map(|member| member.user), Some(bob));
        assert_eq!(found.resource.map(|resource| resource.resource), Some(contact.clone()));
        let assigned: Vec<_> = found.assignments.iter().map(|one| (one.user, one.resource.clone())).collect();
        assert_eq!(assigned, [(bob, contact.clone()), (bob, space.clone())]);
        let last = world.store.list_feed(0, 1_000).await.expect("reads").items.last().map(|entry| entry.seq);
        let includes = |position: &Position| match position {
            Position::Seq(seq) => Some(*seq) == last,
            other => other.includes(&Position::Write(committed.transaction.expect("a write of PostgreSQL's"))),
        };
        assert!(includes(&found.position), "{:?}", found.position);

        let found = world.store.read_question(home, bob, Some(&space)).await.expect("reads");
        assert_eq!(found.assignments.len(), 1, "what lies inside does not count");
        let found = world.store.read_question(home, bob, None).await.expect("reads");
        assert!(found.membership.is_some() && found.resource.is_none() && found.assignments.is_empty());
    }

    async fn absence_is_an_answer(database: Database) {
        let world = World::new(database.open().await);
        let found = world.store.read_question(account(1), user(1), Some(&thing("a", "b"))).await.expect("reads");
        assert!(found.account.is_none() && found.user.is_none() && found.membership.is_none());
        assert!(found.resource.is_none() && found.assignments.is_empty());
        assert!(matches!(found.position, Position::Seq(0) | Position::Snapshot(_)), "{:?}", found.position);
    }

    async fn free_resources_have_assignments_without_being_registered(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "company-account", ada).await;
        world.member(home, bob, &["member"]).await;
        let shipment = thing("shipment", "s-1");
        world.must(assign(home, bob, &shipment, &[])).await;
        let found = world.store.read_question(home, bob, Some(&shipment)).await.expect("reads");
        assert!(found.resource.is_none());
        assert_eq!(found.assignments.len(), 1);
    }

    async fn many_keys_are_read_at_once_each_once(database: Database) {
        let world = World::new(database.open().await);
        for n in 1..=5 {
            world.user(n).await;
        }
        let home = world.account(9, "company-account", user(1)).await;
        let mut keys: Vec<Key> = (1..=6).rev().map(|n| Key::User(user(n))).collect();
        keys.extend((1..=3).map(|n| Key::Membership(home, user(n))));
        keys.extend([Key::User(user(2)), Key::Account(account(8)), Key::Account(home)]);
        let found = world.store.read(&keys).await.expect("reads");
        assert_eq!(found.len(), 11);
        assert!(found.is_sorted_by(|(a, _), (b, _)| a < b));
        for (key, record) in found {
            let (is_there, expected) = match (&key, &record) {
                (Key::User(id), Record::User(found)) => (found.is_some(), *id != user(6)),
                (Key::Account(id), Record::Account(found)) => (found.is_some(), *id == home),
                (Key::Membership(_, id), Record::Membership(found)) => (found.is_some(), *id == user(1)),
                other => panic!("{other:?}"),
            };
            assert_eq!(is_there, expected, "{key:?}");
        }
    }
}
