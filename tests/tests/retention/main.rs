//! What need not be kept for ever goes by itself, and nobody notices.

mod followers;
mod load;

use std::time::Duration;

use mandate_proto::v1::{AddMemberRequest, DecisionReason as Reason, ListActivityRequest, MailState};
use mandate_tests::expect::assert_refused;
use mandate_tests::world::adding;
use mandate_tests::{Engine, Server, ServerBuilder, World, dump, on_both_engines, poll};
use tonic::Code;

/// How long to wait for what must come soon, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(30);

/// An hour in microseconds.
const HOUR: i64 = 60 * 60 * 1_000_000;

/// A server that looks ten times a second for what has been kept long enough.
fn forgetful(engine: Engine, arguments: &[&str]) -> ServerBuilder {
    let builder = Server::builder(engine).argument("--retention-interval").argument("0.1");
    arguments.iter().fold(builder, |builder, argument| builder.argument(argument))
}

/// Waits until a query gives this number.
async fn until_number(server: &Server, query: &str, expected: i64) {
    let mut last = None;
    let found = poll::until(SOON, async || {
        last = Some(dump::number(server, query));
        (last == Some(expected)).then_some(())
    });
    found.await.unwrap_or_else(|| panic!("{query}: {last:?} instead of {expected} for {SOON:?}"));
}

