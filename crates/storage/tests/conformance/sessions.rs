//! Passwords and sessions.

use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::credential::{InitialLifetime, Secret};
use mandate_domain::id::{SessionId, UserId};
use mandate_domain::records::{Key, Record};
use mandate_domain::refusal::Refusal;
use mandate_domain::session::{LONGEST, Purpose, Session, Sessions};
use mandate_storage::{Committed, Refreshed, WriteError};

use crate::on_every_engine;
use crate::races::two;
use crate::world::{NOW, World, user};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn session(n: u128) -> SessionId {
    SessionId::from_bits(n)
}

fn initial(user: UserId, hash: &str, days: u32) -> Command {
    Command::SetInitialPassword { user, hash: Secret::new(hash), lifetime: InitialLifetime::Days(days) }
}

fn begin(user: UserId, n: u128, proven: &str) -> Command {
    let refresh = Secret::new(format!("refresh {n}"));
    Command::BeginSession { user, session: session(n), proven: Secret::new(proven), refresh }
}

fn own(user: UserId, proven: &str, hash: &str, keep: Option<SessionId>) -> Command {
    Command::SetPassword { user, proven: Secret::new(proven), hash: Secret::new(hash), keep }
}

async fn run_at(world: &World, command: Command, now: i64) -> Result<Committed, WriteError> {
    let person = command.user().expect("a command about a user");
    let actor = match command {
        Command::SetInitialPassword { .. } => crate::world::operator(),
        _ => Actor::Person { user: person, through: None },
    };
    world.store.prepare(&world.policies, &actor, &command, now).await?.commit().await
}

