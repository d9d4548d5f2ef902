//! Watching one of several servers on a PostgreSQL database.

use mandate_proto::v1::watched_change::Change;
use mandate_tests::expect::assert_refused;
use mandate_tests::world::{Party, watching, watching_all};
use mandate_tests::{Door, Engine, Replica, Server, World, shop};
use sqlx::{Connection, Executor, PgConnection};
use tonic::Code;

use crate::{backend, everything, new_name};

async fn world() -> World {
    World::on(Server::start(Engine::Postgres).await)
}

fn backend_of(world: &World, replica: &Replica) -> Party {
    replica.party(&world.server().token("backend", &["authz.watch"]))
}

/// A transaction that has written to the feed and not committed: `group`, of which nothing else knows.
async fn open_transaction(world: &World, group: u8) -> PgConnection {
    let mut connection = PgConnection::connect(world.server().database_url()).await.expect("connects");
    connection.execute("BEGIN").await.expect("begins");
    let body = serde_json::json!({ "group": format!("grp_{}{group}", "0".repeat(25)) });
    let sql = "INSERT INTO feed (at, kind, body) VALUES (1, 'group_deleted', $1)";
    sqlx::query(sql).bind(body.to_string()).execute(&mut connection).await.expect("writes");
    connection
}

/// Given two servers, when one writes, then who watches the other is told, and goes on with its tokens at the first.
#[tokio::test]
async fn what_one_server_writes_the_other_tells() {
    let world = world().await;
    let other = Replica::start(world.server(), None, &[]).await;
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    let mut watch = backend_of(&world, &other).watch(watching_all("")).await.expect("watches");
    watch.next().await.expect("at once");
    for n in 0..40 {
        let name = format!("Acme {n}");
        world.operator().rename(&acme, &name).await.expect("renamed");
        if n % 10 == 0 {
            watch.until(|change| new_name(change) == Some(&name)).await;
            let mut here = backend(&world).watch(watching(&acme, &watch.token)).await.expect("watches");
            assert_eq!(here.next().await.expect("at once").changes, [], "the other one has told everything");
        }
    }
    watch.until(|change| new_name(change) == Some("Acme 39")).await;
}

/// Given a transaction that took a lower place, when it commits after others were told, then it is told too: to who reads
/// along, to who goes on from a token of before, from one of between, and from the token of a write in between.
#[tokio::test]
async fn a_late_commit_is_not_missed() {
    let world = world().await;
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    let mut watch = everything(&world).await;
    let before = watch.token.clone();
    let mut late = open_transaction(&world, 1).await;
    world.operator().rename(&acme, "Between").await.expect("renamed");
    watch.until(|change| new_name(change) == Some("Between")).await;
    let bob = world.person("Bob").await;
    world.member(&acme, &bob, &["member"]).await;
    let written = world.operator().remove_for_token(&acme, &bob).await.expect("removed");
    while !watch.next().await.expect("goes on").changes.is_empty() {}
    let between = watch.token.clone();
    late.execute("COMMIT").await.expect("commits");
    let is_late = |change: &Change| matches!(change, Change::RemovedGroup(_));
    watch.until(is_late).await;
    for token in [before, between, written] {
        let mut again = backend(&world).watch(watching_all(&token)).await.expect("watches");
        again.until(is_late).await;
    }
    while !watch.next().await.expect("goes on").changes.is_empty() {}
    let mut after = backend(&world).watch(watching_all(&watch.token)).await.expect("watches");
    assert_eq!(after.next().await.expect("at once").changes, [], "it is told once");
}

/// Given a transaction that stays open, when others commit, then nobody waits for it.
#[tokio::test]
async fn an_open_transaction_holds_nobody_up() {
    let world = world().await;
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    let _open = open_transaction(&world, 2).await;
    let token = everything(&world).await.token;
    world.operator().rename(&acme, "Meanwhile").await.expect("renamed");
    let mut watch = backend(&world).watch(watching_all(&token)).await.expect("watches");
    watch.until(|change| new_name(change) == Some("Meanwhile")).await;
}

/// Given a server whose database is away for longer than its facts are good, then its streams end and say so; when it is back,
/// one goes on from the last token, and nothing is missing.
#[tokio::test]
async fn a_stream_ends_when_the_database_is_away_for_too_long() {
    let world = world().await;
    let door = Door::before(world.server().database_url()).await;
    let other = Replica::start(world.server(), Some(&door), &["--stale-limit", "2"]).await;
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    let mut watch = backend_of(&world, &other).watch(watching_all("")).await.expect("watches");
    watch.next().await.expect("at once");
    door.shut();
    world.operator().rename(&acme, "Meanwhile").await.expect("renamed");
    let (changes, status) = watch.end().await;
    door.open();
    assert_eq!(changes, []);
    assert_refused(Err::<(), _>(status), Code::Unavailable, "STORAGE_UNAVAILABLE");
    let mut again = backend(&world).watch(watching_all(&watch.token)).await.expect("watches");
    again.until(|change| new_name(change) == Some("Meanwhile")).await;
}

/// Given more changes than a server hands on at once, when they are committed together, then each is told once.
#[tokio::test]
async fn a_large_transaction_is_told_whole() {
    let world = world().await;
    let mut watch = everything(&world).await;
    let sql = "INSERT INTO feed (at, kind, body) SELECT n, 'group_deleted', \
               '{\"group\":\"grp_' || lpad(n::text, 26, '0') || '\"}' FROM generate_series(1, 3000) n";
    mandate_tests::dump::execute(world.server(), sql);
    let last = format!("grp_{:0>26}", 3_000);
    let changes = watch.until(|change| matches!(change, Change::RemovedGroup(group) if *group == last)).await;
    let groups = changes.iter().filter(|change| matches!(change.change, Some(Change::RemovedGroup(_))));
    assert_eq!(groups.count(), 3_000);
    let mut again = backend(&world).watch(watching_all(&watch.token)).await.expect("watches");
    assert_eq!(again.next().await.expect("at once").changes, []);
}

/// Given that other policies come into force, when somebody watches, then they are told.
#[tokio::test]
async fn other_policies_are_told() {
    let world = world().await;
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    let mut all = everything(&world).await;
    let mut one = backend(&world).watch(watching(&acme, "")).await.expect("watches");
    let folder = shop::folder();
    let policies = folder.path().to_str().expect("UTF-8");
    let _other = Replica::start(world.server(), None, &["--policies", policies]).await;
    for watch in [&mut all, &mut one] {
        watch.until(|change| matches!(change, Change::Policies(_))).await;
    }
}
