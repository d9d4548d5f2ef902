//! Who may watch, for how long, and what nobody is told.

use std::time::Duration;

use mandate_proto::v1::{SignOutScope, WatchRequest};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::{Party, watching, watching_all};
use mandate_tests::{Bearer, World, on_both_engines};
use prost::Message as _;
use tonic::Code;

use crate::{backend, everything, names, new_name};

on_both_engines! {
    /// Given a person, when they may read the account's activity, then they watch it, and nothing else.
    async fn a_person_watches_their_account(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        let mut watch = world.by(&ada).watch(watching(&acme, "")).await.expect("watches");
        watch.next().await.expect("at once");
        world.operator().rename(&acme, "Acme").await.expect("renamed");
        watch.until(|change| new_name(change) == Some("Acme")).await;
        assert_invalid(world.by(&ada).watch(watching_all("")).await.map(drop), &["account"]);
        let refused = world.by(&eve).watch(watching(&acme, "")).await.map(drop);
        assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
    }

    /// Given a stream, when its caller loses the right to it, or the session ends, then so does the stream.
    async fn a_stream_ends_with_the_right_to_it(world: World) {
        let [ada, bob, eve] = world.people(["Ada", "Bob", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["admin"]).await;
        world.member(&acme, &eve, &["admin"]).await;
        let mut of_bob = world.by(&bob).watch(watching(&acme, "")).await.expect("watches");
        of_bob.next().await.expect("at once");
        world.has_password(&eve, "a pass phrase of her own").await;
        let tokens = world.sign_in(&eve.email, "a pass phrase of her own").await.expect("signed in");
        let mut of_eve = world.with_tokens(&tokens).watch(watching(&acme, "")).await.expect("watches");
        of_eve.next().await.expect("at once");

        world.operator().remove(&acme, &bob).await.expect("removed");
        let (_, status) = of_bob.end().await;
        assert_refused(Err::<(), _>(status), Code::PermissionDenied, "NOT_A_MEMBER");
        world.with_tokens(&tokens).sign_out(SignOutScope::ThisSession).await.expect("signed out");
        let (_, status) = of_eve.end().await;
        assert_refused(Err::<(), _>(status), Code::Unauthenticated, "SESSION_ENDED");
    }

    /// Given a stream, when the token of its call expires, then it ends.
    async fn a_stream_ends_with_the_token_of_its_call(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let token = world.server().short_token(&ada.id, Duration::from_secs(2));
        let by = Party::new(Bearer::new(&token).on(world.server().channel()));
        let mut watch = by.watch(watching(&acme, "")).await.expect("watches");
        let (_, status) = watch.end().await;
        assert_refused(Err::<(), _>(status), Code::Unauthenticated, "TOKEN_EXPIRED");
    }

    /// Given bad requests, then each is refused before anything is sent.
    async fn what_cannot_be_watched_is_refused(world: World) {
        let by = backend(&world);
        let span = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        for checkpoint_interval in [span(0, 0), span(61, 0), span(1, 1), span(-1, 0)] {
            let request = WatchRequest { checkpoint_interval, account: "acc_".to_owned(), ..Default::default() };
            assert_invalid(by.watch(request).await.map(drop), &["account", "checkpoint_interval"]);
        }
        let account = format!("acc_{}", "0".repeat(26));
        let request = WatchRequest { account, ..Default::default() };
        assert_refused(by.watch(request).await.map(drop), Code::NotFound, "NOT_FOUND");
        let other = world.service(&["authz.check"]).watch(watching_all("")).await.map(drop);
        assert_refused(other, Code::PermissionDenied, "SCOPE_MISSING");
    }

    /// Given invitations, activations, passwords and sessions, when everything is watched, live and afterwards, then no address,
    /// name of a person, proof or password is in any message.
    async fn no_secret_is_sent(world: World) {
        let before = everything(&world).await.token;
        let mut live = everything(&world).await;
        let ada = world.person("Adalgisa").await;
        let acme = world.ready_terminal(&ada).await;
        let kai = world.operator().create_contact(&acme, "Kaimbert").await.expect("a contact");
        world.by(&ada).activate(&acme, &kai, &["terminal_user"]).await.expect("activated");
        world.by(&ada).invite(&acme, "zacharias@example.com", &["terminal_user"]).await.expect("invited");
        let initial = world.letter(&kai.email, 1).await.password();
        world.come_in(&kai.email, &initial).await.expect("signed in");
        world.has_password(&ada, "a pass phrase of her own").await;
        world.sign_in(&ada.email, "a pass phrase of her own").await.expect("signed in");
        world.operator().rename(&acme, "The end").await.expect("renamed");
        let live = live.until(|change| new_name(change) == Some("The end")).await;
        let mut later = backend(&world).watch(watching_all(&before)).await.expect("watches");
        let later = later.until(|change| new_name(change) == Some("The end")).await;
        for changes in [&live, &later] {
            assert!(changes.len() > 8, "{changes:?}");
            assert_eq!(names(changes).last().map(String::as_str), Some("The end"));
            let bytes: Vec<u8> = changes.iter().flat_map(|change| change.encode_to_vec()).collect();
            let text = format!("{} {changes:?}", String::from_utf8_lossy(&bytes)).to_lowercase();
            // The account's name is no person's: it is given after the first user, by the test.
            let text = text.replace("adalgisa's terminal", "");
            for secret in [
                "@example.com", "zacharias", "kaimbert", "adalgisa", "proof", "password", "pass phrase", "argon2", "initial",
                "pwd_", "ses_", &initial.to_lowercase(),
            ] {
                assert!(!text.contains(secret), "{secret} is in {text}");
            }
        }
        // What came before the first token may come again with it.
        assert!(later.ends_with(&live), "{later:?}");
    }
}