on_both_engines! {
    /// Of the feed, the log and the outbox what is older than its time goes, and what is younger stays.
    async fn what_was_kept_long_enough_goes(engine: Engine) {
        let keep = ["--keep-feed", "2h", "--keep-activity", "2h", "--keep-mail", "2h"];
        let world = World::on(forgetful(engine, &keep).start().await);
        let server = world.server();
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        for (name, state) in [("old", "sent"), ("young", "sent"), ("waits", "queued")] {
            world.by(&ada).invite(&acme, &format!("{name}@example.com"), &["member"]).await.expect("invited");
            let mail = format!("SELECT COUNT(*) FROM outbox WHERE recipient = '{name}@example.com' AND state = 'sent'");
            until_number(server, &mail, 1).await;
            if state == "queued" {
                let later = i64::MAX / 2;
                dump::execute(
                    server,
                    &format!("UPDATE outbox SET state = 'queued', next_at = {later}, done_at = NULL WHERE recipient = 'waits@example.com'"),
                );
            }
        }
        let last = dump::number(server, "SELECT MAX(seq) FROM feed");
        let aged = format!("at = at - {}", 3 * HOUR);
        let last_entry = dump::number(server, "SELECT MAX(seq) FROM activity");
        world.member(&acme, &bob, &["member"]).await;
        let everything = dump::number(server, "SELECT COUNT(*) FROM feed");
        let (old, old_entries) = (format!("seq <= {last}"), format!("seq <= {last_entry}"));
        let going = dump::number(server, &format!("SELECT COUNT(*) FROM feed WHERE {old}"));
        dump::execute(server, &format!("UPDATE feed SET {aged} WHERE {old}"));
        dump::execute(server, &format!("UPDATE activity SET {aged} WHERE {old_entries}"));
        dump::execute(
            server,
            &format!("UPDATE outbox SET at = 1, done_at = done_at - {} WHERE recipient <> 'young@example.com'", 3 * HOUR),
        );

        until_number(server, "SELECT COUNT(*) FROM outbox WHERE recipient = 'old@example.com'", 0).await;
        until_number(server, &format!("SELECT COUNT(*) FROM feed WHERE {old}"), 0).await;
        until_number(server, "SELECT COUNT(*) FROM feed", everything - going).await;
        until_number(server, "SELECT COUNT(*) FROM outbox", 2).await;
        until_number(server, "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'feed_forgotten_seq'", last).await;
        let asked = ListActivityRequest { account: acme.id.clone(), page_size: 1_000, ..Default::default() };
        let log = poll::until(SOON, async || {
            let answer = world.by(&ada).accounts().list_activity(asked.clone()).await.expect("the log").into_inner();
            let told: Vec<_> = answer.activities.into_iter().map(|entry| entry.operation).collect();
            (told == ["member.add"]).then_some(())
        });
        log.await.expect("the log holds what is young, and that alone");
        let left = world.outbox().await;
        let states: Vec<_> = left.iter().map(|mail| mail.state()).collect();
        assert_eq!(states, [MailState::Sent, MailState::Queued], "what waits to be sent stays however old it is");
    }

    /// The shortest time there is leaves the last row of the feed, and places go on behind it, restarted or not.
    async fn the_last_change_is_never_forgotten(engine: Engine) {
        let mut world = World::on(forgetful(engine, &["--keep-feed", "1s"]).start().await);
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        for round in 0..3 {
            let token = match round {
                1 => world.operator().remove_for_token(&acme, &bob).await.expect("removed"),
                _ => {
                    world.member(&acme, &bob, &["admin"]).await;
                    world.may(&bob, &acme, "users.view").await.answer.consistency_token
                }
            };
            let last = dump::number(world.server(), "SELECT MAX(seq) FROM feed");
            until_number(world.server(), "SELECT COUNT(*) FROM feed", 1).await;
            assert_eq!(dump::number(world.server(), "SELECT MAX(seq) FROM feed"), last);
            if round > 0 {
                world.server_mut().restart().await;
            }
            // A token of before is as good as ever.
            let answer = world.may(&bob, &acme, "users.view").not_before(&token).await;
            assert_eq!(answer.allowed(), round != 1);
        }
        world.operator().remove(&acme, &bob).await.expect("removed");
        world.may(&bob, &acme, "users.view").await.denied_for(Reason::NotAMember);
    }

    /// A retry is answered as the first one was for a day, and is a request of its own afterwards.
    async fn a_request_is_known_for_a_day(engine: Engine) {
        let world = World::on(forgetful(engine, &[]).start().await);
        let (server, [ada, bob, cleo]) = (world.server(), world.people(["Ada", "Bob", "Cleo"]).await);
        let acme = world.account("organization", &ada).await;
        let request = |user| AddMemberRequest { request_id: "r-1".into(), ..adding(&acme, user, &["member"]) };
        let other = |user| AddMemberRequest { request_id: "r-2".into(), ..adding(&acme, user, &["member"]) };
        let first = world.operator().add_with(request(&bob)).await.expect("added");
        dump::execute(server, &format!("UPDATE requests SET at = at - {}", 23 * HOUR));
        // Something old goes, so that it was looked for.
        world.operator().add_with(other(&cleo)).await.expect("added");
        dump::execute(server, &format!("UPDATE requests SET at = at - {} WHERE id = 'r-2'", 26 * HOUR));
        until_number(server, "SELECT COUNT(*) FROM requests WHERE id = 'r-2'", 0).await;
        assert_eq!(world.operator().add_with(request(&bob)).await.expect("a retry"), first);
        let refused = world.operator().add_with(request(&cleo)).await;
        assert_refused(refused, Code::InvalidArgument, "REQUEST_ID_REUSED");

        dump::execute(server, &format!("UPDATE requests SET at = at - {}", 3 * HOUR));
        until_number(server, "SELECT COUNT(*) FROM requests", 0).await;
        let refused = world.operator().add_with(request(&bob)).await;
        assert_eq!(refused.expect_err("no retry any more").code(), Code::AlreadyExists);
        let dora = world.person("Dora").await;
        world.operator().add_with(request(&dora)).await.expect("the id is free");
    }

    /// A session that has ended by itself goes with all its refresh tokens; one that goes on stays.
    async fn ended_sessions_go(engine: Engine) {
        let world = World::on(forgetful(engine, &[]).start().await);
        let (server, [ada, bob]) = (world.server(), world.people(["Ada", "Bob"]).await);
        for person in [&ada, &bob] {
            world.has_password(person, "a pass phrase of their own").await;
            let tokens = world.sign_in(&person.email, "a pass phrase of their own").await.expect("signed in");
            world.refresh(&tokens).await.expect("refreshed");
        }
        let before = dump::number(server, "SELECT COUNT(*) FROM sessions");
        let of_ada = format!("user_id = '{}'", ada.id);
        let going = dump::number(server, &format!("SELECT COUNT(*) FROM sessions WHERE {of_ada}"));
        assert!(going > 0 && dump::number(server, "SELECT COUNT(*) FROM spent_refresh") == 2);
        let ended = match engine {
            Engine::Sqlite => "json_set(body, '$.ends_at', 1)".to_owned(),
            Engine::Postgres => "jsonb_set(body::jsonb, '{ends_at}', '1')::text".to_owned(),
        };
        dump::execute(server, &format!("UPDATE sessions SET body = {ended} WHERE {of_ada}"));
        until_number(server, "SELECT COUNT(*) FROM sessions", before - going).await;
        until_number(server, "SELECT COUNT(*) FROM spent_refresh", 1).await;
        assert_eq!(dump::number(server, &format!("SELECT COUNT(*) FROM sessions WHERE {of_ada}")), 0);
        world.sign_in(&ada.email, "a pass phrase of their own").await.expect("signed in again");
    }
}
