//! Initial passwords and those of one's own; what wrong ones cost.

use std::time::Duration;

use mandate_proto::v1::{
    GetUserRequest, SetInitialPasswordRequest, SetInitialPasswordResponse, SignOutScope, User,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::Party;
use mandate_tests::{World, dump, on_both_engines, poll};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const INITIAL: &str = "sixteen letters!";
const OWN: &str = "my own password";

async fn initial(
    party: &Party,
    user: &User,
    values: SetInitialPasswordRequest,
) -> Result<SetInitialPasswordResponse, Status> {
    let request = SetInitialPasswordRequest { user: user.id.clone(), ..values };
    party.identity().set_initial_password(request).await.map(tonic::Response::into_inner)
}

/// What the caller can see of a refusal.
fn seen(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

on_both_engines! {
    /// "Bei der ersten Anmeldung muss ein neues Passwort gesetzt werden": the first session can do that alone.
    async fn ix_10_the_first_sign_in_allows_nothing_but_a_new_password(world: World) {
        let uwe = world.person("Uwe").await;
        let acme = world.ready_terminal(&uwe).await;
        let made_up = world.service(&["users.write"]).set_initial_password(&uwe, "").await.expect("set");
        assert!(made_up.len() >= 16, "{} characters", made_up.len());
        let tokens = world.sign_in(&uwe.email.to_uppercase(), &made_up).await.expect("signed in");
        assert!(tokens.password_change_required);
        let party = world.with_tokens(&tokens);
        for refused in [
            party.identity().get_user(GetUserRequest::default()).await.map(|_| ()),
            party.account(&acme).await.map(|_| ()),
            party.rename(&acme, "Mine").await.map(|_| ()),
            party.sign_out(SignOutScope::AllSessions).await.map(|_| ()),
            party.export_user(&uwe, 0, "").await.map(|_| ()),
        ] {
            assert_refused(refused, Code::PermissionDenied, "PASSWORD_CHANGE_REQUIRED");
        }
        // Refreshing does not open it either.
        let tokens = world.refresh(&tokens).await.expect("refreshed");
        assert!(tokens.password_change_required);
        let account = world.with_tokens(&tokens).account(&acme).await;
        assert_refused(account, Code::PermissionDenied, "PASSWORD_CHANGE_REQUIRED");

        let party = world.with_tokens(&tokens);
        let changed = party.set_password(&made_up, OWN).await.expect("a password");
        world.with_token(&changed.access_token).account(&acme).await.expect("open");
        let tokens = world.refresh(&tokens).await.expect("the session goes on");
        assert!(!tokens.password_change_required);
        world.with_tokens(&tokens).account(&acme).await.expect("open");
        let old = world.sign_in(&uwe.email, &made_up).await;
        assert_refused(old, Code::Unauthenticated, "SIGN_IN_FAILED");
        let tokens = world.sign_in(&uwe.email, OWN).await.expect("signed in");
        assert!(!tokens.password_change_required);
        // "jederzeit ändern"
        world.with_tokens(&tokens).set_password(OWN, "another one").await.expect("changed");
    }

    async fn ix_10_nobody_sets_a_password_over_one_of_the_users_own_choosing(world: World) {
        let uwe = world.person("Uwe").await;
        let (operator, service) = (world.operator(), world.service(&["users.write"]));
        // Until it is used, it can be replaced.
        operator.set_initial_password(&uwe, INITIAL).await.expect("set");
        service.set_initial_password(&uwe, "another sixteen!").await.expect("replaced");
        let replaced = world.sign_in(&uwe.email, INITIAL).await;
        assert_refused(replaced, Code::Unauthenticated, "SIGN_IN_FAILED");
        let tokens = world.sign_in(&uwe.email, "another sixteen!").await.expect("signed in");
        world.with_tokens(&tokens).set_password("another sixteen!", OWN).await.expect("a password");
        for party in [&operator, &service] {
            let refused = party.set_initial_password(&uwe, INITIAL).await;
            assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
        }
        world.sign_in(&uwe.email, OWN).await.expect("it is still theirs");
        assert_refused(world.by(&uwe).set_initial_password(&uwe, INITIAL).await, Code::PermissionDenied, "SCOPE_MISSING");
    }

    async fn ix_10_an_initial_password_expires(world: World) {
        let uwe = world.person("Uwe").await;
        let acme = world.account("terminal", &uwe).await;
        let party = world.operator();
        let days = |days| SetInitialPasswordRequest { days, password: INITIAL.into(), ..Default::default() };
        let by_policy = SetInitialPasswordRequest { account: acme.id.clone(), ..Default::default() };
        let seconds = |answer: SetInitialPasswordResponse| answer.expire_time.expect("an end").seconds;
        let one = seconds(initial(&party, &uwe, days(1)).await.expect("set"));
        let thirty = seconds(initial(&party, &uwe, days(30)).await.expect("set"));
        assert!((28 * 86_400..=29 * 86_400 + 60).contains(&(thirty - one)), "{one} {thirty}");
        let of_policy = seconds(initial(&party, &uwe, by_policy.clone()).await.expect("set"));
        assert!(one < of_policy && of_policy < thirty, "{of_policy}");
        for wrong in [-1, 31] {
            assert_invalid(initial(&party, &uwe, days(wrong)).await, &["days"]);
        }
        let both = SetInitialPasswordRequest { days: 3, ..by_policy };
        assert_invalid(initial(&party, &uwe, both).await, &["days"]);

        initial(&party, &uwe, days(1)).await.expect("set");
        let tokens = world.sign_in(&uwe.email, INITIAL).await.expect("in time");
        dump::execute(world.server(), r#"UPDATE credentials SET body = '{"user":"' || user_id || '","kind":{"initial":{"expires_at":1}},"set_at":0}'"#);
        let late = world.sign_in(&uwe.email, INITIAL).await;
        assert_refused(late, Code::Unauthenticated, "SIGN_IN_FAILED");
        let late = world.with_tokens(&tokens).set_password(INITIAL, OWN).await;
        assert_refused(late, Code::FailedPrecondition, "WRONG_STATE");
        // Another one does.
        party.set_initial_password(&uwe, INITIAL).await.expect("set again");
        world.sign_in(&uwe.email, INITIAL).await.expect("signed in");
    }

    async fn passwords_that_are_too_weak_are_refused_with_their_fields(world: World) {
        let ada = world.person("Ada").await;
        let fifteen = "x2".repeat(7) + "y";
        for weak in [fifteen.as_str(), &"long".repeat(33), "tab\tin sixteen characters"] {
            assert_invalid(world.operator().set_initial_password(&ada, weak).await, &["password"]);
        }
        world.has_password(&ada, OWN).await;
        let tokens = world.sign_in(&ada.email, OWN).await.expect("signed in");
        let party = world.with_tokens(&tokens);
        for weak in ["seven77", "", &"long".repeat(33), "aaaaaaaaaaaa", &ada.email.to_uppercase(), OWN] {
            assert_invalid(party.set_password(OWN, weak).await, &["new_password"]);
        }
        assert_invalid(party.set_password("", "").await, &["old_password", "new_password"]);
        // Any other characters will do, and all of them count.
        let long = "пароль✓ ".repeat(16);
        party.set_password(OWN, &long).await.expect("128 characters");
        let cut = long.chars().take(127).collect::<String>();
        assert_refused(world.sign_in(&ada.email, &cut).await, Code::Unauthenticated, "SIGN_IN_FAILED");
        world.sign_in(&ada.email, &long).await.expect("signed in");
    }

    /// Unknown, wrong, suspended, without a password: one answer. So nobody learns who has a login here.
    async fn a_sign_in_that_fails_does_not_tell_why(world: World) {
        let [ada, bob, cleo] = world.people(["Ada", "Bob", "Cleo"]).await;
        for user in [&ada, &bob] {
            world.has_password(user, OWN).await;
        }
        world.operator().suspend_user(&bob).await.expect("suspended");
        let mut answers = Vec::new();
        for (email, password) in
            [(ada.email.as_str(), "wrong password"), (&bob.email, OWN), (&cleo.email, OWN), ("nobody@example.com", OWN), ("@", OWN)]
        {
            let status = assert_refused(world.sign_in(email, password).await, Code::Unauthenticated, "SIGN_IN_FAILED");
            answers.push(seen(&status));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_invalid(world.sign_in("", "").await, &["email", "password"]);
    }

    /// After a few failures even the right password has to wait, for somebody as for nobody; then it is let in.
    async fn whoever_guesses_has_to_wait_and_others_do_not(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        for user in [&ada, &bob] {
            world.has_password(user, OWN).await;
        }
        for email in [ada.email.as_str(), "nobody@example.com"] {
            let mut refused = None;
            for _ in 0..20 {
                let status = world.sign_in(email, "wrong password").await.expect_err("wrong");
                if status.code() == Code::ResourceExhausted {
                    refused = Some(status);
                    break;
                }
            }
            let refused = assert_refused(Err::<(), _>(refused.expect("a back-off")), Code::ResourceExhausted, "SIGN_IN_BACK_OFF");
            let wait = refused.get_details_retry_info().and_then(|info| info.retry_delay).expect("how long");
            assert!(wait > Duration::ZERO && wait <= Duration::from_secs(60), "{wait:?}");
        }
        world.sign_in(&bob.email, OWN).await.expect("Bob does not wait");
        // Another spelling of the name is the same name.
        let early = world.sign_in(&ada.email.to_uppercase(), OWN).await;
        let early_refused = early.as_ref().is_err_and(|status| status.code() == Code::ResourceExhausted);
        let in_time = poll::until(Duration::from_secs(30), async || world.sign_in(&ada.email, OWN).await.ok()).await;
        assert!(early_refused || early.is_ok(), "{early:?}");
        in_time.expect("let in after the wait");
    }

    /// The old password is guessed no faster with a stolen token.
    async fn the_old_password_is_guessed_no_faster_with_a_token(world: World) {
        let ada = world.person("Ada").await;
        world.has_password(&ada, OWN).await;
        let party = world.by(&ada);
        let mut refusals = Vec::new();
        for _ in 0..20 {
            let status = party.set_password("wrong password", "a new password").await.expect_err("wrong");
            refusals.push(mandate_tests::expect::reason(&status));
        }
        assert_eq!(refusals.first().map(String::as_str), Some("SIGN_IN_FAILED"));
        assert!(refusals.iter().any(|reason| reason == "SIGN_IN_BACK_OFF"), "{refusals:?}");
    }
}
