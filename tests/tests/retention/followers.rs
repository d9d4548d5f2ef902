//! A server that was away for longer than the feed is kept misses nothing (PostgreSQL alone: SQLite has one server).

use mandate_proto::v1::{Account, DecisionReason as Reason, User};
use mandate_tests::world::{Party, Question};
use mandate_tests::{Door, Engine, Replica, World, dump, poll};

use crate::{SOON, forgetful, until_number};

/// Facts that are this old are good, so that nothing but the feed tells what was revoked.
const PATIENT: [&str; 4] = ["--stale-limit", "3600", "--keep-feed", "forever"];

fn may(world: &World, other: &Replica, who: &User, account: &Account) -> Question {
    let backend: Party = other.party(&world.server().token("backend", &["authz.check"]));
    world.may(who, account, "users.view").of(backend)
}

/// While a server sleeps, somebody is removed and the feed forgets it: once it is awake, it denies.
#[tokio::test]
async fn who_slept_for_too_long_starts_anew() {
    let builder = forgetful(Engine::Postgres, &["--keep-feed", "1s"]);
    let world = World::on(builder.start().await);
    let door = Door::before(world.server().database_url()).await;
    let other = Replica::start(world.server(), Some(&door), &PATIENT).await;
    let [ada, bob, cleo] = world.people(["Ada", "Bob", "Cleo"]).await;
    let acme = world.account("organization", &ada).await;
    world.member(&acme, &bob, &["admin"]).await;
    for _ in 0..2 {
        assert!(may(&world, &other, &bob, &acme).fully_consistent().await.allowed());
    }

    door.stick();
    world.operator().remove(&acme, &bob).await.expect("removed");
    // Not the last one of the feed, which is never forgotten.
    world.member(&acme, &cleo, &["admin"]).await;
    until_number(world.server(), "SELECT COUNT(*) FROM feed WHERE kind = 'membership_ended'", 0).await;
    assert!(may(&world, &other, &bob, &acme).await.allowed(), "it cannot know");
    door.open();
    let denied =
        poll::until(SOON, async || (!may(&world, &other, &bob, &acme).await.allowed()).then_some(()));
    denied.await.unwrap_or_else(|| panic!("still allowed after {SOON:?}\n{}", other.log()));
    may(&world, &other, &bob, &acme).await.denied_for(Reason::NotAMember);
    let log = other.log();
    assert!(log.contains("has been deleted already"), "{log}");
    let forgotten = "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'feed_forgotten_xid'";
    assert!(dump::number(world.server(), forgotten) > 0);
}

/// Whoever follows all the time never starts anew, however short the feed is kept.
#[tokio::test]
async fn who_is_awake_follows_on() {
    let builder = forgetful(Engine::Postgres, &["--keep-feed", "2s"]);
    let world = World::on(builder.start().await);
    let other = Replica::start(world.server(), None, &PATIENT).await;
    let [ada, bob] = world.people(["Ada", "Bob"]).await;
    let acme = world.account("organization", &ada).await;
    for _ in 0..4 {
        world.member(&acme, &bob, &["admin"]).await;
        assert!(may(&world, &other, &bob, &acme).fully_consistent().await.allowed());
        let token = world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        may(&world, &other, &bob, &acme).not_before(&token).await.denied_for(Reason::NotAMember);
        until_number(world.server(), "SELECT COUNT(*) FROM feed", 1).await;
    }
    for log in [other.log(), world.server().log()] {
        assert!(!log.contains("read anew"), "{log}");
    }
}