async fn sessions(world: &World, user: UserId) -> Vec<Session> {
    match world.read(Key::SessionsOf(user)).await {
        Record::Sessions(all) => all,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_wrong_state(result: Result<Committed, WriteError>) {
    assert!(matches!(result, Err(WriteError::Refused(Refusal::WrongState(_)))), "{result:?}");
}

on_every_engine! {
    async fn an_initial_password_opens_a_session_for_one_thing_until_it_expires(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        assert_wrong_state(run_at(&world, begin(ada, 1, "none"), NOW).await);
        run_at(&world, initial(ada, "first", 3), NOW).await.expect("set");
        let committed = run_at(&world, begin(ada, 1, "first"), NOW + DAY).await.expect("begun");
        let [Change::Session(begun)] = committed.plan.changes.as_slice() else { panic!("{committed:?}") };
        assert_eq!((begun.purpose, begun.ends_at), (Purpose::SetPassword, NOW + 3 * DAY));
        assert_wrong_state(run_at(&world, begin(ada, 2, "first"), NOW + 3 * DAY).await);
        assert_wrong_state(run_at(&world, own(ada, "first", "own", None), NOW + 3 * DAY).await);
        // Another initial one ends what the first one opened.
        run_at(&world, initial(ada, "second", 3), NOW + 2 * DAY).await.expect("set");
        assert_eq!(sessions(&world, ada).await, []);
        assert_wrong_state(run_at(&world, begin(ada, 3, "first"), NOW + 2 * DAY).await);
    }

    async fn a_password_of_ones_own_is_never_replaced_by_somebody_else(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        run_at(&world, initial(ada, "first", 3), NOW).await.expect("set");
        for n in [1, 2] {
            run_at(&world, begin(ada, n, "first"), NOW).await.expect("begun");
        }
        run_at(&world, own(ada, "first", "own", Some(session(1))), NOW).await.expect("set");
        let left = sessions(&world, ada).await;
        let [kept] = left.as_slice() else { panic!("{left:?}") };
        assert_eq!((kept.id, kept.purpose, kept.ends_at), (session(1), Purpose::Anything, NOW + LONGEST));
        assert_wrong_state(run_at(&world, initial(ada, "again", 3), NOW).await);
        assert_wrong_state(run_at(&world, own(ada, "first", "another", None), NOW).await);
        run_at(&world, begin(ada, 3, "own"), NOW).await.expect("begun");
        // Somebody else cannot, even as a person with a name.
        let command = own(ada, "own", "mine", None);
        let actor = Actor::Person { user: user(2), through: None };
        let result = world.run_as(&actor, command).await;
        assert!(matches!(result, Err(WriteError::Refused(Refusal::Denied { .. }))), "{result:?}");
    }

    async fn a_refresh_token_is_good_once_even_for_two_at_the_same_time(database: Database) {
        let worlds = two(database).await;
        let world = &worlds.0;
        let ada = world.user(1).await;
        run_at(world, initial(ada, "first", 3), NOW).await.expect("set");
        for n in 1..=20_u128 {
            run_at(world, begin(ada, n, "first"), NOW).await.expect("begun");
            let presented = Secret::new(format!("refresh {n}"));
            let next = |which: &str| Secret::new(format!("next {which} {n}"));
            let (left, right) = (next("left"), next("right"));
            let outcomes = tokio::join!(
                worlds.0.store.refresh_session(&presented, &left, NOW),
                worlds.1.store.refresh_session(&presented, &right, NOW),
            );
            let outcomes = [outcomes.0.expect("an outcome"), outcomes.1.expect("an outcome")];
            let rotated = outcomes.iter().filter(|outcome| matches!(outcome, Refreshed::Rotated(_)));
            assert_eq!(rotated.count(), 1, "{outcomes:?}");
            assert!(outcomes.contains(&Refreshed::Reused { user: ada, session: session(n) }), "{outcomes:?}");
        }
    }

    async fn no_session_goes_on_beyond_its_end_its_user_or_its_ending(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        run_at(&world, initial(ada, "first", 30), NOW).await.expect("set");
        run_at(&world, own(ada, "first", "own", None), NOW).await.expect("set");
        for n in 1..=3 {
            run_at(&world, begin(ada, n, "own"), NOW).await.expect("begun");
        }
        let refresh = async |n: u128, now| {
            let next = Secret::new(format!("next {n} {now}"));
            world.store.refresh_session(&Secret::new(format!("refresh {n}")), &next, now).await.expect("an outcome")
        };
        assert_eq!(refresh(1, NOW + LONGEST).await, Refreshed::Unknown);
        let which = Sessions::One(session(2));
        run_at(&world, Command::EndSessions { user: ada, which }, NOW).await.expect("ended");
        assert_eq!(refresh(2, NOW).await, Refreshed::Unknown);
        assert!(matches!(refresh(3, NOW).await, Refreshed::Rotated(_)));
        // The next sign-in after their end clears them away.
        let later = NOW + LONGEST;
        run_at(&world, begin(ada, 4, "own"), later).await.expect("begun");
        assert_eq!(sessions(&world, ada).await.len(), 1);
        world.must(Command::SuspendUser { user: ada }).await;
        assert_eq!(sessions(&world, ada).await, []);
        assert_wrong_state(run_at(&world, begin(ada, 5, "own"), later).await);
    }

    async fn the_oldest_session_ends_where_there_would_be_too_many(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        run_at(&world, initial(ada, "first", 30), NOW).await.expect("set");
        run_at(&world, own(ada, "first", "own", None), NOW).await.expect("set");
        for n in 1..=102 {
            let at = NOW + i64::try_from(n).expect("a small number");
            run_at(&world, begin(ada, n, "own"), at).await.expect("begun");
        }
        let left: Vec<_> = sessions(&world, ada).await.iter().map(|session| session.id).collect();
        assert_eq!(left, (3..=102).map(session).collect::<Vec<_>>());
    }

    async fn neither_feed_nor_log_nor_export_holds_a_secret_or_an_erased_person(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        run_at(&world, initial(ada, "hash-one", 3), NOW).await.expect("set");
        run_at(&world, begin(ada, 1, "hash-one"), NOW).await.expect("begun");
        run_at(&world, own(ada, "hash-one", "hash-two", Some(session(1))), NOW).await.expect("set");
        let export = world.store.export_user(ada).await.expect("reads").expect("is known");
        assert_eq!(export.sessions.len(), 1);
        let deeds = world.store.list_activity_by(ada, None, 10).await.expect("reads").items;
        assert_eq!(deeds.iter().map(|deed| deed.operation.as_str()).collect::<Vec<_>>(), ["user.set_password", "session.begin"]);
        world.must(Command::EraseUser { user: ada }).await;
        let fed = world.store.list_feed(0, 100).await.expect("reads").items;
        let text = format!("{fed:?} {deeds:?} {}", serde_json::to_string(&export.credential).expect("JSON"));
        for secret in ["hash-one", "hash-two", "refresh 1", "user1@example.org", "User 1"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert_eq!(world.store.export_user(ada).await.expect("reads"), None);
    }
}
