//! A standby takes over, and servers follow it there by themselves (PostgreSQL alone).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mandate_proto::v1::{Account, CreateUserRequest, DecisionReason as Reason, User};
use mandate_tests::cluster::Node;
use mandate_tests::expect::assert_refused;
use mandate_tests::world::Party;
use mandate_tests::{Door, Engine, Replica, Server, World, poll};
use tonic::{Code, Status};

/// How long recovery may take on a machine with other things to do.
const SOON: Duration = Duration::from_secs(30);

/// Somebody new: another one each time, since what is told as unknown may have happened.
async fn newcomer(operator: &Party) -> Result<User, Status> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let request = CreateUserRequest {
        email: format!("newcomer{n}@example.com"),
        display_name: format!("Newcomer {n}"),
        ..Default::default()
    };
    Ok(operator.identity().create_user(request).await?.into_inner().user.expect("the person"))
}

/// Two servers on a primary and its synchronous standby. The second one has a door before the primary.
struct Story {
    world: World,
    other: Replica,
    door: Door,
    primary: Node,
    standby: Node,
}

impl Story {
    async fn begin() -> Self {
        let primary = Node::start(&[], &[], "").await;
        let standby = primary.standby().await;
        primary.database("mandate").await;
        let url = primary.url_with(&[standby.port()], "mandate");
        let server = Server::builder(Engine::Postgres).database(&url).start().await;
        // The other one names the standby first, which is passed over as long as it is one.
        let door = Door::before(&primary.url("mandate")).await;
        let port = door.url().rsplit_once(':').and_then(|(_, rest)| rest.split_once('/')?.0.parse().ok());
        let url = standby.url_with(&[port.expect("a port")], "mandate");
        let other = Replica::start_on(&server, &url, &[]).await;
        Self { world: World::on(server), other, door, primary, standby }
    }

    /// What must hold once the standby has taken over.
    async fn check(&self, acme: &Account, [bob, eve]: [&User; 2], tokens: [&str; 2]) {
        let operators = [
            self.world.operator(),
            self.other.party(&self.world.server().token("backend", &["platform.operator"])),
        ];
        for (n, operator) in operators.iter().enumerate() {
            let start = Instant::now();
            let newcomer = poll::until(SOON, async || match newcomer(operator).await {
                Ok(user) => Some(user),
                Err(status) => {
                    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                    None
                }
            });
            let newcomer = newcomer.await.expect("writes go on by themselves");
            println!("server {n} writes again {:?} later", start.elapsed());
            operator.add(acme, &newcomer, &["admin"]).await.expect("added");
        }
        for server in [None, Some(&self.other)] {
            let may = |who: &User| {
                let question = self.world.may(who, acme, "users.view");
                match server {
                    Some(other) => {
                        question.of(other.party(&self.world.server().token("backend", &["authz.check"])))
                    }
                    None => question,
                }
            };
            may(bob).fully_consistent().await.denied_for(Reason::NotAMember);
            may(bob).await.denied_for(Reason::NotAMember);
            may(eve).fully_consistent().await.allowed_by(Reason::Role);
            for token in tokens {
                let refused = may(bob).not_before(token).ask().await;
                let status = assert_refused(refused, Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
                assert!(status.message().contains("drop the token"), "{status:?}");
            }
            let fresh = may(eve).fully_consistent().await.answer.consistency_token;
            may(eve).not_before(&fresh).await.allowed_by(Reason::Role);
        }
    }
}

/// The primary dies, and with it every connection: answers go on from memory, then everything goes on with the standby.
#[tokio::test]
async fn a_standby_takes_over() {
    let mut story = Story::begin().await;
    let [ada, bob, eve] = story.world.people(["Ada", "Bob", "Eve"]).await;
    let acme = story.world.account("organization", &ada).await;
    story.world.member(&acme, &bob, &["admin"]).await;
    story.world.member(&acme, &eve, &["admin"]).await;
    let before = story.world.may(&eve, &acme, "users.view").await.answer.consistency_token;
    let added = {
        let mut people = Vec::new();
        for n in 0..10 {
            let person = story.world.person(&format!("Person {n}")).await;
            story.world.member(&acme, &person, &["admin"]).await;
            people.push(person);
        }
        people
    };
    let removed = story.world.operator().remove_for_token(&acme, &bob).await.expect("removed");
    for _ in 0..2 {
        story.world.may(&eve, &acme, "users.view").await.allowed_by(Reason::Role);
    }

    story.primary.kill9();
    let stale = poll::until(SOON, async || {
        let answer = story.world.may(&eve, &acme, "users.view").await.answer;
        assert!(answer.allowed, "{answer:?}");
        answer.stale_for
    });
    stale.await.expect("answers go on from memory");
    story.standby.promote().await;
    story.check(&acme, [&bob, &eve], [&before, &removed]).await;
    for person in &added {
        story.world.may(person, &acme, "users.view").fully_consistent().await.allowed_by(Reason::Role);
    }
}

/// The way to the primary falls silent, and nobody closes a connection: the standby that took over is found as well.
#[tokio::test]
async fn a_primary_that_falls_silent_is_left() {
    let mut story = Story::begin().await;
    let [ada, bob, eve] = story.world.people(["Ada", "Bob", "Eve"]).await;
    let acme = story.world.account("organization", &ada).await;
    story.world.member(&acme, &bob, &["admin"]).await;
    story.world.member(&acme, &eve, &["admin"]).await;
    let before = story.world.may(&eve, &acme, "users.view").await.answer.consistency_token;
    let removed = story.world.operator().remove_for_token(&acme, &bob).await.expect("removed");
    story.door.stick();
    story.primary.kill9();
    story.standby.promote().await;
    story.check(&acme, [&bob, &eve], [&before, &removed]).await;
}

/// A server that only takes no writes is read on, and left as soon as another one takes them.
#[tokio::test]
async fn a_primary_that_takes_no_writes_is_read_on() {
    let story = Story::begin().await;
    let [ada, bob] = story.world.people(["Ada", "Bob"]).await;
    let acme = story.world.account("organization", &ada).await;
    story.primary.execute("ALTER SYSTEM SET default_transaction_read_only = on").await;
    story.primary.execute("SELECT pg_reload_conf()").await;
    let operator = story.world.operator();
    let refused = poll::until(SOON, async || newcomer(&operator).await.err());
    assert_refused(
        Err::<(), _>(refused.await.expect("takes no writes")),
        Code::Unavailable,
        "STORAGE_UNAVAILABLE",
    );
    let answer = story.world.may(&ada, &acme, "users.view").fully_consistent().await.answer;
    assert!(answer.allowed && answer.stale_for.is_none(), "{answer:?}");
    story.primary.execute("ALTER SYSTEM RESET default_transaction_read_only").await;
    story.primary.execute("SELECT pg_reload_conf()").await;
    let added = poll::until(SOON, async || operator.add(&acme, &bob, &["admin"]).await.ok());
    added.await.expect("takes writes again");
}
