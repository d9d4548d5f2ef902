//! How often one caller may sign in or have mail sent: what is more is refused with a reason and a time, and costs nobody
//! else anything.

use std::time::Duration;

use mandate_tests::expect::{assert_refused, metadata};
use mandate_tests::{Engine, Fixture, Server, World, on_both_engines};
use tonic::Code;
use tonic_types::StatusExt as _;

const PASSWORD: &str = "my own password";

/// A server that lets one address sign in thrice an hour, and one person invite twice.
struct Strict(World);

impl Fixture for Strict {
    async fn prepare(engine: Engine) -> Self {
        let arguments = ["--rate-sign-in", "3/h", "--rate-invitations", "2/h"];
        let builder =
            arguments.into_iter().fold(Server::builder(engine), |builder, one| builder.argument(one));
        Self(World::on(builder.start().await))
    }
}

fn wait(status: &tonic::Status) -> Duration {
    status.get_details_retry_info().and_then(|info| info.retry_delay).expect("how long to wait")
}

on_both_engines! {
    async fn one_address_signs_in_so_often(strict: Strict) {
        let Strict(world) = &strict;
        let [ada, ben] = world.people(["Ada", "Ben"]).await;
        // It signs in once itself.
        world.has_password(&ada, PASSWORD).await;
        for _ in 0..2 {
            assert_refused(world.sign_in(&ben.email, "wrong").await, Code::Unauthenticated, "SIGN_IN_FAILED");
        }
        // Whoever it is, and with whatever password.
        for email in [&ada.email, &ben.email] {
            let refused = world.sign_in(email, PASSWORD).await;
            let status = assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
            assert_eq!(metadata(&status, "limit").as_deref(), Some("sign_in"));
            let wait = wait(&status);
            assert!(wait > Duration::from_secs(600) && wait <= Duration::from_secs(1200), "{wait:?}");
        }
        // Other calls are others.
        world.account("organization", &ada).await;
    }

    async fn one_person_invites_so_often_and_others_as_often(strict: Strict) {
        let Strict(world) = &strict;
        let [ada, uma] = world.people(["Ada", "Uma"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &uma, &["user_admin"]).await;
        let first = world.by(&uma).invite(&acme, "one@example.com", &["member"]).await.expect("invited");
        world.by(&uma).resend(&first).await.expect("sent again");
        for refused in [world.by(&uma).invite(&acme, "two@example.com", &["member"]).await, world.by(&uma).resend(&first).await] {
            let status = assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
            assert_eq!(metadata(&status, "limit").as_deref(), Some("invitations"));
            assert!(wait(&status) > Duration::from_secs(60));
        }
        // What sends no mail may be done, others have their own, and operators know what they do.
        world.by(&uma).revoke(&first).await.expect("revoked");
        world.by(&ada).invite(&acme, "three@example.com", &["member"]).await.expect("invited");
        for number in 0..3 {
            let email = format!("by-operator-{number}@example.com");
            world.operator().invite(&acme, &email, &["member"]).await.expect("invited");
        }
    }
}
