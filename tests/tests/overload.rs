//! More calls than the server takes: they are refused at once, with a reason and a time to come back, and whatever needs
//! no database goes on.

use std::time::{Duration, Instant};

use mandate_proto::v1::{Account, DecisionReason as Reason, User};
use mandate_tests::expect::{assert_refused, metadata};
use mandate_tests::world::Party;
use mandate_tests::{Blocked, Engine, Fixture, Scrape, Server, World, http, on_both_engines, poll};
use tokio::task::JoinHandle;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

/// Long enough for a loaded machine.
const SOON: Duration = Duration::from_secs(60);

/// A server that takes two calls at a time that need the database, and an account whose facts are in memory.
struct Small {
    world: World,
    ada: User,
    acme: Account,
}

impl Fixture for Small {
    async fn prepare(engine: Engine) -> Self {
        let arguments = ["--metrics-listen", "127.0.0.1:0", "--max-in-flight-database", "2"];
        let builder =
            arguments.into_iter().fold(Server::builder(engine), |builder, one| builder.argument(one));
        // Held writes are to wait for as long as the test likes.
        let world = World::on(builder.argument("--database-lock-timeout").argument("60").start().await);
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        world.may(&ada, &acme, "users.view").await.allowed_by(Reason::Role);
        Self { world, ada, acme }
    }
}

impl Small {
    async fn scrape(&self) -> Scrape {
        Scrape::of(self.world.server().metrics()).await
    }

    /// Waits until so many calls that need the database are in hand.
    async fn in_flight(&self, calls: f64) {
        let reached = poll::until(SOON, async || {
            let now = self.scrape().await.value("mandate_in_flight", &[("limit", "database")]);
            (now == calls).then_some(())
        });
        reached.await.unwrap_or_else(|| panic!("{calls} calls in hand"));
    }
}

/// Renames the account until that has worked: SQLite does not wait for ever for another writer.
fn rename(party: Party, account: Account, name: &'static str) -> JoinHandle<()> {
    tokio::spawn(async move {
        let end = Instant::now() + SOON;
        while Instant::now() < end {
            match party.rename(&account, name).await {
                Ok(_) => return,
                Err(status) if [Code::Aborted, Code::ResourceExhausted].contains(&status.code()) => {}
                Err(status) => panic!("{status:?}"),
            }
        }
        panic!("{name} was not renamed in time");
    })
}

async fn shed(small: &Small, why: &str) -> f64 {
    small.scrape().await.value("mandate_shed_total", &[("limit", "database"), ("why", why)])
}

/// A server that takes many calls, of which few write at a time.
struct Patient(World);

impl Fixture for Patient {
    async fn prepare(engine: Engine) -> Self {
        let arguments = ["--metrics-listen", "127.0.0.1:0", "--database-connections", "2"];
        let builder =
            arguments.into_iter().fold(Server::builder(engine), |builder, one| builder.argument(one));
        Self(World::on(builder.argument("--database-lock-timeout").argument("60").start().await))
    }
}

on_both_engines! {
    /// While the database is blocked and as many calls as it takes wait for it, further ones are refused at once; Checks
    /// from memory and health are answered. Then all goes on.
    async fn what_is_too_much_is_refused_while_health_and_checks_are_answered(small: Small) {
        let Small { world, ada, acme } = &small;
        let blocked = Blocked::begin(world.server());
        let held: Vec<_> = ["One", "Two"].map(|name| rename(world.operator(), acme.clone(), name)).into();
        small.in_flight(2.0).await;

        // A place is free for a moment when SQLite has given one of them up; then this one waits in its stead.
        let refused = poll::until(SOON, async || {
            world.operator().rename(acme, "Three").await.err().filter(|status| status.code() == Code::ResourceExhausted)
        });
        let status = refused.await.expect("a refusal");
        let status = assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "OVERLOADED");
        assert_eq!(metadata(&status, "limit").as_deref(), Some("database"));
        let pause = status.get_details_retry_info().and_then(|info| info.retry_delay).expect("when to come back");
        assert!((Duration::from_millis(500)..=Duration::from_secs(1)).contains(&pause), "{pause:?}");
        assert!(shed(&small, "full").await >= 1.0);

        for _ in 0..20 {
            world.may(ada, acme, "users.view").await.allowed_by(Reason::Role);
            let mut health = HealthClient::new(world.server().channel());
            let answer = health.check(HealthCheckRequest::default()).await.expect("healthy").into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving);
        }
        for path in ["/healthz", "/readyz"] {
            assert_eq!(http::get(world.server().metrics(), path).await.status, 200, "{path}");
        }

        drop(blocked);
        for one in held {
            one.await.expect("done in the end");
        }
        small.in_flight(0.0).await;
        world.operator().rename(acme, "Four").await.expect("renamed");
    }

    /// Whoever was refused has not been looked at: neither the token nor the message.
    async fn who_is_refused_need_not_be_known(small: Small) {
        let Small { world, acme, .. } = &small;
        let blocked = Blocked::begin(world.server());
        let held: Vec<_> = ["One", "Two"].map(|name| rename(world.operator(), acme.clone(), name)).into();
        small.in_flight(2.0).await;
        let nobody = Party::new(mandate_tests::Bearer::new("no token").on(world.server().channel()));
        let refused = poll::until(SOON, async || {
            nobody.rename(acme, "Mine").await.err().filter(|status| status.code() != Code::Unauthenticated)
        });
        assert_refused(Err::<(), _>(refused.await.expect("a refusal")), Code::ResourceExhausted, "OVERLOADED");
        drop(blocked);
        for one in held {
            one.await.expect("done in the end");
        }
        let status = nobody.rename(acme, "Mine").await.expect_err("refused");
        assert_eq!(status.code(), Code::Unauthenticated);
    }

    /// A write that waits for its turn does not begin once its caller's deadline has passed.
    async fn a_write_for_which_nobody_waits_any_more_does_not_begin(patient: Patient) {
        let Patient(world) = &patient;
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let blocked = Blocked::begin(world.server());
        // As many as may have begun at a time: one on PostgreSQL with two connections, two on SQLite.
        let held: Vec<_> = ["One", "Two"].map(|name| rename(world.operator(), acme.clone(), name)).into();
        let value = async |name: &str, labels: &[(&str, &str)]| {
            Scrape::of(world.server().metrics()).await.value(name, labels)
        };
        let begun = poll::until(SOON, async || {
            (value("mandate_in_flight", &[("limit", "database")]).await == 2.0).then_some(())
        });
        begun.await.expect("two writes in hand");
        let mut accounts = world.operator().accounts();
        let mut request = tonic::Request::new(mandate_proto::v1::UpdateAccountRequest {
            account: acme.id.clone(),
            display_name: "Late".to_owned(),
            update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
            ..Default::default()
        });
        request.set_timeout(Duration::from_millis(200));
        let status = accounts.update_account(request).await.expect_err("too late");
        assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&status.code()), "{status:?}");

        // Nothing of it is left in the server before the others go on.
        let gone = poll::until(SOON, async || {
            (value("mandate_in_flight", &[("limit", "database")]).await <= 2.0).then_some(())
        });
        gone.await.expect("it has left");
        drop(blocked);
        for one in held {
            one.await.expect("done in the end");
        }
        let name = world.operator().account(&acme).await.expect("the account").display_name;
        assert!(["One", "Two"].contains(&name.as_str()), "{name}");
    }
}
